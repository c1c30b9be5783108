"""Reading spans of the trace: by serial number, batch, machine or fact, today or as known at a log position.

Each look-up is one statement along one index; what it costs grows with what it finds, not with the facts there are.
What of a batch is in machines, hundreds of spans that were written in years, is read from the index alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, Final, Literal, NamedTuple

from sqlalchemy import Connection, TextClause, text

from server.store.bulk import fetch
from server.store.trace_tables import BY_BATCH

By = Literal["serial_folded", "batch_folded", "machine", "fact", "part", "maker"]
"""A maker, or GTIN, finds only what no part of the catalogue is named of."""

_COLUMNS: Final = (
    "fact", "known_from", "known_until", "maker", "serial", "batch", "part", "batch_id", "supplier", "quantity",
    "machine", "order", "begins_at", "ends_at", "removal", "removal_order", "removal_known", "withdrawn", "again",
)  # fmt: skip
_OF_REMOVAL: Final = frozenset({"ends_at", "removal", "removal_order", "removal_known"})
_INDEXES: Final[dict[By | Literal["range"], str]] = {
    "serial_folded": "spans_by_serial",
    "range": "spans_by_serial",
    "batch_folded": "spans_by_batch",
    "machine": "spans_by_machine",
    "fact": "sqlite_autoindex_part_spans_1",
    "part": "spans_by_part",
    "maker": "spans_by_maker",
}
"""SQLite keeps no statistics, and takes it that an organisation has ten rows: it is told which index to use."""

_BY_CODE_POINT: Final = frozenset({"serial_folded", "batch_folded"})
_FACT_OF: Final = itemgetter(0)
_IN_INDEX: Final = frozenset(BY_BATCH)


class SpanRow(NamedTuple):
    """One part in one machine, as known at some log position; see `PartSpan`.

    `fact` names the span: the fitting, or the removal where no fitting is known. `begins_at` is None where the part was
    there before records began, `ends_at` while it is in; both are by the server's clock. `withdrawn` names the
    withdrawal of a fact that does not count. `elsewhere`: the same part is recorded in another machine for some of
    this time.
    """

    fact: str
    known_from: int
    known_until: int | None
    maker: str
    serial: str | None
    batch: str | None
    part: str | None
    batch_id: str | None
    supplier: str | None
    quantity: int
    machine: str
    order: str
    begins_at: str | None
    ends_at: str | None
    removal: str | None
    removal_order: str | None
    removal_known: int | None
    withdrawn: str | None
    again: int
    elsewhere: bool

    @property
    def is_in(self) -> bool:
        """Whether the part is in the machine."""
        return self.ends_at is None and self.withdrawn is None

    @property
    def fitted(self) -> str | None:
        """The fact of fitting it; None where only its removal is known."""
        return None if self.fact == self.removal else self.fact


@dataclass(frozen=True, slots=True)
class Page:
    """Which spans of those found: in the order of their facts' ids, behind the one named, so many at most."""

    after: str = ""
    limit: int | None = None


def find_spans(
    connection: Connection,
    organisation: str,
    by: By,
    values: Iterable[str],
    known_at: int | None = None,
    *,
    only_in: bool = False,
    between: tuple[str, str] | None = None,
    page: Page | None = None,
) -> list[SpanRow]:
    """Return the spans whose column `by` is among `values`, as known at a log position, or today.

    `only_in` leaves out what has been removed or withdrawn; `between` what was not there at some moment from the first
    instant until before the second, both spelled to the millisecond. They come by the ids of their facts.
    """
    wanted = sorted(set(values))
    if not wanted:
        return []
    page = page or Page()
    dialect, is_one = connection.dialect.name, len(wanted) == 1
    kind = _Kind(by, known_at is not None, only_in, between is not None, is_one, bool(page.after))
    statement = _statement(dialect, kind, page.limit)
    given: Any = wanted[0] if is_one else json.dumps(wanted) if dialect == "sqlite" else wanted
    facts = {"o": organisation, "wanted": given, "after": page.after}
    facts |= {"known": known_at} if known_at is not None else {}
    facts |= {"begin": between[0], "end": between[1]} if between else {}
    return _read(connection, statement, facts)


