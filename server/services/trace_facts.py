"""Reading the facts of parts put in and taken out, and the log entries they came by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, select

from server.domain.trace import Act
from server.store.bulk import select_among
from server.store.tables import Link, LogEntry, TraceFact

_TRACE: Table = TraceFact.__table__  # type: ignore[assignment]
_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_LINKS: Table = Link.__table__  # type: ignore[assignment]

POSITIONS_MAX: Final = 1000
"""Log entries asked for in one statement; both databases take several thousand parameters at most."""


@dataclass(frozen=True, slots=True)
class FactRow:
    """A fact as it is found; the record of the same id has the rest."""

    id: str
    act: Act
    maker: str
    serial: str | None
    machine: str
    order: str
    at: str
    position: int
    subject: str | None


@dataclass(frozen=True, slots=True)
class LoggedSet:
    """An entry of the log: the sealed bytes and when they were received."""

    position: int
    sealed: bytes
    received_at: str


def find_facts(connection: Connection, organisation: str, by: str, values: Iterable[str]) -> list[FactRow]:
    """Return the facts whose column `by` is among `values`: serial_folded, batch_folded or machine."""
    columns = tuple(FactRow.__dataclass_fields__)
    return [FactRow(*row) for row in select_among(connection, _TRACE, columns, by, organisation, set(values))]


def read_log(connection: Connection, organisation: str, positions: Iterable[int]) -> dict[int, LoggedSet]:
    """Return the log entries at some positions."""
    wanted = sorted(set(positions))
    found: dict[int, LoggedSet] = {}
    for start in range(0, len(wanted), POSITIONS_MAX):
        part = wanted[start : start + POSITIONS_MAX]
        where = (_LOG.c.organisation == organisation, _LOG.c.position.in_(part))
        for row in connection.execute(select(_LOG.c.position, _LOG.c.sealed, _LOG.c.received_at).where(*where)):
            found[row.position] = LoggedSet(row.position, bytes(row.sealed), row.received_at)
    return found


def find_followers(connection: Connection, organisation: str, parents: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids of the records that follow each of some records, oldest id first."""
    found: dict[str, list[str]] = {}
    rows = select_among(connection, _LINKS, ("parent", "id"), "parent", organisation, set(parents))
    for row in sorted(rows, key=lambda row: str(row.id)):
        found.setdefault(row.parent, []).append(row.id)
    return found
