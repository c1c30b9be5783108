"""Times as text: arithmetic on what travels and is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING: Final = timedelta()


def correct(captured_at: str, offset_ms: int, received_at: str) -> str:
    """Return a capture time by the server's clock, never later than the receipt.

    `offset_ms` is what the device last measured its clock to be behind the server's.
    """
    try:
        moment = datetime.fromisoformat(captured_at) + timedelta(milliseconds=offset_ms)
    except (ValueError, OverflowError):
        return received_at
    return min(spell(moment), received_at)


def shift_of(captured_at: str, offset_ms: int, received_at: str, seen_at: str | None = None) -> timedelta:
    """Return by how much the times that a device wrote in a set are off, to be added to each of them.

    A device writes times by its clock, put right by what it last measured of it. A set was made before it was received,
    and after the newest log entry that its device had seen (received at `seen_at`); the times move by what that takes.
    """
    try:
        claimed = datetime.fromisoformat(captured_at) + timedelta(milliseconds=offset_ms)
    except (ValueError, OverflowError):
        return _NOTHING
    made = max(claimed, datetime.fromisoformat(seen_at)) if seen_at else claimed
    shift = min(made, datetime.fromisoformat(received_at)) - claimed
    # Times are spelled to the millisecond; less than that is no correction.
    return shift if abs(shift) >= timedelta(milliseconds=1) else _NOTHING


def move(instant: str, shift: timedelta) -> str | None:
    """Return an instant put right by a shift; None where nothing moves it, or where no calendar reaches."""
    if not shift:
        return None
    try:
        return spell(datetime.fromisoformat(instant) + shift)
    except OverflowError:
        return None


def milliseconds(instant: str) -> int:
    """Return an instant as milliseconds since 1970."""
    # In whole numbers: as a fraction of seconds some milliseconds come out one too small.
    return (datetime.fromisoformat(instant) - _EPOCH) // timedelta(milliseconds=1)


def spell(moment: datetime) -> str:
    """Return a moment as UTC text to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
