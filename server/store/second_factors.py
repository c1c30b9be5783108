"""Code generators and recovery codes as stored: secrets enciphered, codes as hashes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, delete, func, insert, select, update

from server.store.tables import RecoveryCode, SecondFactor

_FACTORS: Table = SecondFactor.__table__  # type: ignore[assignment]
_CODES: Table = RecoveryCode.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class KnownFactor:
    """A person's code generator; until `confirmed_at` is set nobody is asked for its codes."""

    sealed: str
    last_step: int
    confirmed_at: str | None


def find_factor(connection: Connection, organisation: str, person: str) -> KnownFactor | None:
    """Return a person's code generator, or None."""
    columns = (_FACTORS.c.sealed, _FACTORS.c.last_step, _FACTORS.c.confirmed_at)
    row = connection.execute(select(*columns).where(*_of(_FACTORS, organisation, person))).first()
    return KnownFactor(*row) if row else None


def list_confirmed(connection: Connection, organisation: str) -> dict[str, str]:
    """Return who has a confirmed code generator: person -> since when."""
    where = (_FACTORS.c.organisation == organisation, _FACTORS.c.confirmed_at.is_not(None))
    rows = connection.execute(select(_FACTORS.c.person, _FACTORS.c.confirmed_at).where(*where))
    return {row.person: row.confirmed_at for row in rows}


def begin_factor(connection: Connection, organisation: str, person: str, sealed: str) -> None:
    """Store a code generator that has yet to be confirmed, in place of another such."""
    connection.execute(delete(_FACTORS).where(*_of(_FACTORS, organisation, person)))
    row = {"organisation": organisation, "person": person, "sealed": sealed, "last_step": 0, "confirmed_at": None}
    connection.execute(insert(_FACTORS), row)


def claim_step(connection: Connection, organisation: str, person: str, step: int) -> bool:
    """Take the code of a time step; return False when this or a later one was taken before."""
    where = (*_of(_FACTORS, organisation, person), _FACTORS.c.last_step < step)
    return connection.execute(update(_FACTORS).where(*where).values(last_step=step)).rowcount == 1


def confirm_factor(connection: Connection, organisation: str, person: str, confirmed_at: str) -> None:
    """Let a code generator count."""
    where = _of(_FACTORS, organisation, person)
    connection.execute(update(_FACTORS).where(*where).values(confirmed_at=confirmed_at))


def delete_factor(connection: Connection, organisation: str, person: str) -> bool:
    """Delete a person's code generator and recovery codes; return whether there was one."""
    connection.execute(delete(_CODES).where(*_of(_CODES, organisation, person)))
    return connection.execute(delete(_FACTORS).where(*_of(_FACTORS, organisation, person))).rowcount == 1


def replace_codes(connection: Connection, organisation: str, person: str, hashes: Iterable[str]) -> None:
    """Store recovery codes in place of those a person had."""
    connection.execute(delete(_CODES).where(*_of(_CODES, organisation, person)))
    rows = [{"organisation": organisation, "person": person, "code_hash": code} for code in hashes]
    connection.execute(insert(_CODES), rows)


def claim_code(connection: Connection, organisation: str, person: str, code_hash: str) -> bool:
    """Use a recovery code up; return whether there was one."""
    where = (*_of(_CODES, organisation, person), _CODES.c.code_hash == code_hash)
    return connection.execute(delete(_CODES).where(*where)).rowcount == 1


def count_codes(connection: Connection, organisation: str, person: str) -> int:
    """Return how many recovery codes a person has left."""
    statement = select(func.count()).select_from(_CODES).where(*_of(_CODES, organisation, person))
    return int(connection.execute(statement).scalar_one())


def _of(table: Table, organisation: str, person: str) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return table.c.organisation == organisation, table.c.person == person
