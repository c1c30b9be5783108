"""The clocks of orders follow the log: limits travel with the order, whatever happened to it and in whatever order."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from schemas.problems import Refused
from server.clock import utc_now
from server.domain.presets import china_calendar, service_terms
from server.domain.times import spell
from server.keys import new_id
from server.services import clock_acts
from server.services.office import Office
from server.services.orders import create as create_order
from server.services.proofs import replay, verify_log
from server.services.service_clocks import renew
from server.services.service_levels import count_pressing, describe, list_pressing, read_levels
from server.store.database import reading
from tests.server.builders import Firm, create, handset, update

REPORTED = "2026-11-16T02:00:00.000Z"
"""Monday, ten in the morning in China."""

HOUR = timedelta(hours=1)


def after(hours: float) -> str:
    """Return the instant so many hours after the report."""
    return spell(datetime.fromisoformat(REPORTED) + hours * HOUR)


@pytest.fixture
def terms(firm: Firm) -> dict[str, str]:
    """The presets' ids by short name; A is the standard."""
    calendar, ids = new_id(), {short: new_id() for short in ("a", "b", "d", "d3", "key")}
    presets = service_terms(calendar)
    firm.ensure(
        create("working_calendar", calendar, **china_calendar()),
        *(create("service_terms", ids[short], **presets[short]) for short in ids),
    )
    return ids


def add_order(firm: Firm, **more: Any) -> str:
    """Create an urgent order of Wei's, reported on Monday."""
    values = {"grade": "urgent", "status": "assigned", "reported_at": REPORTED} | more
    return firm.add_order(firm.wei.person, **values)


def limits(firm: Firm, order: str) -> dict[str, Any]:
    """Return how many hours after the report each limit of an order is, once the clocks have followed."""
    renew(firm.engine, firm.office, firm.id)
    body = firm.body(order)
    found = {
        clock: (datetime.fromisoformat(due) - datetime.fromisoformat(REPORTED)) / HOUR
        for clock in ("answer", "proposal", "on_site", "solved")
        if (due := body.get(f"{clock}_due_at"))
    }
    return found | ({"paused_by": body["paused_by"]} if body.get("paused_by") else {})


A_URGENT = {"answer": 4, "on_site": 4, "solved": 24}


def test_an_order_gets_the_limits_of_the_standard_terms_once(
    firm: Firm, terms: dict[str, str], office: Office, engine: Engine
) -> None:
    order = add_order(firm)

    assert limits(firm, order) == A_URGENT
    length = len(firm.log())
    assert (renew(engine, office, firm.id), renew(engine, office, firm.id), len(firm.log())) == (0, 0, length)


def test_the_machines_terms_go_before_the_sites_and_the_customers(firm: Firm, terms: dict[str, str]) -> None:
    site = new_id()
    firm.ensure(create("site", site, customer_id=firm.company.chen, name="山区医院", remote=True))
    machine = firm.add_machine(site_id=site)
    order = add_order(firm, machine=machine, site_id=site)
    standard = limits(firm, order)

    firm.ensure(update("customer", firm.company.chen, service_terms_id=(None, terms["d"])))
    customers = limits(firm, order)
    firm.ensure(update("site", site, service_terms_id=(None, terms["b"])))
    sites = limits(firm, order)
    firm.ensure(update("machine", machine, service_terms_id=(None, terms["key"]), remote=(None, False)))
    machines = limits(firm, order)
    firm.ensure(update("work_order", order, service_terms_id=(None, terms["d"])))

    assert standard == {"answer": 8, "on_site": 4, "solved": 24}
    assert customers == {"answer": 1, "on_site": 10, "solved": 24}
    assert sites == {"answer": 2, "proposal": 12, "on_site": 48}
    assert machines == {"answer": 4, "on_site": 2, "solved": 24}
    assert limits(firm, order) == customers


def test_another_grade_another_service_and_other_terms_move_the_limits(firm: Firm, terms: dict[str, str]) -> None:
    order = add_order(firm)
    limits(firm, order)

    firm.send(firm.wei, update("work_order", order, grade=("urgent", "important")))
    important = limits(firm, order)
    firm.ensure(update("work_order", order, engineer_id=(firm.wei.person, firm.lin.person)))
    reassigned = limits(firm, order)
    rows = [{"step": "solved", "amount": 3, "unit": "hour"}]
    firm.ensure(update("service_terms", terms["a"], limits=(service_terms(new_id())["a"]["limits"], rows)))

    assert important == reassigned == {"answer": 4, "on_site": 8, "solved": 48}
    assert limits(firm, order) == {"solved": 3}


