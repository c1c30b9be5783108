"""Assigning, moving and taking back, on both databases, and what the engineer's device gets."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from schemas.problems import Refused
from server.clock import spell_instant, unix_ms
from server.domain.times import spell
from server.domain.timetable import PLACE_TIME, Window, Workdays
from server.keys import new_id
from server.services import assigning
from server.services.assigning import Wish, mark_of
from server.services.candidates import list_candidates
from server.services.working_days import read_workdays
from server.store import schedule
from server.store.database import reading, writing
from tests.server.builders import Body, Firm, create, handset, update


def next_monday(hour: float) -> datetime:
    """Return an hour of the Monday that comes."""
    now = datetime.fromisoformat(spell_instant(unix_ms())).astimezone(PLACE_TIME)
    monday = (now + timedelta(days=8 - now.isoweekday())).replace(hour=0, minute=0, second=0, microsecond=0)
    return monday + timedelta(hours=hour)


def teach(firm: Firm, person: str, **more: Any) -> None:
    """Give an engineer the skill for Chen's machine, and what else there is."""
    body = firm.body(person)
    values = {"skills": [{"family": "mini_centrifuge", "level": "senior"}], **more}
    firm.ensure(update("person", person, **{name: (body.get(name), value) for name, value in values.items()}))


@pytest.fixture
def crew(firm: Firm) -> Firm:
    """Wei and Lin both know the machine, their devices have called, and no week has a holiday."""
    week = [{"weekday": "monday", "opens": "08:30", "closes": "17:30"}]
    firm.ensure(create("working_calendar", new_id(), name="无假日", hours=week))
    for person in (firm.company.wei, firm.company.lin):
        teach(firm, person)
    with writing(firm.engine) as connection:
        for device in (firm.wei, firm.lin):
            row = {"o": firm.id, "d": device.id, "at": spell_instant(unix_ms())}
            connection.execute(
                text("INSERT INTO contacts (organisation, device, contacted_at) VALUES (:o, :d, :at)"), row
            )
    return firm


def waiting_order(firm: Firm, **more: Any) -> str:
    """Take an order down that waits for somebody."""
    return firm.add_order(None, firm.company.machine, **{"status": "received", **more})


def assign(firm: Firm, order: str, *wish: Any, **more: Any) -> assigning.Planned:
    """Assign in Dana's name."""
    acting = (firm.engine, firm.office, firm.id, firm.company.dana)
    return assigning.assign(*acting, order, Wish(*wish), PLACE_TIME, **more)


def ranked(firm: Firm, order: str, window: Window | None = None) -> list[Any]:
    """Return the candidates of an order."""
    now = datetime.fromisoformat(spell_instant(unix_ms()))
    with reading(firm.engine) as connection:
        return list_candidates(connection, firm.id, order, firm.body(order), now, Workdays(), window)[1]


def waiting(firm: Firm) -> list[str]:
    """Return the orders that wait, in order."""
    with reading(firm.engine) as connection:
        return [row.id for row in schedule.list_waiting(connection, firm.id, 50)]


def test_an_order_is_assigned_in_one_change_set_and_reaches_the_device(crew: Firm) -> None:
    order = waiting_order(crew)
    assert order in waiting(crew)

    done = assign(crew, order, crew.company.lin, next_monday(10), 90)

    body = crew.body(order)
    assert (body["status"], body["engineer_id"]) == ("assigned", crew.company.lin)
    assert body["planned_start_at"] == body["appointment_at"] == spell(next_monday(10))
    assert body["planned_end_at"] == spell(next_monday(11.5))
    assert done.position == len(crew.log()) and order not in waiting(crew)
    device = handset(crew, crew.company.lin)
    device.sync()
    kinds = [item["what"] for item in device.held[order][1]["preparation"]]
    assert kinds[0] == "call" and {"history", "paper"} <= set(kinds)


