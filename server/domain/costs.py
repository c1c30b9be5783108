"""What an order costs and who bears it: parts, labour, the way there. Source: handbook V9, W3, W7, P3.

Rule 1: labour is the time from the beginning of the work to its end without the pauses between, in whole minutes and
        begun ones, charged by begun units of the terms (`labour_step_minutes`, else by the minute); the amount is
        rounded to the cent, halves up.
Rule 2: of the rates of the terms the row that says most counts: a service point weighs most, then the kind of service,
        then the engineer's level. The way there is charged once an order, when somebody was there.
Rule 3: under warranty the maker bears it; what no warranty covers (W3 wear parts, W7 exclusions) the customer pays, and
        of labour outside warranty he pays nothing where the terms charge material only.
Rule 4: of what is doubtful neither is charged until the office has decided; what nobody has set a price for is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from schemas.warranty import Verdict, day_of, verdict_on

About = Literal["part", "labour", "travel"]
Bearer = Literal["customer", "maker", "undecided"]
BEARERS: Final[tuple[Bearer, ...]] = ("customer", "maker", "undecided")
Values = Mapping[str, Any]

_BEARERS: Final[dict[str, Bearer]] = {"in": "maker", "out": "customer", "doubtful": "undecided"}
_WEIGHTS: Final = {"centre_id": 4, "service": 2, "level": 1}
_MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Cost:
    """One line, in cents; None where nobody has set a price.

    `quantity` is pieces, minutes of labour as charged, or ways; `unit_cents` is for a piece, an hour, a way.
    """

    about: About
    name: str
    quantity: int
    unit_cents: int | None
    cents: int | None
    bearer: Bearer


@dataclass(frozen=True, slots=True)
class Bill:
    """All lines of an order."""

    costs: tuple[Cost, ...] = ()
    worked_minutes: int = 0
    is_material_only: bool = False

    def total(self, bearer: Bearer) -> int:
        """Return what somebody bears, of the lines that have a price."""
        return sum(cost.cents or 0 for cost in self.costs if cost.bearer == bearer)

    @property
    def is_whole(self) -> bool:
        """Whether every line has a price."""
        return all(cost.cents is not None for cost in self.costs)


@dataclass(frozen=True, slots=True)
class Work:
    """What an order's costs stand on; `terms` are the values of its service terms, `warranty` those of the warranty."""

    order: Values
    level: str | None
    pauses: Sequence[Values]
    fitted: Sequence[tuple[Values, Values, int | None]]
    """What was fitted, its part of the catalogue, what one costs."""
    terms: Values
    warranty: Values | None


def tell_bill(work: Work) -> Bill:
    """Return what an order costs as it stands."""
    order, terms = work.order, work.terms
    on_day = day_of(order["reported_at"]) if order.get("reported_at") else None
    costs = [_price_part(work, fitted, part, price, on_day) for fitted, part, price in work.fitted]
    minutes = count_minutes(order, work.pauses)
    rate = find_rate(terms, order, work.level)
    is_free = bool(terms.get("material_only"))
    if minutes is not None:
        bearer = _bearer(_judge(work, on_day))
        charged = round_up_minutes(minutes, terms.get("labour_step_minutes") or 1)
        hour, travel = (rate.get(name) if rate else None for name in ("hour_cents", "travel_cents"))
        cents = 0 if is_free and bearer == "customer" else None if hour is None else charge(charged, hour)
        costs.append(Cost("labour", "", charged, hour, cents, bearer))
        if travel is not None:
            costs.append(Cost("travel", "", 1, travel, 0 if is_free and bearer == "customer" else travel, bearer))
    return Bill(tuple(costs), minutes or 0, is_free)


def count_minutes(order: Values, pauses: Iterable[Values]) -> int | None:
    """Return how long was worked, in begun minutes; None while the work has no end or beginning."""
    if not order.get("started_at") or not order.get("finished_at"):
        return None
    start, end = _moment(order["started_at"]), _moment(order["finished_at"])
    worked, reached = timedelta(), start
    waits = sorted(
        (_moment(pause["began_at"]), _moment(pause.get("ended_at") or order["finished_at"])) for pause in pauses
    )
    for begins, ends in waits:
        if ends > reached and begins < end:
            worked += max(timedelta(), min(begins, end) - reached)
            reached = max(reached, min(ends, end))
    return max(0, -((reached - end - worked) // _MINUTE)) if end > start else 0


def _moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant)


def round_up_minutes(minutes: int, step: int) -> int:
    """Return minutes in begun units of so many."""
    return -(-minutes // step) * step


def charge(minutes: int, hour_cents: int) -> int:
    """Return what labour costs, to the cent, halves up."""
    return (minutes * hour_cents * 2 + 60) // 120


def find_rate(terms: Values, order: Values, level: str | None) -> Values | None:
    """Return the rate of the terms that holds for an order and the level of its engineer, or None."""
    facts = {"centre_id": order.get("centre_id"), "service": order.get("service"), "level": level}
    fitting = [
        rate
        for rate in terms.get("labour_rates") or ()
        if all(rate.get(name) in (None, fact) for name, fact in facts.items())
    ]
    # Of two that say the same the later one counts, as a person reads a table.
    return max(enumerate(fitting), key=lambda at: (_weight_of(at[1]), at[0]), default=(0, None))[1]


def _weight_of(rate: Values) -> int:
    return sum(weight for name, weight in _WEIGHTS.items() if rate.get(name) is not None)


def _price_part(work: Work, fitted: Values, part: Values, price: int | None, on_day: str | None) -> Cost:
    quantity = fitted.get("quantity") or 1
    bearer = _bearer(_judge(work, on_day, part))
    return Cost("part", fitted["part_name"], quantity, price, None if price is None else price * quantity, bearer)


def _judge(work: Work, on_day: str | None, part: Values | None = None) -> Verdict | None:
    return verdict_on(work.warranty, on_day, work.order, part) if on_day and work.order.get("machine_id") else None


def _bearer(verdict: Verdict | None) -> Bearer:
    """Return who bears what a verdict is about; what belongs to no machine of ours has no warranty."""
    return _BEARERS[verdict.outcome] if verdict else "customer"
