"""A hybrid logical clock: each stamp later than its owner's last, close to wall time when that is right.

Wall time is always passed in. A stamp is text that sorts: 13 digits of milliseconds, a dash, 4 hex digits
of counter. Source: Kulkarni et al., Logical Physical Clocks, 2014, section 3.
"""

from typing import Final

STAMP_PATTERN: Final = r"[0-9]{13}-[0-9a-f]{4}\Z"
ORIGIN: Final = "0000000000000-0000"
COUNTER_MAX: Final = 0xFFFF
WALL_MS_MAX: Final = 9_999_999_999_999


def tick(last: str, wall_ms: int) -> str:
    """Return a stamp later than `last`, at `wall_ms` when that is later already.

    The last stamp there is, in the year 2286, follows itself.
    """
    last_ms, last_counter = _parse(last)
    wall_ms = min(max(wall_ms, 0), WALL_MS_MAX)
    if wall_ms > last_ms:
        return _format(wall_ms, 0)
    if last_counter < COUNTER_MAX:
        return _format(last_ms, last_counter + 1)
    return _format(last_ms + 1, 0) if last_ms < WALL_MS_MAX else last


def clamp(stamp: str, wall_ms: int) -> str:
    """Return `stamp`, or a stamp at `wall_ms` when it claims to be later than that.

    A device whose clock runs three days ahead must not win every LATEST merge for three days.
    """
    return min(stamp, _format(wall_ms, COUNTER_MAX))


def _parse(stamp: str) -> tuple[int, int]:
    milliseconds, counter = stamp.split("-")
    return int(milliseconds), int(counter, 16)


def _format(milliseconds: int, counter: int) -> str:
    return f"{min(milliseconds, WALL_MS_MAX):013d}-{counter:04x}"