def find_between(
    connection: Connection,
    organisation: str,
    low: str,
    high: str,
    known_at: int | None = None,
    *,
    only_in: bool = False,
    page: Page | None = None,
) -> list[SpanRow]:
    """Return, as `find_spans` does, the spans whose folded serial number is between two and as long as they are."""
    page = page or Page()
    statement = _statement(
        connection.dialect.name, _Kind("range", known_at is not None, only_in, goes_on=bool(page.after)), page.limit
    )
    facts = {"o": organisation, "low": low, "high": high, "after": page.after}
    facts |= {"known": known_at} if known_at is not None else {}
    return _read(connection, statement, facts)


def _read(connection: Connection, statement: TextClause, facts: dict[str, Any]) -> list[SpanRow]:
    # In a quarter of the time that PostgreSQL takes to put them in order.
    rows = sorted(fetch(connection, statement, facts), key=_FACT_OF)
    if connection.dialect.name != "sqlite":
        return list(map(SpanRow._make, rows))
    # SQLite tells truth by a number.
    return [SpanRow._make((*row[:-1], bool(row[-1]))) for row in rows]


class _Kind(NamedTuple):
    """What is asked for; `is_one`: by one value, whose rows come in order where the index has them in order."""

    by: By | Literal["range"]
    is_past: bool
    only_in: bool
    is_between: bool = False
    is_one: bool = False
    goes_on: bool = False


@cache
def _statement(dialect: str, kind: _Kind, limit: int | None) -> TextClause:
    by, is_past, only_in, is_between, is_one, goes_on = kind
    # What is in has no end; its batch leads to an index that has all the rest.
    is_indexed = by == "batch_folded" and only_in
    names = [name if not is_indexed or name in _IN_INDEX else "" for name in _COLUMNS]
    columns = ", ".join(_spell_column("s", name, is_past) if name else "NULL" for name in names)
    ends = _spell_column("s", "ends_at", is_past)
    given, found_by = _spell_source(dialect, by, is_one)
    conditions = ["s.organisation = :o", found_by, _is_known("s", is_past)]
    if goes_on:
        # A sign keeps SQLite from going through all facts behind that one.
        conditions.append("+s.fact > :after" if dialect == "sqlite" else "s.fact > :after")
    if only_in:
        # Each column is one of the index that is read.
        was_open = "(s.removal_known IS NULL OR s.removal_known > :known)"
        is_open = "s.removal_known IS NULL" if is_indexed else "s.ends_at IS NULL"
        conditions += [was_open if is_past else is_open, "s.withdrawn IS NULL"]
    if is_between:
        conditions += ["(s.begins_at IS NULL OR s.begins_at < :end)", f"({ends} IS NULL OR {ends} > :begin)"]
    ordered = f" ORDER BY s.fact LIMIT {int(limit)}" if limit is not None else ""
    # Names of columns and of parameters alone are put together here.
    told = f" INDEXED BY {_INDEXES[by]}" if dialect == "sqlite" else ""
    return text(
        f"SELECT {columns}, {_elsewhere(is_past, only_in)} FROM {given}part_spans s{told}"  # noqa: S608
        f" WHERE {' AND '.join(conditions)}{ordered}"
    )


def _spell_source(dialect: str, by: By | Literal["range"], is_one: bool = False) -> tuple[str, str]:
    """Return what stands before the table in the statement, and the condition by which its rows are found."""
    if by == "range":
        return "", "s.serial_folded BETWEEN :low AND :high AND length(s.serial_folded) = length(:low)"
    also = " AND s.part IS NULL" if by == "maker" else ""
    if is_one:
        return "", f's."{by}" = :wanted{also}'
    if dialect == "sqlite":
        return "json_each(:wanted) w CROSS JOIN ", f's."{by}" = w.value{also}'
    collated = ' COLLATE "C"' if by in _BY_CODE_POINT else ""
    return "unnest(CAST(:wanted AS text[])) AS w(value) CROSS JOIN ", f's."{by}" = w.value{collated}{also}'


