"""Numbers of parts as they are spelled, found by what people type; and where parts that bear them are in stock."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

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
