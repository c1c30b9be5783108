"""Reading the facts of parts put in and taken out, and the log entries they came by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, select

from server.domain.trace import Fact, Span, spans_of_group
from server.store.bulk import select_among
from server.store.fact_book import FACT_COLUMNS, FactBook
from server.store.part_numbers import find_named, find_spellings
from server.store.span_rows import SpanRow
from server.store.tables import Link, LogEntry, TraceFact

_TRACE: Table = TraceFact.__table__  # type: ignore[assignment]
_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_LINKS: Table = Link.__table__  # type: ignore[assignment]

POSITIONS_MAX: Final = 1000
"""Log entries asked for in one statement; both databases take several thousand parameters at most."""


@dataclass(frozen=True, slots=True)
class LoggedSet:
    """An entry of the log: the sealed bytes and when they were received."""

    position: int
    sealed: bytes
    received_at: str


def read_facts(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, Fact]:
    """Return facts of fitting, removing and withdrawing, by their ids."""
    rows = select_among(connection, _TRACE, FACT_COLUMNS, "id", organisation, set(ids))
    return {row.id: Fact(*row) for row in rows}


def find_facts(connection: Connection, organisation: str, folded: str) -> list[Fact]:
    """Return the facts of all parts whose serial number is searched alike, also those that no longer count."""
    serials = find_spellings(connection, organisation, folded)
    rows = select_among(connection, _TRACE, FACT_COLUMNS, "serial", organisation, serials)
    return [Fact(*row) for row in rows]


def find_facts_in(connection: Connection, organisation: str, machine: str) -> list[Fact]:
    """Return the facts of all parts that are or were in a machine, also those that no longer count."""
    named = read_facts(connection, organisation, find_named(connection, organisation, machine))
    groups = {fact.group for fact in named.values()}
    book = FactBook(connection, organisation)
    book.load_groups(groups)
    found = {fact.id: fact for group in groups for fact in book.facts_of(group) if fact.machine == machine}
    return list(found.values())


def find_facts_about(connection: Connection, organisation: str, ids: Iterable[str]) -> list[Fact]:
    """Return the facts that withdraw some facts or stand in for them."""
    rows = select_among(connection, _TRACE, FACT_COLUMNS, "subject", organisation, set(ids))
    return [Fact(*row) for row in rows]


def read_spans(
    connection: Connection, organisation: str, rows: Sequence[SpanRow], known_at: int | None = None
) -> list[Span]:
    """Return spans with the facts they stand on, in the same order; `known_at` as the rows were asked for."""
    named = {name for row in rows for name in (row.fact, row.removal, row.withdrawn) if name}
    facts = read_facts(connection, organisation, named)
    again = _read_repetitions(connection, organisation, [row for row in rows if row.again], facts, known_at)
    return [
        Span(
            facts[row.fitted] if row.fitted else None,
            facts[row.removal] if row.removal else None,
            again.get(row.fact, ()),
            row.elsewhere,
            facts[row.withdrawn] if row.withdrawn else None,
        )
        for row in rows
    ]


def _read_repetitions(
    connection: Connection, organisation: str, rows: Sequence[SpanRow], facts: Mapping[str, Fact], known_at: int | None
) -> dict[str, tuple[Fact, ...]]:
    """Return the further facts of fitting a part where it already was, by the fact that names its span."""
    groups = {facts[row.fact].group for row in rows}
    book = FactBook(connection, organisation)
    book.load_groups(groups)
    told = (span for group in groups for span in spans_of_group(group, book.facts_of(group), known_at))
    return {span.fact.id: span.again for span in told}


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
