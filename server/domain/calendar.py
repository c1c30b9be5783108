"""Working time: what is open when, how much of it lies between two moments, and when so much of it has passed.

Rule 1: hours of work are clock times in the calendar's zone; spans of time are measured in UTC, so that a change to or
        from summer time makes a working day an hour longer or shorter, never negative.
Rule 2: a holiday is closed; a make-up working day has the hours of the first working day of the week, since it stands
        in for one.
Rule 3: the day from which working days are counted does not count; the last one ends when business does.
        Source: Civil Code of the PRC, articles 201 and 203.
Rule 4: a year that is not announced is counted by the working week alone, and says so (`find_unannounced`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.working_time import WEEKDAYS

DEFAULT_ZONE: Final = "Asia/Shanghai"

DAYS_MOST: Final = 3660
"""Ten years: a calendar that has not given the time by then never will, such as one without any hours."""

SPECIAL_DAYS_MOST: Final = 400
"""A row of the table that spans more than a year is a slip of the pen."""

Span = tuple[datetime, datetime]
Hours = tuple[tuple[int, int], ...]
"""Minutes since midnight from and to, by time and without overlap."""

_DAY: Final = timedelta(days=1)
_DAY_MINUTES: Final = 24 * 60
_NOTHING: Final = timedelta()


@dataclass(frozen=True)
class Calendar:
    """Working hours by day of the week, and the days that differ from it."""

    zone: ZoneInfo
    week: Mapping[int, Hours]
    """weekday, Monday is 0 -> its hours; days that are not there are closed"""
    holidays: frozenset[date] = frozenset()
    make_up_days: frozenset[date] = frozenset()
    announced: frozenset[int] = frozenset()
    name: str = ""
    _open: dict[date, tuple[Span, ...]] = field(default_factory=dict, compare=False, repr=False)

    def hours_of(self, day: date) -> Hours:
        """Return the working hours of a day, in minutes since its midnight."""
        if day in self.holidays:
            return ()
        if day in self.make_up_days:
            return self.week[min(self.week)] if self.week else ()
        return self.week.get(day.weekday(), ())

    def is_working_day(self, day: date) -> bool:
        """Tell whether anything is open on a day."""
        return bool(self.spans_of(day))

    def spans_of(self, day: date) -> tuple[Span, ...]:
        """Return the working hours of a day in UTC, by time."""
        if day not in self._open:
            found: list[Span] = []
            for opens, closes in self.hours_of(day):
                # Clock times that summer time leaps over come out after later ones.
                begin = max(self._at(day, opens), found[-1][1]) if found else self._at(day, opens)
                if begin < (end := self._at(day, closes)):
                    found.append((begin, end))
            self._open[day] = tuple(found)
        return self._open[day]

    def day_of(self, moment: datetime) -> date:
        """Return the day on which a moment falls in the calendar's zone."""
        return moment.astimezone(self.zone).date()

    def is_open(self, moment: datetime) -> bool:
        """Tell whether a moment is within working hours, the closing moment not included."""
        return any(opens <= moment < closes for opens, closes in self.spans_of(self.day_of(moment)))

    def measure(self, begin: datetime, end: datetime) -> timedelta:
        """Return the working time between two moments; none when the end is not after the beginning."""
        found = _NOTHING
        if begin < end:
            for opens, closes in self._spans_from(begin, until=end):
                found += max(min(closes, end) - max(opens, begin), _NOTHING)
        return found

    def add(self, moment: datetime, span: timedelta) -> datetime | None:
        """Return when so much working time has passed since a moment; it is never in closed time.

        None when the calendar does not have that much within ten years.
        """
        left = max(span, _NOTHING)
        for opens, closes in self._spans_from(moment):
            start = max(opens, moment)
            if closes - start > _NOTHING and left <= closes - start:
                return start + left
            left -= max(closes - start, _NOTHING)
        return None

    def add_days(self, moment: datetime, count: int) -> datetime | None:
        """Return the close of business of the last of so many working days after the day of a moment, or None."""
        day = self.day_of(moment)
        for _ in range(DAYS_MOST):
            day += _DAY
            if spans := self.spans_of(day):
                count -= 1
                if count <= 0:
                    return spans[-1][1]
        return None

    def find_unannounced(self, begin: datetime, end: datetime) -> int | None:
        """Return the first year between two moments whose holidays are not announced, or None."""
        years = range(self.day_of(begin).year, self.day_of(max(begin, end)).year + 1)
        return next((year for year in years if year not in self.announced), None)

    def _spans_from(self, moment: datetime, until: datetime | None = None) -> Iterator[Span]:
        # A day early: where summer time begins at midnight a day's first hours may fall on the day before in UTC.
        first = self.day_of(moment) - _DAY
        days = DAYS_MOST if until is None else (self.day_of(until) - first).days + 1
        for number in range(days):
            yield from self.spans_of(first + number * _DAY)

    def _at(self, day: date, minutes: int) -> datetime:
        wall = datetime.combine(day + minutes // _DAY_MINUTES * _DAY, time.min, self.zone)
        return wall.replace(hour=minutes % _DAY_MINUTES // 60, minute=minutes % 60).astimezone(UTC)


def read_calendar(body: Mapping[str, Any]) -> Calendar:
    """Return the calendar of a `working_calendar` record; what is not given is open at no time."""
    week: dict[int, list[tuple[int, int]]] = {}
    for row in body.get("hours") or ():
        week.setdefault(WEEKDAYS.index(row["weekday"]), []).append((_minutes(row["opens"]), _minutes(row["closes"])))
    days: dict[str, set[date]] = {"holiday": set(), "working_day": set()}
    for row in body.get("special_days") or ():
        days[row["type"]].update(_days_of(row))
    return Calendar(
        zone=ZoneInfo(body.get("zone") or DEFAULT_ZONE),
        week={day: hours for day, spans in week.items() if (hours := _join(spans))},
        holidays=frozenset(days["holiday"]),
        make_up_days=frozenset(days["working_day"]),
        announced=frozenset(row["year"] for row in body.get("announced_years") or ()),
        name=body.get("name") or "",
    )


def name_special_days(body: Mapping[str, Any]) -> dict[str, dict[date, tuple[str, str]]]:
    """Return what the special days of a `working_calendar` record are called, by their type and day."""
    named: dict[str, dict[date, tuple[str, str]]] = {"holiday": {}, "working_day": {}}
    for row in body.get("special_days") or ():
        name = row.get("name") or row.get("name_en") or ""
        named[row["type"]].update(dict.fromkeys(_days_of(row), (name, row.get("name_en") or name)))
    return named


def _days_of(row: Mapping[str, Any]) -> Iterator[date]:
    first = date.fromisoformat(row["first_on"])
    last = date.fromisoformat(row.get("last_on") or row["first_on"])
    for number in range(min((last - first).days + 1, SPECIAL_DAYS_MOST)):
        yield first + number * _DAY


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)


def _join(spans: Sequence[tuple[int, int]]) -> Hours:
    """Return spans by time with those that overlap joined, and without those that end before they begin."""
    joined: list[tuple[int, int]] = []
    for opens, closes in sorted(spans):
        if closes <= opens:
            continue
        if joined and opens <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], closes))
        else:
            joined.append((opens, closes))
    return tuple(joined)
