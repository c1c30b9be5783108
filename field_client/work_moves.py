"""The moves of a visit before and between work: on the way, on site, on hold, and on again. Source: handbook V1-V3."""

from __future__ import annotations

from field_client.work import Done, Workbench, find_order, move_order, open_order, start
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


def hold(bench: Workbench, reason: str, name: str | None = None) -> Done:
    """Put an order on hold; raises Refused with `field_missing` without a reason, or `move_not_allowed`."""
    reason = reason.strip()
    if not reason:
        raise Refused("field_missing", field="hold_reason")
    return move_order(bench, find_order(bench, name), "order.hold", {"status": "on_hold", "hold_reason": reason})


def resume(bench: Workbench, name: str | None = None) -> Done:
    """Go on with the work of an order that was put on hold; raises Refused with `move_not_allowed`."""
    return start(bench, name)


def put_back(bench: Workbench, name: str | None = None) -> Done:
    """Take an order off the way or off hold: it is planned again; raises Refused with `move_not_allowed`."""
    values = {"status": "assigned", "hold_reason": None}
    return move_order(bench, find_order(bench, name), "order.put_back", values)
