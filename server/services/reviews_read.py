"""What the office reads of conflicts and exceptions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from schemas.problems import Refused
from server.store import board, records

PAGE_REVIEWS_MAX: Final = 200
"""More than anybody settles in a day; about 200 KB of JSON."""


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Some conflicts and exceptions with their bodies; `after` asks for the next page, None on the last."""

    reviews: list[dict[str, Any]]
    after: str | None


def list_reviews(
    connection: Connection, organisation: str, state: str, kind: str | None, after: str | None, limit: int
) -> ReviewPage:
    """Return up to `limit` conflicts and exceptions, oldest first.

    Raises Refused with `value_invalid` for an unreadable `after`.
    """
    behind = None
    if after:
        opened, _, review_id = after.partition(" ")
        if not opened.isascii() or not opened.isdigit() or len(opened) > 15:
            raise Refused("value_invalid", field="after", detail="not the 'after' of a page")
        behind = (int(opened), review_id)
    rows = board.list_reviews(connection, organisation, state, kind, behind, limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    bodies = records.bodies_of(connection, organisation, [row["id"] for row in rows])
    reviews = [{**row, "body": bodies[row["id"]][1]} for row in rows if row["id"] in bodies]
    return ReviewPage(reviews, f"{rows[-1]['opened']} {rows[-1]['id']}" if more else None)
