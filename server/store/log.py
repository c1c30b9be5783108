"""Reading single entries of the log, and sets that wait to come into it."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, text

_ENTRY: Final = "SELECT position, device, seq, sealed, receipt, received_at, trace_id FROM log WHERE organisation = :o"
_AT: Final = text(f"{_ENTRY} AND position = :position")
_OF_DEVICE: Final = text(f"{_ENTRY} AND device = :device AND seq = :seq")
_HELD: Final = text("SELECT sealed, received_at FROM held WHERE organisation = :o AND device = :device AND seq = :seq")


def find_at(connection: Connection, organisation: str, position: int) -> Row[Any] | None:
    """Return the entry at a position: position, device, seq, sealed, receipt, received_at, trace_id; or None."""
    return connection.execute(_AT, {"o": organisation, "position": position}).first()


def find_of_device(connection: Connection, organisation: str, device: str, seq: int) -> Row[Any] | None:
    """Return the entry of a device's set, as `find_at` does, or None."""
    return connection.execute(_OF_DEVICE, {"o": organisation, "device": device, "seq": seq}).first()


def find_held(connection: Connection, organisation: str, device: str, seq: int) -> Row[Any] | None:
    """Return sealed line and receipt time of a set that waits for an earlier one, or None."""
    return connection.execute(_HELD, {"o": organisation, "device": device, "seq": seq}).first()