def test_assigning_moving_and_taking_back_are_undone_one_after_the_other(crew: Firm) -> None:
    order = waiting_order(crew)
    states: list[Body] = [crew.body(order)]
    acts = [
        assign(crew, order, crew.company.lin, next_monday(10)),
        assign(crew, order, crew.company.wei, next_monday(13)),
        assign(crew, order, crew.company.wei, next_monday(13.25), 30),
    ]
    acts.append(assigning.unassign(crew.engine, crew.office, crew.id, crew.company.dana, order))
    body = crew.body(order)
    assert (body["status"], body["engineer_id"], body["planned_start_at"]) == ("received", None, None)

    for act in reversed(acts):
        assert act.position is not None
        assigning.undo(crew.engine, crew.office, crew.id, crew.company.dana, act.position)
        states.append(crew.body(order))

    assert states[1]["planned_start_at"] == spell(next_monday(13.25))
    assert states[2]["planned_start_at"] == spell(next_monday(13))
    assert states[3]["engineer_id"] == crew.company.lin
    first, last = ({name: v for name, v in state.items() if v is not None} for state in (states[0], states[-1]))
    assert last == first and order in waiting(crew)


def test_what_somebody_changed_since_is_not_undone(crew: Firm) -> None:
    order = waiting_order(crew)
    first = assign(crew, order, crew.company.lin, next_monday(10))
    assign(crew, order, crew.company.lin, next_monday(15))

    for position in (first.position, 1, 10_000):
        with pytest.raises(Refused) as refused:
            assigning.undo(crew.engine, crew.office, crew.id, crew.company.dana, position or 0)
        assert refused.value.code == "nothing_to_undo"


def test_of_two_dispatchers_the_second_is_told(crew: Firm) -> None:
    order = waiting_order(crew)
    seen = mark_of(crew.body(order))
    assign(crew, order, crew.company.lin, next_monday(10), seen=seen)

    with pytest.raises(Refused) as refused:
        assign(crew, order, crew.company.wei, next_monday(10), seen=seen)

    assert refused.value.code == "plan_moved" and crew.body(order)["engineer_id"] == crew.company.lin


def test_whoever_is_excluded_is_sent_only_when_the_dispatcher_says_so(crew: Firm) -> None:
    order = waiting_order(crew)
    absence = {"person_id": crew.company.lin, "starts_at": spell(next_monday(0)), "ends_at": spell(next_monday(24))}
    crew.ensure(create("absence", new_id(), **absence, reason="sick"), actor=crew.company.dana)

    with pytest.raises(Refused) as refused:
        assign(crew, order, crew.company.lin, next_monday(10))
    assert refused.value.code == "engineer_unsuitable" and "Absent" in refused.value.fault.sentence("en")
    assert crew.body(order).get("engineer_id") is None

    assign(crew, order, crew.company.lin, next_monday(10), despite=True)
    assert crew.body(order)["engineer_id"] == crew.company.lin


def test_work_that_has_begun_is_not_moved(crew: Firm) -> None:
    order = crew.order
    crew.ensure(update("work_order", order, status=("assigned", "travelling")), actor=crew.company.dana)
    moved = assign(crew, order, crew.company.lin, next_monday(9))
    assert moved.after["status"] == "assigned"
    crew.catch_up(crew.lin)
    crew.send(crew.lin, update("work_order", order, status=("assigned", "in_progress")))

    with pytest.raises(Refused) as refused:
        assign(crew, order, crew.company.wei, next_monday(9))

    assert refused.value.code == "order_under_way"


def test_bad_wishes_get_a_clear_answer(crew: Firm) -> None:
    order = waiting_order(crew)
    wrong: list[tuple[tuple[Any, ...], str]] = [
        ((crew.company.lin, next_monday(9), 0), "value_invalid"),
        ((crew.company.lin, next_monday(9), 10**9), "value_invalid"),
        ((crew.company.dana, next_monday(9)), "record_missing"),
        (("nobody", next_monday(9)), "record_missing"),
    ]

    for wish, code in wrong:
        with pytest.raises(Refused) as refused:
            assign(crew, order, *wish)
        assert refused.value.code == code
    with pytest.raises(Refused) as refused:
        assign(crew, "GD-none", crew.company.lin)
    assert refused.value.code == "not_found"


def test_without_a_time_the_first_room_is_taken(crew: Firm) -> None:
    orders = [waiting_order(crew), waiting_order(crew)]

    planned = [assign(crew, order, crew.company.lin).after for order in orders]

    one, other = ((body["planned_start_at"], body["planned_end_at"]) for body in planned)
    assert one[1] <= other[0]


