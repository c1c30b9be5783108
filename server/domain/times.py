"""Times as text: arithmetic on what travels and is stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def correct(captured_at: str, offset_ms: int, received_at: str) -> str:
    """Return a capture time by the server's clock, never later than the receipt.

    `offset_ms` is what the device last measured its clock to be behind the server's.
    """
    try:
        moment = datetime.fromisoformat(captured_at) + timedelta(milliseconds=offset_ms)
    except (ValueError, OverflowError):
        return received_at
    return min(spell(moment), received_at)


def milliseconds(instant: str) -> int:
    """Return an instant as milliseconds since 1970."""
    # In whole numbers: as a fraction of seconds some milliseconds come out one too small.
    return (datetime.fromisoformat(instant) - _EPOCH) // timedelta(milliseconds=1)


def spell(moment: datetime) -> str:
    """Return a moment as UTC text to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
