"""Doing something about an exception: each choice of server/domain/remedies.py as one change-set, with a note."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Table, select

from schemas.lifecycle import ENDED_STATES
from schemas.problems import Refused
from schemas.stock import KEEPING_PLACES, StockKey, balance_changes
from server.clock import utc_now
from server.domain import remedies
from server.domain.remedies import REOPENS_TO, SIGNS_AGAIN_FROM, Removal
from server.domain.trace import fold
from server.keys import new_id
from server.services.decisions import Desk, spell_postponement
from server.services.inquiries import spell_inquiry
from server.services.orders import propose_number
from server.services.recalls_read import find_recall_of
from server.services.reviews import close_inquiries, find_open, find_review, settle_exception, settling
from server.services.trace import spans_of_serial
from server.store.stored_record import Record
from server.store.tables import BoardRow
from server.store.trace_store import identify
from server.store.workspace import Workspace
from sync.changeset import CHANGES_MAX, Change
from sync.receipt import Receipt

_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]

MOVED_ORDERS_MAX: Final = CHANGES_MAX - 10
"""Orders that go over to the record that counts, in one set with the rest."""

ANSWER_AGAIN: Final = (
    "请客户重新签字：签字后内容有改动。 / Please have the customer sign again: something changed after he signed."
)

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Options:
    """What can be done about an exception, and what the choices need to know."""

    remedies: tuple[str, ...]
    removal: Removal | None
    twins: tuple[str, ...]
    balance: int | None
    """How many the records say are at the place that went below zero."""


@dataclass(frozen=True, slots=True)
class _Case:
    """One exception in an open workspace."""

    store: Workspace
    desk: Desk
    review: Record
    subject: Record
    note: str
    given: Mapping[str, Any]

    @property
    def order(self) -> Record | None:
        """The order it belongs to, unless that is deleted."""
        found = self.store.record(self.review.body["order_id"]) if self.review.body.get("order_id") else None
        return None if found is None or found.deleted else found


def read_options(store: Workspace, review: Record) -> Options:
    """Return what can be done about an exception as things stand. Raises Refused with `not_found`."""
    subject = store.record(review.body["subject_id"])
    if subject is None:
        raise Refused("not_found", what=review.body["subject_id"])
    body, order_id = review.body, review.body.get("order_id")
    order = store.record(order_id) if order_id else None
    removal, twins = _find_removal(store, subject), _find_twins(store, subject)
    key = _short_key(subject)
    offered = remedies.offer(
        body["code"],
        body["subject_kind"],
        order.body if order and not order.deleted else None,
        bool(body.get("withdrawal_id")),
        removal,
        twins[0] if twins else None,
    )
    return Options(offered, removal, twins, store.findings.balance(key) if key else None)


def apply_remedy(desk: Desk, review_id: str, remedy: str, note: str, given: Mapping[str, Any]) -> Receipt:
    """Settle an exception by a remedy, in one change-set with what the remedy writes.

    `given` holds what a remedy asks for: `counted` (a whole number) for ``count_stock``, `keep` (a machine's id) for
    ``merge_machines``, `person` for ``renew_signature``. Raises Refused with `not_found`, `conflict_settled`,
    `note_missing`, `remedy_unfit`, `value_invalid`, or what forbids a change.
    """

    def plan(store: Workspace) -> list[Change]:
        review = find_open(store, review_id)
        if review.kind != "exception":
            raise Refused("not_found", what=review_id)
        if not note.strip():
            raise Refused("note_missing")
        if remedy not in read_options(store, review).remedies:
            raise Refused("remedy_unfit")
        subject = store.record(review.body["subject_id"])
        assert subject is not None, "options are those of a subject"
        case = _Case(store, desk, review, subject, note.strip(), given)
        if remedy == "renew_signature":
            return _renew_signature(case)
        settled = settle_exception(review, desk.person, case.note, remedy)
        return [*_ACTS[remedy](case), settled, *close_inquiries(store, review_id)]

    return desk.write(f"exception.{remedy}", plan)


def _keep(_case: _Case) -> list[Change]:
    return []


def _reopen_order(case: _Case) -> list[Change]:
    order = case.order
    assert order is not None, "offered for an ended order"
    before = order.body["status"]
    return [Change("work_order", order.id, "update", {"status": REOPENS_TO[before]}, {"status": before})]


def _withdraw_fact(case: _Case) -> list[Change]:
    body, kind = case.subject.body, case.subject.kind
    about = {name: body[name] for name in ("order_id", "machine_id") if body.get(name)}
    of = {"subject_kind": kind, "subject_id": case.subject.id, "reason": case.note[:500], "withdrawn_at": utc_now()}
    return [Change("withdrawal", new_id(), "create", about | of, {})]


def _record_removal(case: _Case) -> list[Change]:
    missing = _find_removal(case.store, case.subject)
    assert missing is not None, "offered where a removal is missing"
    body = case.subject.body
    part = {name: body[name] for name in ("part_id", "part_name", "gtin", "serial", "batch") if body.get(name)}
    where = {"order_id": body["order_id"], "machine_id": missing.machine, "destination": "unknown"}
    values = part | where | {"removed_at": missing.at, "reason": case.note[:500]}
    return [Change("part_removed", new_id(), "create", values, {})]


def _renew_signature(case: _Case) -> list[Change]:
    """Ask the engineer for it, send a finished order back, and take the exception up again once he has synced."""
    order, review = case.order, case.review
    assert order is not None, "offered for an order with an engineer"
    person, before = order.body["engineer_id"], order.body["status"]
    changes = [spell_inquiry(case.store, case.desk.person, review, person, f"{ANSWER_AGAIN} {case.note}"[:1000])]
    if before in SIGNS_AGAIN_FROM:
        after = SIGNS_AGAIN_FROM[before]
        changes.append(Change("work_order", order.id, "update", {"status": after}, {"status": before}))
    later = spell_postponement(case.desk.person, utc_now(), None, person, case.note[:500])
    return [*changes, settling(review, later)]


def _follow_up(case: _Case) -> list[Change]:
    order = case.order
    assert order is not None, "offered where there is an order"
    now, body = utc_now(), order.body
    kept = ("customer_id", "site_id", "machine_id", "centre_id", "contact", "phone", "sla_term_id", "service_terms_id")
    values = {name: body[name] for name in kept if body.get(name)}
    values |= {
        "number": propose_number(case.store.connection, case.store.organisation, now),
        "status": "received",
        "service": "repair",
        "grade": body.get("grade") or "important",
        "parent_id": order.id,
        "symptom": f"{case.review.body.get('detail') or ''}\n{case.note}".strip(),
        "reported_at": now,
    }
    if case.review.body["code"] == "recalled_batch" and (recall := find_recall_of(case.store, case.subject.body)):
        values["recall_id"] = recall
    return [Change("work_order", new_id(), "create", values, {})]


def _count_stock(case: _Case) -> list[Change]:
    key = _short_key(case.subject)
    counted = case.given.get("counted")
    if key is None or not isinstance(counted, int) or not 0 <= counted <= 10_000:
        raise Refused("value_invalid", field="quantity", detail="0 - 10000")
    move = case.subject.body
    place = {"place": move["from_place"]} | {
        name: move[f"from_{name}"] for name in ("van_id", "centre_id") if move.get(f"from_{name}")
    }
    values = remedies.spell_count(place, case.store.findings.balance(key), counted)
    if values is None:
        return []
    same = {name: move[name] for name in ("part_id", "batch", "batch_id", "serial") if move.get(name)}
    written = values | same | {"reason": case.note[:500], "moved_at": utc_now()}
    return [Change("stock_move", new_id(), "create", written, {})]


def _merge_machines(case: _Case) -> list[Change]:
    """Let one record count: the others name it, and the orders that are not ended go over to it."""
    store, both = case.store, {case.subject.id, *_find_twins(case.store, case.subject)}
    keep = case.given.get("keep")
    if keep not in both:
        raise Refused("value_invalid", field="same_as_id", detail=str(keep)[:60])
    changes: list[Change] = []
    others = sorted(both - {keep})
    for other in others:
        machine = store.record(other)
        assert machine is not None, "twins are records"
        was = {"same_as_id": machine.body.get("same_as_id")}
        changes.append(Change("machine", other, "update", {"same_as_id": keep}, was))
    return changes + _move_orders(store, dict.fromkeys(others, str(keep)))


def move_left_orders(desk: Desk, review_id: str) -> int:
    """Take over the orders for which the set that made two machines one had no room; return how many there were.

    Each set takes MOVED_ORDERS_MAX. They stay where they went when the decision is undone.
    """
    moved = 0
    while True:
        taken: list[Change] = []

        def plan(store: Workspace, taken: list[Change] = taken) -> list[Change]:
            subject = store.record(find_review(store, review_id).body["subject_id"])
            like = store.findings.machines_like(subject.body["serial"]) if subject and subject.kind == "machine" else ()
            known = [record for key in like if (record := store.record(key)) and not record.deleted]
            over = {record.id: record.body["same_as_id"] for record in known if record.body.get("same_as_id")}
            taken += _move_orders(store, over)
            if not taken:
                raise _NothingLeft
            return taken

        try:
            desk.write("exception.merge_machines", plan)
        except _NothingLeft:
            return moved
        moved += len(taken)


class _NothingLeft(Exception):
    """There is nothing to write."""


def _move_orders(store: Workspace, over: Mapping[str, str]) -> list[Change]:
    """Return the moves of orders that are not ended from machines to others, MOVED_ORDERS_MAX at most."""
    changes: list[Change] = []
    for other, keep in sorted(over.items()):
        where = (_BOARD.c.organisation == store.organisation, _BOARD.c.machine == other)
        found = select(_BOARD.c.id).where(*where, _BOARD.c.status.not_in(ENDED_STATES)).order_by(_BOARD.c.id)
        orders = store.connection.execute(found.limit(MOVED_ORDERS_MAX - len(changes))).scalars()
        changes += [
            Change("work_order", order, "update", {"machine_id": keep}, {"machine_id": other}) for order in orders
        ]
    return changes


_ACTS: Final[Mapping[str, Callable[[_Case], list[Change]]]] = {
    "keep": _keep,
    "suspect_counterfeit": _keep,
    "reopen_order": _reopen_order,
    "withdraw_fact": _withdraw_fact,
    "record_removal": _record_removal,
    "follow_up": _follow_up,
    "count_stock": _count_stock,
    "merge_machines": _merge_machines,
}


def _find_removal(store: Workspace, subject: Record) -> Removal | None:
    if subject.kind not in ("part_fitted", "part_removed"):
        return None
    maker, serial = identify(subject.body, store.record)
    if serial is None:
        return None
    is_fitted = subject.kind == "part_fitted"
    at = subject.body["fitted_at" if is_fitted else "removed_at"]
    found = spans_of_serial(store.connection, store.organisation, maker, serial)
    return remedies.find_missing_removal(found, subject.body["machine_id"], at, is_fitted)


def _find_twins(store: Workspace, subject: Record) -> tuple[str, ...]:
    if subject.kind != "machine" or subject.deleted or subject.body.get("same_as_id"):
        return ()
    maker = _maker_of(store, subject)
    likely = [store.record(found) for found in store.findings.machines_like(subject.body["serial"])]
    twins = [
        twin.id
        for twin in likely
        if twin and twin.id != subject.id and not twin.deleted and not twin.body.get("same_as_id")
        if fold(_maker_of(store, twin)) == fold(maker)
    ]
    return tuple(twins)


def _maker_of(store: Workspace, machine: Record) -> str:
    model = store.record(machine.body["model_id"])
    return (model.body.get("manufacturer") if model else None) or ""


def _short_key(subject: Record) -> StockKey | None:
    """Return what a stock move took from, None for anything else."""
    if subject.kind != "stock_move" or subject.body["from_place"] not in KEEPING_PLACES:
        return None
    return next((key for key, by in balance_changes(subject.body) if by < 0), None)
