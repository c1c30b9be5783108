"""Reading a log from its first entry on: each must be where it is, as it was signed, and what its author had seen.

Rule 1: a device's public key is taken from the log itself, from the entry that enrolled it.
Rule 2: a set names the log that its author had seen (`witness`). That log must be how this one began; where it is not,
        this log was forked.
Rule 3: a log that was restored from a backup has lost its end. What devices had seen of that end is told, and is no
        discrepancy until they have seen the log as it went on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row

from schemas.problems import Refused
from server.clock import spell_instant
from server.domain.authority import fault_by_schema
from server.keys import verify_signature
from sync import chain, openings, receipt
from sync.changeset import Change, ChangeSet
from sync.transparency import Frontier, leaf_hash, log_entry

HASH_BYTES: Final = 32

CODES: Final = frozenset(
    {
        "entry_misplaced",
        "entry_unreadable",
        "digest_differs",
        "device_not_enrolled",
        "signature_wrong",
        "chain_broken",
        "receipt_differs",
        "witness_foreign",
        "root_differs",
        "tile_differs",
        "checkpoint_unsigned",
        "checkpoint_foreign",
        "log_restored",
        "opening_missing",
        "intake_differs",
        "table_differs",
        "file_unexpected",
        "file_missing",
        "file_differs",
        "file_not_erased",
    }
)
"""What can be found wrong, never renamed once released; docs/proofs.md tells what each means."""


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that is not as the log says: where, what, and its code of CODES."""

    place: str
    what: str
    code: str


def stand_ins_of(sealed: chain.Sealed) -> Iterator[str]:
    """Yield what stands for values that are gone from a set."""
    for opening in openings.openings_of(sealed).values():
        if openings.is_erased(opening):
            yield from _stand_ins_in(opening["erased"])


def _stand_ins_in(value: Any) -> Iterator[str]:
    if openings.is_stand_in(value):
        yield value
    elif isinstance(value, list | dict):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _stand_ins_in(inner)


def line_of(sealed: bytes | str) -> bytes:
    """Return a stored line as bytes: in SQLite, an alteration by hand may have made a text of it."""
    return sealed.encode() if isinstance(sealed, str) else bytes(sealed)


def began_at(epoch: str) -> str:
    """Return when a feed epoch began, empty where its id does not tell its time."""
    return spell_instant(int(epoch[:8] + epoch[9:13], 16)) if epoch[14:15] == "7" else ""


def restored_at(epochs: Iterable[str], founded_at: str) -> list[str]:
    """Return when a log was restored, by the feed epochs it has had but the founding one."""
    return sorted(time for epoch in epochs if (time := began_at(epoch)) > founded_at)


