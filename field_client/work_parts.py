"""Fitting a part: its serial, batch, supplier and certificate, and the part that came out. Source: handbook P1-P3."""

from __future__ import annotations

from dataclasses import dataclass

from field_client.notices import Notice
from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Workbench, find_order, machine_of
from field_client.work_facts import find_standing
from field_client.work_part_checks import KnownPart, PartLabel, find_in_machine, look_up_part
from field_client.work_stock import put_back, take_from_van
from schemas.problems import Refused


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
    id: str = ""


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
    choice: str | None = None,
    from_van: bool | None = None,
) -> Fitted:
    """Record that a part was fitted and, in the same change-set, what came out for it and that it left the van.

    `replaces` is the id of a part fitted that was written down wrongly: this one stands for it, with its time.
    `choice` is the customer's choice it follows. `from_van` tells whether it came from the van; without it, it did
    when it is there. Raises Refused with `machine_unknown` when the order has no machine, `field_missing` when nothing
    tells what part it is, `not_found` when there is nothing to correct, or `value_invalid`.
    """
    found = find_order(bench, order)
    machine = machine_of(bench, found)
    wrong = _find_wrong(bench, found, replaces) if replaces else None
    known = look_up_part(bench, label, machine, replaces)
    values = _describe_fitted(known, name) | {
        "order_id": found.id,
        "machine_id": machine.id,
        "place": place,
        "quantity": quantity,
        "fitted_at": wrong.values["fitted_at"] if wrong else bench.now(),
        "replaces_id": replaces,
        "choice_id": choice,
    }
    fitted = Edit("part_fitted", bench.make_id(), values, is_new=True)
    notices, edits = list(known.notices), [fitted]
    if removed is not None:
        taken_out, was_known = _describe_removed(bench, removed, fitted, machine)
        edits.append(Edit("part_removed", bench.make_id(), taken_out, is_new=True))
        if removed.serial and not was_known:
            notices.append(Notice("removed_unknown", {"serial": removed.serial}))
    with bench.store.transaction():
        moves, told = take_from_van(bench, known.part, label, fitted, from_van)
        back = put_back(bench, replaces) if replaces else []
        set_id = bench.outbox.write("part.fit", [*edits, *back, *moves])
    out = dict(edits[1].values) if removed else None
    return Fitted(values, out, known.part, known.batch, known.supplier, set_id, (*notices, *told), fitted.id)


def _describe_fitted(known: KnownPart, name: str | None) -> Values:
    """Return what a part fitted says of the part itself. Raises Refused with `field_missing` without any name."""
    label, part, batch = known.label, known.part, known.batch
    named = name or (part.values["name"] if part else None) or label.part_number or label.gtin
    if named is None:
        raise Refused("field_missing", field="part_name")
    return {
        "part_id": part.id if part else None,
        "part_name": named,
        "gtin": label.gtin or (part.values.get("gtin") if part else None),
        "serial": label.serial,
        "batch_id": batch.id if batch else None,
        "batch": label.batch,
        "supplier_id": known.supplier.id if known.supplier else None,
        "warranty_months": part.values.get("warranty_months") if part else None,
        "scanned": label.text,
    }


def _find_wrong(bench: Workbench, order: Record, fitted_id: str) -> Record:
    for fitted in find_standing(bench.store, "part_fitted", "order_id", order.id):
        if fitted.id == fitted_id:
            return fitted
    raise Refused("not_found", what=fitted_id)


def _describe_removed(
    bench: Workbench, removed: RemovedPart, fitted: Edit, machine: Record
) -> tuple[Values, Record | None]:
    known = find_in_machine(bench, machine.id, removed.serial) if removed.serial else None
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
