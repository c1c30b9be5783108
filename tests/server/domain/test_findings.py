"""Facts that cannot all be right, judged from the facts alone."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.domain.findings import (
    PartEvent,
    find_changed_after_signature,
    find_differing_sheet,
    find_ended_order,
    find_recalled,
    find_two_places,
    find_unknown_serial,
    machine_holding,
    order_of,
)
from sync.changeset import Change


def happening(name: str, act: str, machine: str, hour: int) -> PartEvent:
    return PartEvent(act, "maker", "S1", machine, f"2026-11-20T{hour:02d}:00:00Z", hour, name)


def arrive(events: list[PartEvent]) -> list[str]:
    """Return what is found as events arrive one by one."""
    known: list[PartEvent] = []
    found = []
    for event in events:
        known = sorted([*known, event], key=lambda it: (it.at, it.position, it.id))
        look = find_two_places if event.act == "fitted" else find_unknown_serial
        finding = look(known, event)
        if finding is not None:
            found.append(finding.code)
    return found


EVENTS = st.lists(
    st.tuples(st.sampled_from(["fitted", "removed"]), st.sampled_from(["M1", "M2"])), min_size=1, max_size=6
)


@given(EVENTS)
def test_a_part_is_where_it_was_put_last_unless_taken_out_there(story: list[tuple[str, str]]) -> None:
    events = [happening(str(hour), act, machine, hour) for hour, (act, machine) in enumerate(story)]

    place = None
    for act, machine in story:
        place = machine if act == "fitted" else None if machine == place else place

    assert machine_holding(events) == place


@pytest.mark.parametrize("order", list(permutations(range(2))))
def test_two_machines_at_once_are_found_in_any_order_of_arrival(order: tuple[int, ...]) -> None:
    events = [happening("a", "fitted", "M1", 8), happening("b", "fitted", "M2", 9)]

    assert arrive([events[index] for index in order]) == ["serial_in_two_places"]


@given(EVENTS)
def test_a_story_told_in_order_is_found_exactly_where_it_breaks(story: list[tuple[str, str]]) -> None:
    events = [happening(str(hour), act, machine, hour) for hour, (act, machine) in enumerate(story)]

    expected: list[str] = []
    place = None
    for number, (act, machine) in enumerate(story):
        if act == "fitted":
            expected += ["serial_in_two_places"] if place not in (None, machine) else []
            place = machine
        else:
            expected += ["unknown_serial"] if number and machine != place else []
            place = None if machine == place else place

    assert arrive(events) == expected


def test_a_part_never_seen_before_came_with_the_machine() -> None:
    assert arrive([happening("a", "removed", "M1", 8)]) == []


@pytest.mark.parametrize(("status", "found"), [("closed", True), ("cancelled", True), ("finished", False)])
def test_work_on_an_ended_order(status: str, found: bool) -> None:
    change = Change("photo", "p", "create", {"order_id": "o"}, {})

    assert (find_ended_order(change, {"number": "N", "status": status}) is not None) == found
    assert find_ended_order(change, None) is None
    assert find_ended_order(Change("work_order", "o", "update", {}, {}), {"status": status}) is None


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (Change("part_fitted", "f", "create", {}, {}), True),
        (Change("photo", "f", "create", {}, {}), False),
        (Change("work_order", "o", "update", {"remedy": "new"}, {"remedy": "old"}), True),
        (Change("work_order", "o", "update", {"remedy": "old"}, {"remedy": "old"}), False),
        (Change("work_order", "o", "update", {"contact": "new"}, {"contact": "old"}), False),
    ],
)
def test_what_was_signed_is_not_changed_unseen(change: Change, found: bool) -> None:
    assert (find_changed_after_signature(change, is_signed=True) is not None) == found
    assert find_changed_after_signature(change, is_signed=False) is None


def test_a_recall_is_told_with_its_reason() -> None:
    recalled = find_recalled({"number": "L1", "recalled_on": "2026-11-01", "recall_reason": "开裂"})

    assert recalled is not None and recalled.detail == "L1 (2026-11-01): 开裂"
    assert find_recalled({"number": "L1", "recalled_on": None}) is None
    assert find_recalled(None) is None


def test_a_sheet_is_compared_with_its_hash() -> None:
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    right, wrong = (
        Change("job_sheet", "j", "create", {"content": content, "content_sha256": empty}, {}) for content in ("", " ")
    )

    assert find_differing_sheet(right) is None
    assert find_differing_sheet(wrong) is not None


def test_a_record_belongs_to_the_order_its_kind_declares() -> None:
    assert order_of("work_order", "o", {"order_id": "x"}) == "o"
    assert order_of("photo", "p", {"order_id": "o"}) == "o"
    assert order_of("site", "s", {"order_id": ["any", "value"]}) is None
    assert order_of("unheard_of", "s", {"order_id": "o"}) is None
