"""Working hours, free room and lanes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from server.domain.timetable import (
    OFFICE_SHIFTS,
    Shift,
    Window,
    Workdays,
    find_room,
    lay_out,
    minutes_at_work,
    minutes_within,
    round_up,
)

MONDAY = date(2026, 11, 23)
SATURDAY, SUNDAY = MONDAY - timedelta(days=2), MONDAY - timedelta(days=1)
DAYS = Workdays()


def at(hour: float, day: date = MONDAY) -> datetime:
    """Return a moment of a day of the place."""
    return datetime.combine(day, time(), DAYS.zone) + timedelta(hours=hour)


def test_room_is_found_within_working_hours_between_what_is_taken() -> None:
    taken = [Window(at(9), at(11)), Window(at(11.5), at(16))]

    assert find_room(OFFICE_SHIFTS, taken, at(8), 30, DAYS) == Window(at(8.5), at(9))
    assert find_room(OFFICE_SHIFTS, taken, at(8.75), 30, DAYS) == Window(at(11), at(11.5))
    assert find_room(OFFICE_SHIFTS, taken, at(8.75), 90, DAYS) == Window(at(16), at(17.5))
    assert find_room(OFFICE_SHIFTS, taken, at(8.75), 120, DAYS) == Window(at(32.5), at(34.5))


def test_room_after_friday_is_on_monday_and_there_is_none_without_hours() -> None:
    friday = MONDAY - timedelta(days=3)

    assert find_room(OFFICE_SHIFTS, [], at(17, friday), 60, DAYS) == Window(at(8.5), at(9.5))
    assert find_room((), [], at(9), 60, DAYS) is None


def test_long_work_begins_where_a_whole_day_is_free() -> None:
    taken = [Window(at(10), at(11))]

    assert find_room(OFFICE_SHIFTS, taken, at(8), 1000, DAYS) == Window(at(32.5), at(32.5) + timedelta(minutes=1000))


def test_a_night_shift_runs_past_midnight() -> None:
    night = (Shift(frozenset({1}), time(22), time(6)),)

    assert minutes_at_work(night, MONDAY, DAYS) == 480
    assert find_room(night, [], at(25), 60, DAYS) == Window(at(25), at(26))


def test_nobody_works_on_a_holiday_and_a_make_up_day_stands_in_for_a_weekday() -> None:
    named = ("调休", "make-up")
    days = replace(DAYS, holidays={MONDAY: ("放假", "off")}, make_up_days=dict.fromkeys((SUNDAY, SATURDAY), named))
    weekend = (Shift(frozenset({6, 7}), time(10), time(12)),)

    assert find_room(OFFICE_SHIFTS, [], at(8), 60, days) == Window(at(32.5), at(33.5))
    assert find_room(OFFICE_SHIFTS, [], at(8, SATURDAY), 60, days) == Window(at(8.5, SATURDAY), at(9.5, SATURDAY))
    assert [minutes_at_work(OFFICE_SHIFTS, day, days) for day in (SATURDAY, SUNDAY, MONDAY)] == [540, 540, 0]
    assert minutes_at_work(weekend, SUNDAY, days) == 120, "whoever works then anyhow has his own hours"
    assert minutes_at_work((), SUNDAY, days) == 0


def test_the_hours_are_those_of_the_place() -> None:
    berlin = Workdays(ZoneInfo("Europe/Berlin"))

    found = find_room(OFFICE_SHIFTS, [], datetime(2026, 11, 23, 0, 0, tzinfo=UTC), 60, berlin)

    assert found is not None and found.start.astimezone(UTC) == datetime(2026, 11, 23, 7, 30, tzinfo=UTC)


def test_only_what_lies_within_the_day_counts() -> None:
    assert minutes_within([Window(at(-2), at(1)), Window(at(9), at(10)), Window(at(30), at(31))], MONDAY, DAYS) == 120


def test_moments_are_rounded_up_to_the_quarter() -> None:
    assert round_up(datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) == datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    assert round_up(datetime(2026, 11, 23, 9, 0, 1, tzinfo=UTC)) == datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
    assert round_up(datetime(2026, 11, 23, 9, 46, tzinfo=UTC)) == datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), max_size=8))
def test_windows_in_one_lane_never_meet_and_every_overlap_is_told(spans: list[tuple[int, int]]) -> None:
    windows = [Window(at(start), at(start + length)) for start, length in spans]

    placed = lay_out(windows)

    for one in range(len(windows)):
        meeting = [other for other in range(len(windows)) if other != one and windows[one].meets(windows[other])]
        assert placed[one][1] is bool(meeting)
        assert all(placed[other][0] != placed[one][0] for other in meeting)
