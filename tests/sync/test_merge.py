"""Three-way merge: nothing is lost silently, and who came first makes no difference where it must not."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.merge_rules import MergeRule
from sync import canonical
from sync.merge import Contested, Merged, merge_record, unite
from tests.sync.made_up import FIELDS, WIRE_VALUES

RULES = st.sampled_from(list(MergeRule))
MOMENTS = st.sampled_from(
    [None, *(f"2026-11-20T08:00:0{s}{ms}Z" for s in (0, 1) for ms in ("", ".000", ".001", ".500"))]
)
"""Times close together in both spellings, which as texts are not in the order of time."""
MEMBERS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


def merge(rule: MergeRule, standing: Any, new: Any, was: Any, *, later: bool = False, settled: bool = False) -> Merged:
    """Merge one change of the field `f`."""
    names = frozenset({"f"}) if settled else frozenset()
    return merge_record({"f": standing}, {"f": new}, {"f": was}, lambda _: rule, lambda _: later, names)


def outcome(rule: MergeRule, first: Any, second: Any, base: Any, *, second_later: bool) -> tuple[str, list[str]]:
    """Return what stands, and what waits for a person, after two edits of one base came one after the other."""
    body = {"f": base}
    waiting: list[str] = []
    for new, is_later in ((first, not second_later), (second, second_later)):
        merged = merge_record(body, {"f": new}, {"f": base}, lambda _: rule, lambda _, wins=is_later: wins)
        body |= merged.values
        waiting += [contested.field for contested in merged.contested]
    return canonical.dump(body["f"]), waiting


def same(one: Any, other: Any) -> bool:
    """Tell whether two values are spelled alike, which Python's 1 == True is not."""
    return canonical.dump(one) == canonical.dump(other)


@given(RULES, WIRE_VALUES, WIRE_VALUES, st.booleans())
def test_an_edit_of_what_nobody_else_moved_stands(rule: MergeRule, base: Any, new: Any, later: bool) -> None:
    merged = merge(rule, base, new, base, later=later)

    moved_a_frozen_value = rule is MergeRule.FROZEN and base is not None and not same(base, new)
    assert bool(merged.contested) == moved_a_frozen_value
    assert not merged.reconciled
    if not moved_a_frozen_value:
        assert same(merged.values.get("f", base), new)


@given(RULES, WIRE_VALUES, WIRE_VALUES, st.booleans())
def test_two_who_say_the_same_agree(rule: MergeRule, base: Any, new: Any, later: bool) -> None:
    merged = merge(rule, new, new, base, later=later)

    assert merged.values == {} and merged.contested == []
    assert merged.reconciled == (not same(base, new))


@given(RULES, WIRE_VALUES, WIRE_VALUES, WIRE_VALUES, st.booleans())
def test_accepting_twice_is_accepting_once(rule: MergeRule, standing: Any, new: Any, was: Any, later: bool) -> None:
    first = merge(rule, standing, new, was, later=later)
    after = first.values.get("f", standing)

    again = merge(rule, after, new, was, later=later)

    assert same(again.values.get("f", after), after) or rule is MergeRule.UNION


@given(RULES, FIELDS, FIELDS, st.booleans())
def test_edits_of_different_fields_never_meet(rule: MergeRule, ours: Any, theirs: Any, later: bool) -> None:
    base: dict[str, Any] = {}
    theirs = {name: value for name, value in theirs.items() if name not in ours}

    merged = merge_record({**base, **ours}, theirs, dict.fromkeys(theirs), lambda _: rule, lambda _: later)

    assert merged.contested == [] and not merged.reconciled
    assert {**ours, **merged.values}.items() >= ours.items()
    assert all(same({**ours, **merged.values}.get(name), value) for name, value in theirs.items())


@given(st.sampled_from([MergeRule.ASK, MergeRule.FROZEN]), WIRE_VALUES, WIRE_VALUES, WIRE_VALUES)
def test_a_question_to_a_person_shows_all_three_values_and_keeps_the_standing_one(
    rule: MergeRule, standing: Any, new: Any, was: Any
) -> None:
    merged = merge(rule, standing, new, was)

    if merged.contested:
        assert merged.values == {}
        assert merged.contested == [Contested("f", was, standing, new)]
        assert not same(standing, new)


