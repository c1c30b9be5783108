"""Why a device is silent or behind, as far as the server knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from schemas import SCHEMA_VERSION
from schemas.fleet import Reason
from schemas.problems import PROBLEMS, Fault
from server.domain.times import milliseconds

HOUR_MS: Final = 3_600_000

SILENT_HOURS: Final = 24
"""An engineer without a network in the morning has one in the evening; after a day somebody should ask.

One meaning for all that tells of silence: the fleet, the strip over the orders, the board and the ranking.
"""

CLOCK_OFF_MS: Final = 5 * 60_000
"""Further off, the first request of each run is refused and asked once more (`sync.request_signature.AGE_MAX_S`)."""

FREE_BYTES_LOW: Final = 200 * 1024 * 1024
"""Some fifty photos."""


@dataclass(frozen=True, slots=True)
class Fare:
    """What the server knows of a device; None is what it does not."""

    state: str
    is_frozen: bool
    next_seq: int
    held_sets: int
    contacted_at: str | None = None
    synced_at: str | None = None
    failed_at: str | None = None
    problem: str | None = None
    waiting_sets: int | None = None
    oldest_at: str | None = None
    waiting_files: int | None = None
    offset_ms: int | None = None
    free_bytes: int | None = None
    schema_version: int | None = None


def find_reasons(fare: Fare, now_ms: int) -> list[Reason]:
    """Return why a device is silent or behind, most serious first; nothing when all is well."""
    if fare.state == "revoked":
        return [Reason("revoked")]
    reasons = [*_standing(fare), *_troubles(fare), *_backlog(fare, now_ms)]
    silent_hours = _hours_since(fare.contacted_at, now_ms)
    if fare.contacted_at is not None and silent_hours >= SILENT_HOURS:
        reasons.append(Reason("no_contact", {"hours": silent_hours}))
    return reasons


def _standing(fare: Fare) -> Iterator[Reason]:
    if fare.is_frozen:
        yield Reason("frozen")
    if fare.contacted_at is None:
        yield Reason("never_heard")
    elif fare.synced_at is None:
        yield Reason("never_synced")
    if fare.failed_at is not None and fare.problem in PROBLEMS and fare.failed_at > (fare.synced_at or ""):
        fault = Fault(fare.problem)
        yield Reason("refused", {"problem": fault.code, "sentence": (fault.sentence("zh"), fault.sentence("en"))})


def _troubles(fare: Fare) -> Iterator[Reason]:
    if fare.held_sets:
        yield Reason("held_gap", {"count": fare.held_sets, "expected": fare.next_seq})
    if fare.schema_version is not None and fare.schema_version != SCHEMA_VERSION:
        code = "schema_ahead" if fare.schema_version > SCHEMA_VERSION else "schema_behind"
        yield Reason(code, {"version": fare.schema_version, "current": SCHEMA_VERSION})
    if abs(fare.offset_ms or 0) > CLOCK_OFF_MS:
        yield Reason("clock_off", {"minutes": abs(fare.offset_ms or 0) // 60_000})
    if fare.free_bytes is not None and fare.free_bytes < FREE_BYTES_LOW:
        yield Reason("disk_low", {"megabytes": fare.free_bytes // 1_000_000})


def _backlog(fare: Fare, now_ms: int) -> Iterator[Reason]:
    hours = _hours_since(fare.oldest_at, now_ms)
    if fare.waiting_sets and hours >= 1:
        yield Reason("unsent", {"count": fare.waiting_sets, "hours": hours})
    if fare.waiting_files:
        yield Reason("files_unsent", {"count": fare.waiting_files})


def _hours_since(instant: str | None, now_ms: int) -> int:
    return max(0, now_ms - milliseconds(instant)) // HOUR_MS if instant else 0
