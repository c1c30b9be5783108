"""The fleet: each device with its person, when it was last heard of, what waits on it, and why it may be silent."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row

from schemas.base import UUID_PATTERN
from schemas.fleet import Reason
from schemas.problems import Refused
from server.clock import spell_instant
from server.domain.fleet import Fare, find_reasons
from server.store import fleet, records, wipes
from server.store.wipes import KnownWipe

PAGE_DEVICES_MAX: Final = 500
"""About 400 KB of JSON."""

ASIDE_MAX: Final = 20

_TOLD: Final = ("contacted_at", "synced_at", "failed_at", "problem", "told_at", "waiting_sets", "oldest_at")
_TOLD_FILES: Final = ("waiting_files", "waiting_bytes", "offset_ms", "free_bytes", "schema_version", "client")
_AFTER: Final = re.compile(rf"([01])~([0-9TZ:.-]{{0,24}})~({UUID_PATTERN[:-2]})\Z")


@dataclass(frozen=True, slots=True)
class FleetDevice:
    """One device: its row for the page, and why it may be silent."""

    row: dict[str, Any]
    reasons: list[Reason]
    put_aside: int = 0
    """change-sets of which nothing took effect, and which are kept"""
    wipe: KnownWipe | None = None
    enrolled_at: str | None = None


@dataclass(frozen=True, slots=True)
class FleetPage:
    """Some devices; `after` asks for the next page, None on the last."""

    devices: list[FleetDevice]
    after: str | None


def list_fleet(connection: Connection, organisation: str, after: str | None, limit: int, now_ms: int) -> FleetPage:
    """Return up to `limit` devices, those first that were silent longest, revoked ones last.

    Raises Refused with `value_invalid` for an unreadable `after`.
    """
    rows = fleet.list_devices(connection, organisation, _read_after(after), limit + 1)
    more, rows = len(rows) > limit, rows[:limit]
    found = _describe(connection, organisation, rows, now_ms)
    return FleetPage(found, "~".join(map(str, fleet.rank_of(rows[-1]))) if more else None)


def find_fleet_device(connection: Connection, organisation: str, device: str, now_ms: int) -> FleetDevice:
    """Return one device. Raises Refused with `not_found`."""
    row = fleet.read_device(connection, organisation, device)
    if row is None:
        raise Refused("not_found", what=device)
    return _describe(connection, organisation, [row], now_ms)[0]


def list_put_aside(connection: Connection, organisation: str, device: str) -> list[tuple[str, str]]:
    """Return why and when the newest sets of a device were put aside."""
    return fleet.list_kept_aside(connection, organisation, device, ASIDE_MAX)


def _describe(connection: Connection, organisation: str, rows: Sequence[Row[Any]], now_ms: int) -> list[FleetDevice]:
    ids = [row.device for row in rows]
    held = fleet.count_held(connection, organisation, ids) if ids else {}
    aside = fleet.count_kept_aside(connection, organisation, ids) if ids else {}
    uploads = fleet.count_uploads(connection, organisation, ids, spell_instant(now_ms)) if ids else {}
    wiped = wipes.list_wipes(connection, organisation, ids) if ids else {}
    bodies = records.bodies_of(connection, organisation, {*ids, *(row.person for row in rows)})

    def describe(row: Row[Any]) -> FleetDevice:
        person, device = (bodies.get(found, ("", {}))[1] for found in (row.person, row.device))
        told = {name: getattr(row, name) for name in (*_TOLD, *_TOLD_FILES)}
        known = {
            "device": row.device,
            "name": device.get("name"),
            "person": row.person,
            "person_name": person.get("name"),
            "person_name_en": person.get("name_en"),
            "state": "frozen" if row.frozen and row.state == "active" else row.state,
            "behind": row.behind,
            "held_sets": held.get(row.device, 0),
            "open_uploads": uploads.get(row.device, (0, 0))[0],
            "open_upload_bytes": uploads.get(row.device, (0, 0))[1],
            **told,
        }
        reasons = find_reasons(_fare_of(row, held.get(row.device, 0)), now_ms)
        return FleetDevice(known, reasons, aside.get(row.device, 0), wiped.get(row.device), device.get("enrolled_at"))

    return [describe(row) for row in rows]


def _fare_of(row: Row[Any], held_sets: int) -> Fare:
    return Fare(
        state=row.state,
        is_frozen=row.frozen,
        next_seq=row.seq + 1,
        held_sets=held_sets,
        contacted_at=row.contacted_at,
        synced_at=row.synced_at,
        failed_at=row.failed_at,
        problem=row.problem,
        waiting_sets=row.waiting_sets,
        oldest_at=row.oldest_at,
        waiting_files=row.waiting_files,
        offset_ms=row.offset_ms,
        free_bytes=row.free_bytes,
        schema_version=row.schema_version,
    )


def _read_after(after: str | None) -> fleet.Rank:
    if after is None:
        return fleet.FIRST
    read = _AFTER.match(after)
    if read is None:
        raise Refused("value_invalid", field="after", detail="not the 'after' of a page")
    return int(read[1]), read[2], read[3]
