"""The moves of a visit before and between work: on the way, on site, on hold, and on again. Source: handbook V1-V3."""

from __future__ import annotations

from field_client.outbox import Edit
from field_client.work import Done, Workbench, find_order, move_order, open_order, start
from schemas.clocks import PAUSE_REASONS
from schemas.problems import Refused


def travel(bench: Workbench, name: str | None = None) -> Done:
    """Set out for an order and make it current; raises Refused with `move_not_allowed`."""
    order = find_order(bench, name)
    with bench.store.transaction():
        done = move_order(bench, order, "order.travel", {"status": "travelling", "hold_reason": None})
        open_order(bench, order.id)
    return done


def arrive(bench: Workbench, name: str | None = None) -> Done:
    """Note that one is on site, and make the order current; raises Refused with `move_not_allowed`."""
    order = find_order(bench, name)
    values = {"status": "on_site", "arrived_at": order.values.get("arrived_at") or bench.now()}
    with bench.store.transaction():
        done = move_order(bench, order, "order.arrive", values)
        open_order(bench, order.id)
    return done


def hold(bench: Workbench, reason: str, name: str | None = None, waits_for: str | None = None) -> Done:
    """Put an order on hold; `waits_for`, a reason of `schemas/clocks.py`, pauses the clocks that it holds.

    Raises Refused with `field_missing` without a reason, `value_invalid` for another `waits_for`, or
    `move_not_allowed`.
    """
    reason = reason.strip()
    if not reason:
        raise Refused("field_missing", field="hold_reason")
    if waits_for is not None and waits_for not in PAUSE_REASONS:
        raise Refused("value_invalid", field="reason", detail=", ".join(PAUSE_REASONS))
    order = find_order(bench, name)
    pauses = []
    if waits_for is not None:
        values = {"order_id": order.id, "reason": waits_for, "note": reason, "began_at": bench.now(), "with_hold": True}
        pauses.append(Edit("clock_pause", bench.make_id(), values, is_new=True))
    return move_order(bench, order, "order.hold", {"status": "on_hold", "hold_reason": reason}, pauses)


def resume(bench: Workbench, name: str | None = None) -> Done:
    """Go on with the work of an order that was put on hold; raises Refused with `move_not_allowed`."""
    return start(bench, name)


def put_back(bench: Workbench, name: str | None = None) -> Done:
    """Take an order off the way or off hold: it is planned again; raises Refused with `move_not_allowed`."""
    values = {"status": "assigned", "hold_reason": None}
    return move_order(bench, find_order(bench, name), "order.put_back", values)
