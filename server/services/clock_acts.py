"""What the office does about an order's clocks: answer, propose, pause, go on, escalate. Source: handbook R5, G6."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas.clocks import LINES, PAUSE_REASONS, find_line
from schemas.lifecycle import ENDED_STATES, allows
from schemas.problems import Refused
from server.clock import utc_now
from server.keys import new_id
from server.services.office import Office
from server.services.orders_read import find_order
from server.services.verdicts import expect_taken_in
from server.store import board, records
from server.store.database import reading
from sync.changeset import Change
from sync.receipt import Receipt

DISPATCHER: Final = frozenset({"dispatcher"})

STAMPS: Final = {"answer": "answered_at", "proposal": "proposed_at"}
"""What the office may note as done, and the field that says when."""

Values = dict[str, Any]


def note_done(
    engine: Engine, office: Office, organisation: str, actor: str, called: str, clock: str, at: str | None = None
) -> Receipt:
    """Note that the customer was answered, or a solution proposed to him, at an instant or just now.

    Raises Refused with `not_found`, or `value_invalid` for an unreadable instant.
    """
    order_id, order = _read_order(engine, organisation, called)
    name = STAMPS[clock]
    change = Change("work_order", order_id, "update", {name: at or utc_now()}, {name: order.get(name)})
    return expect_taken_in(office.write(organisation, actor, f"order.{clock}", [change]))


def pause(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    called: str,
    reason: str,
    note: str = "",
    began_at: str | None = None,
    expected_until: str | None = None,
) -> tuple[str, Receipt]:
    """Let an order wait for a reason; it goes on hold where it may. Return the pause's id with the receipt.

    The reason says which clocks stand still meanwhile. Raises Refused with `not_found`, `value_invalid`, or
    `move_not_allowed` for an order that has ended.
    """
    if reason not in PAUSE_REASONS:
        raise Refused("value_invalid", field="reason", detail=", ".join(PAUSE_REASONS))
    order_id, order = _read_order(engine, organisation, called)
    status = order["status"]
    if status in ENDED_STATES:
        raise Refused("move_not_allowed", before=status, after="on_hold")
    holds = status != "on_hold" and allows(status, "on_hold", DISPATCHER)
    pause_id = new_id()
    values: Values = {
        "order_id": order_id,
        "reason": reason,
        "note": note or None,
        "began_at": began_at or utc_now(),
        "expected_until": expected_until,
        "with_hold": (holds or status == "on_hold") or None,
    }
    changes = [Change("clock_pause", pause_id, "create", _given(values), {})]
    if holds:
        new = {"status": "on_hold", "hold_reason": note or order.get("hold_reason")}
        changes.append(_update("work_order", order_id, new, order))
    return pause_id, expect_taken_in(office.write(organisation, actor, "order.pause", changes))


def resume(
    engine: Engine, office: Office, organisation: str, actor: str, called: str, ended_at: str | None = None
) -> Receipt:
    """End all that an order waits for, and take it off hold: to work where that had begun, else to be planned.

    Raises Refused with `not_found` when it waits for nothing.
    """
    order_id, order = _read_order(engine, organisation, called)
    with reading(engine) as connection:
        waiting = _open_pauses(connection, organisation, order_id)
    changes = [_update("clock_pause", key, {"ended_at": ended_at or utc_now()}, body) for key, body in waiting]
    if order["status"] == "on_hold":
        after = "in_progress" if order.get("started_at") else "assigned"
        changes.append(_update("work_order", order_id, {"status": after, "hold_reason": None}, order))
    if not changes:
        raise Refused("not_found", what=f"clock_pause {called}")
    return expect_taken_in(office.write(organisation, actor, "order.resume", changes))


def disallow(engine: Engine, office: Office, organisation: str, actor: str, pause_id: str, because: str) -> Receipt:
    """Let a pause not count, with the reason why. Raises Refused with `not_found` or `field_missing`."""
    with reading(engine) as connection:
        found = records.body_of(connection, organisation, pause_id)
    if found is None or found[0] != "clock_pause":
        raise Refused("not_found", what=f"clock_pause {pause_id}")
    if not because.strip():
        raise Refused("field_missing", field="disallowed")
    change = _update("clock_pause", pause_id, {"disallowed": because.strip()}, found[1])
    return expect_taken_in(office.write(organisation, actor, "pause.disallow", [change]))


def escalate(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    called: str,
    to_line: str,
    reason: str,
    taken_over_by: Mapping[str, Any] | None = None,
) -> Receipt:
    """Bring an order to another line of support.

    `taken_over_by` may name `person_id` and `centre_id`, and say `remote`. Raises Refused with `not_found`,
    `field_missing` without a reason, `value_invalid` for a line that is none or the one the order is at.
    """
    order_id, order = _read_order(engine, organisation, called)
    with reading(engine) as connection:
        earlier = board.list_followers_of_kind(connection, organisation, order_id, "escalation")
    line = find_line(order, earlier)
    if to_line not in LINES or to_line == line:
        raise Refused("value_invalid", field="to_line", detail=", ".join(other for other in LINES if other != line))
    if not reason.strip():
        raise Refused("field_missing", field="reason")
    values: Values = {
        "order_id": order_id,
        "from_line": line,
        "to_line": to_line,
        "reason": reason.strip(),
        "escalated_at": utc_now(),
    }
    change = Change("escalation", new_id(), "create", values | _given(dict(taken_over_by or {})), {})
    return expect_taken_in(office.write(organisation, actor, "order.escalate", [change]))


def _read_order(engine: Engine, organisation: str, called: str) -> tuple[str, Values]:
    with reading(engine) as connection:
        return find_order(connection, organisation, called)


def _open_pauses(connection: Connection, organisation: str, order_id: str) -> Sequence[tuple[str, Values]]:
    found = records.stamped_followers(connection, organisation, [order_id], ["clock_pause"]).get(order_id, [])
    return [(record.id, record.body) for record in found if record.body.get("ended_at") is None]


def _update(kind: str, record_id: str, new: Values, body: Mapping[str, Any]) -> Change:
    return Change(kind, record_id, "update", new, {name: body.get(name) for name in new})


def _given(values: Values) -> Values:
    return {name: value for name, value in values.items() if value is not None}
