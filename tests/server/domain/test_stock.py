"""Rules of the stock: balances do not depend on the order of arrival, counts settle to what was counted."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.stock import StockKey
from server.domain.stock import (
    Held,
    Level,
    Pick,
    count_usable,
    due_on,
    find_difference,
    find_gap,
    find_order,
    interval_of,
    pick,
    place_of,
    read_serials,
    settle_late,
    spell_difference,
    sum_moves,
)

TODAY = "2026-11-21"
PLACES = ("supplier", "centre:a", "centre:b", "van:w", "machine", "scrapped", "returned", "difference")
HERE = StockKey("a", "p", "", "")


def move(start: str, end: str, quantity: int, at: int = 0) -> dict[str, Any]:
    """Return a move between two of PLACES at a moment."""
    values: dict[str, Any] = {"part_id": "p", "quantity": quantity, "at": at}
    for side, spelled in (("from", start), ("to", end)):
        place, _, of = spelled.partition(":")
        values |= {f"{side}_place": place} | ({f"{side}_{place}_id": of} if of else {})
    return values


moves = st.lists(
    st.builds(move, st.sampled_from(PLACES), st.sampled_from(PLACES), st.integers(1, 9), st.integers(0, 20)),
    max_size=25,
)


@given(moves, st.randoms(use_true_random=False))
def test_balances_do_not_depend_on_the_order_of_arrival(history: list[dict[str, Any]], chance: random.Random) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)

    assert sum_moves(shuffled) == sum_moves(history)
    assert all(quantity for quantity in sum_moves(history).values())


@given(moves, st.randoms(use_true_random=False), st.integers(0, 25), st.integers(0, 20), st.integers(0, 50))
def test_a_count_settles_to_what_was_counted_whenever_moves_arrive(
    history: list[dict[str, Any]], chance: random.Random, known: int, counted_at: int, counted: int
) -> None:
    arrivals = list(history)
    chance.shuffle(arrivals)
    books, later = arrivals[:known], arrivals[known:]

    def balance_by(moment: int) -> int:
        return sum_moves(move for move in books if move["at"] <= moment).get(HERE, 0)

    def book(difference: int) -> None:
        if difference:
            values = spell_difference({"place": "centre", "centre_id": "a"}, difference)
            books.append({"part_id": "p", "at": counted_at, **values})

    after = sum_moves(move for move in books if move["at"] > counted_at).get(HERE, 0)
    book(find_difference(sum_moves(books).get(HERE, 0), after, counted))
    assert balance_by(counted_at) == counted

    books += later
    late = sum_moves(move for move in later if move["at"] <= counted_at).get(HERE, 0)
    book(settle_late(late))
    since = sum_moves(move for move in history if move["at"] > counted_at).get(HERE, 0)
    assert balance_by(counted_at) == counted
    assert sum_moves(books).get(HERE, 0) == counted + since


def test_what_is_picked_expires_first_and_is_neither_expired_nor_recalled() -> None:
    shelf = [
        Held("B4", "", 9),
        Held("B3", "", 2, "2027-05-01"),
        Held("B2", "", 2, "2026-12-01"),
        Held("B1", "", 5, "2026-11-20"),
        Held("B0", "", 5, "2027-01-01", is_recalled=True),
        Held("B5", "", -3),
    ]

    assert pick(shelf, 5, TODAY) == [Pick("B2", "", 2), Pick("B3", "", 2), Pick("B4", "", 1)]
    assert count_usable(shelf, TODAY) == 13
    assert pick(shelf, 0, TODAY) == []
    assert [line.serial for line in pick([Held("B", "S2", 1), Held("B", "S1", 1)], 1, TODAY)] == ["S1"]


@given(
    st.lists(st.builds(Held, st.sampled_from("ABC"), st.sampled_from(["", "S"]), st.integers(-3, 9)), max_size=9),
    st.integers(0, 30),
)
def test_no_more_is_picked_than_wanted_and_than_there_is(held: list[Held], wanted: int) -> None:
    picked = sum(line.quantity for line in pick(held, wanted, TODAY))

    assert picked == min(wanted, count_usable(held, TODAY))


def test_a_van_is_made_up_and_a_centre_orders_below_its_minimum() -> None:
    level = Level("p", 2, 5)

    assert [find_gap(level, usable) for usable in (0, 4, 5, 9)] == [5, 1, 0, 0]
    assert [find_order(level, usable) for usable in (0, 1, 2, 9)] == [5, 4, 0, 0]
    assert find_order(Level("p", 3, 0), 1) == 2


def test_the_model_says_how_often_before_the_part_does() -> None:
    part = {"interval_days": 90, "intervals": [{"model_id": "m1", "interval_days": 30}]}

    assert [interval_of(part, model) for model in ("m1", "m2", None)] == [30, 90, 90]
    assert interval_of({}, "m1") is None
    assert due_on("2026-11-21T10:00:00.000Z", 30) == "2026-12-21"


def test_serial_numbers_are_read_one_a_line_or_parted_by_commas_each_once() -> None:
    assert read_serials(" S1\nS2, S3，S4\n\nS1\r\n") == ["S1", "S2", "S3", "S4"]


def test_an_end_without_a_balance_is_its_word() -> None:
    moved = move("van:w", "machine", 1)

    assert (place_of(moved, "from"), place_of(moved, "to")) == ("w", "machine")
