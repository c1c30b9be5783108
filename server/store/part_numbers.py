"""Numbers of parts as they are spelled, found by what people type; and where parts that bear them are in stock."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

from server.store.bulk import fetch

SPELLED_MOST: Final = 50
"""Different parts or batches of one number, as it is searched, that are told apart."""

_NAMED: Final = text("SELECT fact FROM part_spans WHERE organisation = :o AND machine = :machine")
_SPELLINGS: Final = text(
    "SELECT DISTINCT serial FROM part_spans WHERE organisation = :o AND serial_folded = :folded LIMIT :most"
)
LIKE_MOST: Final = 2000
"""Numbers that are compared with one that may be mistyped."""

AFTER_ALL: Final = "\U0010ffff"
"""Sorts behind every text that begins alike."""

_LIKE: Final = text(
    "SELECT DISTINCT serial FROM part_spans WHERE organisation = :o AND serial_folded >= :low AND serial_folded < :high"
    " LIMIT :most"
)
_STOCKED: Final = text(
    # Spelled so that SQLite does not go through all balances with a serial number.
    "SELECT serial FROM stock WHERE organisation = :o AND part = :part AND length(serial) > 0 AND quantity > 0"
    " LIMIT :most"
)
_LOT_OF: Final = (
    "WITH known AS MATERIALIZED (SELECT b.id, b.number FROM (SELECT w.value AS id FROM {linked} UNION SELECT t.id"
    " FROM catalogue_terms t WHERE t.organisation = :o AND t.kind = 'batch' AND t.term = :term) w"
    " CROSS JOIN stock_batches b WHERE b.organisation = :o AND b.id = w.id),"
    " spelled AS (SELECT w.value AS number FROM {numbers} UNION SELECT number FROM known)"
    " SELECT k.place, k.part, k.batch, k.serial, k.quantity FROM spelled w CROSS JOIN {stock} AS k"
    # The last condition is that of the index, which has only balances with such a number.
    " WHERE k.organisation = :o AND k.batch = w.number AND k.batch <> ''"
    " UNION ALL SELECT '', id, number, '', 0 FROM known"
)
_STOCK_OF_LOT: Final = (
    "LATERAL (SELECT * FROM stock s WHERE s.organisation = :o AND s.batch = w.number AND s.batch <> '' OFFSET 0)"
)
_LOT: Final = {
    "sqlite": text(_LOT_OF.format(linked="json_each(:linked) w", numbers="json_each(:numbers) w", stock="stock")),
    "postgresql": text(
        _LOT_OF.format(
            linked="unnest(CAST(:linked AS text[])) AS w(value)",
            numbers="unnest(CAST(:numbers AS text[])) AS w(value)",
            stock=_STOCK_OF_LOT,
        )
    ),
}
"""Records of batches by their ids or by what they are called, and the stock by the numbers given and theirs."""

_BATCH: Final = text("SELECT 1 FROM part_spans WHERE organisation = :o AND batch_folded = :folded LIMIT 1")


@dataclass(frozen=True, slots=True)
class Balance:
    """So many of a part, batch and serial number at a van or centre; a number that there is not is empty."""

    place: str
    part: str
    batch: str
    serial: str
    quantity: int


def find_named(connection: Connection, organisation: str, machine: str) -> list[str]:
    """Return the facts that name a span of a machine, or named one that is no more."""
    # Asked for each fact but once, SQLite would go through the facts of all machines, in whose order they come.
    return sorted(set(connection.execute(_NAMED, {"o": organisation, "machine": machine}).scalars()))


def find_spellings(connection: Connection, organisation: str, folded: str) -> list[str]:
    """Return the serial numbers that are searched alike, also those that no longer count."""
    facts = {"o": organisation, "folded": folded, "most": SPELLED_MOST}
    return list(connection.execute(_SPELLINGS, facts).scalars())


def find_like(connection: Connection, organisation: str, beginning: str) -> set[str]:
    """Return some serial numbers of the trace that begin as a folded one does."""
    facts = {"o": organisation, "low": beginning, "high": beginning + AFTER_ALL, "most": LIKE_MOST}
    return set(connection.execute(_LIKE, facts).scalars())


def find_stocked(connection: Connection, organisation: str, parts: Iterable[str]) -> list[str]:
    """Return serial numbers of some parts of the catalogue that are in a van or centre."""
    facts = ({"o": organisation, "part": part, "most": LIKE_MOST} for part in parts)
    found = {serial for fact in facts for serial in connection.execute(_STOCKED, fact).scalars()}
    return sorted(found)


def is_batch_known(connection: Connection, organisation: str, folded: str) -> bool:
    """Tell whether the trace knows a batch whose number is searched alike."""
    return connection.execute(_BATCH, {"o": organisation, "folded": folded}).first() is not None


def find_lot(
    connection: Connection, organisation: str, term: str, numbers: Iterable[str], linked: Iterable[str]
) -> tuple[list[Balance], list[str]]:
    """Return what is of a batch in vans and centres, and its records: those that are `linked` or called by a term.

    Stock is that of the `numbers` and of those that the records give, byte by byte.
    """
    dialect = connection.dialect.name
    given = {"numbers": sorted({number for number in numbers if number}), "linked": sorted(set(linked))}
    facts: dict[str, Any] = {"o": organisation, "term": term}
    facts |= {name: json.dumps(values) if dialect == "sqlite" else values for name, values in given.items()}
    rows = fetch(connection, _LOT[dialect], facts)
    stock = sorted(row for row in rows if row[0])
    return [Balance(*row) for row in stock], sorted(row[1] for row in rows if not row[0])


def find_balances(connection: Connection, organisation: str, by: str, numbers: Iterable[str]) -> list[Balance]:
    """Return what is in vans and centres of some numbers, byte by byte; `by` is ``batch`` or ``serial``."""
    assert by in ("batch", "serial")
    wanted = sorted({number for number in numbers if number})
    is_sqlite = connection.dialect.name == "sqlite"
    given = "json_each(:wanted) w" if is_sqlite else "unnest(CAST(:wanted AS text[])) AS w(value)"
    # The second condition is that of the index, which has only balances with such a number.
    statement = text(
        f"SELECT k.place, k.part, k.batch, k.serial, k.quantity FROM {given} CROSS JOIN stock k"  # noqa: S608
        f" WHERE k.organisation = :o AND k.{by} = w.value AND k.{by} <> '' ORDER BY k.place, k.part, k.batch, k.serial"
    )
    facts: dict[str, Any] = {"o": organisation, "wanted": json.dumps(wanted) if is_sqlite else wanted}
    return [Balance(*row) for row in connection.execute(statement, facts)]
