"""Fitting a part: its serial, batch, supplier and certificate, and the part that came out. Source: handbook P1-P3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from field_client.notices import Notice
from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Workbench, find_order, machine_of
from field_client.work_facts import find_standing
from schemas.problems import Refused


@dataclass(frozen=True, slots=True)
class PartLabel:
    """What a part's label says, scanned or typed; `text` is the scan as it was read."""

    gtin: str | None = None
    part_number: str | None = None
    serial: str | None = None
    batch: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class RemovedPart:
    """The part that came out."""

    serial: str | None = None
    batch: str | None = None
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """A part fitted: the facts recorded, what was known of it without a network, and what to know."""

    fitted: Values
    removed: Values | None
    part: Record | None
    batch: Record | None
    supplier: Record | None
    set_id: str | None
    notices: tuple[Notice, ...]


def fit_part(
    bench: Workbench,
    label: PartLabel,
    *,
    removed: RemovedPart | None = None,
    name: str | None = None,
    quantity: int | None = None,
    place: str | None = None,
    order: str | None = None,
    replaces: str | None = None,
) -> Fitted:
    """Record that a part was fitted and, in the same change-set, what came out for it.

    `replaces` is the id of a part fitted that was written down wrongly: this one stands for it, with its time.
    Raises Refused with `machine_unknown` when the order has no machine, `field_missing` when nothing tells what
    part it is, `not_found` when there is nothing to correct, or `value_invalid`.
    """
    found = find_order(bench, order)
    machine = machine_of(bench, found)
    wrong = _find_wrong(bench, found, replaces) if replaces else None
    part, batch, doubts = identify(bench, label)
    supplier = bench.store.find(batch.values["supplier_id"]) if batch else None
    values = {
        "order_id": found.id,
        "machine_id": machine.id,
        "part_id": part.id if part else None,
        "part_name": name or _name_of(part) or label.part_number or label.gtin,
        "gtin": label.gtin or (part.values.get("gtin") if part else None),
        "serial": label.serial,
        "batch_id": batch.id if batch else None,
        "batch": label.batch,
        "supplier_id": supplier.id if supplier else None,
        "place": place,
        "quantity": quantity,
        "fitted_at": wrong.values["fitted_at"] if wrong else bench.now(),
        "scanned": label.text,
        "replaces_id": replaces,
    }
    if values["part_name"] is None:
        raise Refused("field_missing", field="part_name")
    notices = [*doubts, *_warn(bench, label, part, batch, machine, replaces)]
    fitted = Edit("part_fitted", bench.make_id(), values, is_new=True)
    edits = [fitted]
    if removed is not None:
        taken_out, known = _describe_removed(bench, removed, fitted, machine)
        edits.append(Edit("part_removed", bench.make_id(), taken_out, is_new=True))
        if removed.serial and not known:
            notices.append(Notice("removed_unknown", {"serial": removed.serial}))
    set_id = bench.outbox.write("part.fit", edits)
    return Fitted(values, dict(edits[1].values) if removed else None, part, batch, supplier, set_id, tuple(notices))


def identify(bench: Workbench, label: PartLabel) -> tuple[Record | None, Record | None, tuple[Notice, ...]]:
    """Return the catalogue's part and the batch that a label names, as far as they are known here."""
    part = _find_part(bench, label)
    if not label.batch:
        return part, None, ()
    batches = list(bench.store.find_by("batch", "number", label.batch))
    if part is not None or label.gtin or label.part_number:
        # Makers number their batches alike: the batch of another part says nothing of this one.
        batches = [batch for batch in batches if part is not None and batch.values["part_id"] == part.id]
    if len(batches) > 1:
        return part, None, (Notice("batch_ambiguous", {"number": label.batch}),)
    if not batches:
        return part, None, (Notice("batch_unknown", {"number": label.batch}),)
    return part or bench.store.find(batches[0].values["part_id"]), batches[0], ()


def _find_part(bench: Workbench, label: PartLabel) -> Record | None:
    for field, value in (("gtin", label.gtin), ("part_number", label.part_number)):
        if value:
            found = next(bench.store.find_by("part", field, value), None)
            if found is not None:
                return found
    return None


def _name_of(part: Record | None) -> str | None:
    return part.values["name"] if part else None


def _warn(
    bench: Workbench,
    label: PartLabel,
    part: Record | None,
    batch: Record | None,
    machine: Record,
    replaces: str | None,
) -> Iterator[Notice]:
    if part is None:
        yield Notice("part_unknown")
    elif part.values.get("serialised") and not label.serial:
        yield Notice("serial_missing")
    if not label.batch:
        yield Notice("batch_missing")
    known = _find_in_machine(bench, machine, label.serial) if label.serial else None
    if known is not None and known.id != replaces:
        yield Notice("serial_in_use", {"serial": label.serial})
    values = batch.values if batch else {}
    if values.get("recalled_on"):
        reason = values.get("recall_reason") or "—"
        facts = {"number": label.batch, "recalled_on": values["recalled_on"], "reason": reason}
        yield Notice("batch_recalled", facts)
    if values.get("expires_on") and values["expires_on"] < bench.now()[:10]:
        yield Notice("batch_expired", {"number": label.batch, "expires_on": values["expires_on"]})


def _find_in_machine(bench: Workbench, machine: Record, serial: str) -> Record | None:
    """Return the record of a serial number being in a machine: fitted there and not taken out since."""
    store = bench.store
    fitted, removed = (
        [fact for fact in find_standing(store, kind, "machine_id", machine.id) if fact.values.get("serial") == serial]
        for kind in ("part_fitted", "part_removed")
    )
    return fitted[-1] if len(fitted) > len(removed) else None


def _find_wrong(bench: Workbench, order: Record, fitted_id: str) -> Record:
    for fitted in find_standing(bench.store, "part_fitted", "order_id", order.id):
        if fitted.id == fitted_id:
            return fitted
    raise Refused("not_found", what=fitted_id)


def _describe_removed(
    bench: Workbench, removed: RemovedPart, fitted: Edit, machine: Record
) -> tuple[Values, Record | None]:
    known = _find_in_machine(bench, machine, removed.serial) if removed.serial else None
    # A part is replaced by one of its kind: what is not known of the old one is taken from the new.
    source = known.values if known else fitted.values
    values: Values = {
        "order_id": fitted.values["order_id"],
        "machine_id": machine.id,
        "fitted_id": fitted.id,
        "part_id": source.get("part_id"),
        "part_name": source.get("part_name"),
        "gtin": source.get("gtin"),
        "serial": removed.serial,
        "batch": removed.batch or (known.values.get("batch") if known else None),
        "destination": removed.destination or "unknown",
        "removed_at": fitted.values["fitted_at"],
    }
    return values, known
