"""Deciding what waits for a person: one change-set that writes the value and settles the question.

Rule 1: whoever settles says which value stands: the office's, the incoming one, what was there before, or
        another. What lost stays in the conflict's record.
Rule 2: of two people who settle the same question, the second is told so and changes nothing.
Rule 3: the questions put to engineers about something end with its decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection, Table, select

from schemas.problems import Refused
from server.services.office import Office
from server.services.reviews_read import PAGE_REVIEWS_MAX, list_reviews
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.review_tables import InquiryRow
from server.store.stored_record import Record
from server.store.workspace import Workspace
from sync.changeset import Change
from sync.merge import WHOLE_RECORD
from sync.receipt import Receipt

_INQUIRIES: Table = InquiryRow.__table__  # type: ignore[assignment]

Choice = Literal["office", "incoming", "base", "other"]
CHOICE_LABELS: Final[dict[str, tuple[str, str]]] = {
    "office": ("办公室值", "the office's value"),
    "incoming": ("现场值", "the field's value"),
    "base": ("原值", "the value before"),
    "other": ("另一个值", "another value"),
}
CHOICES: Final[tuple[Choice, ...]] = ("office", "incoming", "base", "other")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """A conflict or exception with all a person needs to decide; `people` and `devices` are names by id."""

    id: str
    kind: str
    body: Body
    subject: str
    """What it is about in people's words: an order's number, a machine's serial number, a name."""
    order: str | None
    people: dict[str, Body]
    devices: dict[str, str]
    subject_body: Body


def list_questions(
    connection: Connection, organisation: str, state: str = "open", kind: str | None = None
) -> Iterator[Question]:
    """Yield the conflicts and exceptions in a state, oldest first, with all that is needed to decide them."""
    after = None
    while True:
        page = list_reviews(connection, organisation, state, kind, after, PAGE_REVIEWS_MAX)
        yield from _describe(connection, organisation, page.reviews)
        after = page.after
        if after is None:
            return


def settle(
    office: Office, organisation: str, actor: str, review_id: str, choice: Choice, value: Any, note: str
) -> Receipt:
    """Settle a conflict or exception in the name of `actor` and return the receipt.

    `value` is the value that stands when `choice` is ``other``; an exception has nothing to choose, its `note`
    is the decision. Raises Refused with `not_found`, `conflict_settled`, or whatever forbids the change, such
    as `writer_not_allowed` or `value_invalid`.
    """

    def plan(store: Workspace) -> list[Change]:
        review = find_open(store, review_id)
        if review.kind == "exception":
            settled = [settle_exception(review, actor, note)]
        else:
            settled = settle_conflict(store, review, choice, value, actor, note)
        return [*settled, *close_inquiries(store, review_id)]

    return expect_taken_in(office.write_planned(organisation, actor, "review.settle", plan))


def find_open(store: Workspace, review_id: str) -> Record:
    """Return a conflict or exception that waits. Raises Refused with `not_found` or `conflict_settled`."""
    review = find_review(store, review_id)
    if review.body["state"] == "settled":
        raise Refused("conflict_settled")
    return review


def find_review(store: Workspace, review_id: str) -> Record:
    """Return a conflict or exception. Raises Refused with `not_found`."""
    found = store.record(review_id)
    if found is None or found.deleted or found.kind not in ("conflict", "exception"):
        raise Refused("not_found", what=review_id)
    return found


def settle_exception(review: Record, actor: str, note: str, settled_as: str | None = None) -> Change:
    """Return the change that settles an exception."""
    decided = {"state": "settled", "decision": note or None, "settled_by": actor}
    return settling(review, decided | ({"settled_as": settled_as} if settled_as else {}))


def settle_conflict(
    store: Workspace, review: Record, choice: Choice, value: Any, actor: str, note: str
) -> list[Change]:
    """Return the changes that settle a conflict: of its subject, when there is one to make, and of itself.

    Raises Refused with `value_invalid` where the choice cannot be made.
    """
    conflict = review.body
    name, standing = conflict["field"], standing_of(store, conflict)
    if name == WHOLE_RECORD or standing is None:
        chosen, changes = _settle_record(conflict, standing, choice)
    else:
        now = standing.get(name)
        chosen = {"office": now, "incoming": conflict["incoming"], "base": conflict["base"], "other": value}[choice]
        changes = [Change(conflict["subject_kind"], conflict["subject_id"], "update", {name: chosen}, {name: now})]
    # The incoming value is named as it was seen: intake refuses to settle what has moved on unseen.
    settled = {"state": "settled", "settled_as": choice, "settled_value": chosen, "incoming": conflict["incoming"]}
    return [*changes, settling(review, settled | {"note": note or None, "settled_by": actor})]


def close_inquiries(store: Workspace, review_id: str) -> list[Change]:
    """Return the changes that close the questions put to engineers about a review."""
    where = (_INQUIRIES.c.organisation == store.organisation, _INQUIRIES.c.review == review_id)
    found = store.connection.execute(select(_INQUIRIES.c.id).where(*where, _INQUIRIES.c.state == "open"))
    closed = [
        Change("inquiry", found_id, "update", {"state": "closed"}, {"state": "open"}) for found_id in found.scalars()
    ]
    return sorted(closed, key=lambda change: change.id)


def standing_of(store: Workspace, review: Body) -> Body | None:
    """Return the values of the record that a review is about as it stands, None when it is deleted."""
    subject = store.record(review["subject_id"])
    return None if subject is None or subject.deleted else subject.body


def settling(review: Record, decided: Body) -> Change:
    """Return the change that writes a decision into a review."""
    return Change(review.kind, review.id, "update", decided, {name: review.body.get(name) for name in decided})


def _settle_record(conflict: Body, standing: Body | None, choice: Choice) -> tuple[Any, list[Change]]:
    """Decide a delete that met an edit; a deleted record stays so, since it cannot be made again."""
    if choice == "office":
        return conflict["office"], []
    if choice != "incoming" or conflict["incoming"] is not None or standing is None:
        raise Refused("value_invalid", field="choice", detail="this record was deleted, or can only be kept or deleted")
    was = {name: standing.get(name) for name in conflict["base"] or {}}
    return None, [Change(conflict["subject_kind"], conflict["subject_id"], "delete", {}, was)]


def _describe(connection: Connection, organisation: str, rows: list[dict[str, Any]]) -> Iterator[Question]:
    bodies = [row["body"] for row in rows]
    origins = [body.get(side) or {} for body in bodies for side in ("office_provenance", "incoming_provenance")]
    wanted = {body.get(name) for body in bodies for name in ("subject_id", "order_id", "settled_by")}
    wanted |= {origin.get(name) for origin in origins for name in ("actor_id", "device_id")}
    around = records.bodies_of(connection, organisation, wanted - {None})
    people = {
        record_id: {"name": body["name"], "name_en": body.get("name_en")}
        for record_id, (kind, body) in around.items()
        if kind == "person"
    }
    devices = {record_id: body.get("name") or "" for record_id, (kind, body) in around.items() if kind == "device"}
    for row in rows:
        body = row["body"]
        subject = around.get(body["subject_id"], ("", {}))[1]
        order = around.get(body.get("order_id") or "", ("", {}))[1]
        called = subject.get("number") or subject.get("serial") or subject.get("part_name") or subject.get("name") or ""
        yield Question(row["id"], row["kind"], body, called, order.get("number"), people, devices, subject)
