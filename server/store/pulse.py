"""Whether the database takes writes, and how far its time has come."""

from __future__ import annotations

import os
from typing import Final

from sqlalchemy import Connection, text

_TRY: Final = text("INSERT INTO contacts (organisation, device, contacted_at) VALUES ('-', :device, '-')")
_NEWEST: Final = text(
    "SELECT max(l.received_at) FROM organisations o"
    " JOIN log l ON l.organisation = o.organisation AND l.position = o.position"
)


def try_writing(connection: Connection) -> None:
    """Write a row that the caller undoes; each process has one of its own, so that none waits for another."""
    connection.execute(_TRY, {"device": str(os.getpid())})


def newest_instant(connection: Connection) -> str | None:
    """Return when the newest entry of any organisation's log came, None when there is none."""
    found: str | None = connection.execute(_NEWEST).scalar()
    return found
