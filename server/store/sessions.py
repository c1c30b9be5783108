"""Who is signed in at the office: rows that can be ended, whoever else has a copy of the cookie."""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, insert, select

from server.store.tables import SignInSession

_TABLE: Table = SignInSession.__table__  # type: ignore[assignment]


def insert_session(connection: Connection, organisation: str, digest: str, person: str, ends_at: int) -> None:
    """Sign somebody in until `ends_at`, in seconds since 1970."""
    row = {"organisation": organisation, "digest": digest, "person": person, "ends_at": ends_at}
    connection.execute(insert(_TABLE), row)


def find_person(connection: Connection, organisation: str, digest: str, now: int) -> str | None:
    """Return whose session it is at `now`, or None when there is none or it has ended."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.digest == digest, _TABLE.c.ends_at > now)
    found: str | None = connection.execute(select(_TABLE.c.person).where(*where)).scalar()
    return found


def delete_session(connection: Connection, organisation: str, digest: str) -> None:
    """End a session."""
    connection.execute(delete(_TABLE).where(_TABLE.c.organisation == organisation, _TABLE.c.digest == digest))


def delete_ended(connection: Connection, organisation: str, now: int) -> None:
    """Delete an organisation's sessions that have ended."""
    connection.execute(delete(_TABLE).where(_TABLE.c.organisation == organisation, _TABLE.c.ends_at <= now))
