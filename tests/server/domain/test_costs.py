"""What an order costs: labour without its pauses, the rate that says most, who bears what, to the cent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from server.domain.costs import Work, charge, count_minutes, find_rate, round_up_minutes, tell_bill
from server.domain.times import spell

ORDER: dict[str, Any] = {
    "service": "repair", "centre_id": "c1", "started_at": "2026-03-10T01:00:00Z", "finished_at": "2026-03-10T04:00:00Z",
}  # fmt: skip
START = datetime.fromisoformat(ORDER["started_at"])


def pause(begins: float, ends: float | None) -> dict[str, Any]:
    """Return a pause from so many minutes after the beginning to so many."""
    began_at, ended_at = (None if at is None else spell(START + timedelta(minutes=at)) for at in (begins, ends))
    return {"began_at": began_at, "ended_at": ended_at}


def test_time_between_pauses_is_worked_and_counted_once() -> None:
    assert count_minutes(ORDER, []) == 180
    assert count_minutes(ORDER, [pause(30, 90), pause(60, 100), pause(-20, 10)]) == 100
    assert count_minutes(ORDER, [pause(120, None)]) == 120
    assert count_minutes(ORDER | {"finished_at": "2026-03-10T01:10:01Z"}, []) == 11
    assert count_minutes(ORDER | {"finished_at": "2026-03-10T00:00:00Z"}, []) == 0
    assert count_minutes(ORDER | {"finished_at": None}, []) is None


@given(st.lists(st.tuples(st.integers(-60, 240), st.integers(0, 120)), max_size=6))
def test_pauses_only_ever_take_away_and_their_order_does_not_matter(spans: list[tuple[int, int]]) -> None:
    pauses = [pause(begins, begins + length) for begins, length in spans]

    minutes = count_minutes(ORDER, pauses)

    standing = {at for begins, length in spans for at in range(begins, begins + length)}
    assert minutes == count_minutes(ORDER, pauses[::-1]) == len(set(range(180)) - standing)


def test_the_rate_that_says_most_holds() -> None:
    general, senior = {"hour_cents": 1}, {"hour_cents": 2, "level": "senior"}
    retrofit, here = {"hour_cents": 3, "service": "retrofit"}, {"hour_cents": 4, "centre_id": "c1"}

    def rate(*rates: dict[str, Any], level: str | None = "senior") -> Any:
        return find_rate({"labour_rates": list(rates)}, ORDER, level)

    assert rate(general, senior, retrofit) == senior and rate(general, senior, retrofit, level=None) == general
    assert rate(here, senior, general) == here and rate(retrofit) is None
    assert rate(general, {"hour_cents": 9}) == {"hour_cents": 9}


@given(st.integers(0, 20_000), st.integers(1, 480), st.integers(0, 10_000_000))
def test_begun_units_are_charged_to_the_nearest_cent(minutes: int, step: int, hour_cents: int) -> None:
    charged = round_up_minutes(minutes, step)
    cents = charge(charged, hour_cents)

    assert minutes <= charged < minutes + step and charged % step == 0
    assert -30 <= charged * hour_cents - cents * 60 < 30 or charged * hour_cents - cents * 60 == -30


def test_material_alone_is_charged_where_the_contract_says_so() -> None:
    terms = {"labour_rates": [{"hour_cents": 10_000, "travel_cents": 3_000}], "material_only": True}
    fitted = [({"part_name": "密封"}, {}, None), ({"part_name": "电机", "quantity": 2}, {}, 500)]

    bill = tell_bill(Work(ORDER, None, [], fitted, terms, None))

    assert [cost.cents for cost in bill.costs] == [None, 1000, 0, 0]
    assert (bill.total("customer"), bill.total("maker"), bill.is_whole) == (1000, 0, False)
