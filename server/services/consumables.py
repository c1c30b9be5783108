"""Consumables: which machines are due one, by the interval of the part and what was last fitted. Source: handbook P6.

Rule 1: it counts from when the part, or another one of its component that stands in for it, was last fitted; where
        none ever was, from the day the machine was accepted.
Rule 2: an order that names the part for the machine and is not ended is told; another one is not forbidden.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Engine

from schemas.lifecycle import ENDED_STATES
from schemas.problems import Refused
from server.domain import stock as rules
from server.services import orders
from server.services.office import Office
from server.store import records, stock_levels_read
from server.store.database import reading

DUE_DAYS_AHEAD: Final = 30
"""What is due so soon goes along with the next visit."""

DUE_SHOWN: Final = 300

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """A machine that is due a consumable: when it was last fitted (None: never) and when it is due, as days."""

    machine: str
    machine_body: Body
    part: str
    part_body: Body
    interval_days: int
    fitted_on: str | None
    due_on: str
    order: str | None
    """An order under way that brings it."""


class _Waiting(NamedTuple):
    """A machine that is due a part, in the order in which they are told."""

    due_on: str
    machine: str
    part: str
    interval_days: int
    fitted_on: str | None


def list_consumables(connection: Connection, organisation: str) -> dict[str, Body]:
    """Return the parts that are to be replaced after some time, by id."""
    bodies = records.bodies_of_kind(connection, organisation, "part")
    return {part: body for part, body in bodies if body.get("interval_days") or body.get("intervals")}


def list_due(
    connection: Connection, organisation: str, today: str, days_ahead: int = DUE_DAYS_AHEAD
) -> tuple[list[Due], bool]:
    """Return what is due until some days from today, the longest overdue first, and whether there is more."""
    until = rules.due_on(today, days_ahead)
    models = dict(records.bodies_of_kind(connection, organisation, "model"))
    parts = list_consumables(connection, organisation)
    found = sorted(
        waiting
        for part, body in parts.items()
        for waiting in _list_due_of(connection, organisation, part, body, models, until)
    )
    shown = found[:DUE_SHOWN]
    machines = records.bodies_of(connection, organisation, {one.machine for one in shown})
    under_way = _find_orders(connection, organisation, machines)
    told = [
        Due(
            one.machine, machines[one.machine][1], one.part, parts[one.part], one.interval_days, one.fitted_on,
            one.due_on, under_way.get((one.machine, one.part)),
        )
        for one in shown
    ]  # fmt: skip
    return told, len(found) > DUE_SHOWN


def raise_order(engine: Engine, office: Office, organisation: str, actor: str, machine: str, parts: list[str]) -> str:
    """Create a maintenance order that brings consumables to a machine; return its number.

    Raises Refused with `lines_missing`, `not_found`, or what forbids it.
    """
    if not parts:
        raise Refused("lines_missing")
    with reading(engine) as connection:
        bodies = records.bodies_of(connection, organisation, parts)
    names = [bodies[part][1]["name"] for part in parts if bodies.get(part, ("",))[0] == "part"]
    if len(names) != len(parts):
        raise Refused("not_found", what=", ".join(parts))
    needed = [{"part_id": part, "quantity": 1} for part in parts]
    given = {
        "machine_id": machine,
        "service": "maintenance",
        "grade": "general",
        "symptom": f"更换耗材 / Replace consumables: {'、'.join(names)}",
        "needed_parts": needed,
    }
    number, _ = orders.create(engine, office, organisation, actor, given)
    return number


def _list_due_of(
    connection: Connection, organisation: str, part: str, body: Body, models: Mapping[str, Body], until: str
) -> list[_Waiting]:
    models_of: dict[int, list[str]] = {}
    for model, model_body in models.items():
        days = rules.interval_of(body, model) if _fits(body, model, model_body) else None
        if days:
            models_of.setdefault(days, []).append(model)
    siblings = _list_siblings(connection, organisation, part, body) if models_of else []
    found: list[_Waiting] = []
    for days, chosen in models_of.items():
        # Whatever is of a day comes before the next one begins.
        before = rules.due_on(until, 1 - days)
        rows = stock_levels_read.list_due(connection, organisation, siblings, chosen, before, DUE_SHOWN + 1)
        found += (
            _Waiting(rules.due_on(row.since, days), row.id, part, days, row.fitted_at and row.fitted_at[:10])
            for row in rows
        )
    return found


def _fits(part: Body, model: str, model_body: Body) -> bool:
    named = any(own.get("model_id") == model for own in part.get("intervals") or ())
    if named or model in (part.get("model_ids") or ()):
        return True
    return bool(model_body.get("family")) and model_body["family"] in (part.get("families") or ())


def _list_siblings(connection: Connection, organisation: str, part: str, body: Body) -> list[str]:
    """Return the parts of one component, which stand in for each other."""
    if not body.get("component"):
        return [part]
    others = records.bodies_holding(connection, organisation, "part", "component", body["component"])
    return sorted({part, *(other for other, _ in others)})


def _find_orders(connection: Connection, organisation: str, machines: Iterable[str]) -> dict[tuple[str, str], str]:
    """Return the numbers of orders under way that name a part for a machine."""
    found: dict[tuple[str, str], str] = {}
    under_way = stock_levels_read.list_open_orders(connection, organisation, machines, ENDED_STATES)
    bodies = records.bodies_of(connection, organisation, [order.id for order in under_way])
    for order in under_way:
        for needed in bodies[order.id][1].get("needed_parts") or () if order.id in bodies else ():
            found.setdefault((order.machine, needed.get("part_id")), order.number)
    return found
