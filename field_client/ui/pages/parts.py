"""The parts of an order: what was fitted and taken out, fitting by scan or typing, and the customer's choice."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, redirect, render_template, request

from field_client.desk import Desk
from field_client.ui.visit import finish, open_desk, say
from field_client.work import find_order, machine_of
from field_client.work_choices import choose_part, find_choice, list_choices, list_components
from field_client.work_facts import find_standing, find_withdrawals
from field_client.work_machine import find_parts_in, find_warranty, judged_day
from field_client.work_part_checks import PartLabel, look_up_part
from field_client.work_parts import RemovedPart, fit_part
from field_client.work_stock import choose_line, count_usable, find_van, list_stock
from field_client.work_withdraw import withdraw
from pages.language import gettext
from schemas.part import DESTINATION_LABELS, PART_GRADE_LABELS
from schemas.problems import Refused
from schemas.warranty import verdict_on

blueprint = Blueprint("parts", __name__, url_prefix="/orders/<order_id>/parts")

LABEL_FIELDS: Final = ("gtin", "part_number", "serial", "batch")
PREFILLED: Final = (*LABEL_FIELDS, "part_name", "scanned", "choice")

SOURCES: Final = {"": None, "van": True, "elsewhere": False}
"""Where a part came from: not said, the van, or another place."""


@blueprint.get("")
def show(order_id: str) -> str:
    """Show what was fitted and taken out on an order."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    removed = find_standing(desk.store, "part_removed", "order_id", order.id)
    struck = find_withdrawals(desk.store, "order_id", order.id)
    return render_template(
        "parts.html",
        desk=desk,
        order=order,
        fitted=find_standing(desk.store, "part_fitted", "order_id", order.id),
        removed_for={fact.values.get("fitted_id"): fact for fact in removed},
        struck=[
            (fact, withdrawal)
            for fact_id, withdrawal in struck.items()
            if (fact := desk.store.find(fact_id)) and fact.kind in ("part_fitted", "part_removed")
        ],
        choices=list(desk.store.find_by("part_choice", "order_id", order.id)),
        components=list_components(desk.bench, order.id) if order.values.get("machine_id") else [],
        destinations=DESTINATION_LABELS,
    )


@blueprint.get("/fit")
def ask(order_id: str) -> str:
    """Show the form of fitting a part; what the address says of it is filled in."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    machine = machine_of(desk.bench, order)
    given = {name: request.args.get(name, "") for name in PREFILLED}
    return render_template(
        "part_fit.html",
        desk=desk,
        order=order,
        given=given,
        carried=[line for line in list_stock(desk.bench, machine) if line.is_usable],
        inside=find_parts_in(desk.bench, machine.id),
        has_van=find_van(desk.bench) is not None,
        destinations=DESTINATION_LABELS,
    )


@blueprint.get("/known")
def show_known(order_id: str) -> str:
    """Show what is known of the part that a form names so far, and what speaks against it; asked for while typing."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    label = _read_label(request.args)
    return render_template("_part_known.html", desk=desk, order=order, known=_describe_known(desk, order_id, label))


@blueprint.post("/fit")
def fit(order_id: str) -> Any:
    """Record a part fitted, with what came out for it and where it came from."""
    form, bench = request.form, open_desk().bench
    order = find_order(bench, order_id)
    label = _read_label(form)
    source = form.get("source", "")
    if source not in SOURCES:
        raise Refused("value_invalid", field="source", detail=" / ".join(filter(None, SOURCES)))
    if not any((label.gtin, label.part_number, label.serial, label.batch, form.get("part_name"))):
        raise Refused("field_missing", field=gettext("Part number, serial number or name"))
    done = fit_part(
        bench,
        label,
        removed=_read_removed(),
        name=form.get("part_name", "").strip() or None,
        quantity=_read_quantity(form.get("quantity", "")),
        place=form.get("place", "").strip() or None,
        order=order.id,
        choice=_read_choice(form.get("choice", ""), order.id),
        from_van=SOURCES[source],
    )
    text = gettext("Recorded: %(part)s", part=done.fitted["part_name"])
    return finish(f"/orders/{order.id}/parts", text, done.notices, order_id=order.id)