def test_a_holiday_an_admin_adds_moves_what_counts_working_days(firm: Firm, terms: dict[str, str]) -> None:
    order = add_order(firm, grade="general")
    before = limits(firm, order)["solved"]
    calendar = firm.bodies("working_calendar")[0]
    days = calendar["special_days"]

    firm.ensure(
        update(
            "working_calendar",
            calendar["id"],
            special_days=(days, [*days, {"type": "holiday", "first_on": "2026-11-18"}]),
        )
    )

    assert limits(firm, order)["solved"] == before + 24


def test_a_pause_of_the_office_holds_the_clocks_and_going_on_brings_them_back(
    firm: Firm, terms: dict[str, str]
) -> None:
    order = add_order(firm)
    limits(firm, order)
    acting = (firm.engine, firm.office, firm.id, firm.company.dana, order)

    clock_acts.pause(*acting, "customer", "停机窗口未定", began_at=after(1))
    waiting = limits(firm, order)
    clock_acts.resume(*acting, ended_at=after(4))
    renewed = limits(firm, order)

    assert waiting == {"answer": 4, "paused_by": "customer"}
    assert renewed == {"answer": 4, "on_site": 7, "solved": 27}
    assert (firm.body(order)["status"], firm.body(order)["hold_reason"]) == ("assigned", None)


def test_a_pause_that_is_disallowed_does_not_count(firm: Firm, terms: dict[str, str]) -> None:
    order = add_order(firm)
    acting = (firm.engine, firm.office, firm.id, firm.company.dana)
    pause_id, _ = clock_acts.pause(*acting, order, "customer", began_at=after(1))

    clock_acts.disallow(*acting, pause_id, "客户当时在场")

    assert limits(firm, order) == A_URGENT


def test_a_hold_from_a_device_and_its_end_count_as_they_were_there(firm: Firm, terms: dict[str, str]) -> None:
    order = add_order(firm)
    pause = new_id()
    about = {"order_id": order, "reason": "part", "with_hold": True}
    moves = [("assigned", "in_progress"), ("in_progress", "on_hold"), ("on_hold", "in_progress")]
    changes = [
        [update("work_order", order, status=moves[0], arrived_at=(None, after(2)), started_at=(None, after(2)))],
        [update("work_order", order, status=moves[1]), create("clock_pause", pause, began_at=after(3), **about)],
        [update("work_order", order, status=moves[2]), update("clock_pause", pause, ended_at=(None, after(13)))],
    ]

    for act in changes:
        firm.send(firm.wei, *act)

    assert limits(firm, order) == {"answer": 4, "on_site": 4, "solved": 34}


def test_a_pause_ends_with_its_hold_where_nobody_said_so(firm: Firm, terms: dict[str, str]) -> None:
    order = add_order(firm, reported_at=utc_now())
    acting = (firm.engine, firm.office, firm.id, firm.company.dana)
    pause_id, _ = clock_acts.pause(*acting, order, "part")
    renew(firm.engine, firm.office, firm.id)
    paused = firm.body(order)["paused_by"]

    firm.catch_up(firm.wei)
    firm.send(firm.wei, update("work_order", order, status=("on_hold", "in_progress")))
    renew(firm.engine, firm.office, firm.id)

    pause = firm.body(pause_id)
    assert (paused, firm.body(order)["paused_by"]) == ("part", None)
    assert pause["began_at"] <= pause["ended_at"] <= utc_now()
    assert firm.body(order)["solved_due_at"] is not None


def test_two_people_end_one_pause_and_the_earlier_end_counts(firm: Firm, terms: dict[str, str]) -> None:
    order = add_order(firm)
    pause_id, _ = clock_acts.pause(
        firm.engine, firm.office, firm.id, firm.company.dana, order, "force_majeure", began_at=after(1)
    )
    firm.ensure(update("clock_pause", pause_id, ended_at=(None, after(3))))

    firm.send(firm.wei, update("clock_pause", pause_id, ended_at=(None, after(2))))

    assert limits(firm, order) == {"answer": 5, "on_site": 5, "solved": 25}
    assert firm.bodies("conflict") == []


