"""Where the parts that recalls name are and were fitted, and whose the machines are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from schemas.recall import Extent
from server.domain.recall import Fitting
from server.store import records
from server.store.recall_spans import list_fittings


def find_fittings(connection: Connection, organisation: str, by_part: Mapping[str, Sequence[Extent]]) -> list[Fitting]:
    """Return the parts that are or were in machines and that extents may cover; withdrawn facts do not count."""
    bodies = records.bodies_of(connection, organisation, by_part)
    found: list[Fitting] = []
    for part, extents in by_part.items():
        gtin = bodies[part][1].get("gtin") if part in bodies else None
        found += map(Fitting._make, list_fittings(connection, organisation, part, gtin, extents))
    return found
