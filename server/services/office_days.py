"""Days at the office: when they begin and end. Which zone is the office's, the settings say (GONGDAN_TIMEZONE)."""

from __future__ import annotations

from datetime import tzinfo

from schemas.problems import Refused
from server.domain.trace import comparable, day_bounds


def read_day(day: str, zone: tzinfo) -> tuple[str, str]:
    """Return the instants at which a day at the office (``YYYY-MM-DD``) begins and has ended, to the millisecond.

    Raises Refused with `value_invalid` when the day is none.
    """
    try:
        begin, end = day_bounds(day, zone)
    except (ValueError, OverflowError) as error:
        raise Refused("value_invalid", field="day", detail=str(error)) from None
    return comparable(begin), comparable(end)
