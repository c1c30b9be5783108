"""The ledger: what was promised to whom, kept by the simulation itself and never asked of the code under test.

Rule 1: an act that returned is on the device, byte for byte, until its receipt is final, and in the server's log
        or kept aside from then on.
Rule 2: a receipt that was sent is in the log, as it was sent, from that moment on.
Rule 3: nobody is told twice, and differently, what became of one set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from sync import zstd
from tests.simulation.auditor import Auditor
from tests.simulation.radio import Answer, Request
from tests.simulation.world import Broken, World

KEPT_BY_DEVICE: Final = 500
"""Settled sets that a device keeps, by its documentation."""


FILE_FIELDS: Final = ("original_sha256", "strokes_sha256")
"""Fields in which the acts simulated here name files."""

FORGOTTEN: Final = frozenset({"record_missing", "out_of_scope"})
"""Why a set may be refused that speaks of what the server forgot when it was restored."""

FORKED: Final = frozenset({"sequence_reused", "chain_broken", "device_frozen"})
"""Why the sets of a device are refused that has signed two histories."""


Row = tuple[int, str, bytes, str, str | None]
"""of a device's outbox: number, digest, line, state, receipt"""


@dataclass(slots=True)
class Promise:
    """A set that a person was told is saved."""

    device: str
    seq: int
    digest: str
    line: bytes


