"""Reading all that is known of devices, a page at a time: the longest silent come first, the revoked last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, text

# The rank of a device, spelled as the query orders by it.
_RANK: Final = "CASE WHEN d.state = 'revoked' THEN 1 ELSE 0 END, COALESCE(c.contacted_at, ''), d.device"
_COLUMNS: Final = (
    "SELECT d.device, d.person, d.state, d.frozen, d.seq, o.position - c.position AS behind,"
    " c.contacted_at,"
    " c.synced_at, c.failed_at, c.problem, c.told_at, c.waiting_sets, c.oldest_at, c.waiting_files, c.waiting_bytes,"
    " c.offset_ms, c.free_bytes, c.schema_version, c.client"
    " FROM devices d JOIN organisations o ON o.organisation = d.organisation"
    " LEFT JOIN contacts c ON c.organisation = d.organisation AND c.device = d.device"
    " WHERE d.organisation = :organisation AND d.device <> o.office_device"
)
PAGE: Final = f"{_COLUMNS} AND ({_RANK}) > (:revoked, :contacted_at, :device) ORDER BY {_RANK} LIMIT :most"
_ONE: Final = text(f"{_COLUMNS} AND d.device = :device")
_ASIDE: Final = text(
    "SELECT code, received_at FROM kept_aside WHERE organisation = :organisation AND device = :device"
    " ORDER BY received_at DESC LIMIT :most"
)
_COUNT_ASIDE: Final = text(
    "SELECT device, count(*) AS sets FROM kept_aside"
    " WHERE organisation = :organisation AND device IN :devices GROUP BY device"
).bindparams(bindparam("devices", expanding=True))
_HELD: Final = text(
    "SELECT device, count(*) AS sets FROM held"
    " WHERE organisation = :organisation AND device IN :devices GROUP BY device"
).bindparams(bindparam("devices", expanding=True))
_UPLOADS: Final = text(
    "SELECT device, count(*) AS uploads, sum(size_bytes) AS bytes FROM uploads WHERE organisation = :organisation"
    " AND device IN :devices AND finished_at IS NULL AND expires_at > :now GROUP BY device"
).bindparams(bindparam("devices", expanding=True))

Rank = tuple[int, str, str]
"""Whether revoked (1), when last heard of (empty if never), device."""

FIRST: Final[Rank] = (-1, "", "")


def list_devices(connection: Connection, organisation: str, after: Rank, most: int) -> Sequence[Row[Any]]:
    """Return up to `most` devices that come after a rank, with what was heard of them."""
    revoked, contacted_at, device = after
    place = {"revoked": revoked, "contacted_at": contacted_at, "device": device}
    return connection.execute(text(PAGE), {"organisation": organisation, "most": most, **place}).all()


def count_silent(connection: Connection, organisation: str, since: str) -> int:
    """Return how many devices in service have not been heard of since a moment."""
    statement = text(
        "SELECT count(*) FROM devices d JOIN organisations o ON o.organisation = d.organisation"
        " LEFT JOIN contacts c ON c.organisation = d.organisation AND c.device = d.device"
        " WHERE d.organisation = :organisation AND d.device <> o.office_device AND d.state <> 'revoked'"
        " AND COALESCE(c.contacted_at, '') < :since"
    )
    return int(connection.execute(statement, {"organisation": organisation, "since": since}).scalar_one())


def read_device(connection: Connection, organisation: str, device: str) -> Row[Any] | None:
    """Return one device as `list_devices` does, or None."""
    return connection.execute(_ONE, {"organisation": organisation, "device": device}).first()


def list_kept_aside(connection: Connection, organisation: str, device: str, most: int) -> list[tuple[str, str]]:
    """Return why and when sets of a device were put aside, newest first."""
    found = connection.execute(_ASIDE, {"organisation": organisation, "device": device, "most": most})
    return [(row.code, row.received_at) for row in found]


def count_kept_aside(connection: Connection, organisation: str, devices: Sequence[str]) -> dict[str, int]:
    """Return how many sets of each device were put aside."""
    rows = connection.execute(_COUNT_ASIDE, {"organisation": organisation, "devices": list(devices)})
    return {row.device: row.sets for row in rows}


def rank_of(row: Row[Any]) -> Rank:
    """Return the rank of a device that was listed."""
    return int(row.state == "revoked"), row.contacted_at or "", row.device


def count_held(connection: Connection, organisation: str, devices: Sequence[str]) -> dict[str, int]:
    """Return how many sets of each device wait for an earlier one."""
    rows = connection.execute(_HELD, {"organisation": organisation, "devices": list(devices)})
    return {row.device: row.sets for row in rows}


def count_uploads(
    connection: Connection, organisation: str, devices: Sequence[str], now: str
) -> dict[str, tuple[int, int]]:
    """Return how many uploads each device has begun and not ended, and the sizes of their files."""
    rows = connection.execute(_UPLOADS, {"organisation": organisation, "devices": list(devices), "now": now})
    return {row.device: (row.uploads, int(row.bytes)) for row in rows}
