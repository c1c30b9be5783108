"""Facts that cannot all be right, or that somebody must know of. Source: DESIGN of semantic conflicts; handbook P1, V5.

The facts are kept as they came; each finding opens an exception for a person.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas import kind_of
from schemas.job_sheet import SIGNED_FACTS, SIGNED_ORDER_FIELDS
from schemas.lifecycle import ENDED_STATES
from schemas.recall import Extent, judge
from schemas.stock import StockKey
from server.domain.trace import fold
from sync.changeset import Change


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person must look at: a code of schemas/review.py, and a detail for the eye."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class PartEvent:
    """A part put into (``fitted``) or taken out of (``removed``) a machine."""

    act: str
    maker: str
    serial: str
    machine: str
    at: str
    position: int
    id: str


def order_of(kind_name: str, record_id: str, values: Mapping[str, Any]) -> str | None:
    """Return the order that a record is, or belongs to by its kind's declaration; None for any other record."""
    if kind_name == "work_order":
        return record_id
    kind = kind_of(kind_name)
    return values.get("order_id") if kind is not None and "order_id" in kind.references else None


def machine_holding(events: Sequence[PartEvent]) -> str | None:
    """Return the machine a part is in after `events`, which are in order of time; None when in none."""
    holding: str | None = None
    for event in events:
        if event.act == "fitted":
            holding = event.machine
        elif event.machine == holding:
            holding = None
    return holding


def find_two_places(events: Sequence[PartEvent], fitted: PartEvent) -> Finding | None:
    """Tell whether a part was fitted while it still was in another machine."""
    earlier = [event for event in events if event.id != fitted.id and event.at <= fitted.at]
    later = [event for event in events if event.id != fitted.id and event.at > fitted.at]
    before = machine_holding(earlier)
    if before is not None and before != fitted.machine:
        return Finding("serial_in_two_places", f"{fitted.serial}: {before}, {fitted.machine}")
    first_later = later[0] if later else None
    if first_later is not None and first_later.act == "fitted" and first_later.machine != fitted.machine:
        return Finding("serial_in_two_places", f"{fitted.serial}: {fitted.machine}, {first_later.machine}")
    return None


def find_unknown_serial(events: Sequence[PartEvent], removed: PartEvent) -> Finding | None:
    """Tell whether a removed part is known from elsewhere but not from this machine.

    A part never seen before came with the machine from the factory and is no finding.
    """
    earlier = [event for event in events if event.id != removed.id and event.at <= removed.at]
    if earlier and machine_holding(earlier) != removed.machine:
        return Finding("unknown_serial", f"{removed.serial}: {removed.machine}")
    return None


def find_recalled(batch: Mapping[str, Any] | None) -> Finding | None:
    """Tell whether a fitted part comes from a recalled batch."""
    if batch is None or not batch.get("recalled_on"):
        return None
    return Finding("recalled_batch", f"{batch['number']} ({batch['recalled_on']}): {batch.get('recall_reason') or ''}")


def find_recalled_part(
    named: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]], batch: str | None, serial: str | None
) -> Finding | None:
    """Tell whether a fitted part is covered by one of the recalls of its part.

    `named` are the recalls, each with what it names of the part. What only cannot be excluded is no finding: the device
    has warned, and the recall's page lists it.
    """
    for recall, values in named:
        if recall.get("state") != "withdrawn" and judge(Extent.read(values), batch, serial).cover == "hit":
            what = " ".join(number for number in (batch, serial) if number)
            return Finding("recalled_batch", f"{recall['number']} ({what}): {recall.get('reason') or ''}")
    return None


def find_below_zero(key: StockKey, part: Mapping[str, Any], place: Mapping[str, Any], left: int) -> Finding:
    """Say that a move took more from a place than it had: two drew the last one, or a move was not recorded."""
    named = " ".join(name for name in (part.get("part_number", key.part), key.batch, key.serial) if name)
    return Finding("stock_below_zero", f"{place.get('name', key.place)}: {named}: {left}")


def find_twin(
    machine: Mapping[str, Any], maker: str, others: Iterable[tuple[str, str, Mapping[str, Any]]]
) -> Finding | None:
    """Tell whether a machine that is being registered is registered already: same maker, same serial number.

    `others` are the machines of a like serial number: id, maker's name and values. Case and width do not tell two
    machines apart; what stands for another record already counts for nothing.
    """
    serial = machine["serial"]
    for twin, made_by, values in others:
        alike = fold(values["serial"]) == fold(serial) and fold(made_by) == fold(maker)
        if alike and not values.get("same_as_id"):
            return Finding("machine_registered_twice", f"{serial}: {twin}")
    return None


def find_ended_order(change: Change, order: Mapping[str, Any] | None) -> Finding | None:
    """Tell whether work was recorded on an order that had ended."""
    if order is None or order.get("status") not in ENDED_STATES or change.op != "create":
        return None
    return Finding("work_on_ended_order", f"{order.get('number')}: {order['status']}")


def find_changed_after_signature(change: Change, is_signed: bool) -> Finding | None:
    """Tell whether what a customer signed was changed or added to afterwards."""
    if not is_signed:
        return None
    if change.kind in SIGNED_FACTS:
        return Finding("changed_after_signature", change.kind)
    if change.kind == "withdrawal" and change.set["subject_kind"] in (*SIGNED_FACTS, "photo"):
        return Finding("changed_after_signature", f"{change.set['subject_kind']}: {change.set['reason']}")
    changed = [name for name in SIGNED_ORDER_FIELDS if name in change.set and change.set[name] != change.was.get(name)]
    if change.kind == "work_order" and changed:
        return Finding("changed_after_signature", ", ".join(changed))
    return None


def find_differing_sheet(change: Change, erased: Mapping[str, str] | None = None) -> Finding | None:
    """Tell whether a job sheet's content is not what its hash says.

    Of one that was erased, `erased` has the hash it had where the two differed.
    """
    if change.kind != "job_sheet":
        return None
    if erased is not None:
        return Finding("job_sheet_differs", erased["sha256"]) if "sha256" in erased else None
    digest = hashlib.sha256(change.set["content"].encode("utf-8")).hexdigest()
    return None if digest == change.set["content_sha256"] else Finding("job_sheet_differs", digest)
