"""Working time: the announced holidays by example, and what must hold for any calendar, moment and span."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import KINDS
from schemas.working_time import WEEKDAYS, ZONES
from server.domain.calendar import Calendar, read_calendar
from server.domain.presets import china_calendar

CHINA = read_calendar(china_calendar())
MINUTE = timedelta(minutes=1)


def _row(weekday: str, opens: int, length: int) -> dict[str, str]:
    closes = min(opens + length, 24 * 60)
    return {"weekday": weekday} | {
        name: f"{minutes // 60:02}:{minutes % 60:02}" for name, minutes in (("opens", opens), ("closes", closes))
    }


ROWS = st.builds(_row, st.sampled_from(WEEKDAYS), st.integers(0, 22 * 60), st.integers(60, 24 * 60))
# Around the days on which many zones change to and from summer time, Cairo and Sao Paulo at midnight.
DAYS = st.dates(date(2023, 3, 1), date(2025, 11, 30)).map(date.isoformat)
SPECIAL = st.fixed_dictionaries({"type": st.sampled_from(["holiday", "working_day"]), "first_on": DAYS})
BODIES = st.fixed_dictionaries(
    {
        "zone": st.sampled_from(ZONES),
        "hours": st.lists(ROWS, min_size=1, max_size=8),
        "special_days": st.lists(SPECIAL, max_size=4),
    }
)
ANY = BODIES.map(read_calendar)
MOMENTS = st.datetimes(datetime(2023, 3, 1), datetime(2025, 11, 30)).map(lambda moment: moment.replace(tzinfo=UTC))  # noqa: DTZ001
SPANS = st.integers(0, 60 * 24).map(lambda minutes: minutes * MINUTE)


def at(text: str) -> datetime:
    """Return a moment given as clock time in China."""
    return datetime.fromisoformat(f"{text}+08:00")


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2025-10-08", False),
        ("2025-10-11", True),
        ("2026-01-04", True),
        ("2026-02-14", True),
        ("2026-02-16", False),
        ("2026-02-24", True),
        ("2026-05-09", True),
        ("2026-10-07", False),
        ("2026-10-10", True),
        ("2026-11-21", False),
    ],
)
def test_holidays_and_make_up_days_are_those_of_the_state_council(day: str, works: bool) -> None:
    assert CHINA.is_working_day(date.fromisoformat(day)) == works


def test_the_preset_has_the_number_of_days_that_were_announced() -> None:
    count = {
        year: (
            sum(day.year == year for day in CHINA.holidays),
            sum(day.year == year for day in CHINA.make_up_days),
        )
        for year in (2025, 2026)
    }

    assert count == {2025: (28, 5), 2026: (33, 6)}
    assert not any(day.weekday() < 5 for day in CHINA.make_up_days)
    assert KINDS["working_calendar"].schema().validate(china_calendar()) == {}


def test_seven_working_days_from_before_national_day_pass_over_the_holiday_and_count_the_saturday() -> None:
    # Three days of September, then the 8th, the 9th, Saturday the 10th, which makes up, and the 12th.
    assert CHINA.add_days(at("2026-09-27T10:00"), 7) == at("2026-10-12T17:30")
    assert CHINA.add_days(at("2026-09-28T10:00"), 1) == at("2026-09-29T17:30")


def test_working_hours_go_on_after_lunch_and_after_the_weekend() -> None:
    assert CHINA.add(at("2026-11-20T11:00"), timedelta(hours=2)) == at("2026-11-20T14:00")
    assert CHINA.add(at("2026-11-20T17:00"), timedelta(hours=1)) == at("2026-11-23T09:00")
    assert CHINA.add(at("2026-11-21T10:00"), timedelta()) == at("2026-11-23T08:30")
    assert CHINA.measure(at("2026-11-20T17:00"), at("2026-11-23T09:00")) == timedelta(hours=1)


def test_a_year_that_is_not_announced_is_named() -> None:
    assert CHINA.find_unannounced(at("2025-01-01T00:00"), at("2026-12-31T23:59")) is None
    assert CHINA.find_unannounced(at("2026-12-31T10:00"), at("2027-01-04T10:00")) == 2027
    # Midnight in China is the evening before in UTC.
    assert CHINA.find_unannounced(at("2026-12-31T10:00"), at("2027-01-01T00:00")) == 2027


def test_a_calendar_that_is_never_open_gives_no_time() -> None:
    never = read_calendar({"hours": [{"weekday": "monday", "opens": "12:00", "closes": "08:00"}]})

    assert never.add(at("2026-11-20T11:00"), timedelta(hours=1)) is None
    assert never.add_days(at("2026-11-20T11:00"), 1) is None
    assert never.measure(at("2026-01-01T00:00"), at("2026-12-31T00:00")) == timedelta()


def test_a_day_on_which_clocks_go_forward_is_an_hour_shorter() -> None:
    row = {"weekday": "sunday", "opens": "00:00", "closes": "24:00"}
    berlin = read_calendar({"zone": "Europe/Berlin", "hours": [row]})

    spring, autumn, plain = (
        berlin.spans_of(date.fromisoformat(day)) for day in ("2026-03-29", "2026-10-25", "2026-06-07")
    )

    hours = [
        sum((end - begin for begin, end in spans), timedelta()) / timedelta(hours=1)
        for spans in (spring, autumn, plain)
    ]
    assert hours == [23, 25, 24]


@given(ANY, MOMENTS, SPANS, SPANS)
def test_adding_is_additive_monotone_and_never_in_closed_time(
    calendar: Calendar, moment: datetime, one: timedelta, other: timedelta
) -> None:
    first, both = calendar.add(moment, one), calendar.add(moment, one + other)

    assert first is not None and both is not None
    assert moment <= first <= both
    assert calendar.add(first, other) == both or other == timedelta()
    assert calendar.is_open(first) or calendar.is_open(first - timedelta(microseconds=1))
    assert calendar.measure(moment, both) == one + other


@given(ANY, MOMENTS, MOMENTS, MOMENTS)
def test_what_lies_between_moments_adds_up(calendar: Calendar, a: datetime, b: datetime, c: datetime) -> None:
    a, b, c = sorted((a, b, c))

    assert calendar.measure(a, b) + calendar.measure(b, c) == calendar.measure(a, c) <= c - a
    assert calendar.measure(c, a) == timedelta()


@given(ANY, MOMENTS, MOMENTS, SPANS)
def test_who_begins_later_is_done_no_earlier(
    calendar: Calendar, one: datetime, other: datetime, span: timedelta
) -> None:
    early, late = sorted((one, other))
    ends = [calendar.add(early, span), calendar.add(late, span)]

    assert ends[0] is not None and ends[1] is not None
    assert ends[0] <= ends[1]


@given(ANY, MOMENTS, st.integers(1, 30), st.integers(1, 30))
def test_working_days_end_with_business_and_add_up(calendar: Calendar, moment: datetime, one: int, other: int) -> None:
    first, both = calendar.add_days(moment, one), calendar.add_days(moment, one + other)

    assert first is not None and both is not None
    assert moment < first < both
    assert calendar.is_open(first - timedelta(microseconds=1)) and not calendar.is_open(first)
    # Counting on from the day on which the first ones ended comes to the same.
    assert calendar.add_days(first - timedelta(microseconds=1), other) == both


@given(BODIES, MOMENTS, SPANS)
def test_the_zone_shifts_everything_alike(body: dict[str, Any], moment: datetime, span: timedelta) -> None:
    fixed = {"hours": body["hours"], "special_days": body["special_days"]}
    here, there = read_calendar(fixed | {"zone": "Asia/Shanghai"}), read_calendar(fixed | {"zone": "UTC"})
    ahead = timedelta(hours=8)

    end = there.add(moment, span)

    assert here.add(moment - ahead, span) == (end - ahead if end else None)
