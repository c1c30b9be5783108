"""Who is signed in at the office: rows that can be ended, whoever else has a copy of the cookie."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from server.store.tables import SignInSession

_TABLE: Table = SignInSession.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class KnownSession:
    """A session: whose, how he showed who he is, and when he last did, in seconds since 1970."""

    person: str
    method: str
    proved_at: int


def insert_session(connection: Connection, organisation: str, digest: str, found: KnownSession, ends_at: int) -> None:
    """Sign somebody in until `ends_at`, in seconds since 1970."""
    row = {"organisation": organisation, "digest": digest, "person": found.person, "ends_at": ends_at}
    connection.execute(insert(_TABLE), {**row, "method": found.method, "proved_at": found.proved_at})


def find_session(connection: Connection, organisation: str, digest: str, now: int) -> KnownSession | None:
    """Return a session as it stands at `now`, or None when there is none or it has ended."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.digest == digest, _TABLE.c.ends_at > now)
    row = connection.execute(select(_TABLE.c.person, _TABLE.c.method, _TABLE.c.proved_at).where(*where)).first()
    return KnownSession(*row) if row else None


def renew_proof(connection: Connection, organisation: str, digest: str, method: str, now: int) -> None:
    """Write down that whoever is signed in has just shown again who he is."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.digest == digest)
    connection.execute(update(_TABLE).where(*where).values(method=method, proved_at=now))


def delete_session(connection: Connection, organisation: str, digest: str) -> None:
    """End a session."""
    connection.execute(delete(_TABLE).where(_TABLE.c.organisation == organisation, _TABLE.c.digest == digest))


def delete_of_person(connection: Connection, organisation: str, person: str, but_digest: str = "") -> int:
    """End a person's sessions, all but one if it is named; return how many."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.person == person, _TABLE.c.digest != but_digest)
    return connection.execute(delete(_TABLE).where(*where)).rowcount


def count_sessions(connection: Connection, organisation: str, now: int) -> dict[str, int]:
    """Return how many sessions each person of an organisation has at `now`."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.ends_at > now)
    rows = connection.execute(select(_TABLE.c.person, func.count()).where(*where).group_by(_TABLE.c.person))
    return {person: int(count) for person, count in rows}


def delete_ended(connection: Connection, organisation: str, now: int) -> None:
    """Delete an organisation's sessions that have ended."""
    connection.execute(delete(_TABLE).where(_TABLE.c.organisation == organisation, _TABLE.c.ends_at <= now))
