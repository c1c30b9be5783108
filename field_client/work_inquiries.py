"""What the office asks about a disagreement or an exception, and what the engineer answers; neither needs a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Workbench
from schemas.inquiry import ANSWERS
from schemas.problems import Refused


@dataclass(frozen=True, slots=True)
class Inquiry:
    """A question with the latest answer, None while there is none.

    `conflict` is the disagreement it is about, where this device holds it, `order` the order, where it holds that.
    """

    id: str
    values: Values
    answer: Values | None
    conflict: Values | None
    order: Record | None


def list_inquiries(bench: Workbench, order_id: str | None = None) -> list[Inquiry]:
    """Return the open questions to this person, unanswered ones first; of one order, or of all."""
    store, me = bench.store, bench.outbox.identity.person
    found = store.find_by("inquiry", "order_id", order_id) if order_id else store.of_kind("inquiry")
    mine = [record for record in found if record.values["state"] == "open" and record.values.get("person_id") == me]
    described = [_describe(bench, record) for record in mine]
    return sorted(described, key=lambda inquiry: (inquiry.answer is not None, inquiry.values["asked_at"], inquiry.id))


def answer_inquiry(bench: Workbench, inquiry_id: str, says: str, answer: str) -> str | None:
    """Answer a question and return the id of the change-set; `says` is one of ANSWERS, or empty.

    Raises Refused with `not_found`, `field_missing` when nothing is said, or `value_invalid`.
    """
    found = bench.store.find(inquiry_id)
    if found is None or found.kind != "inquiry":
        raise Refused("not_found", what=inquiry_id)
    if says and says not in ANSWERS:
        raise Refused("value_invalid", field="says", detail=" / ".join(ANSWERS))
    if not says and not answer.strip():
        raise Refused("field_missing", field="answer")
    order = bench.store.find(found.values.get("order_id"))
    values: dict[str, Any] = {
        "inquiry_id": inquiry_id,
        "order_id": order.id if order is not None else None,
        "says": says or None,
        "answer": answer.strip() or None,
        "answered_at": bench.now(),
    }
    edit = Edit("inquiry_answer", bench.make_id(), {k: v for k, v in values.items() if v is not None}, is_new=True)
    return bench.outbox.write("inquiry.answer", [edit])


def _describe(bench: Workbench, record: Record) -> Inquiry:
    store, values = bench.store, record.values
    answers = list(store.find_by("inquiry_answer", "inquiry_id", record.id))
    review, order = store.find(values["review_id"]), store.find(values.get("order_id"))
    return Inquiry(
        record.id,
        values,
        max(answers, key=lambda given: (given.values["answered_at"], given.id)).values if answers else None,
        review.values if review is not None and review.kind == "conflict" else None,
        order if order is not None and order.kind == "work_order" else None,
    )
