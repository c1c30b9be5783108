"""Days at the office: when they begin and end."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Final

from schemas.problems import Refused
from server.domain.trace import comparable, day_bounds

OFFICE_ZONE: Final = timezone(timedelta(hours=8), "UTC+8")
"""A day at the office; China has one time zone and no summer time."""


def read_day(day: str) -> tuple[str, str]:
    """Return the instants at which a day at the office (``YYYY-MM-DD``) begins and has ended, to the millisecond.

    Raises Refused with `value_invalid` when the day is none.
    """
    try:
        begin, end = day_bounds(day, OFFICE_ZONE)
    except (ValueError, OverflowError) as error:
        raise Refused("value_invalid", field="day", detail=str(error)) from None
    return comparable(begin), comparable(end)
