"""The server's clock: the only place that reads the time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta


def _read_machine() -> int:
    return time.time_ns() // 1_000_000


_read_ms: Callable[[], int] = _read_machine


@contextmanager
def telling(read_ms: Callable[[], int]) -> Iterator[None]:
    """Let this process's clock tell a time of the caller's, in milliseconds since 1970: a simulation has its own."""
    global _read_ms
    before, _read_ms = _read_ms, read_ms
    try:
        yield
    finally:
        _read_ms = before


def unix_ms() -> int:
    """Return the time in milliseconds since 1970 in UTC."""
    return _read_ms()


def unix_now() -> int:
    """Return the time in whole seconds since 1970 in UTC."""
    return unix_ms() // 1000


def utc_now() -> str:
    """Return the time as it is written in records, such as ``2026-11-21T02:15:59.123Z``."""
    return spell_instant(unix_ms())


def utc_after(hours: int) -> str:
    """Return the time some hours from here, written as `utc_now` writes it."""
    return spell_instant(unix_ms() + hours * 3_600_000)


def spell_instant(milliseconds: int) -> str:
    """Return a time in milliseconds since 1970 as an instant of the schemas."""
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
