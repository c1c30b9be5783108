"""Change and ChangeSet: what one person did at one moment, as frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Op = Literal["create", "update", "delete"]

CHANGE_SET_BYTES_MAX: Final = 256 * 1024
"""A visit's largest single act, a job sheet of 60,000 characters, is about 180 KiB of UTF-8."""

CHANGES_MAX: Final = 200
"""One act touches a handful of records; an import is cut into sets of this size."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record created, updated or deleted.

    `set` holds the new values by field; `was` the values the author saw for the same fields. Together
    they make a true three-way merge possible without the server keeping every version.
    """

    kind: str
    id: str
    op: Op
    set: Mapping[str, Any]
    was: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """Changes that take effect together or not at all, on both sides.

    `seq` counts this device's sets from 1; `prev` is the digest of the sealed set before, or 64 zeros.
    `captured_at` is the device's own clock, `offset_ms` what it last measured that clock to be behind
    the server's. `basis` is the feed position the author had seen, `witness` the newest log checkpoint
    ("size root") the device had seen: it bounds how wrong the clock can be.
    """

    id: str
    organisation: str
    device: str
    seq: int
    prev: str
    actor: str
    intent: str
    schema: int
    captured_at: str
    offset_ms: int
    clock: str
    basis: int
    witness: str
    changes: tuple[Change, ...]
