"""Who looked at what: rows that are written once and deleted when their time is over; nothing changes one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, insert, select

from server.store.tables import JournalEntry

_TABLE: Table = JournalEntry.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry; ids are UUIDv7, so that their order is that of time."""

    organisation: str
    id: str
    at: str
    person: str
    act: str
    kind: str
    subject: str
    detail: str
    address: str


_NAMES: Final = tuple(field.name for field in fields(Entry))


@dataclass(frozen=True, slots=True)
class Search:
    """What to look for; empty is anything. `since` and `before` are ids, or the beginnings of such."""

    person: str = ""
    subject: str = ""
    act: str = ""
    since: str = ""
    before: str = ""


def append_entries(connection: Connection, entries: Sequence[Entry]) -> None:
    """Write entries."""
    if entries:
        values: list[dict[str, Any]] = [dict(zip(_NAMES, astuple(entry), strict=True)) for entry in entries]
        connection.execute(insert(_TABLE), values)


def search_entries(connection: Connection, organisation: str, search: Search, most: int) -> list[Entry]:
    """Return up to `most` entries, newest first."""
    where = [_TABLE.c.organisation == organisation]
    where += [_TABLE.c[name] == value for name in ("person", "subject", "act") if (value := getattr(search, name))]
    if search.since:
        where.append(_TABLE.c.id >= search.since)
    if search.before:
        where.append(_TABLE.c.id < search.before)
    columns = (_TABLE.c[name] for name in _NAMES)
    rows = connection.execute(select(*columns).where(*where).order_by(_TABLE.c.id.desc()).limit(most))
    return [Entry(*row) for row in rows]


def delete_before(connection: Connection, organisation: str, entry: str) -> int:
    """Delete an organisation's entries that come before an id, or the beginning of one; return how many."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.id < entry)
    return connection.execute(delete(_TABLE).where(*where)).rowcount
