"""The balances of vans and centres, counted from the moves as they come, so that reading them adds nothing up.

Rule 1: what counts is what is seen of a move: the server's, and those made here on top.
Rule 2: a balance of zero has no row; one below zero stays to be seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import apsw

from schemas.stock import StockKey, balance_changes

MOVE: Final = "stock_move"

_ADD: Final = (
    "INSERT INTO stock VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (place, part, batch, serial) DO UPDATE SET quantity = quantity + excluded.quantity"
)
_READ: Final = "SELECT place, part, batch, serial, quantity FROM stock WHERE place = ?"


def count_moves(db: apsw.Connection, moves: Iterable[Mapping[str, Any]], times: int) -> None:
    """Count moves `times` times: 1 when they come, -1 when they go."""
    changes = [(key, times * by) for move in moves if move for key, by in balance_changes(move)]
    db.executemany(_ADD, [(key.place, key.part, key.batch, key.serial, by) for key, by in changes])
    if changes:
        db.execute("DELETE FROM stock WHERE quantity = 0")


def read_balances(db: apsw.Connection, place: str) -> list[tuple[StockKey, int]]:
    """Return what is at a place, in no order."""
    return [(StockKey(*row[:4]), row[4]) for row in db.execute(_READ, (place,))]


def read_balance(db: apsw.Connection, place: str, part: str) -> list[tuple[StockKey, int]]:
    """Return what is at a place of one part, by batch and serial number."""
    rows = db.execute(f"{_READ} AND part = ? ORDER BY batch, serial", (place, part))
    return [(StockKey(*row[:4]), row[4]) for row in rows]
