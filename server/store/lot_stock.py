"""The moves of a serial number, and what is left of a lot on vans and shelves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, text

from server.store.bulk import select_among
from server.store.stock_tables import MoveRow

_MOVES: Table = MoveRow.__table__  # type: ignore[assignment]

_LEFT: Final = text(
    "SELECT place, part, sum(quantity) AS quantity FROM stock"
    " WHERE organisation = :o AND batch = :batch AND batch <> '' GROUP BY place, part ORDER BY place, part"
)


def list_lot_stock(connection: Connection, organisation: str, batch: str, parts: Sequence[str]) -> list[dict[str, Any]]:
    """Return {place, part, quantity} for each van and shelf with parts of a batch number; of `parts` alone if given."""
    rows = connection.execute(_LEFT, {"o": organisation, "batch": batch}).all()
    return [
        {"place": row.place, "part": row.part, "quantity": int(row.quantity)}
        for row in rows
        if not parts or row.part in parts
    ]


def list_moves_of_serial(connection: Connection, organisation: str, serial: str) -> list[str]:
    """Return the ids of the moves of a serial number, byte by byte, and of those that reverse them."""
    found = [row.id for row in select_among(connection, _MOVES, ("id",), "serial", organisation, [serial])]
    reversing = select_among(connection, _MOVES, ("id",), "reverses", organisation, found)
    return list(dict.fromkeys([*found, *(row.id for row in reversing)]))
