"""Known fixes: written down, and made of an order that was solved. Source: handbook R3, F8."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Engine

from schemas.problems import Refused
from server.keys import new_id
from server.services.office import Office
from server.services.orders_read import find_order
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.database import reading
from server.store.workspace import Workspace
from sync.changeset import Change

DONE_STATES = ("finished", "closed")


def write_fix(office: Office, organisation: str, actor: str, given: Mapping[str, Any]) -> str:
    """Write a known fix down and return its id. Raises Refused with what forbids it."""
    values = {name: value for name, value in ({"state": "in_use"} | dict(given)).items() if value not in (None, "", [])}
    fix_id = new_id()
    answer = office.write(organisation, actor, "known_fix.write", [Change("known_fix", fix_id, "create", values, {})])
    expect_taken_in(answer)
    return fix_id


def set_state(office: Office, organisation: str, actor: str, fix: str, seen: str, state: str) -> None:
    """Take a known fix out of use, or into use again. Raises Refused with `changed_meanwhile` or what forbids it.

    `seen` is the state that the page showed; a retired fix stays where it was used and is offered no more.
    """
    if state not in ("in_use", "retired"):
        raise Refused("value_invalid", field="state", detail=state[:40])

    def plan(store: Workspace) -> list[Change]:
        found = store.record(fix)
        if found is None or found.deleted or found.kind != "known_fix":
            raise Refused("not_found", what=fix[:60])
        if found.body["state"] != seen:
            raise Refused("changed_meanwhile", fields="state")
        return [Change("known_fix", fix, "update", {"state": state}, {"state": seen})]

    expect_taken_in(office.write_planned(organisation, actor, f"known_fix.{state}", plan))


def draft_from_order(engine: Engine, organisation: str, called: str) -> dict[str, Any]:
    """Return what a known fix made of an order would say; a person reads it over before it is written.

    Raises Refused with `not_found`, or `order_not_solved` when nobody has solved it yet.
    """
    with reading(engine) as connection:
        order_id, order = find_order(connection, organisation, called)
        if order["status"] not in DONE_STATES or not order.get("remedy"):
            raise Refused("order_not_solved", number=order["number"])
        machine = records.body_of(connection, organisation, order["machine_id"]) if order.get("machine_id") else None
        model_id = machine[1].get("model_id") if machine else None
        model = records.body_of(connection, organisation, model_id) if model_id else None
    return {
        "title": (order.get("symptom") or order["number"])[:120],
        "model_id": model_id,
        "family": model[1].get("family") if model else None,
        "alarms": list(order.get("alarms") or ()),
        "words": [order["failed_component"]] if order.get("failed_component") else [],
        "cause": order.get("diagnosis"),
        "remedy": order.get("remedy"),
        "order_id": order_id,
    }
