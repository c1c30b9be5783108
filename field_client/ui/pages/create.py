"""Orders made on site: a new one or a request for the office, a follow-up, and a return to the factory."""

from __future__ import annotations

import re
from typing import Any, Final

from flask import Blueprint, render_template, request
from werkzeug.datastructures import MultiDict

from field_client.store import Store, Values
from field_client.ui.visit import finish, open_desk
from field_client.work import find_machine, find_order
from field_client.work_create import (
    TAKERS,
    NewMachine,
    NewOrder,
    Taker,
    create,
    follow_up,
    list_follow_ups,
    list_handed_in,
    suggest_symptom,
)
from field_client.work_facts import find_standing
from field_client.work_return import packing_of, return_to_factory
from pages.language import choose_language, gettext
from schemas.order import GRADES, SERVICES

blueprint = Blueprint("create", __name__)

OFFERED_MOST: Final = 1000
"""Names a person scrolls through by typing their beginning; a list of them all would be slow to build."""

HANDED_IN_SHOWN: Final = 10
ROWS: Final = 2
"""Things in a box to begin with: the machine, and what was taken off it; more rows can be added."""

TOLD: Final = ("machine_name", "customer_name", "site_address", "contact", "phone")


@blueprint.get("/create")
def show() -> str:
    """Show the form of a new order, for ``machine``, or for one whose label said ``serial`` and ``model``."""
    desk = open_desk()
    machine = desk.store.find(request.args.get("machine"))
    return render_template(
        "create.html",
        desk=desk,
        machine=machine,
        serial=machine.values["serial"] if machine else request.args.get("serial", ""),
        model=request.args.get("model", ""),
        here=request.full_path.rstrip("?"),
        serials=_offer(desk.store, "machine", "serial"),
        models=_offer(desk.store, "model", "name"),
        customers=_offer(desk.store, "customer", "name"),
        handed_in=list_handed_in(desk.bench)[:HANDED_IN_SHOWN],
        services=SERVICES,
        grades=GRADES,
        takers=name_takers(),
    )


@blueprint.post("/create")
def take_down() -> Any:
    """Take a new order or request down."""
    desk, form = open_desk(), request.form
    done = create(desk.bench, _read_order(form))
    values = done.order.values
    text = gettext("%(number)s is recorded.", number=values["number"])
    to = "/create" if values["status"] == "received" else f"/orders/{done.order.id}"
    return finish(to, text, done.notices)


@blueprint.get("/orders/<order_id>/follow-up")
def show_follow_up(order_id: str) -> str:
    """Show the form of an order that follows this one, by a check that failed where ``item`` names one."""
    desk = open_desk()
    order, item = find_order(desk.bench, order_id), request.args.get("item", "")
    return render_template(
        "follow_up.html",
        desk=desk,
        order=order,
        item=item,
        symptom=suggest_symptom(desk.bench, item, choose_language(), order.id) if item else "",
        raised=list_follow_ups(desk.bench, order),
        services=SERVICES,
        grades=GRADES,
        takers={taker: name for taker, name in name_takers().items() if taker != "begun"},
    )


@blueprint.post("/orders/<order_id>/follow-up")
def raise_follow_up(order_id: str) -> Any:
    """Raise it."""
    form = request.form
    done = follow_up(
        open_desk().bench,
        form.get("symptom", ""),
        service=form.get("service", ""),
        grade=form.get("grade", ""),
        taker=_read_taker(form),
        order=order_id,
    )
    text = gettext("%(number)s is recorded.", number=done.order.values["number"])
    return finish(f"/orders/{order_id}", text, done.notices)


@blueprint.get("/orders/<order_id>/return")
def show_return(order_id: str) -> str:
    """Show what is to be packed and how, and what was sent before."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    machine = desk.store.values_of(order.values.get("machine_id"))
    model = desk.store.values_of(machine.get("model_id"))
    return render_template(
        "return.html",
        desk=desk,
        order=order,
        first={"name": model.get("name", ""), "serial": machine.get("serial", ""), "quantity": "1"},
        rows=ROWS,
        packing=packing_of(desk.bench, order, choose_language()),
        sent=[found.values for found in find_standing(desk.store, "factory_return", "order_id", order.id)],
    )


@blueprint.post("/orders/<order_id>/return")
def send_back(order_id: str) -> Any:
    """Record the packing list and raise the workshop's order."""
    desk, form = open_desk(), request.form
    order = find_order(desk.bench, order_id)
    done = return_to_factory(
        desk.bench,
        read_items(form),
        fault=form.get("fault"),
        packing=packing_of(desk.bench, order, choose_language()),
        carrier=form.get("carrier"),
        tracking_number=form.get("tracking_number"),
        order=order.id,
    )
    number = desk.store.values_of(done.workshop_order_id)["number"]
    text = gettext("Packed. The workshop's order is %(number)s.", number=number)
    return finish(f"/orders/{order_id}", text)


def read_items(form: MultiDict[str, str]) -> list[Values]:
    """Return the rows of a packing list in which anything was written but a quantity."""
    names = ("name", "serial", "quantity", "condition")
    rows = [dict(zip(names, row, strict=True)) for row in zip(*map(form.getlist, names), strict=False)]
    written = [row for row in rows if row["name"].strip() or row["serial"].strip() or row["condition"].strip()]
    return [row | {"quantity": _read_quantity(row["quantity"])} for row in written]


def name_takers() -> dict[str, str]:
    """Return what may become of a new order, in the person's words."""
    return {
        "begun": gettext("I begin now"),
        "planned": gettext("I do it later"),
        "office": gettext("The office decides"),
    }


def _read_quantity(typed: str) -> int | str:
    # What is no number is refused by the field's own rule.
    return int(typed) if typed.strip().isdecimal() else typed.strip()


def _read_taker(form: MultiDict[str, str]) -> Taker:
    return next((taker for taker in TAKERS if taker == form.get("taker")), "office")


def _read_order(form: MultiDict[str, str]) -> NewOrder:
    bench = open_desk().bench
    told = {name: form.get(name, "").strip() or None for name in TOLD}
    given: dict[str, Any] = {"customer_id": form.get("customer_id") or None, **told}
    kind = form.get("machine", "known")
    serial = form.get("serial", "").strip()
    if kind == "known":
        given["machine_id"] = find_machine(bench, serial).id
    elif kind == "new":
        place = form.get("place", "").strip()
        given["machine"] = NewMachine(form.get("model_id", ""), form.get("new_serial", ""), place)
    if kind != "told":
        given["machine_name"] = None
    if given["customer_id"]:
        given["customer_name"] = None
    alarms = [alarm.strip() for alarm in re.split("[,，、]", form.get("alarms", ""))]
    return NewOrder(
        form.get("service", ""),
        form.get("grade", ""),
        form.get("symptom", ""),
        _read_taker(form),
        alarms=[alarm for alarm in alarms if alarm],
        **given,
    )


def _offer(store: Store, kind: str, name: str) -> list[tuple[str, str]]:
    """Return (id, name) of the records of a kind, by name."""
    offered = ((found.id, str(found.values.get(name, ""))) for found in store.of_kind(kind))
    return sorted(offered, key=lambda pair: pair[1])[:OFFERED_MOST]