def test_an_order_of_a_device_that_was_away_for_days_is_judged_by_what_happened_then(
    firm: Firm, terms: dict[str, str]
) -> None:
    order = add_order(firm)
    start = update(
        "work_order",
        order,
        status=("assigned", "in_progress"),
        arrived_at=(None, after(3)),
        started_at=(None, after(3)),
    )
    done = update("work_order", order, status=("in_progress", "finished"), finished_at=(None, after(30)))

    for change, hours in ((start, 3), (done, 30)):
        firm.send(firm.wei, change, captured_at=after(hours))
    renew(firm.engine, firm.office, firm.id)

    with reading(firm.engine) as connection:
        levels = describe(connection, firm.id, order, after(99))
    assert {view.clock.name: view.state for view in levels.clocks} == {
        "answer": "kept", "proposal": "none", "on_site": "kept", "solved": "missed",
    }  # fmt: skip
    assert levels.clocks[3].left == -6 * HOUR
    assert levels.next is None


def test_the_times_of_a_device_whose_clock_is_ahead_are_put_right(firm: Firm, terms: dict[str, str]) -> None:
    reported = spell(datetime.now(UTC) - 3 * HOUR)
    order = add_order(firm, reported_at=reported)
    ahead = spell(datetime.now(UTC) + 72 * HOUR)

    firm.send(firm.wei, update("work_order", order, arrived_at=(None, ahead)), captured_at=ahead)
    with reading(firm.engine) as connection:
        levels = describe(connection, firm.id, order, utc_now())

    on_site = levels.clocks[2]
    assert on_site.state == "kept" and on_site.clock.met_at is not None
    assert on_site.clock.met_at <= datetime.now(UTC)
    told = next(reason for reason in on_site.clock.reasons if reason.code == "time_corrected")
    assert (told.facts["captured"], told.facts["at"]) == (datetime.fromisoformat(ahead), on_site.clock.met_at)


def test_an_older_order_keeps_the_limits_of_one_grade_and_one_without_terms_is_left_alone(firm: Firm) -> None:
    single, by_hand = new_id(), add_order(firm, solved_due_at=after(5))
    firm.ensure(
        create("sla_term", single, name="标准服务 · 紧急", grade="urgent", on_site_minutes=240, solved_minutes=1440)
    )
    order = add_order(firm, sla_term_id=single)

    assert limits(firm, order) == {"on_site": 4, "solved": 24}
    assert limits(firm, by_hand) == {"solved": 5}


def test_limits_travel_with_the_order_and_no_device_may_write_them(firm: Firm, terms: dict[str, str]) -> None:
    order = add_order(firm)
    expected = limits(firm, order)
    wei = handset(firm, firm.wei.person)

    wei.sync()
    answer = firm.send(firm.wei, update("work_order", order, solved_due_at=(after(24), after(240))))

    assert wei.held[order][1]["solved_due_at"] == after(24) == after(expected["solved"])
    assert answer.fault is not None and answer.fault.code == "writer_not_allowed"
    assert {kind for kind, _ in wei.held.values()} >= {"service_terms"}
    assert "working_calendar" not in {kind for kind, _ in wei.held.values()}


def test_an_order_is_created_with_its_limits(firm: Firm, terms: dict[str, str]) -> None:
    machine = firm.add_machine(service_terms_id=terms["d"])

    create_order(
        firm.engine, firm.office, firm.id, firm.company.dana,
        {"machine_id": machine, "service": "repair", "grade": "important", "number": "GD-NEW", "reported_at": REPORTED},
    )  # fmt: skip

    body = next(order for order in firm.bodies("work_order") if order["number"] == "GD-NEW")
    assert (body["answer_due_at"], body["solved_due_at"]) == (after(1), after(168))
    assert limits(firm, body["id"]) == {"answer": 1, "on_site": 10, "solved": 168}


def test_the_strip_reads_what_is_breached_and_what_will_be_within_the_hour(firm: Firm, terms: dict[str, str]) -> None:
    late = add_order(firm)
    soon = add_order(firm, reported_at=after(0.5))
    later = add_order(firm, reported_at=after(2))
    paused = add_order(firm, reported_at=after(0))
    clock_acts.pause(firm.engine, firm.office, firm.id, firm.company.dana, paused, "force_majeure", began_at=after(1))
    ended = add_order(firm)
    firm.ensure(update("work_order", ended, status=("assigned", "cancelled")))
    renew(firm.engine, firm.office, firm.id)

    now = after(4.25)
    with reading(firm.engine) as connection:
        counted = count_pressing(connection, firm.id, now)
        page = list_pressing(connection, firm.id, now, limit=1)
        rest = list_pressing(connection, firm.id, now, page.after)
        levels = read_levels(connection, firm.id, [late, soon, later, paused, ended, firm.order], now)

    assert (counted.breached, counted.within_hour) == (1, 1)
    assert [level.order_id for level in (*page.levels, *rest.levels)] == [late, soon]
    assert {levels[key].state for key in (ended, firm.order)} == {"none"}
    assert [(levels[key].state, levels[key].left_s) for key in (late, soon, later)] == [
        ("breached", -900), ("pressing", 900), ("running", 6300),
    ]  # fmt: skip
    assert (levels[paused].state, levels[paused].paused_by, levels[late].clock) == ("paused", "force_majeure", "answer")


