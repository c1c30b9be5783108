"""Filling the trace of a database that has facts already: as intake would have, entry by entry of the log."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, text

from server.domain.times import move, shift_of
from server.domain.trace import Fact
from server.store import json_text
from server.store.bulk import select_among
from server.store.stored_record import Record
from server.store.tables import RecordRow
from server.store.trace_store import TraceStore, batch_of
from sync import codec
from sync.chain import Sealed

POSITIONS_AT_ONCE: Final = 500
"""Log entries whose facts are taken in together; none is shared out among two groups."""

_POSITIONS: Final = (
    "SELECT DISTINCT position FROM {table} WHERE organisation = :o AND position > :after ORDER BY position LIMIT {most}"
)
_FACTS: Final = (
    'SELECT t.id, t.act, t.maker, t.serial, t.machine, t."order", t.at, t.position, t.subject, l.sealed, l.received_at'
    " FROM {table} t JOIN log l ON l.organisation = t.organisation AND l.position = t.position"
    " WHERE t.organisation = :o AND t.position BETWEEN :first AND :last"
    " ORDER BY t.position, t.subject IS NOT NULL, t.id"
)
_RECEIVED: Final = text("SELECT received_at FROM log WHERE organisation = :o AND position = :position")
_ORGANISATIONS: Final = text("SELECT organisation, office_device FROM organisations")


class _Organisation(NamedTuple):
    id: str
    office_device: str


def fill_trace(connection: Connection, table: str) -> None:
    """Write facts and spans of every organisation from the facts in a table that has them as they were.

    It has the columns id, act, maker, serial, machine, order, at, position and subject.
    """
    for row in connection.execute(_ORGANISATIONS).all():
        organisation = _Organisation(*row)
        for rows in _read(connection, organisation.id, table):
            _take_in(connection, organisation, rows)


def _read(connection: Connection, organisation: str, table: str) -> Iterator[list[Row[Any]]]:
    # The name of a table is the caller's, never anybody's input.
    positions = text(_POSITIONS.format(table=table, most=POSITIONS_AT_ONCE))
    facts = text(_FACTS.format(table=table))
    after = 0
    while found := list(connection.execute(positions, {"o": organisation, "after": after}).scalars()):
        after = found[-1]
        yield list(connection.execute(facts, {"o": organisation, "first": found[0], "last": after}))


def _take_in(connection: Connection, organisation: _Organisation, rows: list[Row[Any]]) -> None:
    records: dict[str, Record] = {}

    def load(ids: Iterable[str]) -> None:
        columns = ("id", "kind", "body", "stamps", "position", "deleted")
        unknown = set(ids) - records.keys()
        for found in select_among(connection, RecordRow.__table__, columns, "id", organisation.id, unknown):  # type: ignore[arg-type]
            records[found.id] = Record.read(found)

    load(row.id for row in rows)
    load(batch for record in list(records.values()) if (batch := record.body.get("batch_id")))
    store = TraceStore(connection, organisation.id, records.get, load)
    store.book.load_serials(row.serial for row in rows if row.serial)
    for row in rows:
        store.book.add(_read_fact(connection, organisation, store, row, records))
    # Which spans are double has no table yet where this is needed.
    store.flush_spans()


def _read_fact(
    connection: Connection, organisation: _Organisation, store: TraceStore, row: Row[Any], records: dict[str, Record]
) -> Fact:
    subject = store.book.find(row.subject) if row.subject else None
    corrected_at = move(row.at, _shift(connection, organisation, row))
    if row.act == "struck":
        assert subject is not None, "only a fact that is there is withdrawn"
        batch = subject.batch
    else:
        batch = batch_of(records[row.id].body, records.get)
        if subject is not None and subject.at == row.at:
            corrected_at = subject.corrected_at
    where = (row.machine, row.order, row.at, row.position, row.subject, corrected_at)
    return Fact(row.id, row.act, row.maker, row.serial or None, batch, *where)


def _shift(connection: Connection, organisation: _Organisation, row: Row[Any]) -> timedelta:
    changeset = codec.decode_again(Sealed(bytes(row.sealed)).payload, json_text.load)
    if changeset.device == organisation.office_device:
        return timedelta()
    seen = int(changeset.witness.split()[0]) if changeset.witness else 0
    facts = {"o": organisation.id, "position": seen}
    seen_at = connection.execute(_RECEIVED, facts).scalar() if 0 < seen < row.position else None
    return shift_of(changeset.captured_at, changeset.offset_ms, row.received_at, seen_at)
