"""What is left of a lot on vans and shelves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, text

_LEFT: Final = text(
    "SELECT place, part, sum(quantity) AS quantity FROM stock WHERE organisation = :o AND batch = :batch"
    " GROUP BY place, part ORDER BY place, part"
)


def list_lot_stock(connection: Connection, organisation: str, batch: str, parts: Sequence[str]) -> list[dict[str, Any]]:
    """Return {place, part, quantity} for each van and shelf with parts of a batch number; of `parts` alone if given."""
    rows = connection.execute(_LEFT, {"o": organisation, "batch": batch}).all()
    return [
        {"place": row.place, "part": row.part, "quantity": int(row.quantity)}
        for row in rows
        if not parts or row.part in parts
    ]
