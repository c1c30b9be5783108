"""Days and instants: exactly the days that exist."""

import re
from datetime import date

from schemas.base import DAY_PATTERN, INSTANT_PATTERN

FIRST_YEAR, LAST_YEAR = 1900, 2199


def exists(year: int, month: int, day: int) -> bool:
    """Tell whether the calendar has a day."""
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def test_a_day_is_taken_when_the_calendar_has_it() -> None:
    accepts = re.compile(DAY_PATTERN).match

    wrong = [
        spelled
        for year in (1899, FIRST_YEAR, 1904, 1999, 2000, 2023, 2024, 2026, 2100, LAST_YEAR, 2200)
        for month in range(14)
        for day in range(33)
        for spelled in (f"{year:04d}-{month:02d}-{day:02d}",)
        if bool(accepts(spelled)) != (FIRST_YEAR <= year <= LAST_YEAR and exists(year, month, day))
    ]

    assert wrong == []


def test_an_instant_is_on_a_day_that_exists() -> None:
    accepts = re.compile(INSTANT_PATTERN).match

    assert accepts("2028-02-29T23:59:59.999Z")
    assert not accepts("2026-02-29T23:59:59Z")
