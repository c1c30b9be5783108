"""When somebody is at work, what takes his time, and where there is room: rules over windows of time.

Rule 1: moments are aware datetimes; the days and the clock are those of the place (`Workdays.zone`).
Rule 2: on a public holiday nobody is at work; on a make-up working day whoever works on weekdays has the hours of the
        first working day of his week, since it stands in for one. Source: handbook G2 (working days).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

PLACE_TIME: Final = ZoneInfo("Asia/Shanghai")
"""The clock on the wall where nobody has set another."""

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


@dataclass(frozen=True, slots=True)
class Workdays:
    """The clock on the wall where people work, and the days that differ from the week: a day -> what it is called."""

    zone: tzinfo = PLACE_TIME
    holidays: Mapping[date, tuple[str, str]] = field(default_factory=dict)
    make_up_days: Mapping[date, tuple[str, str]] = field(default_factory=dict)
    announced: frozenset[int] = frozenset()
    """The years whose holidays are known."""

    def day_of(self, moment: datetime) -> date:
        """Return the day of the place on which a moment falls."""
        return moment.astimezone(self.zone).date()

    def midnight(self, day: date) -> datetime:
        """Return the beginning of a day of the place."""
        return datetime.combine(day, time.min, self.zone)


OFFICE_SHIFTS: Final = (Shift(frozenset({1, 2, 3, 4, 5}), time(8, 30), time(17, 30)),)
"""The hours of whoever has none of his own."""


def shifts_on(shifts: Iterable[Shift], day: date, days: Workdays) -> list[Window]:
    """Return the working hours on a day of the place, in order (rule 2)."""
    if day in days.holidays:
        return []
    shifts = list(shifts)
    weekday = day.isoweekday()
    if day in days.make_up_days and not any(weekday in shift.weekdays for shift in shifts):
        weekday = min((min(shift.weekdays) for shift in shifts if shift.weekdays), default=weekday)
    found = []
    for shift in shifts:
        if weekday in shift.weekdays:
            begins, ends = (datetime.combine(day, at, days.zone) for at in (shift.begins, shift.ends))
            found.append(Window(begins, ends if ends > begins else ends + timedelta(days=1)))
    return sorted(found)


def minutes_at_work(shifts: Iterable[Shift], day: date, days: Workdays) -> int:
    """Return how long somebody works on a day of the place."""
    return sum(window.minutes for window in shifts_on(shifts, day, days))


def minutes_within(busy: Iterable[Window], day: date, days: Workdays) -> int:
    """Return how much of a day of the place is taken; what overlaps counts as often as it is there."""
    whole = Window(days.midnight(day), days.midnight(day + timedelta(days=1)))
    return sum(Window(max(w.start, whole.start), min(w.end, whole.end)).minutes for w in busy if w.meets(whole))


def round_up(moment: datetime) -> datetime:
    """Return the next quarter of an hour."""
    base = moment.replace(minute=0, second=0, microsecond=0)
    return base - ((base - moment) // STEP) * STEP


def find_room(
    shifts: Sequence[Shift], busy: Iterable[Window], earliest: datetime, minutes: int, days: Workdays
) -> Window | None:
    """Return the first window of `minutes` within working hours that nothing else takes; None within SEARCH_DAYS.

    Work longer than a day's hours begins where a whole day is free and goes on past them.
    """
    taken = sorted((window for window in busy if window.end > earliest), key=_start_of)
    first_day = days.day_of(earliest) - timedelta(days=1)
    for number in range(SEARCH_DAYS + 2):
        for shift in shifts_on(shifts, first_day + timedelta(days=number), days):
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
