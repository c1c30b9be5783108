"""Buying parts on approval: who asks, who decides, what has arrived.

Rule 1: a part marked so in the catalogue is bought on approval; who asks for it does not approve it.
Rule 2: a delivery of it that nobody approved is taken in all the same, and told: the part is there.
Rule 3: a delivery settles the approved purchases of its part and centre that it covers, the oldest first.
Source: handbook P5.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from schemas.problems import Refused
from schemas.purchase import DECISIONS, DELIVERY_HOURS
from server.clock import utc_now
from server.keys import new_id
from server.services.decisions import Desk
from server.store import records
from server.store.workspace import Workspace
from sync.changeset import Change

SETTLED_SHOWN = 50

ARRIVED_MAX = 8
"""Purchases that one delivery settles; the next one settles what is left."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Purchase:
    """A purchase with its part; `is_late` when it was approved and is not there in time."""

    id: str
    body: Body
    part: Body
    is_late: bool


def list_purchases(connection: Connection, organisation: str, now: datetime) -> tuple[list[Purchase], list[Purchase]]:
    """Return the purchases that wait, for approval or for their delivery, and the last ones that were settled."""
    found = list(records.bodies_of_kind(connection, organisation, "purchase"))
    parts = records.bodies_of(connection, organisation, {body["part_id"] for _, body in found})
    told = [
        Purchase(key, body, parts.get(body["part_id"], ("", {}))[1], _is_late(body, now))
        for key, body in sorted(found, key=lambda one: (one[1]["asked_at"], one[0]))
    ]
    open_ = [one for one in told if one.body["state"] in ("asked", "approved")]
    settled = [one for one in reversed(told) if one.body["state"] not in ("asked", "approved")]
    return open_, settled[:SETTLED_SHOWN]


def ask(desk: Desk, part: str, quantity: int, centre: str, purpose: str) -> None:
    """Ask for a purchase. Raises Refused with `field_missing`, or what forbids it."""
    if not purpose.strip():
        raise Refused("field_missing", field="purpose")
    values = {"part_id": part, "quantity": quantity, "centre_id": centre, "purpose": purpose.strip()}
    values |= {"state": "asked", "asked_by": desk.person, "asked_at": utc_now()}
    desk.write("purchase.ask", lambda _store: [Change("purchase", new_id(), "create", values, {})])


def decide(desk: Desk, purchase: str, state: str, note: str) -> None:
    """Approve or reject a purchase, or take it back.

    Raises Refused with `not_found`, `value_invalid` for another state, `purchase_settled` when it was decided,
    `field_missing` for a rejection without a note, or what forbids it: `purchase_own`, `writer_not_allowed`.
    """
    if state not in (*DECISIONS, "withdrawn"):
        raise Refused("value_invalid", field="state", detail=state[:20])

    def plan(store: Workspace) -> list[Change]:
        found = store.record(purchase)
        if found is None or found.kind != "purchase":
            raise Refused("not_found", what=purchase[:60])
        before = found.body
        if before["state"] != "asked" and not (state == "withdrawn" and before["state"] == "approved"):
            raise Refused("purchase_settled", state=before["state"])
        if state == "rejected" and not note.strip():
            raise Refused("field_missing", field="decision_note")
        new: Body = {"state": state, "decided_by": desk.person, "decided_at": utc_now()}
        new["decision_note"] = note.strip() or None
        return [Change("purchase", purchase, "update", new, {name: before.get(name) for name in new})]

    desk.write(f"purchase.{state}", plan)


def settle_arrived(store: Workspace, part: str, centre: str, quantity: int) -> list[Change]:
    """Return the changes by which a delivery settles the approved purchases that it covers."""
    found = records.bodies_holding(store.connection, store.organisation, "purchase", "part_id", part)
    waiting = sorted((body["asked_at"], key) for key, body in found if _waits_at(body, centre))
    changes, left = [], quantity
    for _, key in waiting[:ARRIVED_MAX]:
        record = store.record(key)
        if record is None or record.body["quantity"] > left:
            break
        left -= record.body["quantity"]
        new = {"state": "arrived", "arrived_at": utc_now()}
        changes.append(Change("purchase", key, "update", new, {name: record.body.get(name) for name in new}))
    return changes


def lacks_approval(connection: Connection, organisation: str, part: str, centre: str) -> bool:
    """Tell whether a part is bought on approval, and no purchase of it for a centre is approved."""
    found = records.body_of(connection, organisation, part)
    if found is None or not found[1].get("on_approval"):
        return False
    known = records.bodies_holding(connection, organisation, "purchase", "part_id", part)
    return not any(_waits_at(body, centre) for _, body in known)


def _waits_at(body: Body, centre: str) -> bool:
    return bool(body["centre_id"] == centre and body["state"] == "approved")


def _is_late(body: Body, now: datetime) -> bool:
    if body["state"] != "approved":
        return False
    return now - datetime.fromisoformat(body["decided_at"]) > timedelta(hours=DELIVERY_HOURS)