@dataclass(slots=True)
class Ledger:
    """See the module's text."""

    auditor: Auditor
    world: World
    saved: dict[str, list[Promise]] = field(default_factory=dict)
    """device -> its sets, by number"""
    receipts: dict[str, str] = field(default_factory=dict)
    """digest -> the final receipt that was sent"""
    refusals: dict[str, str] = field(default_factory=dict)
    """digest -> the code with which an honest device's set was refused"""
    aside: dict[str, str] = field(default_factory=dict)
    """digest -> the receipt that said that the bytes were kept aside"""
    files: dict[str, set[str]] = field(default_factory=dict)
    """device -> hashes of the files that its sets name"""
    given: dict[str, list[str]] = field(default_factory=dict)
    """digest -> every receipt that was given for it, final or not"""
    old: dict[str, str] = field(default_factory=dict)
    """digest -> the receipt of a set that the server has forgotten since"""
    forgotten: int = 0
    """how often the server was restored from a backup"""
    strangers: set[str] = field(default_factory=set)
    """devices that are not honest"""

    def note_saved(self, device: str, rows: list[Row]) -> int:
        """Enter what a device's outbox has beyond what was known; return how many sets that is."""
        known = self.saved.setdefault(device, [])
        fresh = [row for row in rows if row[0] > len(known)]
        for seq, digest, line, _state, _receipt in fresh:
            if seq != len(known) + 1 or hashlib.sha256(line.partition(b"\t")[0]).hexdigest() != digest:
                raise Broken(f"set {seq} of {device} follows set {len(known)}, or is not what its digest says")
            known.append(Promise(device, seq, digest, bytes(line)))
            self.files.setdefault(device, set()).update(_files_named(line))
        return len(fresh)

    def check_outbox(self, device: str, rows: list[Row]) -> None:
        """Hold a device's outbox to what its person was promised."""
        kept = {row[0]: row for row in rows}
        promises = self.saved.get(device, [])
        for promise in promises:
            row = kept.get(promise.seq)
            receipt = self.receipts.get(promise.digest) or self.aside.get(promise.digest)
            if row is None:
                if receipt is None or promise.seq > len(promises) - KEPT_BY_DEVICE:
                    raise Broken(f"set {promise.seq} of {device} is gone from the device")
                continue
            # What stands behind the signed bytes may be erased; the next sync brings that.
            if _signed(row[2]) != _signed(promise.line):
                raise Broken(f"set {promise.seq} of {device} was altered on the device")
            receipt = receipt or self.old.get(promise.digest)
            if row[3] not in ("sealed", "held"):
                if receipt is None:
                    raise Broken(f"set {promise.seq} of {device} is {row[3]} on the device, and nobody answered for it")
                if row[4] not in self.given[promise.digest]:
                    raise Broken(f"set {promise.seq} of {device} has a receipt on the device that is not its: {row[4]}")

    def check_files(self, device: str, read: Callable[[str], bytes | None], is_rested: bool) -> None:
        """Hold the files that a device's sets name to their names: each is on the device, which `read` asks, or sent.

        Once the device has come to rest, each must be at the server. What was erased is another oracle's business.
        """
        for name in self.files.get(device, ()):
            if name in self.auditor.erased_files or _is_named(self.auditor.read_file(name), name):
                continue
            if is_rested or not _is_named(read(name), name):
                raise Broken(f"file {name} of {device} is not at the server, and not whole on the device")

    def note_answer(self, request: Request, answer: Answer) -> None:
        """Enter the receipts of an answer to a push, whether or not it arrives."""
        if request.path.endswith("/push") and answer.status == 200:
            for line in _unpack(answer).splitlines():
                self.note_receipt(line.decode())

    def note_receipt(self, text: str) -> None:
        """Enter a receipt that the server gave, by whatever way it travels."""
        receipt: dict[str, Any] = json.loads(text)
        digest, code = receipt["digest"], (receipt["fault"] or {}).get("code")
        given = self.given.setdefault(digest, [])
        if text not in given:
            given.append(text)
        self.world.counts[f"receipt {receipt['verdict']} {code or ''}".strip()] += 1
        if receipt["position"] is None:
            if receipt["verdict"] == "refused":
                self._expect_kept_aside(digest, code)
                if code in FORKED and receipt["device"] not in self.strangers:
                    raise Broken(f"an honest device was taken for a forked one: {text}")
                self.aside[digest] = text
            else:
                self._expect_held(receipt)
            return
        if self.auditor.truth.digests.get(digest) != receipt["position"]:
            raise Broken(f"a receipt names position {receipt['position']}, where the log has another set: {text}")
        before = self.receipts.setdefault(digest, text)
        if before != text:
            raise Broken(f"two receipts for one set: {before} and {text}")
        if receipt["verdict"] == "refused" and receipt["device"] not in self.strangers:
            self.refusals[digest] = str(code)

    def check_log(self) -> None:
        """Hold the log to the receipts that were ever sent."""
        stored = dict(self.auditor.db.execute("SELECT digest, receipt FROM log"))
        for digest, text in self.receipts.items():
            if stored.get(digest) != text:
                raise Broken(f"acknowledged and lost: {text}")

    def forget_receipts(self) -> None:
        """Forget the receipts that the server itself has forgotten, being restored from a backup.

        The sets are still promised to those who wrote them, and are to come back from their devices.
        """
        self.forgotten += 1
        known = self.auditor.truth.digests
        lost = [digest for digest in self.receipts if digest not in known]
        self.world.counts["sets lost by the restored server"] += len(lost)
        self.old |= {digest: self.receipts.pop(digest) for digest in lost}
        for digest in lost:
            self.refusals.pop(digest, None)

    def may_come_again(self, digest: str) -> bool:
        """Tell whether a set that was answered once may be handed in again, because the server was restored."""
        return digest in self.old or (self.forgotten > 0 and digest in self.receipts)

    def is_kept(self, digest: str) -> bool:
        """Tell whether the server has a set: in its log, or aside because its device was revoked."""
        if digest in self.auditor.truth.digests:
            return True
        return bool(self.auditor.db.execute("SELECT 1 FROM kept_aside WHERE digest = ?", (digest,)).fetchall())

    def unjust_refusals(self) -> dict[str, str]:
        """Return the refusals that nothing excuses; a restored server may have forgotten what a set speaks of."""
        excused = FORGOTTEN if self.forgotten else frozenset()
        return {digest: code for digest, code in self.refusals.items() if code not in excused}

    def _expect_kept_aside(self, digest: str, code: str | None) -> None:
        if not self.auditor.db.execute("SELECT 1 FROM kept_aside WHERE digest = ?", (digest,)).fetchall():
            raise Broken(f"set {digest} was refused with {code} and its bytes are nowhere")

    def _expect_held(self, receipt: dict[str, Any]) -> None:
        rows = self.auditor.db.execute("SELECT 1 FROM held WHERE digest = ?", (receipt["digest"],)).fetchall()
        # What is held behind a fork of a dishonest device goes aside as soon as the fork has frozen it.
        is_aside = receipt["device"] in self.strangers and self.is_kept(receipt["digest"])
        if not rows and not is_aside and receipt["digest"] not in self.auditor.truth.digests:
            raise Broken(f"a set was said to be held and is not: {receipt}")


def _files_named(line: bytes) -> set[str]:
    if b"_sha256" not in line:
        return set()
    changes = json.loads(line[129:].partition(b"\t")[0])["changes"]
    return {change["set"][name] for change in changes for name in FILE_FIELDS if name in change["set"]}


def _signed(line: bytes) -> bytes:
    return bytes(line).partition(b"\t")[0]


def _is_named(data: bytes | None, name: str) -> bool:
    return data is not None and hashlib.sha256(data).hexdigest() == name


def _unpack(answer: Answer) -> bytes:
    coding = answer.headers.get("Content-Encoding", "")
    if coding == "zstd":
        return zstd.ZstdDecompressor().decompress(answer.body)
    assert not coding, coding
    return answer.body
