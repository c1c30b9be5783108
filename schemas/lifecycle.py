"""The states of a work order and the moves allowed between them, as one table.

Rule 1: a move not in the table is refused with the problem `move_not_allowed`.
Rule 2: a move is judged from the state its author saw, not from the state on the server; whether the
        two states agree is the merge's question, not the life cycle's.
Rule 3: settling a conflict may set either of the two disputed states, since each was reached by an
        allowed move.
Rule 4: a way back is accepted from the engineer, but never offered as the next step.
Source: handbook D2 (dispatch), V1-V6 (visit), A2.2 / C2.4 (intake).
"""

from typing import Final

ORDER_STATES: Final = (
    "received", "assigned", "travelling", "on_site", "in_progress", "on_hold", "finished",
    "sent_back", "closed", "cancelled",
)  # fmt: skip

STATE_LABELS: Final[dict[str, tuple[str, str]]] = {
    "received": ("已受理", "Received"),
    "assigned": ("已派工", "Assigned"),
    "travelling": ("在途", "Travelling"),
    "on_site": ("已到场", "On site"),
    "in_progress": ("处理中", "In progress"),
    "on_hold": ("暂停", "On hold"),
    "finished": ("已完工", "Finished"),
    "sent_back": ("退回补充", "Sent back"),
    "closed": ("已关闭", "Closed"),
    "cancelled": ("已取消", "Cancelled"),
}

ENGINEER: Final = "engineer"
DISPATCHER: Final = "dispatcher"
BOTH: Final = frozenset({ENGINEER, DISPATCHER})
FIELD_ONLY: Final = frozenset({ENGINEER})
OFFICE_ONLY: Final = frozenset({DISPATCHER})

MOVES: Final[dict[tuple[str, str], frozenset[str]]] = {
    ("received", "assigned"): OFFICE_ONLY,
    ("received", "in_progress"): FIELD_ONLY,
    ("received", "on_hold"): OFFICE_ONLY,
    ("received", "cancelled"): OFFICE_ONLY,
    ("assigned", "received"): OFFICE_ONLY,
    ("assigned", "travelling"): BOTH,
    ("assigned", "on_site"): FIELD_ONLY,
    ("assigned", "in_progress"): FIELD_ONLY,
    ("assigned", "on_hold"): BOTH,
    ("assigned", "cancelled"): OFFICE_ONLY,
    ("travelling", "assigned"): BOTH,
    ("travelling", "on_site"): FIELD_ONLY,
    ("travelling", "in_progress"): FIELD_ONLY,
    ("travelling", "on_hold"): BOTH,
    ("travelling", "cancelled"): OFFICE_ONLY,
    ("on_site", "in_progress"): FIELD_ONLY,
    ("on_site", "on_hold"): BOTH,
    ("on_site", "cancelled"): OFFICE_ONLY,
    ("in_progress", "on_hold"): BOTH,
    ("in_progress", "finished"): FIELD_ONLY,
    ("in_progress", "cancelled"): OFFICE_ONLY,
    ("on_hold", "assigned"): BOTH,
    ("on_hold", "travelling"): BOTH,
    ("on_hold", "in_progress"): BOTH,
    ("on_hold", "cancelled"): OFFICE_ONLY,
    ("finished", "sent_back"): OFFICE_ONLY,
    ("finished", "in_progress"): FIELD_ONLY,
    ("finished", "closed"): OFFICE_ONLY,
    ("sent_back", "travelling"): FIELD_ONLY,
    ("sent_back", "in_progress"): FIELD_ONLY,
    ("sent_back", "cancelled"): OFFICE_ONLY,
    ("closed", "sent_back"): OFFICE_ONLY,
    ("cancelled", "assigned"): OFFICE_ONLY,
}

WAYS_BACK: Final[frozenset[tuple[str, str]]] = frozenset(
    {
        ("on_site", "travelling"),
        ("on_site", "assigned"),
        ("in_progress", "on_site"),
        ("in_progress", "travelling"),
        ("in_progress", "assigned"),
        ("on_hold", "on_site"),
    }
)
"""How an engineer takes back a wrong button (rule 4). Other ways back are moves of their own."""

FIRST_STATES: Final = frozenset({"received", "assigned", "in_progress"})
"""States an order may be created in; an engineer on site may record work that has already begun."""

ENDED_STATES: Final = ("closed", "cancelled")
"""States in which an order leaves the devices, and in which further work on it opens an exception."""


def allows(before: str | None, after: str, roles: frozenset[str]) -> bool:
    """Tell whether somebody with `roles` may move an order from `before` to `after`.

    `before` is None for an order being created. Staying where one is is always allowed.
    """
    if before is None:
        return after in FIRST_STATES
    if before == after:
        return True
    if not isinstance(before, str):
        # The state somebody claims to have seen may be any value; a group or a list cannot even be looked up.
        return False
    return bool(MOVES.get((before, after), frozenset()) & roles) or ((before, after) in WAYS_BACK and ENGINEER in roles)


def next_states(state: str, role: str) -> tuple[str, ...]:
    """Return the states that somebody with `role` may move an order to, in the table's order."""
    return tuple(after for (before, after), roles in MOVES.items() if before == state and role in roles)