@dataclass(slots=True)
class LogCheck:
    """What is known of a log after some of its entries."""

    keys: dict[str, bytes]
    epochs: list[str]
    """feed epochs that the log is known to have had"""
    restorations: dict[str, int] = field(default_factory=dict)
    """epoch -> the size at which the log went on from a backup under it, where that was noted"""
    frontier: Frontier = field(default_factory=Frontier)
    tiles: dict[tuple[int, int], str] = field(default_factory=dict)
    """level and number of each complete subtree to be kept -> its root"""
    found: list[Discrepancy] = field(default_factory=list)
    notes: list[Discrepancy] = field(default_factory=list)
    """What is explained by a restoration."""
    _heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    _roots: bytearray = field(default_factory=bytearray)
    _seen: dict[str, int] = field(default_factory=dict)
    """device -> the largest size of this log that it had seen"""
    _restored: list[tuple[str, int]] = field(default_factory=list)
    """when, and at which size the log went on"""
    _waiting: list[str] | None = None
    _erased: dict[str, str] = field(default_factory=dict)
    """stand-in -> the place where it stands for a value that is gone"""
    _named: set[str] = field(default_factory=set)
    """The stand-ins that acts of erasing name"""
    erased_files: set[str] = field(default_factory=set)
    """The files that acts of erasing name"""

    def find_unnamed(self) -> Iterator[Discrepancy]:
        """Yield the openings that are gone without an act that says so; to be asked when all entries were taken."""
        for stand_in, place in self._erased.items():
            if stand_in not in self._named:
                yield Discrepancy(place, f"an opening is gone ({stand_in}), and no act says so", "opening_missing")

    def take(self, entry: Row[Any]) -> None:
        """Check the next entry."""
        self._note_restorations(entry.received_at)
        self.found += self._check_entry(entry, self.frontier.size + 1)
        self.frontier, complete = self.frontier.grow(leaf_hash(log_entry(entry.digest, entry.receipt)))
        self.tiles |= {(it.level, it.number): it.hash.hex() for it in complete}
        self._roots += self.frontier.root

    def root_at(self, size: int) -> bytes | None:
        """Return the root the log had at a size; None where it never had that size."""
        if size == 0 or size > self.frontier.size:
            return Frontier().root if size == 0 else None
        return bytes(self._roots[(size - 1) * HASH_BYTES : size * HASH_BYTES])

    def _note_restorations(self, received_at: str) -> None:
        if self._waiting is None:
            self._restored = [(began_at(epoch), size) for epoch, size in self.restorations.items()]
            self._waiting = restored_at(set(self.epochs) - self.restorations.keys(), received_at)
        while self._waiting and self._waiting[0] <= received_at:
            self._restored.append((self._waiting.pop(0), self.frontier.size))

    def _check_entry(self, entry: Row[Any], position: int) -> Iterator[Discrepancy]:
        place = f"log {entry.position}"
        if entry.position != position:
            yield Discrepancy(place, f"comes where entry {position} should be", "entry_misplaced")
        try:
            sealed = chain.open_line(line_of(entry.sealed))
            changeset = openings.read(sealed)
            answer = receipt.load(entry.receipt)
        except Refused as refused:
            yield Discrepancy(place, f"cannot be read: {refused.fault.sentence()}", "entry_unreadable")
            return
        if sealed.digest != entry.digest:
            yield Discrepancy(place, "the bytes do not match their digest", "digest_differs")
        key = self.keys.get(changeset.device)
        if key is None:
            what = f"device {changeset.device} is not enrolled by an earlier entry"
            yield Discrepancy(place, what, "device_not_enrolled")
            return
        if not verify_signature(key, sealed.payload, sealed.signature):
            # Nothing it says is believed, least of all the keys it enrols.
            yield Discrepancy(place, "the signature does not match the content", "signature_wrong")
            return
        yield from self._check_chain(place, changeset)
        yield from _check_receipt(place, entry, changeset, answer)
        yield from self._check_witness(place, changeset, entry.received_at)
        self._heads[changeset.device] = (changeset.seq, sealed.digest)
        for stand_in in stand_ins_of(sealed):
            self._erased.setdefault(stand_in, place)
        if answer.verdict != "refused":
            for change in changeset.changes:
                if change.kind == "erasure":
                    self.erased_files |= set(map(str, change.set.get("files") or ()))
                    self._named |= {str(one.get("stand_in")) for one in change.set.get("openings") or ()}
                if change.kind == "device" and fault_by_schema(change) is None:
                    self._follow_device(change)

    def _check_chain(self, place: str, changeset: ChangeSet) -> Iterator[Discrepancy]:
        seq, digest = self._heads.get(changeset.device, (0, chain.FIRST_PREV))
        if (changeset.seq, changeset.prev) != (seq + 1, digest):
            yield Discrepancy(place, f"does not follow set {seq} of device {changeset.device}", "chain_broken")

    def _check_witness(self, place: str, changeset: ChangeSet, received_at: str) -> Iterator[Discrepancy]:
        if not changeset.witness:
            return
        size, root = changeset.witness.split()
        if self.root_at(int(size)) == bytes.fromhex(root):
            self._seen[changeset.device] = max(int(size), self._seen.get(changeset.device, 0))
            return
        what = f"device {changeset.device} had seen a log of {size} entries that this one does not begin with"
        seen = self._seen.get(changeset.device, 0)
        back = [time for time, went_on_at in self._restored if seen <= went_on_at <= self.frontier.size]
        if back:
            self.notes.append(Discrepancy(place, f"{what}: it was restored at {back[-1]}", "log_restored"))
        else:
            yield Discrepancy(place, f"{what}: it was forked", "witness_foreign")

    def _follow_device(self, change: Change) -> None:
        """Take note of a device that is enrolled, or whose chain goes on after sets that were given up."""
        if change.op == "create":
            self.keys.setdefault(change.id, bytes.fromhex(change.set["public_key"]))
        resumed = change.set.get("resumed_seq", 0)
        if resumed > self._heads.get(change.id, (0, ""))[0]:
            self._heads[change.id] = (resumed, change.set["resumed_digest"])


def _check_receipt(place: str, entry: Row[Any], changeset: ChangeSet, answer: receipt.Receipt) -> Iterator[Discrepancy]:
    named = (answer.digest, answer.position, entry.device, entry.seq)
    if named != (entry.digest, entry.position, changeset.device, changeset.seq):
        yield Discrepancy(place, "the receipt belongs to another entry", "receipt_differs")
    if answer.received_at != entry.received_at:
        yield Discrepancy(place, "the receipt names another time", "receipt_differs")
