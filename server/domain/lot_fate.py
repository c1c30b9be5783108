"""What became of the parts of a lot: how many were fitted, are in, were taken out and sent back, after how long.

Rule 1: a part counts once for each time it was fitted; what was withdrawn counts for nothing.
Rule 2: days of service are those from fitting to removal, whole days, of the removals whose fitting is known.
Source: handbook P1, P2.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Stay:
    """Parts of a lot in a machine: instants, None where not known or not over, and where they went after it."""

    begins_at: str | None
    ends_at: str | None
    quantity: int = 1
    destination: str | None = None


@dataclass(frozen=True, slots=True)
class Fate:
    """How many parts of a lot were fitted, are in machines, were removed, of these sent back or scrapped.

    `median_days` is half of the removed parts' days of service, None where none is known.
    """

    fitted: int = 0
    inside: int = 0
    removed: int = 0
    returned: int = 0
    scrapped: int = 0
    median_days: int | None = None


def sum_up(stays: Iterable[Stay]) -> Fate:
    """Return what became of the parts of a lot, by their stays in machines in any order."""
    known = list(stays)
    over = [stay for stay in known if stay.ends_at is not None]
    days = [_days(stay) for stay in over if stay.begins_at is not None for _ in range(stay.quantity)]
    return Fate(
        fitted=sum(stay.quantity for stay in known if stay.begins_at is not None),
        inside=sum(stay.quantity for stay in known if stay.ends_at is None),
        removed=sum(stay.quantity for stay in over),
        returned=sum(stay.quantity for stay in over if stay.destination == "returned"),
        scrapped=sum(stay.quantity for stay in over if stay.destination == "scrapped"),
        median_days=int(statistics.median(days)) if days else None,
    )


def _days(stay: Stay) -> int:
    begun, ended = (datetime.fromisoformat(str(at)) for at in (stay.begins_at, stay.ends_at))
    return (ended - begun).days
