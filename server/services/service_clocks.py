"""The clocks of orders follow the log: whenever something they stand on changes, their limits are worked out anew.

The limits are fields of the order that only the server side writes, so they travel to whoever holds it. They are
written through the one door in the name of the office's own person, when they differ; whoever writes a change never
waits for it. A pause that came with a hold ends with it, here, where nobody has said so himself. An order that has
ended, or for which no terms hold, is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from sqlalchemy import Connection, Engine

from schemas.clocks import DUE_FIELDS
from schemas.lifecycle import ENDED_STATES
from server.domain.ids import is_id
from server.domain.sla import Pause
from server.domain.times import spell
from server.services.corrected_times import LogTimes
from server.services.log_following import LogPages, follow
from server.services.office import Office
from server.services.sla_case import Standing, TermsBook, limits_of, read_standings, read_terms_book
from server.services.verdicts import expect_taken_in
from server.store import order_clocks, records
from server.store.database import reading
from server.store.devices import read_organisation
from sync.changeset import CHANGES_MAX, Change

NAME: Final = "clocks"
ORDERS_AT_ONCE: Final = 50
"""Orders read in one transaction and written in one change-set, each with its few pauses: others wait meanwhile."""

_EVERYWHERE: Final = ("service_terms", "working_calendar")
_PLACES: Final = ("customer", "site", "machine")
_KINDS: Final = ("work_order", "clock_pause", *_EVERYWHERE, *_PLACES)

_ORDER_FIELDS: Final = frozenset({
    "service", "grade", "customer_id", "site_id", "machine_id", "sla_term_id", "service_terms_id", "reported_at",
    *DUE_FIELDS.values(),
})  # fmt: skip
"""What the limits of an order stand on, and the limits themselves: what somebody else wrote there is put right."""

_STOPS: Final = frozenset({
    "status", "result", "answered_at", "proposed_at", "arrived_at", "started_at", "finished_at",
})  # fmt: skip
"""What stops clocks. Of an order that was never paused it moves no limit: that is the report and what is promised."""

_PLACE_FIELDS: Final = frozenset({"service_terms_id", "remote", "key_equipment", "site_id", "customer_id"})


def renew(engine: Engine, office: Office, organisation: str, pages: LogPages | None = None) -> int:
    """Bring the clocks of an organisation's orders up to date with its log; return how many records were written.

    Raises Refused with `database_busy` or `disk_full`; what was written stays, and the next round goes on.
    """

    def renew_by(changes: Sequence[Change]) -> int | None:
        with reading(engine) as connection:
            orders = _find_orders(connection, organisation, changes)
        return renew_orders(engine, office, organisation, orders) if orders else None

    return follow(engine, organisation, NAME, _KINDS, renew_by, pages)


def renew_orders(engine: Engine, office: Office, organisation: str, orders: Iterable[str]) -> int:
    """Work out the limits of some orders, write those that changed, and return how many records did."""
    written = 0
    with reading(engine) as connection:
        system = read_organisation(connection, organisation).office_person
        book = read_terms_book(connection, organisation)
        # Where nothing is promised to everybody there is nothing to work out for most.
        wanted = sorted(orders if book.terms else order_clocks.find_timed(connection, organisation, orders))
    for start in range(0, len(wanted), ORDERS_AT_ONCE):
        with reading(engine) as connection:
            changes = list(_compare(connection, organisation, wanted[start : start + ORDERS_AT_ONCE], book))
        for first in range(0, len(changes), CHANGES_MAX):
            expect_taken_in(office.write(organisation, system, "clocks.renew", changes[first : first + CHANGES_MAX]))
        written += len(changes)
    return written


def _compare(connection: Connection, organisation: str, ids: Sequence[str], book: TermsBook) -> Iterator[Change]:
    times = LogTimes(connection, organisation)
    for standing in read_standings(connection, organisation, ids, book):
        yield from _end_pauses(standing, times)
        body = standing.order.body
        if standing.promise is None or body["status"] in ENDED_STATES:
            continue
        moved = {name: value for name, value in limits_of(standing).items() if body.get(name) != value}
        if moved:
            was = {name: body.get(name) for name in moved}
            yield Change("work_order", standing.order.id, "update", moved, was)


def _end_pauses(standing: Standing, times: LogTimes) -> Iterator[Change]:
    """End the pauses of an order that has ended, and those that came with a hold that is over."""
    status = standing.order.body["status"]
    for record in standing.open_pauses:
        if status in ENDED_STATES or (record.body.get("with_hold") and status != "on_hold"):
            began = times.moment_of(record, "began_at")
            assert began is not None
            ended = max(times.written(standing.order, "status").at, began)
            standing.pauses = [
                Pause(pause.reason, pause.began, ended, pause.note)
                if pause.ended is None and (pause.reason, pause.began) == (record.body["reason"], began)
                else pause
                for pause in standing.pauses
            ]
            yield Change("clock_pause", record.id, "update", {"ended_at": spell(ended)}, {"ended_at": None})


def _find_orders(connection: Connection, organisation: str, changes: Iterable[Change]) -> set[str]:
    """Return the orders whose clocks may have changed by what the log says."""
    orders: set[str] = set()
    stopped: set[str] = set()
    pauses: set[str] = set()
    places: set[str] = set()
    is_everywhere = False
    is_promised = records.has_kind(connection, organisation, "service_terms")
    for change in changes:
        names = change.set.keys()
        if change.kind == "work_order":
            if change.op == "create":
                orders |= {change.id} if is_promised or change.set.get("sla_term_id") else set()
            elif names & _ORDER_FIELDS or _opens_again(change):
                orders.add(change.id)
            elif names & _STOPS:
                stopped.add(change.id)
        elif change.kind == "clock_pause":
            pauses.add(change.id)
        elif change.kind in _EVERYWHERE:
            is_everywhere = True
        elif change.kind in _PLACES and change.op != "create" and names & _PLACE_FIELDS:
            places.add(change.id)
    found = records.bodies_of(connection, organisation, filter(is_id, pauses | places))
    orders |= {body["order_id"] for kind, body in found.values() if kind == "clock_pause"}
    orders |= order_clocks.find_paused(connection, organisation, stopped - orders)
    if is_everywhere:
        orders |= {row.id for row in order_clocks.list_open_orders(connection, organisation)}
    elif places:
        # A site has no orders of its own in the board: those of its customer are looked at.
        places |= {body["customer_id"] for kind, body in found.values() if kind == "site" and body.get("customer_id")}
        rows = order_clocks.list_open_orders(connection, organisation)
        orders |= {row.id for row in rows if row.customer in places or row.machine in places}
    return set(filter(is_id, orders))


def _opens_again(change: Change) -> bool:
    """Tell whether an order goes on that had ended: nobody looked at its limits meanwhile."""
    return "status" in change.set and change.was.get("status") in ENDED_STATES
