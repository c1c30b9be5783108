"""Filling the catalogue of a database that has records and a log already."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Row, text

from server.domain.catalogue import ENTRIES
from server.domain.ids import is_id
from server.store import catalogue
from server.store.stored_record import Record
from sync import chain, codec, receipt

GROUP: Final = 500
"""Records or log entries read at once."""

_RECORDS: Final = text(
    "SELECT id, kind, body, stamps, position, deleted FROM records"
    " WHERE organisation = :o AND kind = :kind AND id > :after ORDER BY id LIMIT :most"
)
_LOG: Final = text(
    "SELECT position, sealed, receipt FROM log WHERE organisation = :o AND position > :after"
    " ORDER BY position LIMIT :most"
)


def fill_catalogue(connection: Connection) -> None:
    """Write catalogue and trail of every organisation from its records and its log."""
    for organisation in list(connection.execute(text("SELECT organisation FROM organisations")).scalars()):
        for kind in ENTRIES:
            records = _read(connection, _RECORDS, {"o": organisation, "kind": kind}, "id", "")
            while some := list(islice(records, GROUP)):
                catalogue.write(connection, organisation, [Record.read(row) for row in some])
        entries = _read(connection, _LOG, {"o": organisation}, "position", 0)
        while some := list(islice(entries, GROUP)):
            steps = {(change, row.position) for row in some for change in _changed(row)}
            catalogue.write_trail(connection, organisation, steps)


def _read(connection: Connection, statement: Any, facts: dict[str, Any], by: str, after: Any) -> Iterator[Row[Any]]:
    while rows := connection.execute(statement, {**facts, "after": after, "most": GROUP}).all():
        yield from rows
        after = getattr(rows[-1], by)


def _changed(entry: Row[Any]) -> Iterator[str]:
    """Yield the ids of master data that an entry changed, or tried to, and of the orders that it had to do with."""
    if receipt.load(entry.receipt).verdict != "refused":
        for change in codec.decode(chain.Sealed(bytes(entry.sealed)).payload).changes:
            if change.kind in ENTRIES or change.kind == "work_order":
                yield change.id
            elif is_id(order := change.set.get("order_id")):
                yield order
