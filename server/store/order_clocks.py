"""Reading the running clocks of orders from the board, and which orders have any."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, case, func, select, tuple_

from schemas.lifecycle import ENDED_STATES
from server.store.bulk import select_among
from server.store.tables import BoardRow, Link, RecordRow

_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]
_LINKS: Table = Link.__table__  # type: ignore[assignment]
_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]
_NAMES_A_TERM: Final = '"sla_term_id":"'
_COLUMNS = ("id", "number", "grade", "next_clock", "next_due_at", "paused_by")


def list_due(
    connection: Connection, organisation: str, before: str, after: tuple[str, str] | None, limit: int
) -> list[Row[Any]]:
    """Return up to `limit` orders whose next limit is before an instant, soonest first.

    They begin behind the pair `after` of (next_due_at, id).
    """
    board = _BOARD.c
    statement = select(*(board[name] for name in _COLUMNS))
    statement = statement.where(board.organisation == organisation, board.next_due_at < before)
    if after is not None:
        statement = statement.where(tuple_(board.next_due_at, board.id) > tuple_(*after))
    return list(connection.execute(statement.order_by(board.next_due_at, board.id).limit(limit)))


def count_due(connection: Connection, organisation: str, now: str, soon: str) -> tuple[int, int]:
    """Return how many orders have a limit before `now`, and how many between then and `soon`."""
    board = _BOARD.c
    is_over = case((board.next_due_at < now, 1), else_=0)
    statement = select(func.count(), func.sum(is_over))
    row = connection.execute(statement.where(board.organisation == organisation, board.next_due_at < soon)).one()
    over = int(row[1] or 0)
    return over, int(row[0]) - over


def clocks_among(connection: Connection, organisation: str, ids: Iterable[str]) -> list[Row[Any]]:
    """Return the clocks of some orders."""
    return list(select_among(connection, _BOARD, _COLUMNS, "id", organisation, set(ids)))


def list_open_orders(connection: Connection, organisation: str) -> list[Row[Any]]:
    """Return id, customer and machine of every order that has not ended."""
    columns = (_BOARD.c.id, _BOARD.c.customer, _BOARD.c.machine)
    where = (_BOARD.c.organisation == organisation, _BOARD.c.status.not_in(ENDED_STATES))
    return list(connection.execute(select(*columns).where(*where)))


def find_paused(connection: Connection, organisation: str, orders: Iterable[str]) -> set[str]:
    """Return those among some orders that were ever paused."""
    followers = select_among(connection, _LINKS, ("parent", "id"), "parent", organisation, set(orders))
    kinds = select_among(connection, _RECORDS, ("id", "kind"), "id", organisation, {row.id for row in followers})
    pauses = {row.id for row in kinds if row.kind == "clock_pause"}
    return {row.parent for row in followers if row.id in pauses}


def find_timed(connection: Connection, organisation: str, orders: Iterable[str]) -> set[str]:
    """Return those among some orders that name a term of their own, or were ever paused."""
    wanted = set(orders)
    rows = select_among(connection, _RECORDS, ("id", "body"), "id", organisation, wanted)
    return {row.id for row in rows if _NAMES_A_TERM in row.body} | find_paused(connection, organisation, wanted)
