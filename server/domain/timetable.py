"""When somebody is at work, what takes his time, and where there is room: rules over windows of time.

Moments are aware datetimes; the days and the clock are those of the place (`PLACE_TIME`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from typing import Final

from schemas.warranty import CHINA_AHEAD

PLACE_TIME: Final = timezone(CHINA_AHEAD)
"""The clock on the wall where people work."""

STEP: Final = timedelta(minutes=15)
"""Visits are planned on the quarter of an hour."""

SEARCH_DAYS: Final = 14
"""Whoever has no room within two weeks is no candidate for what waits today."""


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A stretch of time, its end not included."""

    start: datetime
    end: datetime

    @property
    def minutes(self) -> int:
        """Its length."""
        return max(0, int((self.end - self.start) / timedelta(minutes=1)))

    def meets(self, other: Window) -> bool:
        """Tell whether the two have some time in common."""
        return self.start < other.end and other.start < self.end


@dataclass(frozen=True, slots=True)
class Shift:
    """Working hours on some days of the week; Monday is 1. Hours that end before they begin run past midnight."""

    weekdays: frozenset[int]
    begins: time
    ends: time


OFFICE_SHIFTS: Final = (Shift(frozenset({1, 2, 3, 4, 5}), time(8, 30), time(17, 30)),)
"""The hours of whoever has none of his own."""


def shifts_on(shifts: Iterable[Shift], day: date) -> list[Window]:
    """Return the working hours on a day of the place, in order."""
    found = []
    for shift in shifts:
        if day.isoweekday() in shift.weekdays:
            begins = datetime.combine(day, shift.begins, PLACE_TIME)
            ends = datetime.combine(day, shift.ends, PLACE_TIME)
            found.append(Window(begins, ends if ends > begins else ends + timedelta(days=1)))
    return sorted(found)


def minutes_at_work(shifts: Iterable[Shift], day: date) -> int:
    """Return how long somebody works on a day of the place."""
    return sum(window.minutes for window in shifts_on(shifts, day))


def minutes_within(busy: Iterable[Window], day: date) -> int:
    """Return how much of a day of the place is taken; what overlaps counts as often as it is there."""
    start = datetime.combine(day, time.min, PLACE_TIME)
    whole = Window(start, start + timedelta(days=1))
    return sum(Window(max(w.start, whole.start), min(w.end, whole.end)).minutes for w in busy if w.meets(whole))


def round_up(moment: datetime) -> datetime:
    """Return the next quarter of an hour."""
    base = moment.replace(minute=0, second=0, microsecond=0)
    return base - ((base - moment) // STEP) * STEP


def find_room(shifts: Sequence[Shift], busy: Iterable[Window], earliest: datetime, minutes: int) -> Window | None:
    """Return the first window of `minutes` within working hours that nothing else takes; None within SEARCH_DAYS.

    Work longer than a day's hours begins where a whole day is free and goes on past them.
    """
    taken = sorted((window for window in busy if window.end > earliest), key=_start_of)
    first_day = earliest.astimezone(PLACE_TIME).date() - timedelta(days=1)
    for number in range(SEARCH_DAYS + 2):
        for shift in shifts_on(shifts, first_day + timedelta(days=number)):
            for gap in _gaps(shift, taken):
                start = round_up(max(gap.start, earliest))
                if start + timedelta(minutes=min(minutes, shift.minutes)) <= gap.end:
                    return Window(start, start + timedelta(minutes=minutes))
    return None


def _start_of(window: Window) -> datetime:
    return window.start


def _gaps(shift: Window, taken: Iterable[Window]) -> Iterator[Window]:
    start = shift.start
    for window in taken:
        if window.start >= shift.end:
            break
        if window.end > shift.start:
            if window.start > start:
                yield Window(start, window.start)
            start = max(start, window.end)
    if start < shift.end:
        yield Window(start, shift.end)


def lay_out(windows: Sequence[Window]) -> list[tuple[int, bool]]:
    """Return for each window the first lane in which it meets none before it, and whether it meets any at all."""
    lanes: list[datetime] = []
    placed = [(0, False)] * len(windows)
    for index in sorted(range(len(windows)), key=lambda number: (windows[number], number)):
        window = windows[index]
        lane = next((number for number, end in enumerate(lanes) if end <= window.start), len(lanes))
        lanes[lane : lane + 1] = [window.end]
        placed[index] = (lane, any(window.meets(other) for at, other in enumerate(windows) if at != index))
    return placed
