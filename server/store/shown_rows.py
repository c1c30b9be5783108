"""Rows that lists read, one or a few for each record: written when they change, and then what changed of them.

Most edits of an order change nothing that lists show of it, or a column or two. On SQLite a column that is written
moves the entries of its indexes, changed or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Table

from server.store.bulk import delete_keys, insert, update_changed, upsert
from server.store.stored_record import Record

Row = tuple[Any, ...]


@dataclass(slots=True)
class ShownRows:
    """The rows of one table that a transaction changes."""

    table: Table
    _fresh: list[Row] = field(default_factory=list)
    _unknown: list[Row] = field(default_factory=list)
    """Rows of which it is not known whether they are stored."""
    _changed: list[tuple[Row, Row]] = field(default_factory=list)
    _gone: list[Row] = field(default_factory=list)

    def show(self, record: Record, keys: Mapping[str, Row], rows: Mapping[str, Row]) -> None:
        """Take note of the rows of a record by slot; `keys` are the primary keys of all slots it may have."""
        known = record.shown.get(self.table.name, {} if record.is_created else None)
        for slot, key in keys.items():
            row, before = rows.get(slot), known.get(slot) if known is not None else None
            if row is None:
                if known is None or before is not None:
                    self._gone.append(key)
            elif known is None:
                self._unknown.append(row)
            elif before is None:
                self._fresh.append(row)
            elif before != row:
                self._changed.append((before, row))
        record.shown[self.table.name] = dict(rows)

    def write(self, connection: Connection) -> None:
        """Write what changed."""
        insert(connection, self.table, self._fresh)
        upsert(connection, self.table, self._unknown)
        update_changed(connection, self.table, self._changed)
        delete_keys(connection, self.table, self._gone)
