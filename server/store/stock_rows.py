"""The rows of moves, batches, levels, counts and fittings: written as their records come in."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Table

from server.domain.stock import place_of
from server.domain.trace import comparable
from server.store.bulk import delete_keys, upsert
from server.store.stock_tables import BatchRow, CountRow, FittingRow, LevelRow, MoveRow
from server.store.stored_record import Record

_MOVES: Table = MoveRow.__table__  # type: ignore[assignment]
_BATCHES: Table = BatchRow.__table__  # type: ignore[assignment]
_LEVELS: Table = LevelRow.__table__  # type: ignore[assignment]
_COUNTS: Table = CountRow.__table__  # type: ignore[assignment]
_FITTINGS: Table = FittingRow.__table__  # type: ignore[assignment]

_KEPT: Final = {"batch": _BATCHES, "stock_level": _LEVELS}

Row = tuple[Any, ...]


def write(connection: Connection, organisation: str, records: Iterable[Record]) -> None:
    """Write the rows of what a transaction changed."""
    rows: dict[Table, list[Row]] = {_MOVES: [], _BATCHES: [], _LEVELS: [], _COUNTS: [], _FITTINGS: []}
    gone: dict[Table, list[Row]] = {_BATCHES: [], _LEVELS: []}
    for record in records:
        if record.kind == "stock_move":
            rows[_MOVES].append(_move_row(organisation, record))
        elif record.kind == "part_fitted" and record.body.get("part_id"):
            rows[_FITTINGS].append(_fitting_row(organisation, record))
        elif record.kind == "stock_count":
            rows[_COUNTS] += _count_rows(organisation, record)
        elif record.kind in _KEPT and record.deleted:
            gone[_KEPT[record.kind]].append((organisation, record.id))
        elif record.kind == "batch":
            rows[_BATCHES].append(_batch_row(organisation, record))
        elif record.kind == "stock_level":
            rows[_LEVELS].append(_level_row(organisation, record))
    for table, wanted in rows.items():
        upsert(connection, table, wanted)
    for table, keys in gone.items():
        delete_keys(connection, table, keys)


def _move_row(organisation: str, record: Record) -> Row:
    body = record.body
    return (
        organisation,
        record.id,
        record.stamps[""][0],
        comparable(body["moved_at"]),
        body["part_id"],
        body.get("batch") or "",
        body.get("serial") or "",
        place_of(body, "from"),
        place_of(body, "to"),
        body["quantity"],
        body.get("reverses_id"),
    )


def _fitting_row(organisation: str, record: Record) -> Row:
    body = record.body
    return (organisation, record.id, body["part_id"], body["machine_id"], comparable(body["fitted_at"]))


def _batch_row(organisation: str, record: Record) -> Row:
    body = record.body
    is_certified = bool(body.get("certificate") or body.get("certificate_sha256"))
    expiry = (body.get("expires_on"), body.get("recalled_on"))
    return (organisation, record.id, body["part_id"], body["number"], *expiry, is_certified)


def _level_row(organisation: str, record: Record) -> Row:
    body = record.body
    place = body.get("van_id") or body.get("centre_id") or ""
    return (organisation, record.id, place, body["part_id"], body.get("minimum") or 0, body.get("standard") or 0)


def _count_rows(organisation: str, record: Record) -> list[Row]:
    """Return a row for each line; of two lines about the same, which no page writes, the last stands."""
    place = record.body.get("van_id") or record.body.get("centre_id") or ""
    rows: dict[Row, Row] = {}
    for line in record.body.get("lines") or ():
        key = (organisation, record.id, line["part_id"], line.get("batch") or "", line.get("serial") or "")
        at = comparable(line["counted_at"])
        rows[key] = (*key, place, at, record.stamps[""][0], line["counted"])
    return list(rows.values())
