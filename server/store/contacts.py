"""Rows of contacts: when each device last called, what it told, how far it came, and what it was last refused.

Several processes hear the same device, and write what they heard late and in any order; so each group of columns
has a time of its own, and an older one never replaces a newer.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from typing import Any, Final

from sqlalchemy import Connection, text

GROUPS: Final = {
    "contacted_at": (),
    "synced_at": ("position",),
    "failed_at": ("problem",),
    "told_at": (
        "waiting_sets",
        "oldest_at",
        "waiting_files",
        "waiting_bytes",
        "offset_ms",
        "free_bytes",
        "schema_version",
        "client",
    ),
}
"""The time of each group of columns, and the columns it is the time of."""


@dataclass(frozen=True, slots=True)
class ContactRow:
    """What was heard of a device; None is what was not heard."""

    organisation: str
    device: str
    contacted_at: str
    synced_at: str | None = None
    position: int | None = None
    failed_at: str | None = None
    problem: str | None = None
    told_at: str | None = None
    waiting_sets: int | None = None
    oldest_at: str | None = None
    waiting_files: int | None = None
    waiting_bytes: int | None = None
    offset_ms: int | None = None
    free_bytes: int | None = None
    schema_version: int | None = None
    client: str | None = None


_NAMES: Final = tuple(field.name for field in fields(ContactRow))


def _spell_replacement() -> str:
    sets = []
    for at, columns in GROUPS.items():
        is_newer = f"excluded.{at} >= COALESCE(contacts.{at}, '')"
        sets += [
            f"{name} = CASE WHEN {is_newer} THEN excluded.{name} ELSE contacts.{name} END" for name in (*columns, at)
        ]
    return ", ".join(sets)


_UPSERT = text(
    f"INSERT INTO contacts ({', '.join(_NAMES)}) VALUES ({', '.join(f':{name}' for name in _NAMES)})"  # noqa: S608
    f" ON CONFLICT (organisation, device) DO UPDATE SET {_spell_replacement()}"
)


def write_contacts(connection: Connection, rows: Iterable[ContactRow]) -> None:
    """Write what was heard; at most one row for each device."""
    # In one order, so that two processes never wait for each other in a circle.
    found = sorted(rows, key=lambda row: (row.organisation, row.device))
    if found:
        values: list[dict[str, Any]] = [dict(zip(_NAMES, astuple(row), strict=True)) for row in found]
        connection.execute(_UPSERT, values)
