"""Supplier, lots, failures: what became of the parts of some lots, in a few queries however many there are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from server.domain.lot_fate import Fate, Stay, sum_up
from server.domain.trace import fold
from server.services.trace_lookup import spans_of_batches
from server.store import records
from server.store.span_rows import SpanRow

Body = Mapping[str, Any]


def read_fates(
    connection: Connection, organisation: str, lots: Mapping[str, Body], parts: Mapping[str, Body]
) -> dict[str, Fate]:
    """Return what became of the parts of some lots, by the id of the lot.

    `lots` are batch records, `parts` the parts of the catalogue that they name. The same number on a lot of another
    part is another lot: a fact counts by the lot it names, or else by its number and its part, GTIN or maker.
    """
    found = spans_of_batches(connection, organisation, {lot["number"] for lot in lots.values()}, only_in=False)
    rows = [row for row in found if row.withdrawn is None]
    removals = records.bodies_of(connection, organisation, {row.removal for row in rows if row.removal})
    by_number: dict[str, list[SpanRow]] = {}
    for row in rows:
        by_number.setdefault(fold(row.batch or ""), []).append(row)
    return {
        key: sum_up(
            _stay(row, removals)
            for row in by_number.get(fold(lot["number"]), ())
            if _is_of(row, key, lot, parts.get(lot["part_id"], {}))
        )
        for key, lot in lots.items()
    }


def _is_of(row: SpanRow, key: str, lot: Body, part: Body) -> bool:
    if row.batch_id is not None:
        return row.batch_id == key
    if row.part is not None:
        return bool(row.part == lot["part_id"])
    return row.maker in ("", part.get("gtin"), part.get("manufacturer"))


def _stay(row: SpanRow, removals: Mapping[str, tuple[str, dict[str, Any]]]) -> Stay:
    destination = removals.get(row.removal or "", ("", {}))[1].get("destination")
    return Stay(row.begins_at, row.ends_at, row.quantity, destination)
