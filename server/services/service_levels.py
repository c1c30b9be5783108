"""What the desk reads of service levels: the limits that press, those of the orders in a list, all of one order.

Lists read the board, where the next limit of each order stands (server/store/projections.py); an order's page works
its clocks out, with the reasons. Source: handbook G1-G7.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row

from schemas.clocks import MET_BY, find_line
from server.domain.calendar import Calendar
from server.domain.sla import PRESSING, Clock, State, Terms, find_next
from server.domain.sla_reasons import Reason
from server.domain.steps import Duty, Whereabouts, find_duty
from server.domain.times import spell
from server.services.corrected_times import LogTimes
from server.services.orders_read import find_order
from server.services.sla_case import Standing, limits_of, read_standings, read_terms_book
from server.store import order_clocks
from server.store.stored_record import Record

PAGE_MAX: Final = 200
"""Orders listed at once; who has more of them breached calls for help before he scrolls."""

_STOPPED_BY: Final = {name: clock for clock in ("answer", "proposal", "on_site") for name in MET_BY[clock]}
"""field of an order -> the clock that its time is about: of several the last"""


@dataclass(frozen=True, slots=True)
class Level:
    """Where an order stands with its next limit: `left_s` seconds are left when it is asked for, or over if negative.

    While all that is promised is paused, `clock`, `due_at` and `left_s` are None; where nothing is promised, or all is
    kept, `state` is ``none``.
    """

    order_id: str
    number: str
    grade: str
    state: Literal["none", "running", "pressing", "breached", "paused"]
    clock: str | None = None
    due_at: str | None = None
    left_s: int | None = None
    paused_by: str | None = None


@dataclass(frozen=True, slots=True)
class LevelPage:
    """Some orders whose next limit presses; `after` asks for the next page, None on the last."""

    levels: list[Level]
    after: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Pressing:
    """How many orders are beyond a limit, and how many will be within the hour."""

    breached: int
    within_hour: int


@dataclass(frozen=True, slots=True)
class ClockView:
    """A clock of an order as it stands at the moment asked for."""

    clock: Clock
    state: State
    left: timedelta | None


@dataclass(frozen=True, slots=True)
class OrderLevels:
    """All there is to say of an order's service levels at a moment.

    `line` is the line of support the order is at; `escalations` and `pauses` are the records' values, oldest first,
    with `id`, and `by`, the id of whoever wrote them.
    """

    order_id: str
    number: str
    terms_id: str | None
    terms: Terms | None
    calendar: Calendar
    area: str | None
    clocks: tuple[ClockView, ...]
    next: ClockView | None
    line: str
    duty: Duty | None
    escalations: list[dict[str, Any]]
    pauses: list[dict[str, Any]]


def count_pressing(connection: Connection, organisation: str, now: str) -> Pressing:
    """Return how many orders are beyond a limit at an instant, or will be within the hour."""
    return Pressing(*order_clocks.count_due(connection, organisation, *_window(now)))


def list_pressing(
    connection: Connection,
    organisation: str,
    now: str,
    after: tuple[str, str] | None = None,
    limit: int = PAGE_MAX,
) -> LevelPage:
    """Return up to `limit` orders that are beyond a limit or will be within the hour, the longest over first."""
    start, soon = _window(now)
    rows = order_clocks.list_due(connection, organisation, soon, after, limit + 1)
    levels = [_level(row, start) for row in rows[:limit]]
    return LevelPage(levels, (rows[limit - 1].next_due_at, rows[limit - 1].id) if len(rows) > limit else None)


def read_levels(connection: Connection, organisation: str, ids: Iterable[str], now: str) -> dict[str, Level]:
    """Return where each of some orders stands, by id."""
    start, _ = _window(now)
    return {row.id: _level(row, start) for row in order_clocks.clocks_among(connection, organisation, ids)}


def describe(connection: Connection, organisation: str, called: str, now: str) -> OrderLevels:
    """Return all there is to say of one order, by its id or number. Raises Refused with `not_found`."""
    order_id, _ = find_order(connection, organisation, called)
    book = read_terms_book(connection, organisation)
    (standing,) = read_standings(connection, organisation, [order_id], book)
    times = LogTimes(connection, organisation)
    moment = datetime.fromisoformat(now)
    clocks = tuple(_view(_tell_corrections(clock, standing), moment) for clock in standing.run())
    found = find_next((view.clock for view in clocks), moment)
    # As they are by what is known at this moment; what stands in the order may be two seconds behind.
    promise, order = standing.promise, standing.order.body | limits_of(standing)
    calendar = promise.calendar if promise else book.default_calendar
    terms = promise.terms if promise else Terms()
    around = _look_around(standing, times)
    return OrderLevels(
        order_id=order_id,
        number=order["number"],
        terms_id=promise.terms_id if promise else None,
        terms=promise.terms if promise else None,
        calendar=calendar,
        area=standing.case.area,
        clocks=clocks,
        next=next((view for view in clocks if found is not None and view.clock.name == found.name), None),
        line=around.line,
        duty=find_duty(order, around, terms.step_limits, calendar),
        escalations=[_signed(record, times) for record in standing.escalations],
        pauses=[_signed(record, times) for record in standing.pause_records],
    )


def _look_around(standing: Standing, times: LogTimes) -> Whereabouts:
    bodies = [record.body for record in standing.escalations]
    newest = max(bodies, key=lambda body: (body["escalated_at"], body["to_line"]), default=None)
    pause = standing.open_pauses[-1].body if standing.open_pauses else {}
    until = pause.get("expected_until")
    return Whereabouts(
        since=times.written(standing.order, "status").at,
        line=find_line(standing.order.body, bodies),
        expert=newest.get("person_id") if newest else None,
        waits_for=pause.get("reason"),
        expected_until=datetime.fromisoformat(until) if until else None,
    )


def _view(clock: Clock, now: datetime) -> ClockView:
    return ClockView(clock, clock.state_at(now), clock.left_at(now))


def _tell_corrections(clock: Clock, standing: Standing) -> Clock:
    """Return a clock that also tells which times of its step were put right."""
    reasons = [
        Reason(
            "time_corrected",
            {"step": clock.name, "captured": datetime.fromisoformat(standing.order.body[name]), "at": at},
        )
        for name, at in standing.put_right.items()
        if clock.limit is not None and (name == "reported_at" or _STOPPED_BY.get(name, "solved") == clock.name)
    ]
    return replace(clock, reasons=(*clock.reasons, *reasons)) if reasons else clock


def _signed(record: Record, times: LogTimes) -> dict[str, Any]:
    return {"id": record.id, "by": times.written(record, "order_id").actor} | record.body


def _window(now: str) -> tuple[str, str]:
    moment = datetime.fromisoformat(now)
    return spell(moment), spell(moment + PRESSING)


def _level(row: Row[Any], now: str) -> Level:
    about = (row.id, row.number, row.grade)
    if row.next_due_at is None:
        return Level(*about, "paused" if row.paused_by else "none", paused_by=row.paused_by)
    left = datetime.fromisoformat(row.next_due_at) - datetime.fromisoformat(now)
    state: Literal["running", "pressing", "breached"] = "running"
    if left < timedelta():
        state = "breached"
    elif left < PRESSING:
        state = "pressing"
    return Level(*about, state, row.next_clock, row.next_due_at, int(left.total_seconds()), row.paused_by)
