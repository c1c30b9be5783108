"""Assigning orders and moving them in the schedule: each act one change-set, and each can be taken back by another.

Rule 1: who acts on an older page than the schedule stands at is told so, and nothing is overwritten.
Rule 2: whoever the rules of dispatch exclude is sent only when the dispatcher says so (`despite`).
Rule 3: what has begun on site is not given to somebody else, nor moved: it is put on hold first.
Rule 4: an act can be taken back as long as nobody has changed what it wrote.
Source: handbook D1, D2, H2, R5.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.clock import unix_ms
from server.domain.times import spell
from server.domain.timetable import Window
from server.services.candidates import Call, expected_minutes, judge_one, read_call
from server.services.office import Office
from server.services.orders_read import find_order
from server.services.preparation import list_preparation
from server.services.verdicts import expect_taken_in
from server.services.working_days import read_workdays
from server.store import log, plan_rows, schedule
from server.store.database import transact
from server.store.logged_sets import read_logged
from server.store.workspace import Workspace, open_workspace
from sync.changeset import Change
from sync.receipt import Receipt

INTENTS: Final = ("order.assign", "order.plan", "order.unassign", "order.plan.undo")

MOVABLE_STATES: Final = ("received", "assigned", "travelling", "on_hold")
"""States before work on site (rule 3)."""

MINUTES_MAX: Final = schedule.PLAN_DAYS_MAX * 24 * 60

_OF_TIME: Final = frozenset({"absent", "master_away"})

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """Whom to send and when; without a time the engineer's first room is taken, without minutes what is expected."""

    engineer: str
    start: datetime | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True)
class Planned:
    """What was done: `position` names the act for `undo`, None when everything stood so already."""

    order: str
    number: str
    position: int | None
    before: Body
    after: Body


def mark_of(order: Mapping[str, Any]) -> str:
    """Return what tells whether the schedule of an order is still the one that somebody saw (rule 1)."""
    names = ("engineer_id", "status", "planned_start_at", "planned_end_at", "appointment_at", "companion_id")
    return mark(*(order.get(name) for name in names[:2]), *plan_rows.window_of(order))


def mark(engineer: str | None, status: str, starts_at: str | None, ends_at: str | None) -> str:
    """Return the mark of an order from its row in the schedule."""
    return hashlib.sha256(repr((engineer, status, starts_at, ends_at)).encode()).hexdigest()[:16]


def assign(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    order_id: str,
    wish: Wish,
    zone: tzinfo,
    seen: str | None = None,
    despite: bool = False,
) -> Planned:
    """Give an order to an engineer at a time, or move it to another; the preparation list goes out with it.

    `zone` is the office's, in which people's working hours are told.

    Raises Refused with `not_found`, `plan_moved`, `order_under_way`, `engineer_unsuitable`, `value_invalid`, or
    whatever else forbids the change.
    """

    def work(connection: Connection) -> Planned:
        store = open_workspace(connection, organisation)
        key, order = _find(connection, organisation, order_id, seen)
        now = datetime.fromisoformat(spell_now())
        window = _wished(order, wish)
        days = read_workdays(connection, organisation, zone)
        call = read_call(connection, organisation, key, order, now, days, window)
        new = _new_values(connection, organisation, call, wish, window, now, despite)
        intent = "order.assign" if new.keys() & {"engineer_id"} else "order.plan"
        if "appointment_at" in new and not order.get("answered_at") and any(order.get(n) != new[n] for n in new):
            # The customer is told when somebody comes: he has his answer. Source: handbook R5, G1.
            new["answered_at"] = spell(now)
        return _write(store, office, actor, intent, key, order, new)

    return transact(engine, work)


def unassign(
    engine: Engine, office: Office, organisation: str, actor: str, order_id: str, seen: str | None = None
) -> Planned:
    """Take an order back from its engineer: it waits again. Raises Refused as `assign` does."""

    def work(connection: Connection) -> Planned:
        store = open_workspace(connection, organisation)
        key, order = _find(connection, organisation, order_id, seen)
        if order["status"] not in ("received", "assigned"):
            raise Refused("order_under_way", status=order["status"])
        names = ("engineer_id", "companion_id", "planned_start_at", "planned_end_at", "preparation")
        new = {name: None for name in names if order.get(name) is not None}
        if order.get("appointment_at") and order.get("appointment_at") == order.get("planned_start_at"):
            new["appointment_at"] = None
        return _write(store, office, actor, "order.unassign", key, order, new | {"status": "received"})

    return transact(engine, work)


