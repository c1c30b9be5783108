"""What the clocks of orders stand on: terms, calendar, area, times put right, pauses. Source: handbook G1-G7.

The terms that hold are those of the order, else of its machine, its site, its customer, else the standard ones; the
area is that of the machine, else of the site, else of the customer. Where the organisation has no working calendar, the
one of mainland China holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from schemas import KINDS
from schemas.clocks import DUE_FIELDS, MET_BY, is_solved
from schemas.lifecycle import ENDED_STATES
from server.domain.calendar import Calendar, read_calendar
from server.domain.presets import china_calendar
from server.domain.sla import Case, Clock, Pause, Terms, read_single_term, read_terms, run_clocks
from server.domain.times import spell
from server.services.corrected_times import LogTimes
from server.store import records
from server.store.stored_record import Record

Body = Mapping[str, Any]

TIMES: Final = ("reported_at", "answered_at", "proposed_at", "arrived_at", "started_at", "finished_at")
_NEEDED: Final = ("status", "grade", "service", "reported_at", "answered_at", "machine_id", "site_id", "customer_id",
                  "sla_term_id", "service_terms_id")  # fmt: skip
_PLACES: Final = ("machine_id", "site_id", "customer_id")


@dataclass(frozen=True, slots=True)
class Promise:
    """The terms that hold, their calendar, and the id of their record, None for the limits of a single grade."""

    terms: Terms
    calendar: Calendar
    terms_id: str | None = None


@dataclass(frozen=True, slots=True)
class TermsBook:
    """Every set of terms and every working calendar of an organisation."""

    terms: Mapping[str, Body]
    calendars: Mapping[str, Calendar]
    standard: str | None
    default_calendar: Calendar

    def find(self, named: Iterable[str | None], single: Body | None = None) -> Promise | None:
        """Return the promise of the first terms named that exist, else `single`'s, else the standard's, else None."""
        for terms_id in named:
            if terms_id in self.terms:
                return self._promise(terms_id)
        if single is not None:
            return Promise(read_single_term(single), self.default_calendar)
        return self._promise(self.standard) if self.standard is not None else None

    def _promise(self, terms_id: str) -> Promise:
        body = self.terms[terms_id]
        calendar = self.calendars.get(body.get("calendar_id") or "", self.default_calendar)
        return Promise(read_terms(body), calendar, terms_id)


@dataclass(slots=True)
class Standing:
    """An order and all its clocks stand on.

    `open_pauses` are the records of pauses that are not over; `put_right` tells of each time of the order that was
    corrected what it is by the server's clock.
    """

    order: Record
    promise: Promise | None
    case: Case
    pauses: list[Pause] = field(default_factory=list)
    pause_records: list[Record] = field(default_factory=list)
    open_pauses: list[Record] = field(default_factory=list)
    escalations: list[Record] = field(default_factory=list)
    put_right: dict[str, datetime] = field(default_factory=dict)

    def run(self) -> tuple[Clock, ...]:
        """Return the order's clocks; none where nobody promised anything."""
        if self.promise is None:
            return ()
        return run_clocks(self.case, self.promise.terms, self.promise.calendar, self.pauses)


def read_terms_book(connection: Connection, organisation: str) -> TermsBook:
    """Return the terms and calendars of an organisation."""
    terms = dict(records.bodies_of_kind(connection, organisation, "service_terms"))
    bodies = records.bodies_of_kind(connection, organisation, "working_calendar")
    calendars = {calendar_id: read_calendar(body) for calendar_id, body in bodies}
    default = calendars[min(calendars)] if calendars else read_calendar(china_calendar())
    # Of two that are marked the later one counts: somebody has made another the standard and not unmarked the first.
    standard = max((terms_id for terms_id, body in terms.items() if body.get("standard")), default=None)
    return TermsBook(terms, calendars, standard, default)


def read_standings(connection: Connection, organisation: str, ids: Iterable[str], book: TermsBook) -> list[Standing]:
    """Return what the clocks of some orders stand on, in the order of their ids; what is no order is passed over."""
    found = records.stamped(connection, organisation, ids)
    orders = [order for _, order in sorted(found.items()) if order.kind == "work_order"]
    followers = records.stamped_followers(
        connection, organisation, [order.id for order in orders], ("clock_pause", "escalation")
    )
    around = _read_around(connection, organisation, [order.body for order in orders])
    times = LogTimes(connection, organisation)
    times.load(_positions(times, orders, followers))
    return [_stand(order, followers.get(order.id, []), around, times, book) for order in orders]


def limits_of(standing: Standing) -> dict[str, Any]:
    """Return the fields of an order that its clocks decide, None where a clock has no limit."""
    clocks = standing.run()
    values: dict[str, Any] = {
        DUE_FIELDS[clock.name]: spell(clock.due_at) if clock.due_at is not None else None for clock in clocks
    }
    return values | {"paused_by": next((clock.paused_by for clock in clocks if clock.paused_by), None)}


