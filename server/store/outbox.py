"""The table of what goes out: mails and webhooks, each written with what it tells of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, func, insert, select, update

from server.store.request_tables import OutboxRow

_TABLE: Table = OutboxRow.__table__  # type: ignore[assignment]
_GOING = _TABLE.c.state.in_(("waiting", "sending"))


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One mail or webhook; `lane` is ``mail`` or ``webhook``, `thread` the request it is about.

    `turn` is the log position of what it tells of.
    """

    id: str
    lane: str
    recipient: str
    subject: str
    content: str
    thread: str | None
    turn: int = 0
    state: str = "waiting"
    tries: int = 0


def put(connection: Connection, organisation: str, outgoing: Outgoing, now: str) -> None:
    """Let something go out."""
    values = {name: getattr(outgoing, name) for name in Outgoing.__slots__}
    connection.execute(insert(_TABLE).values(organisation=organisation, due_at=now, created_at=now, **values))


def list_due(connection: Connection, organisation: str, now: str, limit: int) -> list[Outgoing]:
    """Return what is due, the longest due first; what was being sent is due again after a while."""
    columns = (_TABLE.c[name] for name in Outgoing.__slots__)
    where = (_TABLE.c.organisation == organisation, _GOING, _TABLE.c.due_at <= now)
    rows = connection.execute(select(*columns).where(*where).order_by(_TABLE.c.due_at, _TABLE.c.turn).limit(limit))
    return [Outgoing(**row._mapping) for row in rows]


def list_thread(connection: Connection, organisation: str, thread: str) -> list[dict[str, Any]]:
    """Return what went out about a request, the oldest first."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.thread == thread)
    rows = connection.execute(select(_TABLE).where(*where).order_by(_TABLE.c.turn, _TABLE.c.id))
    return [dict(row._mapping) for row in rows]


def find(connection: Connection, organisation: str, outgoing: str) -> dict[str, Any] | None:
    """Return one row, None when there is none."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.id == outgoing)
    row = connection.execute(select(_TABLE).where(*where)).first()
    return dict(row._mapping) if row else None


def count_to(connection: Connection, organisation: str, recipient: str, since: str) -> int:
    """Return how much went to somebody since a moment."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.recipient == recipient, _TABLE.c.created_at >= since)
    return connection.execute(select(func.count()).select_from(_TABLE).where(*where)).scalar() or 0


def begin(connection: Connection, organisation: str, outgoing: Outgoing, due_at: str) -> None:
    """Note that something is being handed over; it is due again at a moment unless it is settled before."""
    _set(connection, organisation, outgoing.id, state="sending", tries=outgoing.tries + 1, due_at=due_at)


def put_off(connection: Connection, organisation: str, outgoing: str, due_at: str, problem: str) -> None:
    """Note that something did not go out and is tried again at a moment."""
    _set(connection, organisation, outgoing, state="waiting", due_at=due_at, problem=problem[:300])


def settle(
    connection: Connection, organisation: str, outgoing: str, state: str, now: str, problem: str | None = None
) -> None:
    """Note that something has gone out (``sent``), or never will (``failed``)."""
    told = problem[:300] if problem else None
    _set(connection, organisation, outgoing, state=state, settled_at=now, problem=told)


def _set(connection: Connection, organisation: str, outgoing: str, **values: Any) -> None:
    where = (_TABLE.c.organisation == organisation, _TABLE.c.id == outgoing)
    connection.execute(update(_TABLE).where(*where).values(**values))
