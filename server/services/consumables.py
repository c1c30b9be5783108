"""Consumables: which machines are due one, by the interval of the part and what was last fitted. Source: handbook P6.

Rule 1: it counts from when the part, or another one of its component that stands in for it, was last fitted; where
        none ever was, from the day the machine was accepted.
Rule 2: an order that names the part for the machine and is not ended is told; another one is not forbidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas.lifecycle import ENDED_STATES
from schemas.problems import Refused
from server.domain import stock as rules
from server.domain.catalogue import spell_facet
from server.services import orders
from server.services.office import Office
from server.store import catalogue, records, stock_levels_read
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


def list_consumables(connection: Connection, organisation: str) -> dict[str, Body]:
    """Return the parts that are to be replaced after some time, by id."""
    bodies = records.bodies_of_kind(connection, organisation, "part")
    return {part: body for part, body in bodies if body.get("interval_days") or body.get("intervals")}


def list_due(
    connection: Connection, organisation: str, today: str, days_ahead: int = DUE_DAYS_AHEAD
) -> tuple[list[Due], bool]:
    """Return what is due until some days from today, the longest overdue first, and whether there is more."""
    until = rules.due_on(today, days_ahead)
    found: list[Due] = []
    models = dict(records.bodies_of_kind(connection, organisation, "model"))
    for part, body in list_consumables(connection, organisation).items():
        found += _list_due_of(connection, organisation, part, body, models, until)
    found.sort(key=lambda due: (due.due_on, due.machine, due.part))
    shown = found[:DUE_SHOWN]
    under_way = _find_orders(connection, organisation, shown)
    told = [
        Due(d.machine, d.machine_body, d.part, d.part_body, d.interval_days, d.fitted_on, d.due_on,
            under_way.get((d.machine, d.part)))
        for d in shown
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
) -> list[Due]:
    intervals = {model: rules.interval_of(body, model) for model in models if _fits(body, model, models[model])}
    wanted = {model: days for model, days in intervals.items() if days}
    siblings = _list_siblings(connection, organisation, part, body)
    fitted = stock_levels_read.list_last_fitted(connection, organisation, siblings)
    found = []
    for model, days in wanted.items():
        ids = [
            key
            for _, key in catalogue.search(connection, organisation, "machine", [], [spell_facet("model_id", model)])
        ]
        for machine, (_, values) in records.bodies_of(connection, organisation, ids).items():
            last = fitted.get(machine)
            since = last or values.get("accepted_on")
            if since and values.get("state") != "retired" and (due := rules.due_on(since, days)) <= until:
                found.append(Due(machine, values, part, body, days, last[:10] if last else None, due, None))
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


def _find_orders(connection: Connection, organisation: str, due: list[Due]) -> dict[tuple[str, str], str]:
    """Return the numbers of orders under way that name a part for a machine."""
    found: dict[tuple[str, str], str] = {}
    for order in stock_levels_read.list_open_orders(
        connection, organisation, {one.machine for one in due}, ENDED_STATES
    ):
        body = records.body_of(connection, organisation, order.id)
        for needed in (body[1].get("needed_parts") or ()) if body else ():
            found.setdefault((order.machine, needed.get("part_id")), order.number)
    return found
