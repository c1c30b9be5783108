"""Following the log: whatever is worked out from it catches up here, piece by piece, and remembers how far it has come.

A round that is cut off, or made twice, changes nothing: who follows writes only what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Connection, Engine, Table, select

from server.store import bulk
from server.store.database import reading, transact
from server.store.logged_sets import read_logged
from server.store.tables import LogEntry, Organisation, Watermark
from sync.changeset import Change

ENTRIES_AT_ONCE: Final = 500
"""Log entries looked through between two writings, half a megabyte of them."""

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_MARKS: Table = Watermark.__table__  # type: ignore[assignment]
_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]

Renew = Callable[[Sequence[Change]], int | None]
"""changes of the log -> how many records were written, None when the changes concern nothing that follows"""


def read_positions(engine: Engine) -> dict[str, int]:
    """Return the end of every organisation's log."""
    with reading(engine) as connection:
        columns = (_ORGANISATIONS.c.organisation, _ORGANISATIONS.c.position)
        return {row.organisation: row.position for row in connection.execute(select(*columns))}


def read_position(engine: Engine, organisation: str) -> int:
    """Return the end of an organisation's log."""
    with reading(engine) as connection:
        return _read_end(connection, organisation)


def count_unfollowed(engine: Engine, organisation: str, name: str) -> int:
    """Return how many entries of an organisation's log what is called `name` does not follow yet."""
    with reading(engine) as connection:
        return _read_end(connection, organisation) - _read_mark(connection, organisation, name)


def follow(engine: Engine, organisation: str, name: str, kinds: Sequence[str], renew: Renew) -> int:
    """Bring what is called `name` up to date with the log; return how many records were written.

    `renew` is handed the changes of those sets that say anything of `kinds`; sets that were refused are among them.
    Raises Refused with `database_busy` or `disk_full`; what was written stays, and the next round goes on.
    """
    marks = tuple(f'"{kind}"'.encode() for kind in kinds)
    written = 0
    with reading(engine) as connection:
        mark = _read_mark(connection, organisation, name)
        end = _read_end(connection, organisation)
    while mark < end:
        with reading(engine) as connection:
            mark, changes = _read_on(connection, organisation, mark, marks)
        renewed = renew(changes)
        written += renewed or 0
        if renewed is not None or mark >= end:
            _keep_mark(engine, organisation, name, mark)
    return written


def _read_on(
    connection: Connection, organisation: str, mark: int, marks: tuple[bytes, ...]
) -> tuple[int, list[Change]]:
    """Return how far the log was read, and the changes of the sets that are worth reading."""
    where = (_LOG.c.organisation == organisation, _LOG.c.position > mark)
    statement = select(_LOG.c.position, _LOG.c.sealed).where(*where).order_by(_LOG.c.position).limit(ENTRIES_AT_ONCE)
    changes: list[Change] = []
    for row in connection.execute(statement):
        mark = row.position
        line = bytes(row.sealed)
        if any(kind in line for kind in marks):
            changes += read_logged(line).changes
    return mark, changes


def _read_mark(connection: Connection, organisation: str, name: str) -> int:
    where = (_MARKS.c.organisation == organisation, _MARKS.c.name == name)
    return connection.execute(select(_MARKS.c.position).where(*where)).scalar() or 0


def _read_end(connection: Connection, organisation: str) -> int:
    where = _ORGANISATIONS.c.organisation == organisation
    return connection.execute(select(_ORGANISATIONS.c.position).where(where)).scalar() or 0


def _keep_mark(engine: Engine, organisation: str, name: str, mark: int) -> None:
    def work(connection: Connection) -> None:
        bulk.upsert(connection, _MARKS, [(organisation, name, mark)])

    transact(engine, work, is_repeatable=True)
