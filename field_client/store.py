"""The device's encrypted database: what the server said, what was done here, and what is on its way.

One SQLite file (SQLite3 Multiple Ciphers, AEGIS-256), write-ahead log, flushed to disk at every commit, so
that an action that returned survives a power cut. The tables are described in `field_client/store_schema.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import apsw

from field_client.store_schema import TABLES
from field_client.store_stock import MOVE, count_moves
from schemas import MergeRule, kind_of
from schemas.problems import Refused
from sync import canonical, openings
from sync.chain import Sealed
from sync.changeset import Change
from sync.merge import unite

BUSY_TIMEOUT_MS: Final = 5000
"""A sync commits within two seconds; a command that meets it waits for that, and not for ever."""

CACHE_KIB: Final = 16 * 1024
"""Holds the inner pages of the indexes over 100,000 machines; small enough for a phone."""

ALSO_LOOKED_UP: Final = {"work_order": ("status",)}
"""The list of the day must not read ten thousand finished orders."""

_SEEN: Final = "SELECT r.id, r.kind, coalesce(r.local, r.base), r.local IS NOT NULL FROM records r"

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the person sees it: the server's values with his own unsettled changes on top."""

    id: str
    kind: str
    values: Values
    is_local: bool = False
    """Whether it holds changes that the server has not answered for."""