def test_the_strip_is_read_by_the_index(firm: Firm, terms: dict[str, str]) -> None:
    add_order(firm)
    if firm.engine.dialect.name != "sqlite":
        plan_of, settings = "EXPLAIN ", ["SET LOCAL enable_seqscan = off", "SET LOCAL enable_bitmapscan = off"]
    else:
        plan_of, settings = "EXPLAIN QUERY PLAN ", []

    with reading(firm.engine) as connection:
        for setting in settings:
            connection.execute(text(setting))
        plan = connection.execute(
            text(
                f"{plan_of} SELECT id, next_due_at FROM order_board WHERE organisation = '{firm.id}'"
                f" AND next_due_at < '{REPORTED}' ORDER BY next_due_at, id LIMIT 200"
            )
        ).all()

    assert "board_by_clock" in str(plan) and "B-TREE" not in str(plan) and "Sort" not in str(plan), plan


def test_an_order_goes_through_the_three_lines_with_who_when_and_why(firm: Firm, terms: dict[str, str]) -> None:
    order = add_order(firm)
    acting = (firm.engine, firm.office, firm.id, firm.company.dana, order)
    firm.send(firm.wei, update("work_order", order, status=("assigned", "in_progress"), arrived_at=(None, utc_now())))

    clock_acts.escalate(*acting, "headquarters", "主控板烧毁原因不明", {"person_id": firm.lin.person, "remote": True})
    with reading(firm.engine) as connection:
        levels = describe(connection, firm.id, order, utc_now())

    (told,) = levels.escalations
    assert (told["from_line"], told["to_line"], told["by"], told["reason"]) == (
        "station", "headquarters", firm.company.dana, "主控板烧毁原因不明",
    )  # fmt: skip
    assert levels.line == "headquarters" and levels.duty is not None
    assert (levels.duty.role, levels.duty.person, levels.duty.clock) == ("expert", firm.lin.person, "solved")
    for line, reason, code in (("headquarters", "x", "value_invalid"), ("hotline", " ", "field_missing")):
        with pytest.raises(Refused) as refused:
            clock_acts.escalate(*acting, line, reason)
        assert refused.value.fault.code == code


def test_a_customer_who_was_answered_and_offered_a_solution_waits_for_neither(
    firm: Firm, terms: dict[str, str]
) -> None:
    order = add_order(firm, service_terms_id=terms["b"])
    acting = (firm.engine, firm.office, firm.id, firm.company.dana, order)

    clock_acts.note_done(*acting, "answer", after(1))
    clock_acts.note_done(*acting, "proposal", after(13))

    with reading(firm.engine) as connection:
        levels = describe(connection, firm.id, order, after(14))
    assert [view.state for view in levels.clocks] == ["kept", "missed", "running", "none"]


@pytest.mark.parametrize("odd", ["\x00", "x\x00y", 5, [], {"a": 1}, "", None])
def test_what_a_device_says_it_saw_disturbs_no_clock(firm: Firm, terms: dict[str, str], odd: object) -> None:
    order = add_order(firm)

    firm.send(firm.wei, update("work_order", order, grade=(odd, "important"), arrived_at=(odd, after(1))))
    firm.send(firm.wei, create("clock_pause", new_id(), order_id=odd, reason=odd, began_at=odd))

    assert limits(firm, order)["solved"] in (24, 48)


def test_the_log_proves_the_clocks(firm: Firm, terms: dict[str, str], engine: Engine, tmp_path: Path) -> None:
    order = add_order(firm)
    acting = (firm.engine, firm.office, firm.id, firm.company.dana, order)
    clock_acts.pause(*acting, "part")
    limits(firm, order)
    clock_acts.resume(*acting)
    limits(firm, order)

    assert verify_log(engine, firm.id).holds
    assert replay(engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies == ()
