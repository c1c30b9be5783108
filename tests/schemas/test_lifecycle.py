"""The life cycle of a work order: the table is whole, and says what people rely on."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.lifecycle import (
    BOTH,
    DISPATCHER,
    ENDED_STATES,
    ENGINEER,
    FIRST_STATES,
    MOVES,
    ORDER_STATES,
    STATE_LABELS,
    WAYS_BACK,
    allows,
    next_states,
)

WEI = frozenset({ENGINEER})
DANA = frozenset({DISPATCHER})
AUD = frozenset({"auditor"})


def reachable_from(states: frozenset[str], roles: frozenset[str]) -> set[str]:
    """Return every state that somebody with `roles` can bring an order to."""
    reached, waiting = set(states), list(states)
    while waiting:
        here = waiting.pop()
        further = {after for after in ORDER_STATES if allows(here, after, roles)} - reached
        reached |= further
        waiting += further
    return reached


def test_the_table_speaks_of_known_states_and_roles_only() -> None:
    assert {state for move in MOVES for state in move} <= set(ORDER_STATES)
    assert all(roles and roles <= BOTH for roles in MOVES.values())
    assert all(before != after for before, after in MOVES)
    assert set(ENDED_STATES) < set(ORDER_STATES) and set(ORDER_STATES) > FIRST_STATES


def test_every_state_has_its_label_in_both_languages() -> None:
    assert list(STATE_LABELS) == list(ORDER_STATES)
    assert all(zh and en for zh, en in STATE_LABELS.values())
    assert len({zh for zh, _ in STATE_LABELS.values()}) == len({en for _, en in STATE_LABELS.values()}) == 10


def test_every_state_can_be_reached() -> None:
    assert reachable_from(FIRST_STATES, BOTH) == set(ORDER_STATES)


@pytest.mark.parametrize("state", [state for state in ORDER_STATES if state not in ENDED_STATES])
def test_every_open_order_can_still_be_closed(state: str) -> None:
    assert "closed" in reachable_from(frozenset({state}), BOTH)


@pytest.mark.parametrize(("state", "again"), [("closed", "sent_back"), ("cancelled", "assigned")])
def test_an_ended_order_is_opened_again_by_the_office_alone(state: str, again: str) -> None:
    others = [after for after in ORDER_STATES if after != state]

    assert [after for after in others if allows(state, after, WEI)] == []
    assert [after for after in others if allows(state, after, DANA)] == [again]


def test_an_engineer_alone_can_do_a_whole_visit_but_never_close_or_cancel() -> None:
    reached = reachable_from(frozenset({"assigned"}), WEI)

    assert {"travelling", "on_site", "in_progress", "on_hold", "finished"} <= reached
    assert not reached & set(ENDED_STATES)


def test_an_engineer_can_start_work_from_wherever_the_order_stands() -> None:
    stuck = [s for s in ORDER_STATES if s not in ENDED_STATES and not allows(s, "in_progress", WEI)]

    assert stuck == []


def test_the_office_alone_never_says_that_work_was_done() -> None:
    reached = reachable_from(frozenset({"received", "assigned"}), DANA)

    assert "finished" not in reached and "on_site" not in reached


def test_what_an_engineer_does_on_the_way_can_be_taken_back() -> None:
    on_the_way = {"assigned", "travelling", "on_site", "in_progress", "on_hold", "finished"}
    moves = [move for move, roles in MOVES.items() if ENGINEER in roles and on_the_way.issuperset(move)]

    assert [(before, after) for before, after in moves if not allows(after, before, WEI)] == []


@pytest.mark.parametrize("state", ORDER_STATES)
def test_staying_is_always_allowed(state: str) -> None:
    assert allows(state, state, frozenset())


def test_an_order_begins_only_in_a_first_state() -> None:
    assert {state for state in ORDER_STATES if allows(None, state, WEI)} == FIRST_STATES


def test_an_auditor_moves_nothing() -> None:
    assert [move for move in MOVES if allows(*move, AUD)] == []


@pytest.mark.parametrize(("before", "after", "who"), [("received", "finished", BOTH), ("finished", "closed", WEI)])
def test_a_move_outside_the_table_is_refused(before: str, after: str, who: frozenset[str]) -> None:
    assert not allows(before, after, who)


@pytest.mark.parametrize("before", [[], {}, ["assigned"], 7, True])
def test_a_move_from_something_that_is_no_state_is_refused(before: Any) -> None:
    assert not allows(before, "in_progress", BOTH)


@pytest.mark.parametrize("state", ORDER_STATES)
@pytest.mark.parametrize("role", sorted(BOTH))
def test_the_moves_offered_are_those_allowed_but_for_the_ways_back(state: str, role: str) -> None:
    offered = next_states(state, role)
    back = {after for before, after in WAYS_BACK if before == state and role == ENGINEER}

    allowed = {s for s in ORDER_STATES if s != state and allows(state, s, frozenset({role}))}
    assert set(offered) | back == allowed and not set(offered) & back
    assert len(set(offered)) == len(offered)
