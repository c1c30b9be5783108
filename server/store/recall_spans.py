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
    "FROM part_spans s LEFT JOIN machine_serials m ON m.organisation = s.organisation AND m.id = s.machine"
    " WHERE s.organisation = :organisation AND s.known_until IS NULL AND s.withdrawn IS NULL"
)


def list_fittings(
    connection: Connection, organisation: str, part: str, gtin: str | None, extents: Iterable[Extent]
) -> list[tuple[Any, ...]]:
    """Return the spans of one part that some extents of it may cover, in the order of `domain.recall.Fitting`."""
    given: dict[str, Any] = {"organisation": organisation, "part": part}
    asked = list(dict.fromkeys(_spell(extent, number, given) for number, extent in enumerate(extents)))
    where = "" if "" in asked or not asked else f" AND ({' OR '.join(asked)})"
    found = _select(connection, "s.part = :part", where, given)
    if gtin:
        found += _select(connection, "s.part IS NULL AND s.maker = :gtin", where, given | {"gtin": gtin})
    return found


def _select(connection: Connection, which: str, where: str, given: dict[str, Any]) -> list[tuple[Any, ...]]:
    # Conditions and names of parameters alone are put together here; every value is bound.
    statement = text(f"SELECT {_COLUMNS} {_FROM} AND {which}{where}")
    return fetch(connection, statement, given)


def _spell(extent: Extent, number: int, given: dict[str, Any]) -> str:
    """Return the condition of what an extent may cover, empty for all of the part; its values go into `given`."""
    asked = []
    if extent.batch is not None:
        given[f"batch{number}"] = fold(extent.batch)
        asked.append(f"(s.batch_folded IS NULL OR s.batch_folded = :batch{number})")
    if extent.first is not None and extent.last is not None and fault_of_range(extent.first, extent.last) is None:
        given |= {f"first{number}": fold(extent.first), f"last{number}": fold(extent.last)}
        asked.append(f"(s.serial_folded IS NULL OR s.serial_folded BETWEEN :first{number} AND :last{number})")
    return f"({' AND '.join(asked)})" if asked else ""
