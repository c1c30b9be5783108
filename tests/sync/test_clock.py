"""The hybrid clock: stamps only rise, and nobody's wrong clock wins for long."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.clock import COUNTER_MAX, ORIGIN, STAMP_PATTERN, WALL_MS_MAX, clamp, tick

WALLS = st.integers(0, WALL_MS_MAX - 1)
STAMPS = st.builds("{:013d}-{:04x}".format, WALLS, st.integers(0, COUNTER_MAX))


@given(STAMPS, st.integers(-(10**15), 10**15))
def test_a_tick_is_later_than_the_last_whatever_the_wall_says(last: str, wall_ms: int) -> None:
    ticked = tick(last, wall_ms)

    assert ticked > last
    assert re.match(STAMP_PATTERN, ticked)


@given(st.lists(WALLS, min_size=2, max_size=30))
def test_a_clock_that_jumps_back_and_forth_still_gives_rising_stamps(walls: list[int]) -> None:
    stamps = [ORIGIN]
    for wall_ms in walls:
        stamps.append(tick(stamps[-1], wall_ms))

    assert stamps == sorted(set(stamps))
    assert int(stamps[-1][:13]) <= max(walls) + 1


def test_a_right_clock_is_followed() -> None:
    assert tick("1795227359123-0007", 1795227359124) == "1795227359124-0000"


def test_a_clock_that_stands_still_counts() -> None:
    assert tick("1795227359123-0007", 1795227359123) == "1795227359123-0008"
    assert tick("1795227359123-ffff", 1795227359123) == "1795227359124-0000"


def test_the_last_stamp_of_all_is_not_followed_by_an_earlier_one() -> None:
    last = f"{WALL_MS_MAX}-ffff"

    assert tick(last, 0) == tick(last, WALL_MS_MAX + 1) == last


@given(STAMPS, WALLS)
def test_a_stamp_is_clamped_to_the_wall_and_otherwise_left_alone(stamp: str, wall_ms: int) -> None:
    clamped = clamp(stamp, wall_ms)

    assert int(clamped[:13]) <= wall_ms
    assert clamped == stamp or int(stamp[:13]) > wall_ms


@given(st.lists(STAMPS, min_size=2, max_size=8), WALLS)
def test_clamping_keeps_the_order(stamps: list[str], wall_ms: int) -> None:
    clamped = [clamp(stamp, wall_ms) for stamp in sorted(stamps)]

    assert clamped == sorted(clamped)


def test_a_device_three_days_ahead_does_not_win_for_three_days() -> None:
    now = 1795227359123
    ahead = tick(ORIGIN, now + 3 * 24 * 3600 * 1000)

    later_edit = tick(ORIGIN, now + 1000)

    assert clamp(ahead, now) < later_edit < ahead


@pytest.mark.parametrize("stamp", ["", "1-0", "1795227359123-00FF", "1795227359123-0000\n", "١795227359123-0000"])
def test_a_stamp_has_one_form(stamp: str) -> None:
    assert not re.match(STAMP_PATTERN, stamp)
