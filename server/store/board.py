"""Reading the lists of the office: orders, what follows an order, conflicts and exceptions."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Table, select, text, tuple_, update

from server.store import json_text
from server.store.projections import words_of_order
from server.store.tables import BoardRow, Link, RecordRow, ReviewRow

_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]
_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]
_LINKS: Table = Link.__table__  # type: ignore[assignment]
_REVIEWS: Table = ReviewRow.__table__  # type: ignore[assignment]

_FOLLOWERS: Final = text(
    # CROSS JOIN tells SQLite where to begin: of its own it would read all there are of the kind.
    "SELECT r.body FROM links l CROSS JOIN records r WHERE l.organisation = :o AND l.parent = :parent"
    " AND r.organisation = l.organisation AND r.id = l.id AND r.kind = :kind AND NOT r.deleted ORDER BY l.id"
)
_NEWEST_FOLLOWER: Final = text(f"{_FOLLOWERS} DESC LIMIT 1")

_COLUMNS = ("id", "number", "status", "grade", "engineer", "customer", "machine", "due_at")


def list_rows(
    connection: Connection, organisation: str, status: str | None, after: tuple[str, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Return up to `limit` rows of the board, by (number, id), beginning behind the pair `after`.

    Two orders may have one number when somebody mistyped it; the id keeps a page's end unambiguous.
    """
    statement = select(*(_BOARD.c[name] for name in _COLUMNS)).where(_BOARD.c.organisation == organisation)
    if status is not None:
        statement = statement.where(_BOARD.c.status == status)
    if after is not None:
        statement = statement.where(tuple_(_BOARD.c.number, _BOARD.c.id) > tuple_(*after))
    rows = connection.execute(statement.order_by(_BOARD.c.number, _BOARD.c.id).limit(limit))
    return [dict(row._mapping) for row in rows]


def find_by_number(connection: Connection, organisation: str, number: str) -> str | None:
    """Return the id of the order with that number, or None."""
    where = (_BOARD.c.organisation == organisation, _BOARD.c.number == number)
    return connection.execute(select(_BOARD.c.id).where(*where)).scalar()


def list_followers(connection: Connection, organisation: str, record_id: str, limit: int) -> list[str]:
    """Return the ids of up to `limit` records that follow a record, oldest id first."""
    where = (_LINKS.c.organisation == organisation, _LINKS.c.parent == record_id)
    return list(connection.execute(select(_LINKS.c.id).where(*where).order_by(_LINKS.c.id).limit(limit)).scalars())


def list_followers_of_kind(
    connection: Connection, organisation: str, record_id: str, kind: str
) -> list[dict[str, Any]]:
    """Return the values of the records of a kind that follow a record, oldest id first."""
    given = {"o": organisation, "parent": record_id, "kind": kind}
    return [json_text.load(body) for body in connection.execute(_FOLLOWERS, given).scalars()]


def find_newest_follower(connection: Connection, organisation: str, record_id: str, kind: str) -> dict[str, Any] | None:
    """Return the values of the newest record of a kind that follows a record, or None."""
    given = {"o": organisation, "parent": record_id, "kind": kind}
    body = connection.execute(_NEWEST_FOLLOWER, given).scalar()
    return None if body is None else json_text.load(body)


def list_reviews(
    connection: Connection,
    organisation: str,
    state: str,
    kind: str | None,
    after: tuple[int, str] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Return up to `limit` conflicts and exceptions, oldest first, beginning behind the pair `after`."""
    table = _REVIEWS.c
    columns = (table.id, table.kind, table.state, table.subject, table.field, table.opened)
    statement = select(*columns).where(table.organisation == organisation, table.state == state)
    if kind is not None:
        statement = statement.where(table.kind == kind)
    if after is not None:
        statement = statement.where(tuple_(table.opened, table.id) > tuple_(*after))
    rows = connection.execute(statement.order_by(table.opened, table.id).limit(limit))
    return [dict(row._mapping) for row in rows]


def fill_words(connection: Connection) -> None:
    """Write by what every order is found, into a board that was made without it."""
    orders = select(_RECORDS.c.organisation, _RECORDS.c.id, _RECORDS.c.body).where(_RECORDS.c.kind == "work_order")
    for row in connection.execute(orders).all():
        where = (_BOARD.c.organisation == row.organisation, _BOARD.c.id == row.id)
        connection.execute(update(_BOARD).where(*where).values(words=words_of_order(json_text.load(row.body))))