def limits_at_creation(connection: Connection, organisation: str, order: Body) -> dict[str, str]:
    """Return the limits of an order that is being created, by the names of their fields; none of what is no order."""
    checks = KINDS["work_order"].checks
    if not all(checks[name](order.get(name)) for name in _NEEDED):
        return {}
    book = read_terms_book(connection, organisation)
    around = _read_around(connection, organisation, [order])
    promise = _find_promise(order, around, book)
    reported = datetime.fromisoformat(order["reported_at"]) if order.get("reported_at") else None
    if promise is None:
        return {}
    answered = datetime.fromisoformat(order["answered_at"]) if order.get("answered_at") else None
    case = _case(order, around, reported, {"answer": answered} if answered else {}, None)
    clocks = run_clocks(case, promise.terms, promise.calendar)
    return {DUE_FIELDS[clock.name]: spell(clock.due_at) for clock in clocks if clock.due_at is not None}


def find_terms(connection: Connection, organisation: str, order: Body, book: TermsBook | None = None) -> Body:
    """Return the values of the service terms that hold for an order, empty where none do."""
    book = book or read_terms_book(connection, organisation)
    promise = _find_promise(order, _read_around(connection, organisation, [order]), book)
    return book.terms.get(promise.terms_id, {}) if promise and promise.terms_id else {}


def _read_around(connection: Connection, organisation: str, orders: Iterable[Body]) -> dict[str, Body]:
    """Return what orders refer to that says something of their terms, and the sites of their machines, by id."""
    named = {order[name] for order in orders for name in (*_PLACES, "sla_term_id") if order.get(name)}
    found = {key: body for key, (_, body) in records.bodies_of(connection, organisation, named).items()}
    further = {body["site_id"] for body in found.values() if body.get("site_id")} - found.keys()
    further |= {body["customer_id"] for body in found.values() if body.get("customer_id")} - found.keys()
    return found | {key: body for key, (_, body) in records.bodies_of(connection, organisation, further).items()}


def _places(order: Body, around: Mapping[str, Body]) -> tuple[Body, Body, Body]:
    """Return machine, site and customer of an order, empty where it has none."""
    machine = around.get(order.get("machine_id") or "", {})
    site = around.get(order.get("site_id") or machine.get("site_id") or "", {})
    customer = around.get(order.get("customer_id") or machine.get("customer_id") or site.get("customer_id") or "", {})
    return machine, site, customer


def _find_promise(order: Body, around: Mapping[str, Body], book: TermsBook) -> Promise | None:
    single = around.get(order.get("sla_term_id") or "")
    if single is not None and not order.get("service_terms_id"):
        return book.find((), single)
    return book.find([order.get("service_terms_id"), *(p.get("service_terms_id") for p in _places(order, around))])


def _case(
    order: Body,
    around: Mapping[str, Body],
    reported: datetime | None,
    met: Mapping[str, datetime],
    solved: datetime | None,
) -> Case:
    places = _places(order, around)
    remote = next((place["remote"] for place in places if place.get("remote") is not None), None)
    return Case(
        grade=order["grade"],
        service=order["service"],
        reported=reported,
        area=None if remote is None else "remote" if remote else "city",
        is_key_equipment=bool(places[0].get("key_equipment")),
        met=met,
        solved=solved,
        has_ended=order["status"] in ENDED_STATES,
    )


def _stand(
    order: Record, followers: Iterable[Record], around: Mapping[str, Body], times: LogTimes, book: TermsBook
) -> Standing:
    moments = {name: at for name in TIMES if (at := times.moment_of(order, name)) is not None}
    met = {
        clock: min(given)
        for clock, names in MET_BY.items()
        if (given := [moments[name] for name in names if name in moments])
    }
    solved = moments.get("finished_at") if is_solved(order.body) else None
    standing = Standing(
        order,
        _find_promise(order.body, around, book),
        _case(order.body, around, moments.get("reported_at"), met, solved),
        put_right={name: at for name, at in moments.items() if at != datetime.fromisoformat(order.body[name])},
    )
    for record in followers:
        if record.kind == "escalation":
            standing.escalations.append(record)
            continue
        standing.pause_records.append(record)
        if not record.body.get("disallowed"):
            began = times.moment_of(record, "began_at")
            ended = times.moment_of(record, "ended_at")
            assert began is not None
            if ended is None:
                standing.open_pauses.append(record)
            standing.pauses.append(Pause(record.body["reason"], began, ended, record.body.get("note") or ""))
    return standing


def _positions(times: LogTimes, orders: Iterable[Record], followers: Mapping[str, list[Record]]) -> Iterator[int]:
    """Yield the log positions at which devices wrote times that count."""
    pauses = (record for records_of in followers.values() for record in records_of if record.kind == "clock_pause")
    for record, names in (*((o, TIMES) for o in orders), *((p, ("began_at", "ended_at")) for p in pauses)):
        for name in names:
            position, device = record.stamp_of(name)
            if record.body.get(name) is not None and device != times.office_device:
                yield position
