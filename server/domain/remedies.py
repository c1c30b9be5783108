"""What a dispatcher can do about an exception: the choices that make sense for its kind, and for the facts as they are.

Rule 1: facts stay as they came; each choice writes further ones, or moves the order.
Rule 2: whatever the kind, a person may keep the facts and say why.
Rule 3: of two places of one part, the earlier one ends when the later one begins.
Source: handbook P1, V5, P4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.lifecycle import ENDED_STATES
from schemas.withdrawal import WITHDRAWABLE
from server.domain.same_serial import Cause
from server.domain.trace import Span, comparable

Body = Mapping[str, Any]

BY_CODE: Final[dict[str, tuple[str, ...]]] = {
    "serial_in_two_places": ("record_removal", "withdraw_fact", "suspect_counterfeit", "keep"),
    "recalled_batch": ("follow_up", "withdraw_fact", "keep"),
    "work_on_ended_order": ("reopen_order", "withdraw_fact", "keep"),
    "changed_after_signature": ("renew_signature", "withdraw_fact", "keep"),
    "unknown_serial": ("record_removal", "withdraw_fact", "suspect_counterfeit", "keep"),
    "job_sheet_differs": ("renew_signature", "keep"),
    "stock_below_zero": ("count_stock", "keep"),
    "machine_registered_twice": ("merge_machines", "keep"),
}

BY_CAUSE: Final[dict[Cause, str]] = {
    "echo": "withdraw_fact",
    "missing_removal": "record_removal",
    "typo": "withdraw_fact",
    "clone": "suspect_counterfeit",
}
"""What suits each cause of one serial number in two places. What was mistyped is recorded anew by the engineer."""

REOPENS_TO: Final = {"closed": "sent_back", "cancelled": "assigned"}
"""The state in which an ended order goes on."""

SIGNS_AGAIN_FROM: Final = {"finished": "sent_back", "closed": "sent_back"}
"""Where an order must go back to before a customer signs again; from other states he can sign as it is."""


@dataclass(frozen=True, slots=True)
class Removal:
    """A removal that nobody wrote down: out of which machine, and when."""

    machine: str
    at: str


def offer(
    code: str, subject_kind: str, order: Body | None, is_withdrawn: bool, removal: Removal | None, twin: str | None
) -> tuple[str, ...]:
    """Return the choices for an exception, the likeliest first.

    `order` is the order it belongs to, `removal` the one that is missing (`find_missing_removal`), `twin` the other
    record of a machine.
    """
    fits = {
        "withdraw_fact": subject_kind in WITHDRAWABLE and not is_withdrawn,
        "reopen_order": order is not None and order["status"] in ENDED_STATES,
        "renew_signature": order is not None and bool(order.get("engineer_id")) and order["status"] != "cancelled",
        "follow_up": order is not None,
        "record_removal": removal is not None,
        "merge_machines": twin is not None,
    }
    return tuple(choice for choice in BY_CODE.get(code, ("keep",)) if fits.get(choice, True))


def find_missing_removal(spans: Iterable[Span], machine: str, at: str, is_fitted: bool) -> Removal | None:
    """Return the removal that would leave a part in one place, None when there is none.

    `spans` are those of the part, `machine` and `at` where and when the fact in question fitted or removed it.
    """
    elsewhere = [span for span in spans if span.machine != machine and span.removed is None and span.withdrawn is None]
    here = comparable(at)
    begun = [span for span in elsewhere if span.begins_at is not None]
    earlier = [span for span in begun if comparable(str(span.begins_at)) <= here]
    if earlier:
        latest = max(earlier, key=lambda span: comparable(str(span.begins_at)))
        return Removal(latest.machine, at)
    if not is_fitted:
        return None
    later = min(begun, key=lambda span: comparable(str(span.begins_at)), default=None)
    return Removal(machine, str(later.begins_at)) if later else None


def spell_count(held: Mapping[str, Any], balance: int, counted: int) -> dict[str, Any] | None:
    """Return the places and quantity of the move that makes a balance what was counted; None when it is that already.

    `held` is ``{"place": "van", "van_id": ...}`` or ``{"place": "centre", "centre_id": ...}``.
    """
    missing = counted - balance
    if missing == 0:
        return None
    here, there = ("to", "from") if missing > 0 else ("from", "to")
    place = {f"{here}_{name}": value for name, value in held.items()}
    return place | {f"{there}_place": "difference", "quantity": abs(missing)}
