"""Striking out what was entered by mistake, and bringing it back: both are further facts, so nothing is hidden."""

from __future__ import annotations

from dataclasses import dataclass

from field_client.notices import Notice
from field_client.outbox import Edit
from field_client.store import Record
from field_client.work import Workbench, signed_sheet
from field_client.work_facts import find_withdrawals
from field_client.work_stock import put_back, take_again
from schemas.problems import Refused
from schemas.withdrawal import WITHDRAWABLE


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The facts that an act struck out or brought back, and what to know."""

    facts: tuple[Record, ...]
    set_id: str | None
    notices: tuple[Notice, ...] = ()


def withdraw(bench: Workbench, reason: str, *fact_ids: str, intent: str = "fact.withdraw") -> Withdrawn:
    """Strike out facts of one order, in one change-set.

    Raises Refused with `field_missing` without a reason, `not_found`, `not_withdrawable` for a record of another kind,
    or `already_withdrawn`.
    """
    reason = reason.strip()
    if not reason:
        raise Refused("field_missing", field="reason")
    facts = tuple(_find_withdrawable(bench, fact_id) for fact_id in fact_ids)
    now = bench.now()
    edits = [
        Edit(
            "withdrawal",
            bench.make_id(),
            {
                "order_id": fact.values["order_id"],
                "machine_id": fact.values.get("machine_id"),
                "subject_kind": fact.kind,
                "subject_id": fact.id,
                "reason": reason,
                "withdrawn_at": now,
            },
            is_new=True,
        )
        for fact in facts
    ]
    with bench.store.transaction():
        # What was never fitted never left the van.
        back = [edit for fact in facts if fact.kind == "part_fitted" for edit in put_back(bench, fact.id)]
        set_id = bench.outbox.write(intent, [*edits, *back])
    return Withdrawn(facts, set_id, _look_back(bench, facts))


def bring_back(bench: Workbench, *fact_ids: str, intent: str = "fact.bring_back") -> Withdrawn:
    """Record withdrawn facts anew, with the values they had; their times stay those of what was done.

    Raises Refused with `not_found` unless each of them is a withdrawn fact.
    """
    facts = []
    for fact_id in fact_ids:
        fact = bench.store.find(fact_id)
        if fact is None or fact.id not in find_withdrawals(bench.store, "order_id", fact.values.get("order_id", "")):
            raise Refused("not_found", what=fact_id)
        facts.append(fact)
    # What one of them says of another is said of what stands for it.
    ids = {fact.id: bench.make_id() for fact in facts}
    again = [
        Record(ids[fact.id], fact.kind, {name: _rename(value, ids) for name, value in fact.values.items()})
        for fact in facts
    ]
    edits = [Edit(fact.kind, fact.id, fact.values, is_new=True) for fact in again]
    remarks = [remark for fact in facts if fact.kind == "photo" and (remark := _remark_of(bench, fact))]
    edits += [
        Edit("photo_remark", bench.make_id(), remark.values | {"photo_id": ids[remark.values["photo_id"]]}, is_new=True)
        for remark in remarks
    ]
    edits += [edit for old, new in ids.items() for edit in take_again(bench, old, new)]
    set_id = bench.outbox.write(intent, edits)
    return Withdrawn(tuple(again), set_id, _look_back(bench, tuple(again)))


def _find_withdrawable(bench: Workbench, fact_id: str) -> Record:
    fact = bench.store.find(fact_id)
    if fact is None:
        raise Refused("not_found", what=fact_id)
    if fact.kind not in WITHDRAWABLE:
        raise Refused("not_withdrawable", kind=fact.kind)
    if fact.id in find_withdrawals(bench.store, "order_id", fact.values["order_id"]):
        raise Refused("already_withdrawn")
    return fact


def _remark_of(bench: Workbench, photo: Record) -> Record | None:
    remarks = bench.store.find_by("photo_remark", "order_id", photo.values["order_id"])
    return [None, *(remark for remark in remarks if remark.values["photo_id"] == photo.id)][-1]


def _look_back(bench: Workbench, facts: tuple[Record, ...]) -> tuple[Notice, ...]:
    orders = {fact.values["order_id"] for fact in facts}
    signed = [order for order in map(bench.store.find, orders) if order is not None and signed_sheet(bench, order)]
    return (Notice("changed_after_signature"),) if signed else ()


def _rename(value: object, ids: dict[str, str]) -> object:
    return ids.get(value, value) if isinstance(value, str) else value
