"""The orders: what needs somebody, the list found by anything, one order with everything about it."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from flask import Blueprint, Response, redirect, render_template, request

from pages.language import choose_language, gettext
from pages.wording import name_intent
from schemas.clocks import CLOCK_LABELS
from schemas.lifecycle import STATE_LABELS
from schemas.people import ROLE_LABELS
from schemas.problems import Refused
from server.clock import unix_ms, utc_now
from server.desk.visit import finish, is_by_script
from server.services import costs, order_list, order_page, orders_read, service_levels, spreadsheets
from server.services.order_list import FILTERS, NOBODY, now_utc
from server.store.database import reading, writing
from server.store.order_list import forget_view, list_views
from server.web.auth import require_person
from server.web.looks import look_at
from server.web.wiring import wired

blueprint = Blueprint("orders", __name__, url_prefix="/desk/orders")


@blueprint.get("")
def list_orders() -> Any:
    """Show the orders by what is due first; to a script, the table alone."""
    who, now = require_person(), now_utc(unix_ms())
    asked = {name: request.args.get(name, "").strip() for name in FILTERS}
    with reading(wired().engine) as connection:
        found = order_list.list_orders(connection, who.organisation, asked, request.args.get("after"), now)
        views = list_views(connection, who.organisation, who.person)
    page = "desk/_order_rows.html" if is_by_script() else "desk/orders.html"
    month = f"{datetime.fromtimestamp(unix_ms() / 1000, wired().settings.zone):%Y-%m}"
    return render_template(page, found=found, asked=asked, views=views, states=STATE_LABELS, nobody=NOBODY, month=month)


@blueprint.get("/attention")
def show_attention() -> Any:
    """Show how much needs somebody now: a strip that every page of orders has."""
    who = require_person()
    with reading(wired().engine) as connection:
        attention = order_list.count_attention(connection, who.organisation, now_utc(unix_ms()))
    return render_template("desk/_attention.html", attention=attention)


@blueprint.post("/views")
def keep_view() -> Any:
    """Save the list that is shown under a name, or forget one."""
    who = require_person()
    asked = {name: request.form.get(name, "") for name in FILTERS}
    if forgotten := request.form.get("forget"):
        with writing(wired().engine) as connection:
            forget_view(connection, who.organisation, who.person, forgotten)
        return finish("/desk/orders", gettext("The view is forgotten."))
    with writing(wired().engine) as connection:
        order_list.keep_view(connection, who.organisation, who.person, request.form.get("name", ""), asked)
    return finish(request.form.get("back") or "/desk/orders", gettext("The view is saved."))


@blueprint.get("/<called>")
def show_order(called: str) -> Any:
    """Show one order, by id or number; to a script, what may have changed of it."""
    who = require_person()
    with reading(wired().engine) as connection:
        order = order_page.tell_order(connection, who.organisation, called)
        levels = service_levels.describe(connection, who.organisation, order.id, utc_now())
    look_at(order.id)
    page = "desk/_order.html" if is_by_script() else "desk/order.html"
    names = {"clocks": CLOCK_LABELS, "roles": ROLE_LABELS}
    return render_template(page, order=order, levels=levels, intent=name_intent, **names)


@blueprint.get("/costs/export")
def export_costs() -> Response:
    """Give what the orders cost that were finished in a month, as a spreadsheet."""
    who, parts = require_person(), wired()
    form, language = request.args.get("form", "xlsx"), choose_language()
    zone = parts.settings.zone
    month = read_month(request.args.get("month", ""), datetime.fromtimestamp(unix_ms() / 1000, zone).date())
    if form not in spreadsheets.TYPES:
        raise Refused("not_found", what=f"costs.{form}")
    with reading(parts.engine) as connection:
        headers, rows = costs.export_month(connection, who.organisation, month, zone, language)
    title = f"{gettext('Costs')} {month:%Y-%m}"
    if form == "csv":
        data = b"".join(spreadsheets.write_csv(headers, rows))
    else:
        data = spreadsheets.write_xlsx(title, headers, rows)
    answer = Response(data, mimetype=spreadsheets.TYPES[form].split(";")[0])
    answer.headers["Content-Disposition"] = f'attachment; filename="costs-{month:%Y-%m}.{form}"'
    return answer


def read_month(text: str, today: date) -> date:
    """Return the first day of a month spelled 2026-11; that of the running one where none is named."""
    try:
        month = date.fromisoformat(f"{text}-01") if text else today.replace(day=1)
    except ValueError:
        raise Refused("value_invalid", field="month", detail=text[:40]) from None
    if not 1901 <= month.year <= 2198:
        raise Refused("value_invalid", field="month", detail=text[:40])
    return month


@blueprint.get("/find")
def find_order() -> Any:
    """Go to the order of a number, or to the list of what is found otherwise."""
    who, sought = require_person(), request.args.get("q", "").strip()
    try:
        with reading(wired().engine) as connection:
            order_id, _ = orders_read.find_order(connection, who.organisation, sought)
    except Refused:
        return redirect(f"/desk/orders?{request.query_string.decode('ascii', 'ignore')}", 303)
    return redirect(f"/desk/orders/{order_id}", 303)


@blueprint.post("/<order_id>/decision")
def decide(order_id: str) -> Any:
    """Accept finished work or send it back."""
    who, parts = require_person(), wired()
    wish, note, seen = (request.form.get(name, "") for name in ("decision", "note", "seen"))
    if wish not in ("accept", "send_back"):
        raise Refused("value_invalid", field="decision", detail="accept, send_back")
    order_page.decide(
        parts.engine,
        parts.office,
        who.organisation,
        who.person,
        order_id,
        "accept" if wish == "accept" else "send_back",
        note,
        seen,
    )
    said = gettext("The work is accepted.") if wish == "accept" else gettext("The order is sent back to the engineer.")
    return finish(f"/desk/orders/{order_id}", said)
