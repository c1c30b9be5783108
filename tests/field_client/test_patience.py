"""When a run tries again, and how much it puts into one request."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from field_client.patience import PAUSE_LONGEST_S, TRIES_LEAST, Pace, Patience
from schemas.problems import Refused


class Clock:
    """Time that passes by being waited for."""

    def __init__(self) -> None:
        self.at_s = 0.0
        self.pauses: list[float] = []

    def __call__(self) -> float:
        return self.at_s

    def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.at_s += seconds


def patience_with(clock: Clock, limit_s: float = 120) -> Patience:
    return Patience(limit_s, clock, clock.pause, chance=lambda: 1.0)


def failing(*codes: str) -> Callable[[], str]:
    """Return a request that is refused with each of the codes, then answered."""
    left = list(codes)

    def request() -> str:
        if left:
            raise Refused(left.pop(0))
        return "answer"

    return request


def test_a_broken_line_is_tried_again_with_growing_pauses() -> None:
    clock = Clock()
    patience = patience_with(clock)

    answer = patience.keep_trying(failing(*["server_unreachable"] * 4))

    assert answer == "answer"
    assert clock.pauses == [0.5, 1, 2, 4]


def test_pauses_have_a_longest_and_chance_spreads_them() -> None:
    clock = Clock()
    patience = Patience(10_000, clock, clock.pause, chance=lambda: 0.0)

    patience.keep_trying(failing(*["server_unreachable"] * 12))

    assert clock.pauses[-1] == PAUSE_LONGEST_S / 2


@pytest.mark.parametrize("detail", ["NewConnectionError", "NameResolutionError", "ConnectTimeoutError"])
def test_without_any_network_nobody_is_kept_waiting(detail: str) -> None:
    clock = Clock()

    with pytest.raises(Refused, match="server_unreachable"):
        patience_with(clock).bear(Refused("server_unreachable", detail=detail))

    assert clock.pauses == []


def test_a_line_that_was_there_is_waited_for_even_when_nobody_takes_the_connection() -> None:
    clock = Clock()
    patience = patience_with(clock)
    patience.renew()

    patience.bear(Refused("server_unreachable", detail="NewConnectionError"))

    assert clock.pauses == [0.5]


def test_patience_ends_and_what_gets_through_renews_it() -> None:
    clock = Clock()
    patience = patience_with(clock, limit_s=10)
    patience.renew()

    patience.keep_trying(failing(*["server_unreachable"] * 3))
    clock.at_s += 9
    patience.keep_trying(failing())

    patience.keep_trying(failing(*["server_unreachable"] * 3))
    with pytest.raises(Refused, match="server_unreachable"):
        patience.keep_trying(failing(*["server_unreachable"] * 6))


def test_a_single_try_that_outlasts_the_patience_is_not_the_last() -> None:
    clock = Clock()
    patience = patience_with(clock, limit_s=120)
    patience.renew()

    for _ in range(TRIES_LEAST):
        clock.at_s += 200
        patience.bear(Refused("server_unreachable", detail="ReadTimeoutError"))
    clock.at_s += 200

    with pytest.raises(Refused, match="server_unreachable"):
        patience.bear(Refused("server_unreachable", detail="ReadTimeoutError"))


@pytest.mark.parametrize("code", ["network_sign_in", "server_not_trusted", "answer_not_understood", "device_revoked"])
def test_what_waiting_does_not_mend_is_told_at_once(code: str) -> None:
    clock = Clock()
    patience = patience_with(clock)
    patience.renew()

    with pytest.raises(Refused, match=code):
        patience.keep_trying(failing(code))

    assert clock.pauses == []


def test_a_busy_server_is_left_alone_as_long_as_it_asks_and_no_longer_than_the_patience() -> None:
    clock = Clock()
    patience = patience_with(clock)

    patience.bear(Refused("server_busy", seconds=30))
    with pytest.raises(Refused, match="server_busy"):
        patience.bear(Refused("server_busy", seconds=600))

    assert clock.pauses == [30]


def test_a_request_grows_on_a_quick_line_and_shrinks_on_a_slow_one() -> None:
    clock = Clock()
    pace = Pace(1000, 100, 50_000, target_s=10, clock=clock)

    def carry(size: int, seconds: float) -> int:
        pace.begin()
        clock.at_s += seconds
        pace.note(size)
        return pace.size

    assert carry(1000, 1) == 4000
    assert carry(4000, 1) == 16_000
    assert carry(16_000, 40) == 4000
    assert carry(4000, 10_000) == 100
    assert carry(100, 0) == 400


def test_a_request_that_was_small_for_want_of_more_says_nothing_of_the_line() -> None:
    clock = Clock()
    pace = Pace(1000, 100, 50_000, target_s=10, clock=clock)

    pace.begin()
    clock.at_s += 0.1
    pace.note(50)

    assert pace.size == 1000


def test_a_request_grows_although_its_last_set_did_not_fit_into_it() -> None:
    clock = Clock()
    pace = Pace(1000, 100, 50_000, target_s=10, clock=clock)

    pace.begin()
    clock.at_s += 1
    pace.note(750)

    assert pace.size == 4000


def test_a_request_may_take_some_round_trips_where_these_are_long() -> None:
    clock = Clock()
    pace = Pace(1000, 100, 50_000, target_s=10, clock=clock)

    pace.begin()
    clock.at_s += 20
    pace.note(1000, round_trip_s=5.0)

    assert pace.size == 1000


def test_what_did_not_get_through_is_made_smaller_down_to_a_least() -> None:
    pace = Pace(1000, 100, 50_000, target_s=10)

    pace.shrink()
    first = pace.size
    pace.shrink()
    pace.shrink()

    assert (first, pace.size) == (250, 100)
