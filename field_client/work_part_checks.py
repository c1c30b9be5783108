"""What a part's label says, what is known of it here, and what to warn of before fitting it. Source: handbook P1-P3."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from field_client.notices import Notice
from field_client.store import Record
from field_client.work import Workbench
from field_client.work_facts import find_standing
from field_client.work_recalls import warn_of_recalls


@dataclass(frozen=True, slots=True)
class PartLabel:
    """What a part's label says, scanned or typed; `text` is the scan as it was read."""

    gtin: str | None = None
    part_number: str | None = None
    serial: str | None = None
    batch: str | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class KnownPart:
    """What is known here of a labelled part, and what to know before fitting it."""

    label: PartLabel
    part: Record | None
    batch: Record | None
    supplier: Record | None
    notices: tuple[Notice, ...]


def look_up_part(bench: Workbench, label: PartLabel, machine: Record, replaces: str | None = None) -> KnownPart:
    """Return what is known of a part and everything that speaks against putting it into a machine.

    `replaces` is a part fitted that is being corrected: what it says of the same serial number is no clash.
    """
    part, batch, doubts = identify(bench, label)
    supplier = bench.store.find(batch.values["supplier_id"]) if batch else None
    notices = (*doubts, *_warn(bench, label, part, batch, machine, replaces))
    return KnownPart(label, part, batch, supplier, notices)


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


def fits(bench: Workbench, part: Record, machine: Record) -> bool:
    """Tell whether a part may be put into a machine by what the catalogue says; one that names no machine fits all."""
    families, models = part.values.get("families") or (), part.values.get("model_ids") or ()
    if not families and not models:
        return True
    model = bench.store.values_of(machine.values.get("model_id"))
    return machine.values.get("model_id") in models or model.get("family") in families


def find_in_machine(bench: Workbench, machine_id: str, serial: str) -> Record | None:
    """Return the record of a serial number being in a machine: fitted there and not taken out since."""
    store = bench.store
    fitted, removed = (
        [fact for fact in find_standing(store, kind, "machine_id", machine_id) if fact.values.get("serial") == serial]
        for kind in ("part_fitted", "part_removed")
    )
    return fitted[-1] if len(fitted) > len(removed) else None


def is_same_maker(one: Record | None, label: PartLabel, part: Record | None) -> bool:
    """Tell whether a part fitted may be of the maker that a label names: numbers alone prove nothing."""
    known = one.values.get("gtin") if one else None
    named = label.gtin or (part.values.get("gtin") if part else None)
    return known is None or named is None or known == named


def _find_part(bench: Workbench, label: PartLabel) -> Record | None:
    for field, value in (("gtin", label.gtin), ("part_number", label.part_number)):
        if value:
            found = next(bench.store.find_by("part", field, value), None)
            if found is not None:
                return found
    return None


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
    if part is not None and not fits(bench, part, machine):
        model = bench.store.values_of(machine.values.get("model_id")).get("name", "?")
        yield Notice("part_not_for_model", {"part": part.values["name"], "model": model})
    if not label.batch:
        yield Notice("batch_missing")
    if label.serial:
        yield from _warn_of_serial(bench, label, part, machine, replaces)
    values = batch.values if batch else {}
    yield from warn_of_recalls(bench.store, part, label.batch, label.serial, values)
    if values.get("expires_on") and values["expires_on"] < bench.now()[:10]:
        yield Notice("batch_expired", {"number": label.batch, "expires_on": values["expires_on"]})


def _warn_of_serial(
    bench: Workbench, label: PartLabel, part: Record | None, machine: Record, replaces: str | None
) -> Iterator[Notice]:
    serial = label.serial or ""
    here = find_in_machine(bench, machine.id, serial)
    if here is not None and here.id != replaces:
        yield Notice("serial_in_use", {"serial": serial})
    seen = {fitted.values["machine_id"] for fitted in bench.store.find_by("part_fitted", "serial", serial)}
    for other in sorted(seen - {machine.id}):
        known = find_in_machine(bench, other, serial)
        if known is not None and known.id != replaces and is_same_maker(known, label, part):
            there = bench.store.values_of(other).get("serial", "?")
            yield Notice("serial_elsewhere", {"serial": serial, "machine": there})