class Store:
    """The database of one device."""

    def __init__(self, path: Path, key: str) -> None:
        """Open or make the database under `key` (64 hexadecimal digits).

        Raises Refused with `pin_wrong` when the key does not fit the file, `database_busy` or `disk_full`.
        """
        self.db = apsw.Connection(str(path))
        self.db.set_busy_timeout(BUSY_TIMEOUT_MS)
        self._depth = 0
        with _refusing():
            self.db.execute("PRAGMA cipher = 'aegis'")
            # The key is random already; the prefix spares the slow derivation meant for passwords.
            self.db.execute(f"PRAGMA key = 'raw:{key}'")
            self.db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA secure_delete = ON")
            self.db.execute(f"PRAGMA temp_store = MEMORY; PRAGMA cache_size = -{CACHE_KIB}")
            self.db.execute(TABLES)
            # What a killed process committed is read back from the log whether or not it came to flush it. It must be
            # on disk before anybody sends it: a set that the server has and a power cut takes would fork the chain.
            self.db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    def close(self) -> None:
        """Close the file."""
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make what is written inside durable together, or not at all; an inner one joins the outer.

        Raises Refused with `database_busy` or `disk_full`.
        """
        if self._depth:
            yield
            return
        with _refusing():
            self.db.execute("BEGIN IMMEDIATE")
            self._depth = 1
            try:
                yield
                self.db.execute("COMMIT")
            except BaseException:
                if self.db.in_transaction:
                    self.db.execute("ROLLBACK")
                raise
            finally:
                self._depth = 0

    def rows(self, sql: str, *values: Any) -> Iterator[tuple[Any, ...]]:
        """Return the rows of a query, all of them read: a half-read query would hold an old state of the database.

        From an old state nothing can be written once another process or thread, such as a sync, has written.
        """
        with _refusing():
            return iter(self.db.execute(sql, values).fetchall())

    def row(self, sql: str, *values: Any) -> tuple[Any, ...] | None:
        """Return the first row of a query, or None."""
        with _refusing():
            cursor = self.db.execute(sql, values)
            found = cursor.fetchone()
            cursor.close(True)
        return found  # type: ignore[no-any-return]

    def recall(self, name: str, otherwise: Any = None) -> Any:
        """Return a remembered value."""
        found = self.row("SELECT value FROM meta WHERE name = ?", name)
        return otherwise if found is None else found[0]

    def remember(self, **values: Any) -> None:
        """Keep values (text, whole numbers or None) under their names."""
        with self.transaction():
            self.db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def find(self, record_id: str | None) -> Record | None:
        """Return a record by its id."""
        found = self.row(f"{_SEEN} WHERE r.id = ?", record_id)
        return None if found is None else _read(*found)

    def values_of(self, record_id: str | None) -> Values:
        """Return the values of a record, or nothing when it is not here."""
        found = self.find(record_id)
        return {} if found is None else found.values

    def find_by(self, kind: str, field: str, *wanted: str) -> Iterator[Record]:
        """Yield the records of a kind whose looked-up field has one of the values, oldest first."""
        places = ", ".join("?" * len(wanted))
        chosen = f"l.kind = ? AND l.field = ? AND l.value IN ({places})"
        sql = f"{_SEEN} JOIN lookups l ON r.id = l.id WHERE {chosen} ORDER BY r.id"
        return (_read(*row) for row in self.rows(sql, kind, field, *wanted))

    def of_kind(self, kind: str) -> Iterator[Record]:
        """Yield all records of a kind, in no order."""
        return (_read(*row) for row in self.rows(f"{_SEEN} WHERE r.kind = ?", kind))

    def count(self) -> int:
        """Return how many records are held."""
        found = self.row("SELECT count(*) FROM records")
        return found[0] if found else 0

    def edits_of(self, record_id: str) -> Iterator[Change]:
        """Yield the unsettled changes to a record, in the order they were made."""
        sql = "SELECT o.line FROM edits e JOIN outbox o ON o.seq = e.seq WHERE e.id = ? ORDER BY e.seq"
        for (line,) in list(self.rows(sql, record_id)):
            changes = openings.read_again(Sealed(line), canonical.load).changeset.changes
            yield from (change for change in changes if change.id == record_id)

    def refresh(self, record_ids: Iterable[str]) -> None:
        """Work out again what is seen of some records, from the server's values and the unsettled changes.

        A record that the server does not hold for this device and that has no unsettled change goes.
        """
        with self.transaction():
            for record_id in list(record_ids):
                self._refresh(record_id)

    def write_local(self, record_id: str, kind: str, values: Values) -> None:
        """Show `values` for a record, as a change made here left them."""
        with self.transaction():
            found = self.row("SELECT kind, coalesce(local, base), base FROM records WHERE id = ?", record_id)
            self.index(record_id, kind, canonical.load(found[1]) if found else {}, values)
            self.db.execute(
                "INSERT INTO records (id, kind, local) VALUES (?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET local = excluded.local",
                (record_id, kind, canonical.dump(values)),
            )

    def write_base(self, record_id: str, kind: str, body: str, digest: bytes) -> int:
        """Take over the server's values of a record; return by how much its digest changes the checksum."""
        with self.transaction():
            sql = "SELECT coalesce(local, base), digest, kind FROM records WHERE id = ?"
            found = self.row(sql, record_id)
            before = canonical.load(found[0]) if found else {}
            self.db.execute(
                "INSERT INTO records (id, kind, base, digest) VALUES (?, ?, ?, ?)"
                " ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, base = excluded.base,"
                " digest = excluded.digest, parked = 0, local = NULL",
                (record_id, kind, body, digest),
            )
            values = canonical.load(body)
            local = self._edited(record_id, kind, values)
            if local is not None:
                spelled = canonical.dump(local)
                self.db.execute("UPDATE records SET local = ? WHERE id = ?", (spelled, record_id))
            if found and found[2] != kind:
                self.index(record_id, found[2], before, {})
                before = {}
            self.index(record_id, kind, before, values if local is None else local)
            return _whole(digest) - _whole(found[1] if found else None)

    def evict(self, record_id: str) -> int:
        """Let go of a record, or park it when unsent work needs it; return the change of the checksum."""
        with self.transaction():
            sql = "SELECT kind, coalesce(local, base), digest FROM records WHERE id = ?"
            found = self.row(sql, record_id)
            if found is None:
                return 0
            self.db.execute(
                "UPDATE records SET base = NULL, digest = NULL, parked = 1, local = ? WHERE id = ?",
                (found[1], record_id),
            )
            self.sweep(record_id)
            return -_whole(found[2])

    def sweep(self, record_id: str) -> None:
        """Delete a parked record once no unsent change touches it and no unsent record refers to it."""
        needed = self.row(
            "SELECT 1 FROM edits WHERE id = ?1 UNION ALL"
            " SELECT 1 FROM edits e JOIN outbox o ON o.seq = e.seq WHERE instr(o.line, ?2) LIMIT 1",
            record_id,
            record_id.encode("ascii"),
        )
        found = self.row("SELECT kind, local FROM records WHERE id = ? AND base IS NULL", record_id)
        if found is not None and needed is None:
            self.index(record_id, found[0], canonical.load(found[1]), {})
            self.db.execute("DELETE FROM records WHERE id = ?", (record_id,))

    def index(self, record_id: str, kind: str, before: Values, after: Values) -> None:
        """Bring the lookups of a record, and the balances a move counts for, from what it was to what it is."""
        if kind == MOVE and before != after:
            count_moves(self.db, [before], -1)
            count_moves(self.db, [after], 1)
        old, new = _entries(kind, before), _entries(kind, after)
        if old != new:
            sql = "DELETE FROM lookups WHERE kind = ? AND field = ? AND value = ? AND id = ?"
            self.db.executemany(sql, [(kind, field, value, record_id) for field, value in old - new])
            sql = "INSERT OR IGNORE INTO lookups VALUES (?, ?, ?, ?)"
            self.db.executemany(sql, [(kind, field, value, record_id) for field, value in new - old])

    def _refresh(self, record_id: str) -> None:
        sql = "SELECT kind, base, coalesce(local, base), parked FROM records WHERE id = ?"
        found = self.row(sql, record_id)
        if found is None:
            return
        kind, base, seen, parked = found
        if parked:
            self.sweep(record_id)
            return
        base_values = None if base is None else canonical.load(base)
        local = self._edited(record_id, kind, base_values)
        shown = base_values if local is None else local
        self.index(record_id, kind, canonical.load(seen), shown or {})
        if shown is None:
            self.db.execute("DELETE FROM records WHERE id = ?", (record_id,))
        else:
            spelled = None if local is None else canonical.dump(local)
            self.db.execute("UPDATE records SET local = ? WHERE id = ?", (spelled, record_id))

    def _edited(self, record_id: str, kind: str, base: Values | None) -> Values | None:
        """Return `base` with the unsettled changes on top; None when there are none."""
        result: Values | None = None
        for edit in self.edits_of(record_id):
            if edit.op == "create":
                # A base that is here already holds what the creation brought.
                result = dict(edit.set) if base is None else dict(base)
            else:
                result = apply_edit(kind, dict(base or {}) if result is None else result, edit)
        return result


