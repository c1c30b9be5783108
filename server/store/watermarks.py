"""How far something that follows a log, or a mailbox, has come."""

from __future__ import annotations

from sqlalchemy import Connection, Table, select, update

from server.store import bulk
from server.store.tables import Organisation, Watermark

_MARKS: Table = Watermark.__table__  # type: ignore[assignment]
_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]


def read_mark(connection: Connection, organisation: str, name: str) -> int | None:
    """Return how far it has come, None when it has not begun."""
    where = (_MARKS.c.organisation == organisation, _MARKS.c.name == name)
    return connection.execute(select(_MARKS.c.position).where(*where)).scalar()


def keep_mark(connection: Connection, organisation: str, name: str, position: int) -> None:
    """Note how far it has come."""
    bulk.upsert(connection, _MARKS, [(organisation, name, position)])


def move_mark(connection: Connection, organisation: str, name: str, mark: int, position: int) -> bool:
    """Note that it has come from `mark` to `position`; tells whether it still was at `mark`."""
    where = (_MARKS.c.organisation == organisation, _MARKS.c.name == name, _MARKS.c.position == mark)
    return connection.execute(update(_MARKS).where(*where).values(position=position)).rowcount == 1


def read_end(connection: Connection, organisation: str) -> int:
    """Return the end of an organisation's log."""
    where = _ORGANISATIONS.c.organisation == organisation
    return connection.execute(select(_ORGANISATIONS.c.position).where(where)).scalar() or 0
