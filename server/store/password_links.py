"""Links by which people set their passwords: only the hashes of their secrets are stored."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, insert, select

from server.store.tables import PasswordLink

_TABLE: Table = PasswordLink.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class IssuedLink:
    """A link as stored."""

    organisation: str
    token_hash: str
    person: str
    login: str
    expires_at: str


def store_link(connection: Connection, link: IssuedLink) -> None:
    """Store a link in place of any other of the same person."""
    delete_links(connection, link.organisation, link.person)
    row = (link.organisation, link.token_hash, link.person, link.login, link.expires_at)
    connection.execute(insert(_TABLE), dict(zip(_TABLE.c.keys(), row, strict=True)))


def find_link(connection: Connection, token_hash: str, now: str) -> IssuedLink | None:
    """Return the link with that hash, of any organisation, or None when there is none at `now`."""
    where = (_TABLE.c.token_hash == token_hash, _TABLE.c.expires_at > now)
    row = connection.execute(select(_TABLE).where(*where)).first()
    return IssuedLink(*row) if row else None


def list_links(connection: Connection, organisation: str, now: str) -> dict[str, IssuedLink]:
    """Return an organisation's links that are open at `now`, by person."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.expires_at > now)
    return {row.person: IssuedLink(*row) for row in connection.execute(select(_TABLE).where(*where))}


def delete_links(connection: Connection, organisation: str, person: str) -> int:
    """Delete the links of a person; return how many there were."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.person == person)
    return connection.execute(delete(_TABLE).where(*where)).rowcount


def delete_expired(connection: Connection, now: str) -> int:
    """Delete the links of all organisations that nobody used in time; return how many."""
    return connection.execute(delete(_TABLE).where(_TABLE.c.expires_at <= now)).rowcount
