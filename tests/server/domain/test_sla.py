"""Service levels: each preset by an example with the handbook's number, and what must hold for any pauses."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import KINDS
from schemas.clocks import CLOCKS, PAUSES
from schemas.service_terms import UNITS
from server.domain.calendar import read_calendar
from server.domain.presets import china_calendar, service_terms
from server.domain.sla import Allowance, Case, Clock, Pause, Terms, find_next, read_single_term, read_terms, run_clocks

CHINA = read_calendar(china_calendar())
ID = "019a0000-0000-7000-8000-000000000001"
PRESETS = service_terms(ID)
HOUR = timedelta(hours=1)
MONDAY = datetime(2026, 11, 16, 2, 0, tzinfo=UTC)
"""Ten in the morning in China."""


def case(**more: Any) -> Case:
    """Return an urgent repair in a city, reported on Monday at ten."""
    return replace(Case("urgent", "repair", MONDAY, "city"), **more)


def clocks_of(preset: str, about: Case, *pauses: Pause) -> dict[str, Clock]:
    """Return the clocks of a case by name."""
    return {clock.name: clock for clock in run_clocks(about, read_terms(PRESETS[preset]), CHINA, pauses)}


def hours_of(clocks: dict[str, Clock]) -> dict[str, float]:
    """Return how many hours after the report each clock runs out."""
    return {name: (clock.due_at - MONDAY) / HOUR for name, clock in clocks.items() if clock.due_at}


def codes(clock: Clock) -> list[str]:
    """Return the reasons of a clock by their codes."""
    return [reason.code for reason in clock.reasons]


SEVEN_WORKING_DAYS = (datetime(2026, 11, 25, 9, 30, tzinfo=UTC) - MONDAY) / HOUR


@pytest.mark.parametrize(
    ("preset", "about", "hours"),
    [
        ("a", case(), {"answer": 4, "on_site": 4, "solved": 24}),
        ("a", case(area="remote", grade="important"), {"answer": 8, "on_site": 8, "solved": 48}),
        ("a", case(grade="general"), {"answer": 24, "solved": SEVEN_WORKING_DAYS}),
        ("a", case(service="spare_part", grade="general"), {"answer": 24, "solved": 48}),
        ("a", case(is_key_equipment=True, grade="general"), {"answer": 24, "on_site": 2, "solved": SEVEN_WORKING_DAYS}),
        ("b", case(), {"answer": 2, "proposal": 12, "on_site": 24}),
        ("b", case(area="remote"), {"answer": 2, "proposal": 12, "on_site": 48}),
        ("d", case(), {"answer": 1, "on_site": 10, "solved": 24}),
        ("d", case(grade="important"), {"answer": 1, "on_site": 10, "solved": 168}),
        ("d", case(grade="general"), {"answer": 1, "on_site": 10, "solved": 48}),
        ("d", case(service="installation", grade="general"), {"answer": 1, "solved": 168}),
        ("a", case(service="maintenance", grade="general"), {"answer": 24}),
        ("key", case(), {"answer": 4, "on_site": 2, "solved": 24}),
    ],
)
def test_presets_promise_what_the_handbooks_say(preset: str, about: Case, hours: dict[str, float]) -> None:
    assert hours_of(clocks_of(preset, about)) == hours


def test_the_presets_are_right_by_their_declaration_and_one_is_the_standard() -> None:
    schema = KINDS["service_terms"].schema()

    assert [schema.validate(values) for values in PRESETS.values()] == [{}] * 5
    assert [short for short, values in PRESETS.items() if values["standard"]] == ["a"]


def test_a_workshop_repair_and_three_days_on_site_count_working_days() -> None:
    workshop = clocks_of("b", case(service="workshop"))
    visit = clocks_of("d3", case())

    assert workshop["solved"].due_at == datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
    assert visit["on_site"].due_at == datetime(2026, 11, 19, 9, 30, tzinfo=UTC)


def test_a_clock_is_kept_missed_running_pressing_and_breached() -> None:
    kept = clocks_of("a", case(met={"on_site": MONDAY + 4 * HOUR}))["on_site"]
    missed = clocks_of("a", case(met={"on_site": MONDAY + 4 * HOUR + HOUR / 3600}))["on_site"]
    runs = clocks_of("a", case())["on_site"]

    assert [clock.state_at(MONDAY) for clock in (kept, missed)] == ["kept", "missed"]
    assert [runs.state_at(MONDAY + hours * HOUR) for hours in (3, 3.5, 4, 4.5)] == [
        "running", "pressing", "pressing", "breached",
    ]  # fmt: skip
    assert runs.left_at(MONDAY + 3 * HOUR) == HOUR and runs.left_at(MONDAY + 5 * HOUR) == -HOUR


def test_solved_over_the_telephone_needs_no_visit() -> None:
    clocks = clocks_of("a", case(solved=MONDAY + HOUR))

    assert {name: clock.state_at(MONDAY + 99 * HOUR) for name, clock in clocks.items()} == {
        "answer": "kept", "proposal": "none", "on_site": "ended", "solved": "kept",
    }  # fmt: skip
    assert "not_needed" in codes(clocks["on_site"])


def test_waiting_for_a_part_holds_the_solution_and_not_the_visit() -> None:
    pause = Pause("part", MONDAY + HOUR, MONDAY + 11 * HOUR)

    assert hours_of(clocks_of("a", case(), pause)) == {"answer": 4, "on_site": 4, "solved": 34}


def test_an_open_pause_leaves_no_limit_and_tells_what_was_left() -> None:
    clocks = clocks_of("a", case(), Pause("part", MONDAY + HOUR))
    solved = clocks["solved"]

    assert (solved.due_at, solved.paused_by, solved.left_when_paused) == (None, "part", 23 * HOUR)
    assert solved.state_at(MONDAY + 99 * HOUR) == "paused"
    assert find_next(clocks.values(), MONDAY) is not solved
    assert find_next([solved], MONDAY) is solved


def test_a_pause_after_the_limit_or_for_our_own_reasons_changes_nothing() -> None:
    late = clocks_of("a", case(), Pause("customer", MONDAY + 30 * HOUR))["solved"]
    own = clocks_of("a", case(), Pause("own", MONDAY + HOUR))["solved"]

    assert (late.due_at, own.due_at) == (MONDAY + 24 * HOUR, MONDAY + 24 * HOUR)
    assert ("pause_too_late" in codes(late), "pause_does_not_count" in codes(own)) == (True, True)


def test_terms_may_pause_for_fewer_reasons() -> None:
    strict = read_terms(PRESETS["a"] | {"pause_reasons": ["force_majeure"]})
    pauses = [
        Pause("customer", MONDAY + HOUR, MONDAY + 2 * HOUR),
        Pause("force_majeure", MONDAY + HOUR, MONDAY + 3 * HOUR),
    ]

    clocks = {clock.name: clock for clock in run_clocks(case(), strict, CHINA, pauses)}

    assert hours_of(clocks) == {"answer": 6, "on_site": 6, "solved": 26}


def test_a_pause_over_the_weekend_takes_no_working_time() -> None:
    friday, monday = datetime(2026, 11, 20, 9, 30, tzinfo=UTC), datetime(2026, 11, 23, 0, 30, tzinfo=UTC)

    plain = clocks_of("a", case(grade="general"))["solved"].due_at
    paused = clocks_of("a", case(grade="general"), Pause("customer", friday, monday))["solved"].due_at

    assert paused == plain


def test_a_limit_that_runs_into_a_year_not_announced_says_so() -> None:
    clock = clocks_of("a", case(grade="general", reported=datetime(2026, 12, 28, 2, 0, tzinfo=UTC)))["solved"]
    doubts = [reason for reason in clock.reasons if reason.is_doubt]

    assert [reason.sentence("zh", CHINA.zone) for reason in doubts] == ["2027 年放假安排尚未公布，按每周工作日计算。"]
    assert "The holidays of 2027 are not announced yet" in doubts[0].sentence("en", CHINA.zone)


def test_an_area_nobody_named_is_told_where_it_matters() -> None:
    clocks = clocks_of("a", case(area=None))

    assert {name for name, clock in clocks.items() if "area_assumed" in codes(clock)} == {"answer"}


def test_nothing_is_counted_without_a_report() -> None:
    clocks = clocks_of("a", case(reported=None))

    assert {clock.state_at(MONDAY) for clock in clocks.values()} == {"none"}
    assert "report_unknown" in codes(clocks["solved"])


def test_every_reason_can_be_said_in_both_languages() -> None:
    pauses = [Pause(reason, MONDAY + n * HOUR, MONDAY + (n + 1) * HOUR) for n, reason in enumerate(PAUSES)]
    clocks = [
        *clocks_of("a", case(area=None), *pauses).values(),
        *clocks_of("b", case(has_ended=True), Pause("part", MONDAY)).values(),
        *clocks_of("d", case(met={"on_site": MONDAY}, solved=MONDAY + 40 * HOUR), *pauses).values(),
    ]

    said = {
        (r.code, language): r.sentence(language, CHINA.zone)
        for c in clocks
        for r in c.reasons
        for language in ("zh", "en")
    }

    assert len({code for code, _ in said}) >= 9
    assert all("{" not in sentence and "None" not in sentence for sentence in said.values()), said


def test_the_limits_of_one_grade_that_an_older_order_names_hold_on() -> None:
    terms = read_single_term({"name": "标准服务 · 一般", "answer_minutes": 1440, "solved_working_days": 7})

    clocks = {clock.name: clock for clock in run_clocks(case(grade="general"), terms, CHINA)}

    assert hours_of(clocks) == {"answer": 24, "solved": SEVEN_WORKING_DAYS}


MINUTES = st.integers(-600, 6000)
REASONS = st.sampled_from(list(PAUSES))


def _pause(reason: str, began: int, length: int | None) -> Pause:
    start = MONDAY + began * HOUR / 60
    return Pause(reason, start, None if length is None else start + length * HOUR / 60)


ENDED = st.builds(_pause, REASONS, MINUTES, st.integers(0, 3000))
PAUSED = st.lists(st.one_of(ENDED, st.builds(_pause, REASONS, MINUTES, st.none())), max_size=5)
LIMITS = st.builds(Allowance, st.integers(1, 60), st.sampled_from(UNITS))


def due_of(limit: Allowance, pauses: Iterable[Pause], about: Case) -> datetime | None:
    """Return when the solution is due under a limit; None while it is paused."""
    terms = Terms(limits=[{"step": "solved", "amount": limit.amount, "unit": limit.unit}])
    return run_clocks(about, terms, CHINA, pauses)[-1].due_at


@given(LIMITS, st.lists(ENDED, max_size=5), st.one_of(ENDED))
def test_a_pause_never_brings_a_limit_forward(limit: Allowance, pauses: list[Pause], further: Pause) -> None:
    before, after = due_of(limit, pauses, case()), due_of(limit, [*pauses, further], case())

    assert before is not None and after is not None
    assert after >= before >= MONDAY


@given(LIMITS, PAUSED, st.randoms())
def test_the_order_in_which_pauses_are_told_makes_no_difference(
    limit: Allowance, pauses: list[Pause], chance: Any
) -> None:
    shuffled = list(pauses)
    chance.shuffle(shuffled)

    assert due_of(limit, pauses, case()) == due_of(limit, shuffled, case())


@given(LIMITS, st.integers(0, 3000), st.integers(0, 1500), st.integers(0, 1500))
def test_one_pause_is_worth_its_two_halves(limit: Allowance, began: int, one: int, other: int) -> None:
    whole = [_pause("part", began, one + other)]
    halves = [_pause("part", began, one), _pause("part", began + one, other)]

    assert due_of(limit, whole, case()) == due_of(limit, halves, case())


@given(LIMITS, PAUSED)
def test_the_same_time_is_not_paused_twice(limit: Allowance, pauses: list[Pause]) -> None:
    again = [replace(pause, reason="force_majeure") for pause in pauses if "solved" in PAUSES[pause.reason]]

    assert due_of(limit, pauses, case()) == due_of(limit, [*pauses, *again], case())


@given(LIMITS, PAUSED, st.integers(0, 6000))
def test_what_happens_after_a_clock_has_stopped_moves_its_limit_no_more(
    limit: Allowance, pauses: list[Pause], solved: int
) -> None:
    about = case(solved=MONDAY + solved * HOUR / 60)
    in_time = [pause for pause in pauses if pause.began < about.solved]

    due = due_of(limit, pauses, about)

    assert due is not None, "a clock that has stopped is not paused"
    assert due == due_of(limit, in_time, about)


@given(st.sampled_from(sorted(PRESETS)), st.sampled_from(["urgent", "important", "general"]), PAUSED, MINUTES)
def test_a_clock_is_always_somewhere_and_the_next_one_is_the_soonest(
    preset: str, grade: str, pauses: list[Pause], minutes: int
) -> None:
    now = MONDAY + minutes * HOUR / 60
    clocks = clocks_of(preset, case(grade=grade), *pauses)

    soonest = find_next(clocks.values(), now)

    running = [clock for clock in clocks.values() if clock.state_at(now) in ("running", "pressing", "breached")]
    assert list(clocks) == list(CLOCKS)
    assert all((clock.due_at is None) == (clock.state_at(now) in ("none", "paused")) for clock in clocks.values())
    if running:
        assert soonest is not None and soonest.due_at == min(clock.due_at for clock in running if clock.due_at)
    else:
        assert soonest is None or soonest.state_at(now) == "paused"
