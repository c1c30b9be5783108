"""Spans as versions: nothing that was known is lost, and a group worked out by itself comes to the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from server.domain.times import move, shift_of
from server.domain.trace import Fact, Group, Span, spans, spans_of_group
from server.domain.trace_versions import known_at, touched_groups, turn, versions
from tests.server.domain.fact_stories import MAKER, spell_hour, stories


def unmarked(found: list[Span]) -> list[Span]:
    return [replace(span, elsewhere=False) for span in found]


def told(name: str, act: str, machine: str, hour: int, position: int, **others: object) -> Fact:
    values = {"maker": MAKER, "serial": "SN-1", "batch": "L1", **others}
    return Fact(name, act, machine=machine, order="order", at=spell_hour(hour), position=position, **values)


@settings(max_examples=50)
@given(stories())
def test_what_was_known_at_any_position_is_in_the_versions(facts: list[Fact]) -> None:
    found = versions(facts)

    for position in range(max(fact.position for fact in facts) + 2):
        assert known_at(found, position) == unmarked(spans(facts, position))


@settings(max_examples=50)
@given(stories(), st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_given_changes_no_version(facts: list[Fact], chance: object) -> None:
    shuffled = list(facts)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert sorted(versions(shuffled), key=repr) == sorted(versions(facts), key=repr)
    assert spans(shuffled) == spans(facts)


@settings(max_examples=50)
@given(stories())
def test_a_group_is_worked_out_by_itself(facts: list[Fact]) -> None:
    together = unmarked(spans(facts))

    for group in {fact.group for fact in facts}:
        assert sorted(spans_of_group(group, facts), key=repr) == sorted(
            (span for span in together if span.fact.group == group), key=repr
        )


@settings(max_examples=50)
@given(stories())
def test_a_fact_changes_the_groups_it_touches_and_no_other(facts: list[Fact]) -> None:
    for position in {fact.position for fact in facts}:
        known = [fact for fact in facts if fact.position <= position]
        touched: set[Group] = set()
        for fact in known:
            if fact.position == position:
                touched |= touched_groups(fact, known)

        for group in {fact.group for fact in facts} - touched:
            before = spans_of_group(group, facts, position - 1)
            assert turn(before, spans_of_group(group, facts, position)) == turn([], [])


@settings(max_examples=50)
@given(stories())
def test_a_span_without_an_end_that_ends_later_has_one_version(facts: list[Fact]) -> None:
    for version in versions(facts):
        if version.removal_known is not None:
            assert version.known_from <= version.removal_known
            assert version.known_until is None or version.removal_known < version.known_until
        assert version.known_until is None or version.known_from < version.known_until


def test_a_removal_that_comes_later_makes_no_second_version() -> None:
    (version,) = versions([told("a", "fitted", "M1", 8, 3), told("b", "removed", "M1", 9, 7)])

    assert (version.known_from, version.removal_known, version.known_until) == (3, 7, None)


def test_a_correction_by_a_fact_in_another_machine_ends_what_was_known() -> None:
    wrong = told("a", "fitted", "M1", 8, 3)
    right = told("b", "fitted", "M2", 8, 5, corrects="a")

    found = {version.span.machine: (version.known_from, version.known_until) for version in versions([wrong, right])}

    assert found == {"M1": (3, 5), "M2": (5, None)}
    assert touched_groups(right, [wrong]) == {wrong.group, right.group}


def test_a_correction_withdrawn_gives_back_what_it_had_corrected() -> None:
    wrong = told("a", "fitted", "M1", 8, 3)
    right = told("b", "fitted", "M2", 8, 5, corrects="a")
    struck = replace(right, id="c", act="struck", position=6, corrects="b")

    assert [span.machine for span in spans([wrong, right, struck]) if span.withdrawn is None] == ["M1"]
    assert touched_groups(struck, [wrong, right]) == {wrong.group, right.group}


def test_a_withdrawal_that_comes_before_its_subject_counts_when_that_comes() -> None:
    late = told("a", "fitted", "M1", 8, 9)
    early = replace(late, id="b", act="struck", position=4, corrects="a")

    (version,) = versions([late, early])

    assert (version.known_from, version.span.withdrawn) == (9, early)


def test_a_wrong_clock_does_not_turn_a_life_around() -> None:
    # The second device is a day ahead, so that its removal seems to come before the fitting that it follows.
    put_in = told("a", "fitted", "M1", 30, 3)
    taken_out = told("b", "removed", "M1", 10, 4)

    apart, (together,) = spans([put_in, taken_out]), spans([put_in, replace(taken_out, corrected_at=spell_hour(34))])

    assert [span.begins_at is None for span in apart] == [True, False]
    assert (together.begins_at, together.ends_at) == (spell_hour(30), spell_hour(34))
    assert together.removed is not None and together.removed.at == spell_hour(10)


@pytest.mark.parametrize(
    ("captured", "offset_ms", "seen", "moves_to"),
    [
        ("2026-03-03T08:00:00Z", 0, None, None),
        ("2026-03-03T11:00:00Z", 0, None, "2026-03-03T10:00:00.000Z"),
        ("2026-03-03T11:00:00Z", -7_200_000, None, None),
        ("1970-01-01T00:00:00Z", 0, "2026-03-03T08:30:00.000Z", "2026-03-03T08:30:00.000Z"),
        ("2026-03-03T08:00:00Z", 0, "2026-03-03T23:00:00.000Z", "2026-03-03T10:00:00.000Z"),
        ("9999-12-31T23:59:59Z", 1000, None, None),
    ],
    ids=[
        "right",
        "ahead",
        "ahead, measured",
        "behind what it had seen",
        "a clock of the server set back",
        "no such day",
    ],
)
def test_times_are_put_right_by_what_is_known_of_the_clock(
    captured: str, offset_ms: int, seen: str | None, moves_to: str | None
) -> None:
    received = "2026-03-03T10:00:00.000Z"
    shift = shift_of(captured, offset_ms, received, seen)

    assert move(captured, shift) == moves_to
