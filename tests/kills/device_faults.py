"""What is wrong with a device after a life that was cut short: lost, half there, unreadable, or not in agreement.

The ledger holds what the engineer was told; the rest must agree with itself.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from field_client.desk import Desk
from field_client.problems import MediaProblem
from field_client.store import fields_looked_up
from field_client.store_feed import SETTLED_KEPT, Feed
from schemas.problems import Refused
from sync import canonical, checksum, openings
from sync.blobs import blobs_named
from sync.chain import Sealed


@dataclass
class Ledger:
    """What an engineer was told is done."""

    pin: str = "000000"
    pin_under_way: str | None = None
    """A PIN that he was choosing when the device died: it may have come to stand or not."""
    enrolled: bool = False
    sets: dict[int, str] = field(default_factory=dict)
    """seq -> digest"""
    files: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    bundle: tuple[str, list[str]] | None = None
    """The last bundle, and the sets that must be in it."""
    acts: dict[str, int] = field(default_factory=dict)

    def note(self, told: dict[str, Any]) -> None:
        """Take down a line that the engineer wrote."""
        if "pin" in told:
            self.pin_under_way = told["pin"]
        done = told.get("done")
        if done is None:
            return
        self.acts[told["act"]] = self.acts.get(told["act"], 0) + 1
        if "pin" in done:
            self.pin, self.pin_under_way = done["pin"], None
        if "enrolled" in done:
            self.enrolled = True
        if "seq" in done:
            self.sets[done["seq"]] = done["digest"]
        self.files |= set(done.get("files", ()))
        self.settled |= set(done.get("settled", ()))
        if "bundle" in done:
            self.bundle = (done["bundle"], done["sets"])


def find_device_faults(desk: Desk, ledger: Ledger, usb: Path | None = None, *, is_thorough: bool = False) -> list[str]:
    """Return what is wrong with an open device, nothing when it is sound."""
    faults = [f"integrity: {row[0]}" for row in desk.store.rows("PRAGMA integrity_check") if row[0] != "ok"]
    faults += _find_chain_faults(desk, ledger)
    faults += _find_half_acts(desk)
    faults += _find_file_faults(desk, ledger)
    faults += _find_sum_faults(desk)
    if ledger.bundle is not None and usb is not None:
        faults += _find_bundle_faults(usb / ledger.bundle[0], ledger.bundle[1])
    if is_thorough:
        faults += _find_lookup_faults(desk)
    return faults


def _find_chain_faults(desk: Desk, ledger: Ledger) -> Iterator[str]:
    """Every acknowledged set is there under its number, no number is missing, settled sets stay settled."""
    rows = {seq: (digest, state) for seq, digest, state in desk.store.rows("SELECT seq, digest, state FROM outbox")}
    last = desk.store.recall("seq", 0)
    # What was settled long ago is let go of; the server is asked for it at the end.
    pruned_to = last - SETTLED_KEPT
    if max(rows, default=0) != last or (rows and rows[last][0] != desk.store.recall("prev")):
        yield f"the chain ends at {max(rows, default=0)}, the device says {last}"
    for seq in range(max(1, pruned_to + 1), last + 1):
        if seq not in rows:
            yield f"set {seq} of {last} is not there"
    for seq, digest in ledger.sets.items():
        found = rows.get(seq)
        if (found is None and seq > pruned_to) or (found is not None and found[0] != digest):
            yield f"acknowledged set {seq} is lost"
    for seq, (digest, state) in rows.items():
        if state in ("sealed", "held") and digest in ledger.settled:
            yield f"set {seq} was settled and is {state}"


def _find_half_acts(desk: Desk) -> Iterator[str]:
    """All that an unsettled set changes is seen, and nothing is seen that no set made."""
    store = desk.store
    expected: dict[str, dict[str, Any]] = {}
    rows = list(store.rows("SELECT seq, line FROM outbox WHERE state IN ('sealed', 'held') ORDER BY seq"))
    marked = set(store.rows("SELECT id, seq FROM edits"))
    for seq, line in rows:
        for change in openings.read(Sealed(line)).changes:
            expected.setdefault(change.id, {}).update(change.set)
            if (change.id, seq) not in marked:
                yield f"set {seq} is not marked on {change.id}"
            for name, _ in blobs_named(change.set):
                if store.row("SELECT 1 FROM blobs WHERE sha256 = ?", name) is None:
                    yield f"set {seq} names the file {name[:8]}, which is not to be sent"
    for record_id, values in expected.items():
        seen = store.values_of(record_id)
        for name, value in values.items():
            if seen.get(name) != value:
                yield f"{record_id} shows {name} = {seen.get(name)!r}, set to {value!r}"
    unmade = "SELECT id FROM records WHERE base IS NULL AND parked = 0 AND id NOT IN (SELECT id FROM edits)"
    yield from (f"nothing made the record {found}" for (found,) in store.rows(unmade))
    unset = "SELECT seq FROM edits WHERE seq NOT IN (SELECT seq FROM outbox)"
    yield from (f"marks of set {found}, which is not there" for (found,) in store.rows(unset))


def _find_file_faults(desk: Desk, ledger: Ledger) -> Iterator[str]:
    """Every file is whole; every file that the server does not have is here and can be read to its end."""
    states = dict(desk.store.rows("SELECT sha256, state FROM blobs"))
    held = set()
    try:
        held = {file.sha256 for file in desk.files.stored()}
    except MediaProblem as problem:
        yield f"a file has no whole head: {problem.fault.facts}"
    for name, state in states.items():
        if state == "kept":
            yield from _find_unreadable(desk, name)
        elif state == "verified" and name not in held:
            yield f"the file {name[:8]} is gone before it was let go of"
    for name in ledger.files - states.keys():
        yield f"the acknowledged file {name[:8]} is not known"


def _find_unreadable(desk: Desk, name: str) -> Iterator[str]:
    try:
        with desk.files.open(name) as stream:
            while stream.read(1 << 20):
                pass
    except MediaProblem as problem:
        yield f"the file {name[:8]} cannot be read: {problem.code}"


def _find_sum_faults(desk: Desk) -> Iterator[str]:
    """The remembered checksum is that of the records, and staged pages are those of a run under way."""
    feed = Feed(desk.store)
    digests = [digest for _, digest in feed.digests()]
    if feed.total != (checksum.add(0, *digests), len(digests)):
        yield f"checksum and count are remembered as {feed.total}, {len(digests)} are there"
    staged = desk.store.row("SELECT count(*) FROM incoming")
    if feed.cursor.after is None and staged != (0,):
        yield f"{staged} steps of a pull are staged, none is under way"


def _find_bundle_faults(path: Path, sets: list[str]) -> Iterator[str]:
    try:
        with zipfile.ZipFile(path) as bundle:
            if bad := bundle.testzip():
                yield f"{bad} in the bundle is damaged"
            lines = bundle.read("change-sets").splitlines()
    except (OSError, zipfile.BadZipFile) as error:
        yield f"the bundle cannot be read: {error}"
        return
    yield from (f"set {digest[:8]} is not in the bundle" for digest in set(sets) - {Sealed(x).digest for x in lines})


def _find_lookup_faults(desk: Desk) -> Iterator[str]:
    found = set(desk.store.rows("SELECT kind, field, value, id FROM lookups"))
    wanted = set()
    for record_id, kind, body in desk.store.rows("SELECT id, kind, coalesce(local, base) FROM records"):
        values = canonical.load(body)
        named = {(kind, name, values.get(name), record_id) for name in fields_looked_up(kind)}
        wanted |= {entry for entry in named if isinstance(entry[2], str)}
    yield from (f"look-up too many: {entry}" for entry in found - wanted)
    yield from (f"look-up missing: {entry}" for entry in wanted - found)


def explain(error: Refused) -> list[str]:
    """Return a refusal to open as a fault."""
    return [f"the device does not open: {error.code} {error.fault.facts}"]
