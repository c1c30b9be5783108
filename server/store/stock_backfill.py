"""Filling the tables of the stock in a database that has records already."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, text

from server.store import stock_rows
from server.store.stored_record import Record

GROUP: Final = 500
"""Records read at once."""

KINDS: Final = ("stock_move", "batch", "stock_level", "stock_count", "part_fitted")

_RECORDS: Final = text(
    "SELECT id, kind, body, stamps, position, deleted FROM records"
    " WHERE organisation = :o AND kind = :kind AND id > :after ORDER BY id LIMIT :most"
)


def fill_stock(connection: Connection) -> None:
    """Write the rows of every organisation's moves, batches, levels and counts."""
    for organisation in list(connection.execute(text("SELECT organisation FROM organisations")).scalars()):
        for kind in KINDS:
            rows = _read(connection, organisation, kind, "")
            while rows:
                stock_rows.write(connection, organisation, [Record.read(row) for row in rows])
                rows = _read(connection, organisation, kind, rows[-1].id)


def _read(connection: Connection, organisation: str, kind: str, after: str) -> list[Row[Any]]:
    facts = {"o": organisation, "kind": kind, "after": after, "most": GROUP}
    return list(connection.execute(_RECORDS, facts))
