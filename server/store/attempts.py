"""Counting attempts where all processes see them: in the database."""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, text

from server.store.tables import Attempt

_TABLE: Table = Attempt.__table__  # type: ignore[assignment]

_COUNT = text(
    "INSERT INTO attempts (digest, ends_at, count) VALUES (:digest, :ends_at, 1) ON CONFLICT (digest) DO UPDATE SET "
    "count = CASE WHEN attempts.ends_at <= :now THEN 1 ELSE attempts.count + 1 END, "
    "ends_at = CASE WHEN attempts.ends_at <= :now THEN excluded.ends_at ELSE attempts.ends_at END "
    "RETURNING count, ends_at"
)


def count_attempt(connection: Connection, digest: str, now: int, ends_at: int) -> tuple[int, int]:
    """Count one attempt; return how many there were in its window, and when that ends, in seconds since 1970.

    `ends_at` is the end of the window that begins with this attempt if none is open.
    """
    row = connection.execute(_COUNT, {"digest": digest, "now": now, "ends_at": ends_at}).one()
    return int(row[0]), int(row[1])


def forget_attempts(connection: Connection, digest: str) -> None:
    """Begin again with none."""
    connection.execute(delete(_TABLE).where(_TABLE.c.digest == digest))


def delete_ended(connection: Connection, now: int) -> None:
    """Delete what counts no more."""
    connection.execute(delete(_TABLE).where(_TABLE.c.ends_at <= now))
