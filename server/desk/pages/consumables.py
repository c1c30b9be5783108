"""Consumables: which machines are due one, and an order that brings it."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from pages.language import gettext
from server.desk.stock_view import StockNames, may_keep, refuse_nul, today
from server.desk.visit import finish
from server.services import consumables, stock
from server.store.database import reading
from server.web.access import PAGE_JUDGES
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("consumables", __name__, url_prefix="/desk/stock/consumables")
blueprint.before_request(refuse_nul)


@blueprint.get("")
def list_due() -> Any:
    """Show what is due, the longest overdue first."""
    who = require_person()
    typed = request.args.get("days", "")
    days = int(typed) if typed.isdecimal() and len(typed) < 4 else consumables.DUE_DAYS_AHEAD
    with reading(wired().engine) as connection:
        due, has_more = consumables.list_due(connection, who.organisation, today(), days)
        parts = consumables.list_consumables(connection, who.organisation)
        ids = [one.machine_body.get(name) for one in due for name in ("model_id", "customer_id")]
        named = stock.name_records(connection, who.organisation, ids)
    may_order = not who.roles.isdisjoint(PAGE_JUDGES.roles)
    return render_template(
        "desk/consumables.html", due=due, has_more=has_more, parts=parts, named=named, names=StockNames({}), days=days,
        today=today(), may_order=may_order, may_keep=may_keep(), tab="consumables",
    )  # fmt: skip


@blueprint.post("/order")
def raise_order() -> Any:
    """Create an order that brings a machine what it is due."""
    parts, who, form = wired(), require_person(), request.form
    wanted = form.getlist("part")
    number = consumables.raise_order(
        parts.engine, parts.office, who.organisation, who.person, form.get("machine", ""), wanted
    )
    return finish("/desk/stock/consumables", gettext("Order %(number)s brings it.", number=number))
