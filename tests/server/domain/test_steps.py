"""Who is responsible for an order at each step, and until when. Source: handbook G6, G7."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.clocks import PAUSES
from schemas.lifecycle import ENDED_STATES, ORDER_STATES
from schemas.service_terms import STEP_STATES
from server.domain.calendar import read_calendar
from server.domain.presets import china_calendar
from server.domain.sla import Allowance
from server.domain.steps import STEPS, WAITING, Duty, Whereabouts, find_duty

CHINA = read_calendar(china_calendar())
NINE = datetime(2026, 11, 16, 1, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEI, EXPERT = "019a0000-0000-7000-8000-000000000001", "019a0000-0000-7000-8000-000000000002"


def duty(
    status: str, around: Whereabouts | None = None, limits: dict[str, Allowance] | None = None, **order: Any
) -> Duty:
    """Return who is responsible for Wei's order in a state."""
    found = find_duty({"status": status, "engineer_id": WEI} | order, around or Whereabouts(NINE), limits or {}, CHINA)
    assert found is not None
    return found


def test_every_step_of_an_order_has_a_responsible_role_a_standard_and_a_rule() -> None:
    assert set(STEPS) == set(ORDER_STATES) - set(ENDED_STATES)
    assert all(step.role and all(step.standard) and step.rule for step in STEPS.values())
    assert set(STEP_STATES) <= set(STEPS)
    assert set(WAITING) == set(PAUSES)
    assert find_duty({"status": "closed"}, Whereabouts(NINE), {}, CHINA) is None


def test_the_dispatcher_answers_and_assigns_within_a_working_hour_or_sooner_if_promised() -> None:
    plain = duty("received")
    promised = duty("received", answer_due_at="2026-11-16T01:30:00Z")

    assert (plain.role, plain.person, plain.until, plain.clock) == ("dispatcher", None, NINE + HOUR, None)
    assert (promised.until, promised.clock) == (NINE + HOUR / 2, "answer")


def test_the_engineer_is_responsible_for_arriving_and_solving() -> None:
    due = {"on_site_due_at": "2026-11-16T03:00:00Z", "solved_due_at": "2026-11-17T03:00:00Z"}

    travelling = duty("travelling", **due)
    at_work = duty("in_progress", arrived_at="2026-11-16T02:00:00Z", **due)

    assert (travelling.role, travelling.person, travelling.until) == ("engineer", WEI, NINE + 2 * HOUR)
    assert (at_work.until, at_work.clock) == (NINE + 26 * HOUR, "solved")


def test_on_hold_whoever_can_end_the_waiting_is_responsible() -> None:
    for_part = duty("on_hold", Whereabouts(NINE, waits_for="part", expected_until=NINE + 30 * HOUR))
    for_us = duty("on_hold", Whereabouts(NINE, waits_for="own"))

    assert (for_part.role, for_part.until) == ("stock_keeper", NINE + 30 * HOUR)
    assert (for_us.role, for_us.person) == ("engineer", WEI)


def test_the_expert_takes_over_at_the_third_line() -> None:
    around = Whereabouts(NINE, "headquarters", EXPERT)

    assert (duty("in_progress", around).role, duty("in_progress", around).person) == ("expert", EXPERT)
    assert duty("finished", around).role == "dispatcher"


def test_the_terms_may_set_limits_of_their_own() -> None:
    assert duty("finished", limits={"finished": Allowance(2, "hour")}).until == NINE + 2 * HOUR
    assert duty("finished").until == datetime(2026, 11, 17, 9, 30, tzinfo=UTC)