@given(WIRE_VALUES, WIRE_VALUES, WIRE_VALUES)
def test_two_moves_ask_a_person_whichever_came_first(base: Any, one: Any, other: Any) -> None:
    if same(one, base) or same(other, base):
        return

    from_one_side = outcome(MergeRule.ASK, one, other, base, second_later=True)
    from_the_other = outcome(MergeRule.ASK, other, one, base, second_later=True)

    assert from_one_side[1] == from_the_other[1]
    assert from_one_side[1] == ([] if same(one, other) else ["f"])


@given(WIRE_VALUES, WIRE_VALUES, WIRE_VALUES)
def test_the_later_edit_stands_whichever_came_first(base: Any, earlier: Any, later: Any) -> None:
    if same(base, later) or same(base, earlier):
        return

    in_order = outcome(MergeRule.LATEST, earlier, later, base, second_later=True)
    out_of_order = outcome(MergeRule.LATEST, later, earlier, base, second_later=False)

    assert in_order == out_of_order == (canonical.dump(later), [])


@given(MOMENTS, st.lists(MOMENTS, min_size=1, max_size=4), st.randoms())
def test_the_earliest_time_stands_whichever_came_first(
    base: str | None, given_times: list[str | None], chance: Any
) -> None:
    moves = [at for at in given_times if at != base]
    times = sorted(filter(None, moves), key=lambda at: (datetime.fromisoformat(at), at))
    chance.shuffle(moves)
    body: dict[str, Any] = {"f": base}

    for at in moves:
        merged = merge(MergeRule.EARLIEST, body["f"], at, base)
        assert merged.contested == []
        body |= merged.values

    if moves:
        assert body["f"] == (times[0] if times else None)


def test_who_saw_a_time_may_put_it_right_or_take_it_back() -> None:
    early, late = "2026-11-20T08:00:00Z", "2026-11-20T08:00:01.000Z"

    assert merge(MergeRule.EARLIEST, early, late, early).values == {"f": late}
    assert merge(MergeRule.EARLIEST, early, None, early).values == {"f": None}
    assert merge(MergeRule.EARLIEST, early, None, late) == Merged({}, [], reconciled=True)
    assert merge(MergeRule.EARLIEST, early, late, None) == Merged({}, [], reconciled=True)
    assert merge(MergeRule.EARLIEST, late, early, None) == Merged({"f": early}, [], reconciled=True)


@given(MEMBERS, MEMBERS, MEMBERS)
def test_a_union_is_the_same_set_from_either_side(base: list[str], ours: list[str], theirs: list[str]) -> None:
    united, other_way = unite(base, ours, theirs), unite(base, theirs, ours)

    assert set(united) == set(other_way)
    assert len(united) == len(set(united))


@given(MEMBERS, MEMBERS, MEMBERS)
def test_a_union_keeps_every_addition_and_every_removal(base: list[str], ours: list[str], theirs: list[str]) -> None:
    united = set(unite(base, ours, theirs))

    added = (set(ours) | set(theirs)) - set(base)
    removed = (set(base) - set(ours)) | (set(base) - set(theirs))
    assert united == (set(base) | added) - removed


@given(MEMBERS, MEMBERS, MEMBERS)
def test_a_union_keeps_the_standing_order(base: list[str], ours: list[str], theirs: list[str]) -> None:
    united = unite(base, ours, theirs)

    assert [item for item in united if item in ours] == [item for item in ours if item in united]


@given(st.lists(st.sampled_from("ab")), st.lists(st.sampled_from("ab")), st.lists(st.sampled_from("ab")))
def test_a_union_adds_nothing_twice(base: list[str], ours: list[str], theirs: list[str]) -> None:
    united = unite(base, ours, theirs)

    assert all(united.count(item) <= max(ours.count(item), 1) for item in united)


