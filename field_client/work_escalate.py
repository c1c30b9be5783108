"""Bringing an order to another line of support, from the machine. Source: handbook G6."""

from __future__ import annotations

from field_client.outbox import Edit
from field_client.store import Record
from field_client.work import Done, Workbench, find_order
from schemas.clocks import LINES, find_line
from schemas.problems import Refused


def line_of(bench: Workbench, order: Record) -> str:
    """Return the line of support an order is at, as far as this device knows."""
    escalations = bench.store.find_by("escalation", "order_id", order.id)
    return find_line(order.values, [record.values for record in escalations])


def escalate(bench: Workbench, to_line: str, reason: str, name: str | None = None) -> Done:
    """Ask another line of support to take an order over; the office names who does.

    Raises Refused with `field_missing` without a reason, `value_invalid` for a line that is none or the one it is at.
    """
    order = find_order(bench, name)
    line = line_of(bench, order)
    if to_line not in LINES or to_line == line:
        raise Refused("value_invalid", field="to_line", detail=", ".join(other for other in LINES if other != line))
    reason = reason.strip()
    if not reason:
        raise Refused("field_missing", field="reason")
    values = {
        "order_id": order.id,
        "from_line": line,
        "to_line": to_line,
        "reason": reason,
        "escalated_at": bench.now(),
    }
    set_id = bench.outbox.write("order.escalate", [Edit("escalation", bench.make_id(), values, is_new=True)])
    return Done(order, set_id)
