"""Reading the schedule: what is shown of some people and days, what waits, and what ranking needs to know."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, bindparam, func, select, text

from server.domain.times import spell
from server.store.plan_tables import PlanRow

_PLANS: Table = PlanRow.__table__  # type: ignore[assignment]

PLAN_DAYS_MAX: Final = 31
"""No visit is planned to last longer; so what ends later than this after a day cannot touch it."""

RELEASED_LOOKED_AT: Final = 5000
"""Records that left somebody's devices: an order goes with some fifty, and a week has some thirty orders."""

DONE_STATES: Final = ("finished", "closed")

_WAITS: Final = text("plans.waits")
"""Spelled as the index of what waits spells it: SQLite uses a partial index for the same words only."""

_CONTACTS: Final = text(
    "SELECT d.person, max(c.contacted_at) AS contacted_at FROM devices d"
    " LEFT JOIN contacts c ON c.organisation = d.organisation AND c.device = d.device"
    " WHERE d.organisation = :organisation AND d.state = 'active' AND d.person IN :people GROUP BY d.person"
).bindparams(bindparam("people", expanding=True))
_STOCK: Final = text(
    "SELECT place, part, sum(quantity) AS quantity FROM stock"
    " WHERE organisation = :organisation AND place IN :places AND part IN :parts GROUP BY place, part"
).bindparams(bindparam("places", expanding=True), bindparam("parts", expanding=True))
_RELEASED: Final = text(
    "SELECT f.id, r.body, r.position, l.received_at FROM (SELECT id, position, organisation FROM feed"
    " WHERE organisation = :organisation AND holder = :person AND gone ORDER BY position DESC LIMIT :looked_at) f"
    " JOIN records r ON r.organisation = f.organisation AND r.id = f.id"
    " JOIN log l ON l.organisation = r.organisation AND l.position = r.position"
    " WHERE r.kind = 'work_order' AND NOT r.deleted AND l.received_at > :since ORDER BY f.position DESC"
)


def list_plans(
    connection: Connection, organisation: str, people: Iterable[str], begins: datetime, ends: datetime
) -> Sequence[Row[Any]]:
    """Return the rows of some people that have some time in common with the days from `begins` to `ends`.

    Cancelled orders take nobody's time and are left out.
    """
    latest = spell(ends + timedelta(days=PLAN_DAYS_MAX))
    plan = _PLANS.c
    within = (plan.ends_at > spell(begins), plan.starts_at < spell(ends))
    # An absence may be of any length; they are few.
    bounded = (plan.ends_at < latest) | (plan.slot == "absence")
    return connection.execute(
        select(_PLANS)
        .where(plan.organisation == organisation, plan.person.in_(list(people)), *within, bounded)
        .where(plan.status != "cancelled")
        .order_by(plan.person, plan.starts_at, plan.id)
    ).all()


def list_waiting(connection: Connection, organisation: str, most: int) -> Sequence[Row[Any]]:
    """Return up to `most` orders that wait for an engineer or a time, those with the nearest limit first."""
    plan = _PLANS.c
    where = (plan.organisation == organisation, _WAITS)
    return connection.execute(select(_PLANS).where(*where).order_by(plan.due_at, plan.id).limit(most)).all()


def count_waiting(connection: Connection, organisation: str) -> int:
    """Return how many orders wait for an engineer or a time."""
    where = (_PLANS.c.organisation == organisation, _WAITS)
    return connection.execute(select(func.count()).select_from(_PLANS).where(*where)).scalar_one()


def count_finished(connection: Connection, organisation: str, people: Sequence[str]) -> dict[str, int]:
    """Return how many orders each person has finished; asked of those who are new, who have few."""
    plan = _PLANS.c
    where = (plan.organisation == organisation, plan.person.in_(people), plan.slot == "engineer")
    rows = connection.execute(
        select(plan.person, func.count()).where(*where, plan.status.in_(DONE_STATES)).group_by(plan.person)
    )
    return {person: count for person, count in rows if person is not None}


def read_contacts(connection: Connection, organisation: str, people: Sequence[str]) -> dict[str, str | None]:
    """Return when any device of each person last called; None for a device that never did, nothing without one."""
    if not people:
        return {}
    rows = connection.execute(_CONTACTS, {"organisation": organisation, "people": list(people)})
    return {row.person: row.contacted_at for row in rows}


def read_stock(
    connection: Connection, organisation: str, places: Sequence[str], parts: Sequence[str]
) -> dict[str, dict[str, int]]:
    """Return how many of each part are at each place, by place and part."""
    found: dict[str, dict[str, int]] = {}
    if places and parts:
        given = {"organisation": organisation, "places": list(places), "parts": list(parts)}
        for row in connection.execute(_STOCK, given):
            found.setdefault(row.place, {})[row.part] = int(row.quantity)
    return found


def list_of_person(connection: Connection, organisation: str, person: str, since: str, most: int) -> Sequence[Row[Any]]:
    """Return up to `most` visits of a person that end after `since`, by their end, with the orders' bodies."""
    statement = text(
        "SELECT p.id, p.slot, p.starts_at, p.ends_at, r.body, r.position, l.received_at"
        " FROM plans p JOIN records r ON r.organisation = p.organisation AND r.id = p.id"
        " JOIN log l ON l.organisation = r.organisation AND l.position = r.position"
        " WHERE p.organisation = :organisation AND p.person = :person AND p.ends_at > :since AND p.slot <> 'absence'"
        " ORDER BY p.ends_at, p.id LIMIT :most"
    )
    given = {"organisation": organisation, "person": person, "since": since, "most": most}
    return connection.execute(statement, given).all()


def list_released(connection: Connection, organisation: str, person: str, since: str) -> Sequence[Row[Any]]:
    """Return the orders among what last left a person's devices, changed after `since`, the last ones first."""
    given = {"organisation": organisation, "person": person, "since": since, "looked_at": RELEASED_LOOKED_AT}
    return connection.execute(_RELEASED, given).all()
