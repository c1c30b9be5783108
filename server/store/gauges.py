"""Numbers that tell how the whole server fares, each found without reading what grows with history.

Conflicts, held sets and missing files are counted along indexes of what is open; devices are counted one by one,
since there are never many; sets kept aside are counted up to KEPT_ASIDE_MAX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, text

KEPT_ASIDE_MAX: Final = 10_000
"""Counting stops there: they are looked at long before, and a hostile device could make any number."""

# CROSS JOIN, so that SQLite goes from each organisation into the index of what is open, and never the other way.
REVIEWS: Final = (
    "SELECT r.kind, count(*) AS open, min(r.opened) AS oldest, r.organisation"
    " FROM organisations o CROSS JOIN reviews r"
    " WHERE r.organisation = o.organisation AND r.state = 'open' GROUP BY r.organisation, r.kind"
)
MISSING_FILES: Final = (
    "SELECT count(*) AS files, COALESCE(sum(b.size_bytes), 0) AS bytes, min(b.position) AS oldest, b.organisation"
    " FROM organisations o CROSS JOIN blobs b"
    " WHERE b.organisation = o.organisation AND b.state = 'expected' GROUP BY b.organisation"
)
RECEIVED_AT: Final = "SELECT received_at FROM log WHERE organisation = :organisation AND position = :position"
LOG_ENTRIES: Final = "SELECT COALESCE(sum(position), 0) FROM organisations"
HELD: Final = "SELECT count(*) AS sets, min(received_at) AS oldest FROM held"
KEPT_ASIDE: Final = "SELECT count(*) FROM (SELECT 1 FROM kept_aside LIMIT :most) AS kept"
UPLOADS: Final = (
    "SELECT count(*) AS uploads, COALESCE(sum(size_bytes), 0) AS bytes FROM uploads"
    " WHERE finished_at IS NULL AND expires_at > :now"
)
DEVICES: Final = (
    "SELECT count(*) AS devices, d.state, d.frozen,"
    " sum(CASE WHEN c.contacted_at IS NULL THEN 1 ELSE 0 END) AS never,"
    " sum(CASE WHEN c.contacted_at < :hour THEN 1 ELSE 0 END) AS hour,"
    " sum(CASE WHEN c.contacted_at < :day THEN 1 ELSE 0 END) AS day,"
    " sum(CASE WHEN c.contacted_at < :week THEN 1 ELSE 0 END) AS week,"
    " sum(CASE WHEN c.contacted_at < :month THEN 1 ELSE 0 END) AS month,"
    " COALESCE(sum(c.waiting_sets), 0) AS waiting_sets, COALESCE(sum(c.waiting_files), 0) AS waiting_files,"
    " min(c.oldest_at) AS oldest_at"
    " FROM devices d JOIN organisations o ON o.organisation = d.organisation"
    " LEFT JOIN contacts c ON c.organisation = d.organisation AND c.device = d.device"
    " WHERE d.device <> o.office_device GROUP BY d.state, d.frozen"
)
_OF_ACTIVE: Final = (
    "FROM contacts c JOIN devices d ON d.organisation = c.organisation AND d.device = c.device"
    " JOIN organisations o ON o.organisation = c.organisation WHERE d.state = 'active'"
)
WORST: Final = {
    "oldest_at": f"SELECT c.device, c.oldest_at AS value {_OF_ACTIVE} AND c.oldest_at IS NOT NULL"
    " ORDER BY c.oldest_at LIMIT :most",
    "behind": f"SELECT c.device, o.position - c.position AS value {_OF_ACTIVE} AND c.position IS NOT NULL"
    " ORDER BY value DESC LIMIT :most",
    "synced_at": f"SELECT c.device, c.synced_at AS value {_OF_ACTIVE} AND c.synced_at IS NOT NULL"
    " ORDER BY c.synced_at LIMIT :most",
    "offset_ms": f"SELECT c.device, c.offset_ms AS value {_OF_ACTIVE} AND c.offset_ms IS NOT NULL"
    " ORDER BY abs(c.offset_ms) DESC LIMIT :most",
}
"""The devices of which each is worst, by what they are measured by."""

_SIZE: Final = {
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
    "postgresql": "SELECT pg_database_size(current_database())",
}


@dataclass(frozen=True, slots=True)
class Open:
    """How many of something are open, and when the oldest came, None when there are none or it is not known."""

    count: int
    oldest_at: str | None
    bytes: int = 0


def count_reviews(connection: Connection, kind: str) -> Open:
    """Count open conflicts (``conflict``) or exceptions (``exception``)."""
    rows = [row for row in connection.execute(text(REVIEWS)) if row.kind == kind]
    return Open(sum(row.open for row in rows), _oldest(connection, rows))


def count_missing_files(connection: Connection) -> Open:
    """Count files that records name and the server does not have; bytes as far as records say them."""
    rows = list(connection.execute(text(MISSING_FILES)))
    return Open(sum(row.files for row in rows), _oldest(connection, rows), int(sum(row.bytes for row in rows)))


def count_held(connection: Connection) -> Open:
    """Count change-sets that wait for an earlier one."""
    row = connection.execute(text(HELD)).one()
    return Open(row.sets, row.oldest)


def count_uploads(connection: Connection, now: str) -> Open:
    """Count uploads that have begun and not ended, with the sizes of their files."""
    row = connection.execute(text(UPLOADS), {"now": now}).one()
    return Open(row.uploads, None, int(row.bytes))


def count_kept_aside(connection: Connection) -> int:
    """Count change-sets that were kept aside, at most KEPT_ASIDE_MAX."""
    return int(connection.execute(text(KEPT_ASIDE), {"most": KEPT_ASIDE_MAX}).scalar_one())


def count_log_entries(connection: Connection) -> int:
    """Count the entries of all organisations' logs."""
    return int(connection.execute(text(LOG_ENTRIES)).scalar_one())


def measure_database(connection: Connection) -> int:
    """Return the size of the database in bytes."""
    return int(connection.execute(text(_SIZE[connection.dialect.name])).scalar_one())


def count_devices(connection: Connection, hour: str, day: str, week: str, month: str) -> list[dict[str, Any]]:
    """Count devices by state, with how many were not heard of since each of these instants, and what they told."""
    since = {"hour": hour, "day": day, "week": week, "month": month}
    return [dict(row._mapping) for row in connection.execute(text(DEVICES), since)]


def find_worst(connection: Connection, measure: str, most: int) -> list[tuple[str, Any]]:
    """Return the active devices that are worst by a measure of WORST, with its value."""
    return [(row.device, row.value) for row in connection.execute(text(WORST[measure]), {"most": most})]


def _oldest(connection: Connection, rows: list[Any]) -> str | None:
    times = [
        connection.execute(text(RECEIVED_AT), {"organisation": row.organisation, "position": row.oldest}).scalar()
        for row in rows
        if row.oldest is not None
    ]
    return min(filter(None, times), default=None)