def test_a_new_engineer_takes_his_master_along_until_thirty_orders(crew: Firm) -> None:
    teach(crew, crew.company.lin, finished_before=29, master_id=crew.company.wei)
    order, other = waiting_order(crew), waiting_order(crew)
    window = Window(next_monday(9), next_monday(11))

    assign(crew, order, crew.company.lin, window.start, 120)

    assert crew.body(order)["companion_id"] == crew.company.wei
    (wei,) = [found for found in ranked(crew, other, window) if found.engineer.id == crew.company.wei]
    assert "overlap" in {reason.code for reason in wei.reasons}, "the master's time is taken too"
    crew.catch_up(crew.lin)
    crew.send(crew.lin, update("work_order", order, status=("assigned", "in_progress")))
    crew.send(crew.lin, update("work_order", order, status=("in_progress", "finished")))
    assign(crew, other, crew.company.lin, next_monday(14))
    assert crew.body(other).get("companion_id") is None


def test_candidates_are_ranked_by_what_the_records_say(crew: Firm) -> None:
    part, van = new_id(), new_id()
    crew.ensure(
        create("part", part, part_number="MOT", name="电机"),
        create("van", van, name="车", person_id=crew.company.lin),
        create("stock_move", new_id(), part_id=part, quantity=2, from_place="supplier", to_place="van",
               to_van_id=van, moved_at="2026-11-01T00:00:00Z"),
        update("site", crew.body(crew.company.machine)["site_id"], latitude=(None, "31.2"), longitude=(None, "121.5")),
    )  # fmt: skip
    teach(crew, crew.company.wei, latitude="31.9", longitude="121.5")
    teach(crew, crew.company.lin, latitude="31.21", longitude="121.5")
    order = waiting_order(
        crew, site_id=crew.body(crew.company.machine)["site_id"], needed_parts=[{"part_id": part, "quantity": 1}]
    )

    best, second = ranked(crew, order)

    assert [best.engineer.id, second.engineer.id] == [crew.company.lin, crew.company.wei]
    assert {"parts_on_van", "distance", "skill_above"} <= {reason.code for reason in best.reasons}
    assert round(second.km or 0) == 78 and "parts_missing" in {reason.code for reason in second.reasons}


def test_orders_of_older_clients_stand_in_the_schedule_by_their_appointment(crew: Firm) -> None:
    order = crew.add_order(crew.company.wei, crew.company.machine, appointment_at=spell(next_monday(9)))

    with reading(crew.engine) as connection:
        rows = schedule.list_plans(connection, crew.id, [crew.company.wei], next_monday(0), next_monday(24))

    assert [(row.id, row.starts_at, row.ends_at) for row in rows] == [
        (order, spell(next_monday(9)), spell(next_monday(10.5)))
    ]


def test_free_time_is_sought_past_the_public_holidays_of_the_standard_terms_calendar(crew: Firm) -> None:
    today, calendar = next_monday(0).date() - timedelta(days=8), new_id()
    away = {"type": "holiday", "first_on": today.isoformat(), "last_on": (today + timedelta(days=10)).isoformat()}
    week = [{"weekday": "monday", "opens": "08:30", "closes": "17:30"}]
    crew.ensure(create("working_calendar", calendar, name="长假", hours=week, special_days=[away | {"name": "长假"}]))
    terms = {"name": "标准", "standard": True, "calendar_id": calendar}
    crew.ensure(create("service_terms", new_id(), **terms, limits=[{"step": "answer", "amount": 4, "unit": "hour"}]))
    with reading(crew.engine) as connection:
        days = read_workdays(connection, crew.id, PLACE_TIME)
        order = waiting_order(crew)
        now = datetime.fromisoformat(spell_instant(unix_ms()))
        (found, *_) = list_candidates(connection, crew.id, order, crew.body(order), now, days)[1]
    done = assign(crew, waiting_order(crew), crew.company.lin)

    assert days.holidays[today] == ("长假", "长假") and len(days.holidays) > 1
    assert found.window is not None and days.day_of(found.window.start) > today + timedelta(days=10)
    assert done.after["planned_start_at"] > spell(days.midnight(today + timedelta(days=10)))


def test_who_is_told_when_somebody_comes_has_his_answer(crew: Firm) -> None:
    order, told = waiting_order(crew), "2026-03-11T01:00:00Z"
    answered = waiting_order(crew, answered_at=told)

    done = assign(crew, order, crew.company.lin, next_monday(10), 90)
    assign(crew, answered, crew.company.wei, next_monday(10), 90)
    at = crew.body(order)["answered_at"]
    assign(crew, order, crew.company.lin, next_monday(14), 90)

    assert at is not None and crew.body(order)["answered_at"] == at and crew.body(answered)["answered_at"] == told
    assert done.after["answered_at"] == at
