"""Reading where the parts that recalls name are and were: from the spans of the trace, with whose the machines are.

A part is found by its record in the catalogue, or, where a fact names none, by its GTIN. What is fetched of it is all
that a recall may cover; whether it does, `schemas.recall` says.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, text

from schemas.recall import Extent
from schemas.serials import fault_of_range, fold
from server.store.bulk import fetch

_COLUMNS: Final = (
    "s.fact, s.machine, CAST(:part AS varchar(36)), s.batch, s.serial, s.begins_at, s.ends_at, s.removal, s.quantity,"
    " COALESCE(m.customer, ''), COALESCE(m.site, '')"
)
_FROM: Final = (
    "FROM part_spans s{told} LEFT JOIN machine_serials m ON m.organisation = s.organisation AND m.id = s.machine"
    " WHERE s.organisation = :organisation AND s.known_until IS NULL AND s.withdrawn IS NULL"
)
_EVERYTHING: Final = ""


def list_fittings(
    connection: Connection, organisation: str, part: str, gtin: str | None, extents: Iterable[Extent]
) -> list[tuple[Any, ...]]:
    """Return the spans of one part that some extents of it may cover, in the order of `domain.recall.Fitting`."""
    given: dict[str, Any] = {"organisation": organisation, "part": part}
    ways = list(dict.fromkeys(way for number, one in enumerate(extents) for way in _spell(one, number, given)))
    if not ways or _EVERYTHING in ways:
        ways = [_EVERYTHING]
    found = _select(connection, "spans_by_part", "s.part = :part", ways, given)
    if gtin:
        by_gtin = "s.part IS NULL AND s.maker = :gtin"
        found += _select(connection, "spans_by_maker", by_gtin, ways, given | {"gtin": gtin})
    # What is asked for by batch and by serial number is found twice.
    return found if len(ways) == 1 else list({row[0]: row for row in found}.values())


def _select(
    connection: Connection, index: str, which: str, ways: Iterable[str], given: dict[str, Any]
) -> list[tuple[Any, ...]]:
    """Return what is found of a part, by an index of which each way is a range."""
    # Without statistics SQLite would take whatever index it likes.
    told = f" INDEXED BY {index}" if connection.dialect.name == "sqlite" else ""
    found: list[tuple[Any, ...]] = []
    for way in ways:
        # Conditions and names of parameters alone are put together here; every value is bound.
        statement = text(f"SELECT {_COLUMNS} {_FROM.format(told=told)} AND {which}{way}")
        found += fetch(connection, statement, given)
    return found


def _spell(extent: Extent, number: int, given: dict[str, Any]) -> list[str]:
    """Return the conditions of what an extent may cover, empty for all of the part; their values go into `given`."""
    ways = [_EVERYTHING]
    if extent.batch is not None:
        given[f"batch{number}"] = fold(extent.batch)
        ways = [" AND s.batch_folded IS NULL", f" AND s.batch_folded = :batch{number}"]
    if extent.first is not None and extent.last is not None and fault_of_range(extent.first, extent.last) is None:
        given |= {f"first{number}": fold(extent.first), f"last{number}": fold(extent.last)}
        asked = ["s.serial_folded IS NULL", f"s.serial_folded BETWEEN :first{number} AND :last{number}"]
        ways = [f"{way} AND {serials}" for way in ways for serials in asked]
    return ways
