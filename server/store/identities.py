"""Whose the subjects of OpenID providers are."""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, insert, select

from server.store.tables import Identity

_TABLE: Table = Identity.__table__  # type: ignore[assignment]


def find_person(connection: Connection, organisation: str, issuer: str, subject: str) -> str | None:
    """Return whose a subject is, or None."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.issuer == issuer, _TABLE.c.subject == subject)
    found: str | None = connection.execute(select(_TABLE.c.person).where(*where)).scalar()
    return found


def link_person(
    connection: Connection, organisation: str, issuer: str, subject: str, person: str, linked_at: str
) -> None:
    """Write down whose a subject is."""
    row = (organisation, issuer, subject, person, linked_at)
    connection.execute(insert(_TABLE), dict(zip(_TABLE.c.keys(), row, strict=True)))


def list_identities(connection: Connection, organisation: str) -> dict[str, list[str]]:
    """Return by which issuers each person of an organisation signs in."""
    statement = select(_TABLE.c.person, _TABLE.c.issuer).where(_TABLE.c.organisation == organisation)
    found: dict[str, list[str]] = {}
    for person, issuer in connection.execute(statement.order_by(_TABLE.c.issuer)):
        found.setdefault(person, []).append(issuer)
    return found


def delete_of_person(connection: Connection, organisation: str, person: str) -> int:
    """Forget a person's identities; return how many there were."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.person == person)
    return connection.execute(delete(_TABLE).where(*where)).rowcount
