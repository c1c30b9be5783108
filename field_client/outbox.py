"""What was done here and is on its way: one act becomes one sealed change-set, durable before it returns.

Rule 1: the records as they are seen, the sealed set, the chain's new end and the clock are one transaction.
Rule 2: what was sealed is never altered; it is sent, unchanged, until its own receipt is final. Only openings that the
        office has erased are taken out of the line (field_client/store_erasing.py).
Rule 3: a receipt settles the set it names by digest and no other, however often it comes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from field_client.store import Store, Values, apply_edit
from schemas import SCHEMA_VERSION, Kind, kind_of
from schemas.base import faults_of
from schemas.problems import Refused
from sync import chain, clock, codec, openings, receipt
from sync.blobs import LocalBlob
from sync.changeset import CHANGES_MAX, Change, ChangeSet
from sync.receipt import Receipt
from sync.session import Outgoing

SetState = Literal["sealed", "held", "settled", "contested", "refused"]

ROWS_AT_ONCE: Final = 200
"""Sealed lines read at a time; a set is at most 256 KiB, most are 1 KiB."""

_READ_SETS: Final = "SELECT seq, digest, state, intent, captured_at, receipt, line FROM outbox"

WallClock = Callable[[], int]
Chance = Callable[[int], bytes]
"""how many bytes -> as many that nobody can guess"""


@dataclass(frozen=True, slots=True)
class Edit:
    """What an act changes: the new values of one record; `is_new` when it makes the record."""

    kind: str
    id: str
    values: Mapping[str, Any]
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this device is and whom it belongs to."""

    organisation: str
    device: str
    person: str


@dataclass(frozen=True, slots=True)
class SentSet:
    """A set in the outbox, as `status` shows it."""

    seq: int
    digest: str
    state: SetState
    intent: str
    captured_at: str
    receipt: Receipt | None
    changes: tuple[Change, ...]


def wall_ms() -> int:
    """Return the device's own time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def spell_instant(milliseconds: int) -> str:
    """Return a time in milliseconds as RFC 3339 text in UTC."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{milliseconds % 1000:03d}Z"


def parse_instant(spelling: str) -> int:
    """Return an RFC 3339 time in UTC as milliseconds; raises ValueError when it is none."""
    return round(datetime.fromisoformat(spelling).timestamp() * 1000)


def make_id(milliseconds: int, chance: Chance = os.urandom) -> str:
    """Return a UUIDv7. Source: RFC 9562 section 5.7."""
    drawn = int.from_bytes(chance(10), "big")
    number = (milliseconds << 80) | (7 << 76) | ((drawn >> 68) << 64) | (2 << 62) | (drawn & (1 << 62) - 1)
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


