"""One order with everything about it, as the office reads it on one page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from schemas.warranty import Verdict, day_of, verdict_on
from server.domain.catalogue import title_of
from server.domain.costs import Bill
from server.domain.ids import is_id
from server.services import orders
from server.services.costs import read_bill
from server.services.office import Office
from server.services.order_timeline import Timeline, tell_timeline
from server.services.orders_read import read_order
from server.services.warranty import warranty_id
from server.store import blobs, order_list, records
from sync.receipt import Receipt

Body = dict[str, Any]
Decision = Literal["accept", "send_back"]

PARTY_FIELDS: Final = ("customer_id", "site_id", "machine_id", "engineer_id")


@dataclass(frozen=True, slots=True)
class Fact:
    """A record that belongs to an order; `withdrawn` is why it does not count, None where it does."""

    id: str
    kind: str
    body: Body
    withdrawn: str | None


@dataclass(frozen=True, slots=True)
class OrderPage:
    """An order, what it refers to by id, what belongs to it, its warranty, its story and what waits for a person."""

    id: str
    body: Body
    around: Mapping[str, tuple[str, Body]]
    titles: Mapping[str, str]
    facts: Sequence[Fact]
    warranty: Verdict | None
    bill: Bill
    timeline: Timeline
    reviews: Mapping[str, int]
    """How many open conflicts and exceptions there are about each record, by id."""
    verified: frozenset[str]
    """The files that have arrived whole, by SHA-256."""
    erased: Mapping[str, str]
    """The files that were erased, and when."""

    def of_kind(self, *kinds: str) -> list[Fact]:
        """Return what belongs to the order of some kinds, oldest first."""
        return [fact for fact in self.facts if fact.kind in kinds]

    def item_of(self, check: Fact) -> Body:
        """Return the item of the checklist that a check answers, empty where the checklist is not known."""
        checklist = self.around.get(check.body.get("checklist_id") or self.body.get("checklist_id") or "", ("", {}))[1]
        return next((item for item in checklist.get("items") or () if item["key"] == check.body["item"]), {})

    def party(self, field: str) -> Body:
        """Return the record that a field of the order names, empty where there is none."""
        return self.around.get(self.body.get(field) or "", ("", {}))[1]


def tell_order(connection: Connection, organisation: str, called: str) -> OrderPage:
    """Return everything about an order, by id or number. Raises Refused with `not_found`."""
    read = read_order(connection, organisation, called)
    order_id, body = read["order"]["id"], read["order"]["body"]
    facts = [_read_fact(entry) for entry in read["followed_by"]]
    around = {entry["id"]: (entry["kind"], entry["body"]) for entry in read["refers_to"]}
    named = _named_by([body, *(fact.body for fact in facts), *(found for _, found in around.values())])
    around |= records.bodies_of(connection, organisation, named - set(around))
    timeline = tell_timeline(connection, organisation, order_id, {fact.id for fact in facts})
    warranty = _find_warranty(connection, organisation, body)
    files = {value for fact in facts for name, value in fact.body.items() if name.endswith("_sha256") and value}
    return OrderPage(
        id=order_id,
        body=body,
        around=around,
        titles={**timeline.titles, **{key: title_of(*found) for key, found in around.items()}},
        facts=facts,
        warranty=warranty,
        bill=read_bill(connection, organisation, body, facts, around),
        timeline=timeline,
        reviews=order_list.list_reviewed(connection, organisation, [order_id, *(fact.id for fact in facts)]),
        verified=frozenset(blobs.find_verified(connection, organisation, list(files))),
        erased=blobs.find_erased(connection, organisation, files),
    )


def find_marks(order: OrderPage, photo: str) -> list[Body]:
    """Return what was drawn over a photo; the latest remark counts, as a whole."""
    remarks = [fact for fact in order.of_kind("photo_remark") if fact.body["photo_id"] == photo and not fact.withdrawn]
    latest = max(remarks, key=lambda fact: (fact.body["remarked_at"], fact.id), default=None)
    return list(latest.body.get("marks") or ()) if latest else []


def decide(
    engine: Engine, office: Office, organisation: str, actor: str, order: str, decision: Decision, note: str, seen: str
) -> Receipt:
    """Accept finished work, or send it back with what is missing; return the receipt.

    `seen` is the state that the page showed. Raises Refused with `field_missing` when work is sent back without a
    word, or what forbids the move.
    """
    if decision == "send_back" and not note.strip():
        raise Refused("field_missing", field="instructions")
    new = {"status": "closed"} if decision == "accept" else {"status": "sent_back", "instructions": note.strip()}
    return orders.update(engine, office, organisation, actor, order, new, {"status": seen})


def _read_fact(entry: Mapping[str, Any]) -> Fact:
    withdrawn = entry.get("withdrawn")
    return Fact(entry["id"], entry["kind"], entry["body"], withdrawn["reason"] if withdrawn else None)


def _named_by(bodies: Iterable[Body]) -> set[str]:
    return {value for body in bodies for name, value in body.items() if name.endswith("_id") and is_id(value)}


def _find_warranty(connection: Connection, organisation: str, order: Body) -> Verdict | None:
    """Return the verdict on the day the fault was reported. Source: handbook R4, W1-W7."""
    machine = order.get("machine_id")
    found = records.body_of(connection, organisation, warranty_id(machine)) if machine else None
    if found is None or not order.get("reported_at"):
        return None
    return verdict_on(found[1], day_of(order["reported_at"]), order)
