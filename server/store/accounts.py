"""Who may sign in at the office, and with which password."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from server.store.tables import Account

_TABLE: Table = Account.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class KnownAccount:
    """An account as stored. An empty hash is no password."""

    organisation: str
    person: str
    login: str
    password_hash: str
    disabled_at: str | None = None


def find_by_login(connection: Connection, login: str) -> KnownAccount | None:
    """Return the account of a login, of any organisation, or None."""
    row = connection.execute(select(_TABLE).where(_TABLE.c.login == login)).first()
    return KnownAccount(*row) if row else None


def list_by_folded_login(connection: Connection, organisation: str, login: str) -> list[KnownAccount]:
    """Return an organisation's accounts whose login is this one but for capital letters (ASCII)."""
    where = (_TABLE.c.organisation == organisation, func.lower(_TABLE.c.login) == login.lower())
    return [KnownAccount(*row) for row in connection.execute(select(_TABLE).where(*where))]


def find_by_person(connection: Connection, organisation: str, person: str) -> KnownAccount | None:
    """Return the account of a person, or None."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.person == person)
    row = connection.execute(select(_TABLE).where(*where)).first()
    return KnownAccount(*row) if row else None


def list_accounts(connection: Connection, organisation: str) -> dict[str, KnownAccount]:
    """Return the accounts of an organisation by person."""
    rows = connection.execute(select(_TABLE).where(_TABLE.c.organisation == organisation))
    return {row.person: KnownAccount(*row) for row in rows}


def replace_account(connection: Connection, account: KnownAccount) -> None:
    """Store an account in place of whatever account the person had.

    Raises sqlalchemy.exc.IntegrityError when another person has the login.
    """
    where = (_TABLE.c.organisation == account.organisation, _TABLE.c.person == account.person)
    connection.execute(delete(_TABLE).where(*where))
    row = (account.organisation, account.person, account.login, account.password_hash, account.disabled_at)
    connection.execute(insert(_TABLE), dict(zip(_TABLE.c.keys(), row, strict=True)))


def set_disabled(connection: Connection, organisation: str, person: str, disabled_at: str | None) -> bool:
    """Let an account sign nobody in from a moment on, or again with None; return whether there is one."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.person == person)
    return connection.execute(update(_TABLE).where(*where).values(disabled_at=disabled_at)).rowcount == 1