class Outbox:
    """The sending side of one device's store."""

    def __init__(
        self,
        store: Store,
        identity: Identity,
        sign: chain.Sign,
        now: WallClock = wall_ms,
        chance: Chance = os.urandom,
        schema: int = SCHEMA_VERSION,
    ) -> None:
        """Seal as `identity` with `sign`, in values of version `schema`.

        `now` is the device's own clock in milliseconds, ids come from `chance`.
        """
        self.store = store
        self.identity = identity
        self.now = now
        self.chance = chance
        self.schema = schema
        self._sign = sign

    def write(self, intent: str, edits: Sequence[Edit], blobs: Iterable[LocalBlob] = ()) -> str | None:
        """Make an act durable and return the id of its change-set, or None when it changes nothing.

        Raises Refused with `value_invalid`, `field_missing`, `kind_unknown`, `record_missing`,
        `record_exists`, `fact_is_final`, `too_many_changes`, `change_set_too_large`, `disk_full` or
        `database_busy`; then nothing is stored.
        """
        with self.store.transaction():
            changes = [change for edit in edits if (change := self._read_edit(edit)) is not None]
            if not changes:
                return None
            if len(changes) > CHANGES_MAX:
                raise Refused("too_many_changes", limit=CHANGES_MAX)
            return self._seal(intent, tuple(changes), blobs)

    def waiting(self) -> Iterator[Outgoing]:
        """Yield the sets that have no final receipt, oldest first."""
        sql = "SELECT seq, digest, line FROM outbox WHERE state IN ('sealed', 'held') AND seq > ?"
        last = 0
        while rows := list(self.store.rows(f"{sql} ORDER BY seq LIMIT ?", last, ROWS_AT_ONCE)):
            last = rows[-1][0]
            for _, digest, line in rows:
                yield Outgoing(digest, line)

    def settle(self, receipts: Iterable[Receipt]) -> int:
        """Take receipts in and return how many settled a set that was open."""
        with self.store.transaction():
            return sum([self._settle(found) for found in receipts])

    def reopen(self, from_seq: int = 0) -> int:
        """Send sets from `from_seq` on again: the server, restored from a backup, may have lost them.

        Returns how many were reopened. Those it still has are answered with their stored receipts.
        """
        with self.store.transaction():
            sql = "SELECT seq, line FROM outbox WHERE state NOT IN ('sealed', 'held') AND seq >= ?"
            rows = list(self.store.rows(sql, from_seq))
            sql = "UPDATE outbox SET state = 'sealed', position = NULL WHERE seq = ?"
            for seq, line in rows:
                ids = {change.id for change in codec.decode(chain.Sealed(line).payload).changes}
                self.store.db.execute(sql, (seq,))
                self._mark(ids, seq)
                self.store.refresh(ids)
            return len(rows)

    def counts(self) -> dict[str, int]:
        """Return how many sets are in each state."""
        return dict(self.store.rows("SELECT state, count(*) FROM outbox GROUP BY state"))

    def sets(self, *states: SetState) -> Iterator[SentSet]:
        """Yield the sets in any of the states, oldest first."""
        places = ", ".join("?" * len(states))
        yield from self._read_sets(f"WHERE state IN ({places}) ORDER BY seq", *states)

    def _read_sets(self, where: str, *values: Any) -> Iterator[SentSet]:
        for seq, digest, state, intent, captured_at, stored, line in self.store.rows(f"{_READ_SETS} {where}", *values):
            found = receipt.load(stored) if stored else None
            changes = openings.read(chain.Sealed(line)).changes
            yield SentSet(seq, digest, state, intent, captured_at, found, changes)

    def latest(self, intent: str, most: int) -> Iterator[SentSet]:
        """Yield the last `most` sets of one intent, the newest first."""
        yield from self._read_sets("WHERE intent = ? ORDER BY seq DESC LIMIT ?", intent, most)

    def newest(self, most: int) -> Iterator[SentSet]:
        """Yield the last `most` sets, the newest first."""
        yield from self._read_sets("ORDER BY seq DESC LIMIT ?", most)

    def conflicts_of(self, sent: SentSet) -> list[Values]:
        """Return the conflicts that a set's receipt speaks of, as far as they have come back with the feed."""
        verdicts = sent.receipt.changes if sent.receipt else ()
        disputed = {(verdict.id, name) for verdict in verdicts for name in verdict.contested}
        conflicts = [record.values for record in self.store.of_kind("conflict")]
        return [values for values in conflicts if (values["subject_id"], values["field"]) in disputed]

    def close_disputes(self) -> None:
        """Take contested sets as settled once a person has settled every conflict they opened.

        They are contested again while a decision is undone.
        """
        with self.store.transaction():
            reopened = "UPDATE outbox SET state = 'contested' WHERE position = ? AND state = 'settled'"
            for conflict in self.store.of_kind("conflict"):
                came = conflict.values.get("incoming_provenance") or {}
                if conflict.values["state"] == "open" and came.get("device_id") == self.identity.device:
                    self.store.db.execute(reopened, (came.get("position"),))
            for sent in list(self.sets("contested")):
                conflicts = self.conflicts_of(sent)
                if conflicts and all(values["state"] == "settled" for values in conflicts):
                    self.store.db.execute("UPDATE outbox SET state = 'settled' WHERE seq = ?", (sent.seq,))

    def _read_edit(self, edit: Edit) -> Change | None:
        kind = kind_of(edit.kind)
        if kind is None:
            raise Refused("kind_unknown", kind=edit.kind)
        seen = self.store.find(edit.id)
        values = {name: value for name, value in edit.values.items() if value is not None or not edit.is_new}
        check_values(kind, values, is_new=edit.is_new)
        if edit.is_new:
            if seen is not None:
                raise Refused("record_exists", id=edit.id)
            self.store.write_local(edit.id, edit.kind, values)
            return Change(edit.kind, edit.id, "create", values, {})
        if seen is None:
            raise Refused("record_missing", kind=edit.kind, id=edit.id)
        if kind.is_fact:
            raise Refused("fact_is_final")
        values = {name: value for name, value in values.items() if seen.values.get(name) != value}
        if not values:
            return None
        was = {name: seen.values.get(name) for name in values}
        change = Change(edit.kind, edit.id, "update", values, was)
        self.store.write_local(edit.id, edit.kind, apply_edit(edit.kind, dict(seen.values), change))
        return change

    def _seal(self, intent: str, changes: tuple[Change, ...], blobs: Iterable[LocalBlob]) -> str:
        recall, now = self.store.recall, self.now()
        seq, offset_ms = recall("seq", 0) + 1, recall("offset_ms", 0)
        stamp = clock.tick(recall("stamp", clock.ORIGIN), now + offset_ms)
        changeset = ChangeSet(
            id=make_id(now, self.chance),
            organisation=self.identity.organisation,
            device=self.identity.device,
            seq=seq,
            prev=recall("prev", chain.FIRST_PREV),
            actor=self.identity.person,
            intent=intent,
            schema=self.schema,
            captured_at=spell_instant(now),
            offset_ms=offset_ms,
            clock=stamp,
            basis=recall("position", 0),
            witness=recall("witness", ""),
            changes=changes,
        )
        sealed = openings.seal(changeset, self._sign, self.chance)
        self.store.db.execute(
            "INSERT INTO outbox (seq, digest, line, state, intent, captured_at) VALUES (?, ?, ?, 'sealed', ?, ?)",
            (seq, sealed.digest, sealed.line, intent, changeset.captured_at),
        )
        self._mark({change.id for change in changes}, seq)
        self.store.db.executemany(
            "INSERT OR IGNORE INTO blobs (sha256, size_bytes, rank, state) VALUES (?, ?, ?, 'kept')",
            [(blob.sha256, blob.size_bytes, blob.rank) for blob in blobs],
        )
        self.store.remember(seq=seq, prev=sealed.digest, stamp=stamp)
        return changeset.id

    def _mark(self, record_ids: Iterable[str], seq: int) -> None:
        marks = [(found, seq) for found in record_ids]
        self.store.db.executemany("INSERT OR IGNORE INTO edits VALUES (?, ?)", marks)

    def _settle(self, found: Receipt) -> bool:
        row = self.store.row("SELECT seq, state, line FROM outbox WHERE digest = ?", found.digest)
        if row is None or row[1] not in ("sealed", "held"):
            return False
        seq, state = row[0], _state_after(found)
        self.store.db.execute(
            "UPDATE outbox SET state = ?, position = ?, receipt = ? WHERE seq = ?",
            (state, found.position, receipt.dump(found), seq),
        )
        if state == "refused":
            self._show_refusal(seq, row[2])
        if found.fault is not None and found.fault.code == "gap_in_sequence":
            expected = found.fault.facts.get("expected")
            if isinstance(expected, int) and expected < seq:
                self.reopen(expected)
        return state not in ("sealed", "held")

    def _show_refusal(self, seq: int, line: bytes) -> None:
        """Show the server's values where an edit was refused; a record made here stays to be seen."""
        changes = codec.decode(chain.Sealed(line).payload).changes
        edited = {change.id for change in changes if change.op != "create"}
        marks = [(found, seq) for found in edited]
        self.store.db.executemany("DELETE FROM edits WHERE id = ? AND seq = ?", marks)
        self.store.refresh(edited)


def check_values(kind: Kind, values: Values, *, is_new: bool) -> None:
    """Raise Refused with `value_invalid` or `field_missing` unless the values are acceptable for the kind."""
    for name, value in values.items():
        check = kind.checks.get(name)
        if check is not None and not check(value):
            raise Refused("value_invalid", field=name, detail="; ".join(faults_of(kind.fields[name], value)))
    for name in kind.required if is_new else ():
        if name not in values:
            raise Refused("field_missing", field=name)


def _state_after(found: Receipt) -> SetState:
    if found.verdict == "held":
        return "held"
    if not found.is_final:
        return "sealed"
    if found.verdict == "refused":
        return "refused"
    return "contested" if found.verdict == "contested" else "settled"
