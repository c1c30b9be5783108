"""Reading the list of requests and what belongs to it; the links by which customers follow them; mails taken in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, func, insert, or_, select, tuple_

from server.store.bulk import select_among
from server.store.request_tables import FollowLink, MailTaken, RequestRow

_BOARD: Table = RequestRow.__table__  # type: ignore[assignment]
_LINKS: Table = FollowLink.__table__  # type: ignore[assignment]
_MAILS: Table = MailTaken.__table__  # type: ignore[assignment]


def list_rows(
    connection: Connection, organisation: str, state: str | None, before: tuple[str, str] | None, limit: int
) -> list[dict[str, Any]]:
    """Return up to `limit` requests, the newest first, beginning behind the pair `before` of (reported_at, id)."""
    statement = select(_BOARD).where(_BOARD.c.organisation == organisation)
    if state is not None:
        statement = statement.where(_BOARD.c.state == state)
    if before is not None:
        statement = statement.where(tuple_(_BOARD.c.reported_at, _BOARD.c.id) < tuple_(*before))
    rows = connection.execute(statement.order_by(_BOARD.c.reported_at.desc(), _BOARD.c.id.desc()).limit(limit))
    return [dict(row._mapping) for row in rows]


def count_open(connection: Connection, organisation: str) -> int:
    """Return how many requests wait for somebody."""
    where = (_BOARD.c.organisation == organisation, _BOARD.c.state == "received")
    return connection.execute(select(func.count()).select_from(_BOARD).where(*where)).scalar() or 0


def find_alike(
    connection: Connection, organisation: str, keys: dict[str, str | None], since: str, limit: int
) -> list[str]:
    """Return the ids of the newest requests that share one of `keys`, which wait or were told after `since`."""
    shared = [_BOARD.c[name] == value for name, value in keys.items() if value]
    if not shared:
        return []
    recent = or_(_BOARD.c.state == "received", _BOARD.c.reported_at >= since)
    statement = select(_BOARD.c.id).where(_BOARD.c.organisation == organisation, recent, or_(*shared))
    return list(connection.execute(statement.order_by(_BOARD.c.reported_at.desc()).limit(limit)).scalars())


def find_by_number(connection: Connection, organisation: str, number: str) -> str | None:
    """Return the id of the request with that number, or None."""
    where = (_BOARD.c.organisation == organisation, _BOARD.c.number == number)
    return connection.execute(select(_BOARD.c.id).where(*where)).scalar()


def find_of_orders(connection: Connection, organisation: str, orders: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids of the requests that each of some orders is for, the oldest first."""
    found: dict[str, list[str]] = {}
    rows = select_among(connection, _BOARD, ("order", "id", "received"), "order", organisation, set(orders))
    for row in sorted(rows, key=lambda row: (row.received, row.id)):
        found.setdefault(row.order, []).append(row.id)
    return found


def list_numbers(connection: Connection, organisation: str, start: str) -> Iterator[str]:
    """Yield the numbers that begin with `start`, longest first and then last first."""
    number = _BOARD.c.number
    where = (_BOARD.c.organisation == organisation, number.startswith(start, autoescape=True))
    statement = select(number).where(*where).order_by(func.length(number).desc(), number.desc())
    yield from connection.execute(statement).scalars()


def keep_link(connection: Connection, organisation: str, request: str, digest: str) -> None:
    """Let whoever holds what `digest` is of follow a request."""
    connection.execute(insert(_LINKS).values(organisation=organisation, request=request, digest=digest))


def find_link(connection: Connection, digest: str) -> tuple[str, str] | None:
    """Return organisation and request that a link leads to, or None."""
    row = connection.execute(select(_LINKS.c.organisation, _LINKS.c.request).where(_LINKS.c.digest == digest)).first()
    return (row.organisation, row.request) if row else None


def find_mail(connection: Connection, organisation: str, digest: str) -> tuple[str | None, str] | None:
    """Return the request and the outcome of a mail that was taken in, None when it was not."""
    where = (_MAILS.c.organisation == organisation, _MAILS.c.digest == digest)
    row = connection.execute(select(_MAILS.c.request, _MAILS.c.outcome).where(*where)).first()
    return (row.request, row.outcome) if row else None


def keep_mail(
    connection: Connection,
    organisation: str,
    digest: str,
    request: str | None,
    outcome: str,
    message_id: str | None,
    now: str,
) -> None:
    """Note that a mail was taken in."""
    values = {"organisation": organisation, "digest": digest, "request": request, "outcome": outcome}
    connection.execute(insert(_MAILS).values(**values, message_id=message_id, taken_at=now))


def list_message_ids(connection: Connection, organisation: str, request: str) -> list[str]:
    """Return the Message-IDs of the customer's mails about a request, the oldest first."""
    where = (_MAILS.c.organisation == organisation, _MAILS.c.request == request, _MAILS.c.message_id.is_not(None))
    return list(connection.execute(select(_MAILS.c.message_id).where(*where).order_by(_MAILS.c.taken_at)).scalars())