@given(MEMBERS, WIRE_VALUES, MEMBERS)
def test_a_base_somebody_only_claims_to_have_seen_loses_nothing(
    ours: list[str], claimed: Any, theirs: list[str]
) -> None:
    merged = merge(MergeRule.UNION, ours, theirs, claimed)

    if not isinstance(claimed, list):
        assert set(merged.values.get("f", ours)) in (set(ours) | set(theirs), set(theirs))


def test_an_empty_list_and_none_at_all_are_united_alike() -> None:
    assert unite(None, None, ["E1"]) == unite([], [], ["E1"]) == ["E1"]
    assert unite(["E1"], None, ["E1", "E2"]) == ["E2"]


def test_a_frozen_value_may_be_filled_in_but_not_moved() -> None:
    assert merge(MergeRule.FROZEN, None, "SN-1", None).values == {"f": "SN-1"}
    assert merge(MergeRule.FROZEN, "SN-1", "SN-2", "SN-1").contested == [Contested("f", "SN-1", "SN-1", "SN-2")]
    assert merge(MergeRule.FROZEN, "SN-1", None, "SN-1").contested == [Contested("f", "SN-1", "SN-1", None)]
    assert merge(MergeRule.FROZEN, "SN-1", "SN-2", None).contested == [Contested("f", None, "SN-1", "SN-2")]


def test_the_office_wins_over_what_it_wrote_itself_when_it_wrote_later() -> None:
    assert merge(MergeRule.OFFICE, "Wei", "Lin", None, later=True).values == {"f": "Lin"}
    assert merge(MergeRule.OFFICE, "Wei", "Lin", None, later=False).values == {}
    assert merge(MergeRule.OFFICE, "Wei", "Lin", None, later=False).contested == []


def test_merge_asks_a_person_when_both_sides_move_the_state() -> None:
    merged = merge(MergeRule.ASK, "cancelled", "in_progress", "assigned", later=True)

    assert merged == Merged({}, [Contested("f", "assigned", "cancelled", "in_progress")])


@given(RULES, WIRE_VALUES, WIRE_VALUES)
def test_what_a_person_decides_stands_whatever_the_rule(rule: MergeRule, standing: Any, new: Any) -> None:
    merged = merge(rule, standing, new, standing, settled=True)

    assert same(merged.values["f"], new) and merged.contested == []


def test_what_moved_since_a_person_looked_is_not_decided_by_him() -> None:
    merged = merge(MergeRule.ASK, "cancelled", "in_progress", "on_hold", settled=True)

    assert merged == Merged({}, [Contested("f", "on_hold", "cancelled", "in_progress")])


def test_each_field_of_a_change_goes_its_own_way() -> None:
    rules = {"status": MergeRule.ASK, "phone": MergeRule.LATEST, "alarms": MergeRule.UNION, "place": MergeRule.ASK}
    standing = {"status": "cancelled", "phone": "1", "alarms": ["E1", "E7"], "place": "二楼"}
    was = {"status": "assigned", "phone": "0", "alarms": ["E1"], "place": "二楼"}
    new = {"status": "on_site", "phone": "2", "alarms": ["E1", "E2"], "place": "三楼"}

    merged = merge_record(standing, new, was, rules.__getitem__, lambda _: True)

    assert merged.values == {"phone": "2", "alarms": ["E1", "E7", "E2"], "place": "三楼"}
    assert merged.contested == [Contested("status", "assigned", "cancelled", "on_site")]
    assert merged.reconciled


@pytest.mark.parametrize(("base", "new"), [(1, True), (0, False), ([1], [True]), ({"a": 0}, {"a": False})])
def test_a_number_is_not_a_truth_value(base: Any, new: Any) -> None:
    merged = merge(MergeRule.ASK, base, new, base)

    assert same(merged.values["f"], new)


def test_a_merge_leaves_what_it_was_given_alone() -> None:
    standing, new, was = {"f": ["a"]}, {"f": ["a", "b"]}, {"f": []}

    merge_record(standing, new, was, lambda _: MergeRule.UNION, lambda _: True)

    assert (standing, new, was) == ({"f": ["a"]}, {"f": ["a", "b"]}, {"f": []})
