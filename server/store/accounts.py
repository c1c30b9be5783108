"""Who may sign in at the office, and with which password."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, insert, select

from server.store.tables import Account

_TABLE: Table = Account.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account as stored."""

    organisation: str
    person: str
    login: str
    password_hash: str


def find_by_login(connection: Connection, login: str) -> KnownAccount | None:
    """Return the account of a login, of any organisation, or None."""
    row = connection.execute(select(_TABLE).where(_TABLE.c.login == login)).first()
    return KnownAccount(*row) if row else None


def find_by_person(connection: Connection, organisation: str, person: str) -> KnownAccount | None:
    """Return the account of a person, or None."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.person == person)
    row = connection.execute(select(_TABLE).where(*where)).first()
    return KnownAccount(*row) if row else None


def replace_account(connection: Connection, account: KnownAccount) -> None:
    """Store an account in place of whatever account the person had.

    Raises sqlalchemy.exc.IntegrityError when another person has the login.
    """
    where = (_TABLE.c.organisation == account.organisation, _TABLE.c.person == account.person)
    connection.execute(delete(_TABLE).where(*where))
    row = (account.organisation, account.person, account.login, account.password_hash)
    connection.execute(insert(_TABLE), dict(zip(_TABLE.c.keys(), row, strict=True)))
