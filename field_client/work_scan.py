"""From a label that was read to the machine or part it names, without guessing: what is known here decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from field_client.store import Record
from field_client.work import Opened, Workbench, open_machine
from field_client.work_part_checks import PartLabel
from scanning.scan import Identity, Scan, spell_kept
from schemas.part import SCANNED_MOST
from schemas.problems import Refused


def open_scanned(bench: Workbench, scans: Iterable[Scan]) -> Opened:
    """Open the order of the machine whose label was read.

    Raises Refused with `machine_unknown` when no reading of any code is a machine known here, and `code_ambiguous`
    when several are.
    """
    readings = [reading for scan in scans for reading in scan.candidates if reading.serial]
    found = {machine.id: reading for reading in readings for machine in machines_named(bench, reading)}
    if not found:
        raise Refused("machine_unknown", serial=readings[0].serial if readings else "?")
    if len(found) > 1:
        raise Refused("code_ambiguous", choices=_spell(found.values()))
    (reading,) = found.values()
    return open_machine(bench, reading.serial or "", reading.gtin)


def read_part_label(bench: Workbench, scans: Iterable[Scan]) -> PartLabel:
    """Return what a part's label says.

    Of several readings the one that names a part known here is taken. Raises Refused with `code_ambiguous` when that
    does not decide.
    """
    labels = [to_label(bench, reading, scan) for scan in scans for reading in scan.candidates]
    # Codes of one label that say the same are one reading.
    distinct = list({label_key(label): label for label in labels}.values())
    if len(distinct) == 1:
        return distinct[0]
    known = [label for label in distinct if _is_known(bench, label)]
    if len(known) != 1:
        raise Refused("code_ambiguous", choices=" | ".join(_spell_label(label) for label in known or distinct))
    return known[0]


def label_key(label: PartLabel) -> tuple[str | None, ...]:
    """Return what makes two labels the same: all but the text they were read from."""
    return label.gtin, label.part_number, label.serial, label.batch


def machines_named(bench: Workbench, reading: Identity) -> list[Record]:
    """Return the machines known here that a reading may name; a GTIN must be that of the machine's model."""
    found = list(bench.store.find_by("machine", "serial", reading.serial or ""))
    if reading.gtin is None:
        return found
    return [machine for machine in found if _gtin(bench, machine) in (None, reading.gtin)]


def _gtin(bench: Workbench, machine: Record) -> str | None:
    gtin: str | None = bench.store.values_of(machine.values.get("model_id")).get("gtin")
    return gtin


def to_label(bench: Workbench, reading: Identity, scan: Scan) -> PartLabel:
    """Return a reading as a part's label; a plain text is a part number where the catalogue has it."""
    text = spell_kept(scan)[:SCANNED_MOST]
    if reading.kind == "plain" and next(bench.store.find_by("part", "part_number", reading.serial or ""), None):
        return PartLabel(part_number=reading.serial, text=text)
    return PartLabel(gtin=reading.gtin, serial=reading.serial, batch=reading.batch, text=text)


def _is_known(bench: Workbench, label: PartLabel) -> bool:
    if label.part_number is not None:
        return True
    return label.gtin is not None and next(bench.store.find_by("part", "gtin", label.gtin), None) is not None


def _spell(readings: Iterable[Identity]) -> str:
    return " | ".join(f"{reading.gtin or ''} {reading.serial}".strip() for reading in readings)


def _spell_label(label: PartLabel) -> str:
    said = {name: value for name, value in asdict(label).items() if value and name != "text"}
    return ", ".join(f"{name} {value}" for name, value in said.items())
