"""The manuals of the machines one goes to: which there are, and whether their files are on the device. Source: D2."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from field_client.evidence import EvidenceFolder
from field_client.store import Record, Store, Values
from field_client.store_erasing import find_erased
from field_client.work import OPEN_STATES, Workbench
from field_client.work_request import list_notes


@dataclass(frozen=True, slots=True)
class ManualLine:
    """A manual, and whether its file can be opened without a network."""

    id: str
    manual: Values
    is_here: bool


@dataclass(frozen=True, slots=True)
class WantedFile:
    """A file that should be on the device: its name, its size where it is known, and its media type."""

    sha256: str
    size_bytes: int | None
    media_type: str


def list_manuals(
    bench: Workbench, files: EvidenceFolder, machine: Record, service: str | None = None
) -> list[ManualLine]:
    """Return the manuals for a machine and a kind of service, by name."""
    found = [
        ManualLine(manual.id, manual.values, _is_here(files, manual.values.get("file_sha256")))
        for manual in _manuals_for(bench.store, machine)
        if service is None or manual.values.get("service") in (None, service)
    ]
    return sorted(found, key=lambda line: (line.manual["name"], line.manual.get("language") or ""))


def list_wanted_files(store: Store) -> list[WantedFile]:
    """Return the files for all open orders, smallest first: manuals of their machines, what their customers sent."""
    orders = list(store.find_by("work_order", "status", *OPEN_STATES))
    machines = {order.values["machine_id"] for order in orders if order.values.get("machine_id")}
    wanted: dict[str, WantedFile] = {}
    for machine in map(store.find, sorted(machines)):
        for manual in _manuals_for(store, machine) if machine else ():
            if name := manual.values.get("file_sha256"):
                kind = manual.values.get("media_type") or "application/octet-stream"
                wanted[name] = WantedFile(name, manual.values.get("size_bytes"), kind)
    for note in list_notes(store, *(order.id for order in orders)):
        if name := note.values.get("file_sha256"):
            kind = note.values.get("media_type") or "application/octet-stream"
            wanted[name] = WantedFile(name, note.values.get("size_bytes"), kind)
    for name in find_erased(store, wanted):
        del wanted[name]
    return sorted(wanted.values(), key=lambda file: (file.size_bytes or 0, file.sha256))


def _manuals_for(store: Store, machine: Record) -> Iterator[Record]:
    model_id = machine.values.get("model_id") or ""
    family = store.values_of(model_id).get("family") or ""
    found = [*store.find_by("manual", "model_id", model_id), *store.find_by("manual", "families", family)]
    yield from {manual.id: manual for manual in found}.values()


def _is_here(files: EvidenceFolder, sha256: str | None) -> bool:
    return sha256 is not None and files.holds(sha256)