@blueprint.post("/withdraw")
def strike_out(order_id: str) -> Any:
    """Strike out a part that was entered by mistake; what it took from the van goes back."""
    bench = open_desk().bench
    order = find_order(bench, order_id)
    done = withdraw(bench, request.form.get("reason", ""), request.form.get("fact", ""))
    return finish(f"/orders/{order.id}/parts", gettext("Struck out."), done.notices, order_id=order.id)


@blueprint.get("/choose")
def offer(order_id: str) -> str:
    """Show the customer what would do, with price and warranty."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    component = request.args.get("component", "")
    shown = {"order": order, "component": component, "choices": list_choices(desk.bench, component, order.id)}
    customer = desk.store.values_of(order.values.get("customer_id"))
    asked = order.values.get("contact") or customer.get("contact") or ""
    return render_template("part_choose.html", desk=desk, asked=asked, grades=PART_GRADE_LABELS, **shown)


@blueprint.post("/choose")
def choose(order_id: str) -> Any:
    """Record what the customer chose, and go on to fitting it."""
    form, bench = request.form, open_desk().bench
    order = find_order(bench, order_id)
    chosen = choose_part(bench, form.get("component", ""), form.get("part", ""), form.get("chosen_by", ""), order.id)
    say(gettext("The choice is recorded: %(part)s", part=chosen.part.values["name"]))
    query = {"part_number": chosen.part.values["part_number"], "choice": chosen.id}
    return redirect(f"/orders/{order.id}/parts/fit?{urlencode(query)}", 303)


def _describe_known(desk: Desk, order_id: str, label: PartLabel) -> dict[str, Any] | None:
    """Return what the live card of the fitting form shows, or None while nothing names a part."""
    if not any((label.gtin, label.part_number, label.serial, label.batch)):
        return None
    bench = desk.bench
    order = find_order(bench, order_id)
    machine, van = machine_of(bench, order), find_van(bench)
    found = look_up_part(bench, label, machine)
    part = found.part
    return {
        "found": found,
        "grade": PART_GRADE_LABELS.get(part.values.get("grade", "")) if part else None,
        "cover": verdict_on(find_warranty(bench, machine.id), judged_day(bench, order), order.values, part.values)
        if part
        else None,
        "on_van": count_usable(bench, part.id) if part and van else None,
        "is_carried": bool(part and van and choose_line(bench, van, part.id, label)),
        "others": [
            choice for choice in list_choices(bench, part.values["component"], order.id) if choice.part.id != part.id
        ]
        if part and part.values.get("component")
        else [],
        "choice": find_choice(bench, order, part.id) if part else None,
    }


def _read_label(said: Any) -> PartLabel:
    values = {name: said.get(name, "").strip() or None for name in (*LABEL_FIELDS, "scanned")}
    gtin = values["gtin"]
    return PartLabel(
        # What is too short for a GTIN is being typed, or is none.
        gtin=gtin.zfill(14) if gtin and gtin.isdecimal() else gtin,
        part_number=values["part_number"],
        serial=values["serial"],
        batch=values["batch"],
        text=values["scanned"],
    )


def _read_removed() -> RemovedPart | None:
    form = request.form
    serial, batch = (form.get(f"removed_{name}", "").strip() or None for name in ("serial", "batch"))
    destination = form.get("destination", "").strip() or None
    return RemovedPart(serial, batch, destination) if serial or batch or destination else None


def _read_quantity(spelling: str) -> int | None:
    spelling = spelling.strip()
    if not spelling:
        return None
    if not spelling.isdecimal():
        raise Refused("value_invalid", field=gettext("Quantity"), detail="1, 2, …")
    return int(spelling)


def _read_choice(choice_id: str, order_id: str) -> str | None:
    found = open_desk().store.find(choice_id) if choice_id else None
    is_ours = found is not None and found.kind == "part_choice" and found.values.get("order_id") == order_id
    return found.id if found is not None and is_ours else None