def undo(engine: Engine, office: Office, organisation: str, actor: str, position: int) -> Planned:
    """Take back an act of this page by a further change-set.

    Raises Refused with `nothing_to_undo` when the log has no such act there, or somebody has changed what it wrote.
    """

    def work(connection: Connection) -> Planned:
        store = open_workspace(connection, organisation)
        entry = log.find_at(connection, organisation, position)
        changeset = read_logged(entry.sealed) if entry is not None else None
        if changeset is None or changeset.intent not in INTENTS or changeset.device != store.office_device:
            raise Refused("nothing_to_undo")
        (change,) = changeset.changes
        key, order = find_order(connection, organisation, change.id)
        if any(order.get(name) != value for name, value in change.set.items()):
            raise Refused("nothing_to_undo")
        return _write(store, office, actor, "order.plan.undo", key, order, dict(change.was))

    return transact(engine, work)


def spell_now() -> str:
    """Return the server's time to the second, in which the schedule reckons."""
    return spell(datetime.fromtimestamp(unix_ms() // 1000, UTC))


def _find(connection: Connection, organisation: str, called: str, seen: str | None) -> tuple[str, Body]:
    key, order = find_order(connection, organisation, called)
    if seen is not None and seen != mark_of(order):
        raise Refused("plan_moved", number=order["number"])
    return key, order


def _wished(order: Body, wish: Wish) -> Window | None:
    if wish.minutes is not None and not 1 <= wish.minutes <= MINUTES_MAX:
        raise Refused("value_invalid", field="minutes", detail=f"1 - {MINUTES_MAX}")
    if wish.start is None:
        return None
    return Window(wish.start, wish.start + timedelta(minutes=wish.minutes or _minutes(order)))


def _minutes(order: Body) -> int:
    """Return how long an order's visit was planned to last, or is expected to."""
    if order.get("planned_start_at") and order.get("planned_end_at"):
        planned = Window(*(datetime.fromisoformat(order[f"planned_{side}_at"]) for side in ("start", "end")))
        if planned.minutes:
            return planned.minutes
    return expected_minutes(order)


def _new_values(
    connection: Connection,
    organisation: str,
    call: Call,
    wish: Wish,
    window: Window | None,
    now: datetime,
    despite: bool,
) -> Body:
    order = call.order
    if order["status"] not in MOVABLE_STATES:
        raise Refused("order_under_way", status=order["status"])
    candidate = judge_one(connection, organisation, call, wish.engineer, now)
    if candidate is None:
        raise Refused("record_missing", kind="person", id=wish.engineer)
    moves_on = order.get("engineer_id") != wish.engineer
    reasons = [r for r in candidate.reasons if r.excludes and (moves_on or r.code in _OF_TIME)]
    if reasons and not despite:
        told = " ".join(f"{reason.sentence('zh')} {reason.sentence('en')}" for reason in reasons)
        raise Refused("engineer_unsuitable", name=candidate.engineer.name[0], reason=told)
    new: Body = {"engineer_id": wish.engineer}
    if order["status"] == "received" or (moves_on and order["status"] in ("travelling", "on_hold")):
        new["status"] = "assigned"
    planned = window or candidate.window
    if planned is not None:
        start, end = spell(planned.start), spell(planned.end)
        new |= {"planned_start_at": start, "planned_end_at": end, "appointment_at": start}
    master = candidate.engineer.master if candidate.engineer.is_new else None
    if moves_on or not order.get("preparation"):
        new["companion_id"] = master.id if master else None
        new["preparation"] = list_preparation(connection, organisation, call)
    return new


def _write(store: Workspace, office: Office, actor: str, intent: str, key: str, order: Body, new: Body) -> Planned:
    """Write what differs from the order as it stands."""
    moved = {name: value for name, value in new.items() if order.get(name) != value}
    position = None
    if moved:
        was = {name: order.get(name) for name in moved}
        answer: Receipt = expect_taken_in(
            office.write_in(store, actor, intent, [Change("work_order", key, "update", moved, was)])
        )
        position = answer.position
    store.flush()
    return Planned(key, order["number"], position, order, order | moved)
