"""Asking an engineer about what waits for a decision; his answer comes back with his device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, select

from schemas.problems import Refused
from server.clock import utc_now
from server.keys import new_id
from server.services.decisions import Desk
from server.services.reviews import find_open, standing_of
from server.services.trace_facts import find_followers
from server.store import records
from server.store.bulk import select_among
from server.store.review_tables import InquiryRow
from server.store.stored_record import Record
from server.store.tables import DeviceHead
from server.store.workspace import Workspace
from sync.changeset import Change
from sync.receipt import Receipt

_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]
_INQUIRIES: Table = InquiryRow.__table__  # type: ignore[assignment]

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question with its answers, oldest first; each answer has its `id` beside its values."""

    id: str
    body: Body
    answers: tuple[Body, ...]


def ask(desk: Desk, review_id: str, person: str, question: str) -> Receipt:
    """Put a question about a conflict or exception to an engineer; it reaches his devices when they next sync.

    Raises Refused with `not_found`, `conflict_settled`, `nobody_to_ask`, `field_missing`, or what forbids the change.
    """
    if not question.strip():
        raise Refused("field_missing", field="question")

    def plan(store: Workspace) -> list[Change]:
        review = find_open(store, review_id)
        return [spell_inquiry(store, desk.person, review, person, question.strip())]

    return desk.write("review.ask", plan)


def spell_inquiry(store: Workspace, asks: str, review: Record, person: str, question: str) -> Change:
    """Return the change that puts a question. Raises Refused with `nobody_to_ask`."""
    asked = store.record(person)
    if asked is None or asked.kind != "person":
        raise Refused("not_found", what=person)
    where = (_DEVICES.c.organisation == store.organisation, _DEVICES.c.person == person, _DEVICES.c.state == "active")
    if store.connection.execute(select(_DEVICES.c.device).where(*where).limit(1)).first() is None:
        raise Refused("nobody_to_ask", name=asked.body.get("name"))
    body, subject = review.body, standing_of(store, review.body) or {}
    order = store.record(body["order_id"]) if body.get("order_id") else None
    called = order.body.get("number") if order else subject.get("serial") or subject.get("name")
    values = {
        "person_id": person,
        "order_id": order.id if order and not order.deleted else None,
        "review_id": review.id,
        "about": called,
        "subject_kind": body["subject_kind"],
        "field": body.get("field"),
        "question": question,
        "asked_by": asks,
        "asked_at": utc_now(),
        "state": "open",
    }
    return Change(
        "inquiry", new_id(), "create", {name: value for name, value in values.items() if value is not None}, {}
    )


def list_asked(connection: Connection, organisation: str, reviews: Iterable[str]) -> dict[str, list[Asked]]:
    """Return the questions put about some reviews, oldest first, with what was answered."""
    rows = select_among(connection, _INQUIRIES, ("id", "review"), "review", organisation, set(reviews))
    answers = find_followers(connection, organisation, [row.id for row in rows])
    wanted = {row.id for row in rows} | {found for ids in answers.values() for found in ids}
    bodies = records.bodies_of(connection, organisation, wanted)
    asked: dict[str, list[Asked]] = {}
    for row in sorted(rows, key=lambda row: str(row.id)):
        if row.id in bodies:
            given = tuple({"id": found} | bodies[found][1] for found in answers.get(row.id, ()) if found in bodies)
            asked.setdefault(row.review, []).append(Asked(row.id, bodies[row.id][1], given))
    return asked
