"""What the board shows: whose time is taken by what, what overlaps or misses a limit, who is silent, what waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection, event, text

from server.clock import spell_instant, unix_ms
from server.domain.fleet import SILENT_HOURS
from server.domain.times import spell
from server.domain.timetable import PLACE_TIME, Workdays
from server.keys import new_id
from server.services.schedule_read import PAGE_ENGINEERS, Board, Line, read_board
from server.store.contacts import ContactRow, write_contacts
from server.store.database import reading, writing
from tests.server.builders import Firm, create, update

TODAY = datetime.fromisoformat(spell_instant(unix_ms())).astimezone(PLACE_TIME)
NINE = TODAY.replace(hour=9, minute=0, second=0, microsecond=0)


def plan(firm: Firm, engineer: str | None, start: float, length: float, **more: object) -> str:
    """Take down an order that is planned for some hours after nine."""
    begins = NINE + timedelta(hours=start)
    window = {"planned_start_at": spell(begins), "planned_end_at": spell(begins + timedelta(hours=length))}
    return firm.add_order(engineer, firm.company.machine, **window, **more)


def board(firm: Firm, days: int = 1, **more: object) -> Board:
    """Read the board of today."""
    with reading(firm.engine) as connection:
        return read_board(connection, firm.id, TODAY.date(), days, TODAY, Workdays(), **more)  # type: ignore[arg-type]


def line(shown: Board, person: str) -> Line:
    """Return somebody's line."""
    return next(found for found in shown.lines if found.person == person)


def test_overlaps_limits_and_who_goes_along_are_told(firm: Firm) -> None:
    wei, lin = firm.company.wei, firm.company.lin
    one = plan(firm, wei, 0, 2, on_site_due_at=spell(NINE - timedelta(hours=1)), companion_id=lin)
    two = plan(firm, wei, 1, 2, solved_due_at=spell(NINE + timedelta(hours=2)))
    three = plan(firm, wei, 3, 1, on_site_due_at=spell(NINE + timedelta(hours=5)))
    away = create("absence", new_id(), person_id=lin, starts_at=spell(NINE - timedelta(days=90)),
                  ends_at=spell(NINE + timedelta(days=90)), reason="training")  # fmt: skip
    firm.ensure(away, actor=firm.company.dana)

    shown = board(firm)

    visits = {visit.id: visit for visit in line(shown, wei).visits}
    assert {key: (v.lane, v.overlaps, v.late) for key, v in visits.items()} == {
        one: (0, True, ("on_site",)),
        two: (1, True, ("solved",)),
        three: (0, False, ()),
    }
    (along,) = line(shown, lin).visits
    assert (along.id, along.slot, along.is_movable) == (one, "companion", False)
    assert [absence.reason for absence in line(shown, lin).absences] == ["training"]
    assert (shown.overlaps, shown.late) == (2, 2)


def test_what_ended_or_lies_on_other_days_is_not_shown(firm: Firm) -> None:
    wei = firm.company.wei
    cancelled, tomorrow = plan(firm, wei, 0, 1), plan(firm, wei, 24, 1)
    firm.ensure(update("work_order", cancelled, status=("assigned", "cancelled")), actor=firm.company.dana)

    assert line(board(firm), wei).visits == ()
    assert [visit.id for visit in line(board(firm, days=7), wei).visits] == [tomorrow]


def test_who_is_silent_is_told_from_who_has_no_device(firm: Firm) -> None:
    now_ms = unix_ms()
    with writing(firm.engine) as connection:
        rows = [(firm.wei.id, SILENT_HOURS + 1), (firm.lin.id, 5)]
        write_contacts(connection, [ContactRow(firm.id, key, spell_instant(now_ms - h * 3_600_000)) for key, h in rows])
    newcomer = new_id()
    firm.ensure(create("person", newcomer, name="新人", roles=["engineer"]))

    shown = board(firm)

    found = {one.person: (one.has_device, one.is_silent) for one in shown.lines}
    assert found == {firm.company.wei: (True, True), firm.company.lin: (True, False), newcomer: (False, False)}
    assert line(shown, firm.company.wei).silent_hours(TODAY) in (SILENT_HOURS, SILENT_HOURS + 1)


def test_what_waits_is_in_the_order_of_its_limits(firm: Firm) -> None:
    late = plan(firm, None, 0, 1, status="received", solved_due_at=spell(NINE + timedelta(days=2)))
    soon = firm.add_order(None, firm.company.machine, status="received", on_site_due_at=spell(NINE))
    unbound = firm.add_order(firm.company.wei, firm.company.machine)

    shown = board(firm)

    assert [found.id for found in shown.waiting][:2] == [soon, late]
    assert unbound in [found.id for found in shown.waiting][2:] and shown.waiting_count == len(shown.waiting)
    assert next(found.engineer for found in shown.waiting if found.id == unbound) == "魏工"


def test_a_large_company_is_shown_in_pages_and_by_service_point(firm: Firm) -> None:
    centre = new_id()
    firm.ensure(create("service_centre", centre, name="浦东", tier="outlet"))
    people = [new_id() for _ in range(PAGE_ENGINEERS)]
    firm.ensure(
        *(create("person", key, name=f"工程师{key[-4:]}", roles=["engineer"], centre_id=centre) for key in people)
    )

    first, last = board(firm), board(firm, page=99)

    assert (first.pages, first.engineers, len(first.lines), last.page) == (2, PAGE_ENGINEERS + 2, PAGE_ENGINEERS, 2)
    assert {one.person for one in board(firm, centre=centre).lines} == set(people)
    assert people[7] in {one.person for one in board(firm, person=people[7]).lines}


def test_no_query_of_the_board_reads_a_whole_table(firm: Firm) -> None:
    plan(firm, firm.company.wei, 0, 2)
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_more: object) -> None:
        if "FROM plans" in statement:
            asked.append((statement, parameters))

    event.listen(firm.engine, "before_cursor_execute", note)
    try:
        board(firm)
    finally:
        event.remove(firm.engine, "before_cursor_execute", note)

    with reading(firm.engine) as connection:
        plans = [explain(connection, *question) for question in asked]
    assert len(plans) == 3
    assert all("plans_by_person" in found or "plans_waiting" in found for found in plans), plans


def explain(connection: Connection, statement: str, parameters: object) -> str:
    """Return how the database would find the rows, if the table were large."""
    if connection.dialect.name == "sqlite":
        return str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())  # type: ignore[arg-type]
    connection.execute(text("SET LOCAL enable_seqscan = off"))
    return str(connection.exec_driver_sql(f"EXPLAIN {statement}", parameters).all())  # type: ignore[arg-type]
