"""The auditor: reads the server's database by itself after whatever the server did, and holds it to the truth.

Rule 1: the log only grows, each entry is what its bytes say, and nothing is in it twice.
Rule 2: the records that changed are exactly those that the log's new entries change, as they change them.
Rule 3: every disagreement is a conflict with both values, every finding an exception; there are no others.
Rule 4: a device that has pulled to a position holds exactly its scope at that position: nothing outside, nothing
        missing, and no set of changes in half.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.server.scope_model import held_by
from tests.simulation.releases import Releases
from tests.simulation.sealed_lines import read_payload
from tests.simulation.truth import REVIEWS, Body, Entry, Truth, merkle_root
from tests.simulation.world import Broken

Version = tuple[str, Body, str]
"""kind, body, body as canonical JSON"""

_LOG = (
    "SELECT position, device, seq, digest, sealed, receipt, received_at FROM log WHERE position > ? ORDER BY position"
)
_RECORDS = "SELECT id, kind, body, deleted FROM records WHERE position > ?"


@dataclass(frozen=True, slots=True)
class Mark:
    """How things stood when a backup was made."""

    truth: Truth
    live: dict[str, Version]


class Auditor:
    """See the module's text."""

    def __init__(self, open_reader: Callable[[], Any], folder: Path, office_key: bytes, releases: Releases) -> None:
        """Audit the database that `open_reader` connects to and the files in `folder`; the office has `office_key`."""
        self.open_reader, self.folder, self.office_key, self.releases = open_reader, folder, office_key, releases
        self.truth = Truth()
        self.live: dict[str, Version] = {}
        self.epoch = ""
        self.snapshots: dict[tuple[str, int], dict[str, Version]] = {}
        self.marked: Mark | None = None
        self.erased_files: set[str] = set()
        """Files that an act of erasing ever named, whatever was restored since."""
        self._open()
        self.look()

    def close(self) -> None:
        """Let go of the file."""
        self.db.close()

    def look(self) -> None:
        """Take in what the server has committed since the last look, and compare."""
        last = self.truth.position
        rows = self.db.execute(_LOG, (last,)).fetchall()
        if not rows:
            return
        for row in rows:
            self.truth.take(Entry(*row), self.office_key, self.releases.spell_as_newest)
        stored = {row[0]: row[1:] for row in self.db.execute(_RECORDS, (last,))}
        for _, body in self.truth.bodies_of("erasure") if self._has_act(stored) else ():
            self.erased_files.update(body.get("files") or ())
        self._name_reviews(stored)
        self._compare(stored)
        self._keep_snapshot()

    @staticmethod
    def _has_act(stored: dict[str, tuple[Any, ...]]) -> bool:
        return any(row[0] == "erasure" for row in stored.values())

    def find_set(self, record: str, **written: Any) -> Body:
        """Return what was signed in the newest set that wrote some values into a record."""
        for (sealed,) in self.db.execute("SELECT sealed FROM log ORDER BY position DESC"):
            payload = read_payload(bytes(sealed))
            for change in payload["changes"]:
                if change["id"] == record and written.items() <= change["set"].items():
                    return payload
        raise Broken(f"nobody ever wrote {written} into {record}")

    def read_file(self, name: str) -> bytes | None:
        """Return what the server has under a hash."""
        found = self.folder / name[:2] / name
        return found.read_bytes() if found.exists() else None

    def mark(self) -> None:
        """Remember how things stand: the server's database is being backed up."""
        self.marked = Mark(self.truth.copy(), dict(self.live))

    def rewind(self) -> None:
        """Go back to where the backup was made: the server's database was restored from it."""
        assert self.marked is not None
        self.truth, self.live = self.marked.truth.copy(), dict(self.marked.live)
        self._open()
        self._keep_snapshot()
        self.look()

    def _open(self) -> None:
        self.db = self.open_reader()
        ((self.epoch,),) = self.db.execute("SELECT epoch FROM organisations")
        self.snapshots[self.epoch, 0] = {}

    def _keep_snapshot(self) -> None:
        self.snapshots[self.epoch, self.truth.position] = dict(self.live)

    def live_bodies(self) -> dict[str, tuple[str, Body]]:
        """Return kind and body of every record as it stands."""
        return {key: (kind, body) for key, (kind, body, _) in self.live.items()}

    def scope(self, person: str, epoch: str, position: int) -> dict[str, tuple[str, str]]:
        """Return kind and canonical body of all that a person's devices should hold at a position."""
        if position == 0:
            return {}
        versions = self.snapshots[epoch, position]
        held = held_by({key: (kind, body) for key, (kind, body, _) in versions.items()}, person)
        return {key: (versions[key][0], versions[key][2]) for key in held}

    def check_all(self) -> None:
        """Compare the whole database with the truth: records, end of the log, Merkle root."""
        self.look()
        stored = {row[0]: row[1:] for row in self.db.execute(_RECORDS, (0,))}
        self.truth.changed = set(self.truth.facts)
        self._compare(stored)
        ((position, frontier),) = self.db.execute("SELECT position, frontier FROM organisations")
        if position != self.truth.position:
            raise Broken(f"the log ends at {self.truth.position}, the organisation's row says {position}")
        entries, peaks = self.truth.entries, []
        size = len(entries)
        while size:
            peak = 1 << (size.bit_length() - 1)
            begin = len(entries) - size
            peaks.append(merkle_root(entries[begin : begin + peak]).hex())
            size -= peak
        if frontier != " ".join([str(len(entries)), *peaks]):
            raise Broken("the Merkle log is not that of the entries")

    def _name_reviews(self, stored: dict[str, tuple[Any, ...]]) -> None:
        """Find the conflicts and exceptions that were to be opened among those that were."""
        truth = self.truth
        found = {key: json.loads(row[1]) for key, row in stored.items() if row[0] in REVIEWS and key not in truth.facts}
        for name in truth.opened:
            fact = truth.facts[name]
            key = next(
                (key for key, body in found.items() if _speaks_of(stored[key][0], body, fact.kind, fact.body)), None
            )
            if key is None:
                raise Broken(f"log {truth.position}: not in the queue: {fact.kind} {fact.body}")
            fact.body = found.pop(key)
            truth.name(name, key)
        if found:
            raise Broken(f"log {truth.position}: in the queue without a reason: {found}")
        truth.opened.clear()

    def _compare(self, stored: dict[str, tuple[Any, ...]]) -> None:
        truth = self.truth
        if stored.keys() != truth.changed:
            odd = stored.keys() ^ truth.changed
            raise Broken(f"log {truth.position}: to be written, or written without a reason: {sorted(odd)}")
        for key in truth.changed:
            fact, (kind, text, deleted) = truth.facts[key], stored[key]
            if fact.kind == "conflict":
                _adopt_provenance(fact.body, json.loads(text))
            fact.text = json.dumps(fact.body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            if (kind, text, bool(deleted)) != (fact.kind, fact.text, fact.deleted):
                raise Broken(f"log {truth.position}: record {key} is {text}, it should be {fact.text}")
            if fact.deleted:
                self.live.pop(key, None)
            else:
                self.live[key] = (kind, json.loads(text), text)
        truth.changed = set()


def checksum_of(scope: dict[str, tuple[str, str]]) -> str:
    """Return the checksum of a scope, by the words of docs/protocol.md."""
    texts = (f"{kind}\n{key}\n{text}".encode() for key, (kind, text) in scope.items())
    total = sum(int.from_bytes(hashlib.sha256(text).digest()[:16], "big") for text in texts)
    return f"{total % 2**128:032x}"


def count_kinds(scope: dict[str, tuple[str, str]]) -> Counter[str]:
    """Return how many records of each kind are in a scope."""
    return Counter(kind for kind, _ in scope.values())


def _speaks_of(kind: str, body: Body, expected_kind: str, expected: Body) -> bool:
    """Tell whether a stored conflict or exception is the one expected."""
    if kind != expected_kind:
        return False
    if kind == "conflict":
        origin, wanted = body["incoming_provenance"], expected["incoming_provenance"]
        if (origin["device_id"], origin["actor_id"]) != (wanted["device_id"], wanted["actor_id"]):
            return False
    return all(body.get(name) == value for name, value in expected.items() if name != "incoming_provenance")


def _adopt_provenance(body: Body, stored: Body) -> None:
    """Take over from the server where the values of a conflict came from, which the truth does not work out."""
    for name in ("office_provenance", "incoming_provenance"):
        body[name] = stored[name]
