"""Reading single entries of the log, and sets that wait to come into it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, text

from server.domain.trace import comparable

POSITIONS_AT_ONCE: Final = 1000
"""Positions asked for in one statement; both databases take several thousand parameters at most."""

_ENTRY: Final = "SELECT position, device, seq, sealed, receipt, received_at, trace_id FROM log WHERE organisation = :o"
_AT: Final = text(f"{_ENTRY} AND position = :position")
_OF_DEVICE: Final = text(f"{_ENTRY} AND device = :device AND seq = :seq")
_AMONG: Final = text(
    "SELECT position, device, seq, digest, sealed, receipt, received_at FROM log"
    " WHERE organisation = :o AND position IN :positions ORDER BY position"
).bindparams(bindparam("positions", expanding=True))
_RECEIVED_AT: Final = text("SELECT received_at FROM log WHERE organisation = :o AND position = :position")
_END: Final = text("SELECT position FROM organisations WHERE organisation = :o")
_HELD: Final = text("SELECT sealed, received_at FROM held WHERE organisation = :o AND device = :device AND seq = :seq")


def find_at(connection: Connection, organisation: str, position: int) -> Row[Any] | None:
    """Return the entry at a position: position, device, seq, sealed, receipt, received_at, trace_id; or None."""
    return connection.execute(_AT, {"o": organisation, "position": position}).first()


def find_all(connection: Connection, organisation: str, positions: Iterable[int]) -> list[Row[Any]]:
    """Return the entries at some positions, in their order: as `find_at` does, with the digest and no trace id."""
    wanted = sorted(positions)
    found: list[Row[Any]] = []
    for begin in range(0, len(wanted), POSITIONS_AT_ONCE):
        some = wanted[begin : begin + POSITIONS_AT_ONCE]
        found += connection.execute(_AMONG, {"o": organisation, "positions": some}).all()
    return found


def find_of_device(connection: Connection, organisation: str, device: str, seq: int) -> Row[Any] | None:
    """Return the entry of a device's set, as `find_at` does, or None."""
    return connection.execute(_OF_DEVICE, {"o": organisation, "device": device, "seq": seq}).first()


def find_held(connection: Connection, organisation: str, device: str, seq: int) -> Row[Any] | None:
    """Return sealed line and receipt time of a set that waits for an earlier one, or None."""
    return connection.execute(_HELD, {"o": organisation, "device": device, "seq": seq}).first()


def position_at(connection: Connection, organisation: str, instant: str) -> int:
    """Return how many entries the log had at an instant; it is asked as often as the number of entries can be halved.

    Entries are received in the order of their positions but for moments. Where the server's clock was set back, the log
    reached an instant more than once, and one of these times is answered.
    """
    low, high = 0, int(connection.execute(_END, {"o": organisation}).scalar() or 0)
    while low < high:
        middle = (low + high + 1) // 2
        received_at = connection.execute(_RECEIVED_AT, {"o": organisation, "position": middle}).scalar_one()
        low, high = (middle, high) if comparable(received_at) <= comparable(instant) else (low, middle - 1)
    return low
