"""One-time enrolment codes: only their hashes are stored."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, insert, select, update

from server.store.tables import Enrolment

_TABLE: Table = Enrolment.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class IssuedCode:
    """A code as stored; `device` and `public_key` are set by its first use."""

    organisation: str
    code_hash: str
    person: str
    expires_at: str
    device: str | None
    public_key: str | None


def store_code(connection: Connection, code: IssuedCode) -> None:
    """Store a code that was issued."""
    row = (code.organisation, code.code_hash, code.person, code.expires_at, code.device, code.public_key)
    connection.execute(insert(_TABLE), dict(zip(_TABLE.c.keys(), row, strict=True)))


def find_code(connection: Connection, code_hash: str) -> IssuedCode | None:
    """Return the code with that hash, of any organisation, or None."""
    row = connection.execute(select(_TABLE).where(_TABLE.c.code_hash == code_hash)).first()
    return IssuedCode(*row) if row else None


def list_codes(connection: Connection, organisation: str, most: int) -> list[IssuedCode]:
    """Return the newest codes of an organisation, used or not."""
    statement = select(_TABLE).where(_TABLE.c.organisation == organisation).order_by(_TABLE.c.expires_at.desc())
    return [IssuedCode(*row) for row in connection.execute(statement.limit(most))]


def claim_code(connection: Connection, code: IssuedCode, device: str, public_key: str) -> bool:
    """Bind an unused code to a device and its key; return False when somebody else was first."""
    where = (
        _TABLE.c.organisation == code.organisation,
        _TABLE.c.code_hash == code.code_hash,
        _TABLE.c.device.is_(None),
    )
    done = connection.execute(update(_TABLE).where(*where).values(device=device, public_key=public_key))
    return done.rowcount == 1


def delete_all_unused_before(connection: Connection, expires_at: str) -> int:
    """Delete the codes of all organisations that expired before a moment without being used; return how many."""
    where = (_TABLE.c.device.is_(None), _TABLE.c.expires_at < expires_at)
    return connection.execute(delete(_TABLE).where(*where)).rowcount


def delete_unused_before(connection: Connection, organisation: str, expires_at: str) -> None:
    """Delete an organisation's codes that expired before a moment without being used."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.device.is_(None), _TABLE.c.expires_at < expires_at)
    connection.execute(delete(_TABLE).where(*where))