def apply_edit(kind: str, values: Values, edit: Change) -> Values:
    """Return `values` with one pending update on top; lists that are sets keep what both sides added."""
    known = kind_of(kind)
    for name, value in edit.set.items():
        if known is not None and known.merge_rule(name) is MergeRule.UNION:
            value = unite(edit.was.get(name), values.get(name), value)
        values[name] = value
    return values


@cache
def fields_looked_up(kind: str) -> tuple[str, ...]:
    """Return the fields by which records of a kind are found: those `indexed`, and what they follow."""
    known = kind_of(kind)
    if known is None:
        return ()
    return tuple(dict.fromkeys((*known.indexed, *known.followed, *ALSO_LOOKED_UP.get(kind, ()))))


def _entries(kind: str, values: Values) -> set[tuple[str, str]]:
    named = ((name, values.get(name)) for name in fields_looked_up(kind))
    return {(name, one) for name, value in named for one in _spread(value) if isinstance(one, str)}


def _spread(value: Any) -> list[Any]:
    """Return what a value is looked up by: itself, or each item of a list."""
    return value if isinstance(value, list) else [value]


def _read(record_id: str, kind: str, body: str, is_local: int) -> Record:
    return Record(record_id, kind, canonical.load(body), bool(is_local))


def _whole(digest: bytes | None) -> int:
    return int.from_bytes(digest or b"", "big")


@contextmanager
def _refusing() -> Iterator[None]:
    try:
        yield
    except apsw.FullError:
        raise Refused("disk_full") from None
    except apsw.BusyError:
        raise Refused("database_busy") from None
    except apsw.NotADBError:
        raise Refused("pin_wrong") from None