def _spell_column(alias: str, name: str, is_past: bool) -> str:
    column = f'{alias}."{name}"'
    if is_past and name in _OF_REMOVAL:
        return f"CASE WHEN {alias}.removal_known <= :known THEN {column} END"
    return column


def _is_known(alias: str, is_past: bool) -> str:
    if not is_past:
        return f"{alias}.known_until IS NULL"
    return f"{alias}.known_from <= :known AND ({alias}.known_until IS NULL OR {alias}.known_until > :known)"


def _elsewhere(is_past: bool, is_in: bool) -> str:
    """Return the rule of `server.domain.trace` for a part in two places, as the database puts it.

    Spans that were never double are the most, and are not compared with others.
    """
    here, there = (_spell_column(alias, "ends_at", is_past) for alias in ("s", "o"))
    before_it_ends = "" if is_in else f" AND (o.begins_at IS NULL OR {here} IS NULL OR o.begins_at < {here})"
    return (
        "CASE WHEN EXISTS (SELECT 1 FROM double_spans d WHERE d.organisation = s.organisation AND d.fact = s.fact)"  # noqa: S608
        " THEN s.withdrawn IS NULL AND EXISTS (SELECT 1 FROM part_spans o"
        " WHERE o.organisation = s.organisation AND o.serial_folded = s.serial_folded AND o.serial = s.serial"
        " AND o.maker = s.maker AND o.machine <> s.machine AND o.withdrawn IS NULL"
        f" AND {_is_known('o', is_past)}{before_it_ends}"
        f" AND (s.begins_at IS NULL OR {there} IS NULL OR s.begins_at < {there})) ELSE FALSE END"
    )


_NOTE_DOUBLES: Final = """
INSERT INTO double_spans (organisation, fact)
SELECT DISTINCT s.organisation, s.fact FROM {given}part_spans s
JOIN part_spans o ON o.organisation = s.organisation AND o.serial_folded = s.serial_folded AND o.serial = s.serial
 AND o.maker = s.maker AND o.machine <> s.machine
WHERE {found_by} AND s.withdrawn IS NULL AND o.withdrawn IS NULL
 AND (s.known_until IS NULL OR s.known_until > o.known_from)
 AND (o.known_until IS NULL OR o.known_until > s.known_from)
 AND (o.begins_at IS NULL OR s.ends_at IS NULL OR o.begins_at < s.ends_at
  OR (s.removal_known > s.known_from AND s.removal_known > o.known_from))
 AND (s.begins_at IS NULL OR o.ends_at IS NULL OR s.begins_at < o.ends_at
  OR (o.removal_known > o.known_from AND o.removal_known > s.known_from))
ON CONFLICT DO NOTHING
"""
"""Two spans are most likely to be at one time at the position from which both are known: removals come later."""


def note_doubles(connection: Connection, organisation: str, serials: Iterable[str]) -> None:
    """Note the spans of parts with some folded serial numbers that were, as known once, in two machines at a time."""
    wanted = sorted(set(serials))
    if not wanted:
        return
    given, found_by = _spell_source(connection.dialect.name, "serial_folded")
    statement = text(_NOTE_DOUBLES.format(given=given, found_by=f"s.organisation = :o AND {found_by}"))
    is_sqlite = connection.dialect.name == "sqlite"
    connection.execute(statement, {"o": organisation, "wanted": json.dumps(wanted) if is_sqlite else wanted})


def note_all_doubles(connection: Connection) -> None:
    """Note the spans of every organisation that were, as known once, in two machines at a time."""
    connection.execute(text(_NOTE_DOUBLES.format(given="", found_by="s.serial_folded IS NOT NULL")))
