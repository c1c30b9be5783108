"""Purchases on approval: what is asked for, approved and not there yet, and what became of the others."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from pages.language import gettext
from schemas.problems import Refused
from schemas.purchase import APPROVERS
from server.clock import unix_ms
from server.desk.stock_view import find_desk, may_keep, read_names, read_quantity, refuse_nul
from server.desk.visit import finish, speech
from server.services import purchases, stock
from server.services.catalogue import find_called
from server.services.order_list import now_utc
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("purchases", __name__, url_prefix="/desk/stock/purchases")
blueprint.before_request(refuse_nul)

HOME = "/desk/stock/purchases"


@blueprint.get("")
def show() -> Any:
    """Show what waits and what was settled."""
    who = require_person()
    with reading(wired().engine) as connection:
        waiting, settled = purchases.list_purchases(connection, who.organisation, now_utc(unix_ms()))
        names = read_names(connection)
        people = {one.body.get(name) for one in (*waiting, *settled) for name in ("asked_by", "decided_by")}
        named = stock.name_records(connection, who.organisation, people)
    return render_template(
        "desk/purchases.html", waiting=waiting, settled=settled, names=names, named=named, me=who.person,
        may_approve=not who.roles.isdisjoint(APPROVERS), part=request.args.get("part", "")[:200], may_keep=may_keep(),
        tab="purchases",
    )  # fmt: skip


@blueprint.post("")
def ask() -> Any:
    """Ask for a purchase."""
    who, form = require_person(), request.form
    typed = form.get("part", "").strip()
    with reading(wired().engine) as connection:
        found = find_called(connection, who.organisation, "part", {typed}).get(typed, []) if typed else []
        centres = {place.id for place in read_names(connection).of_kind("centre")}
    if not typed:
        raise Refused("field_missing", field=speech().field("purchase", "part_id"))
    if len(found) > 1:
        raise Refused("name_ambiguous", text=typed[:80], count=len(found))
    if not found:
        raise Refused("name_unknown", text=typed[:80], kind="part")
    if form.get("centre", "") not in centres:
        raise Refused("field_missing", field=speech().field("purchase", "centre_id"))
    if not form.get("purpose", "").strip():
        raise Refused("field_missing", field=speech().field("purchase", "purpose"))
    purchases.ask(find_desk(), found[0], read_quantity(form.get("quantity", "")), form["centre"], form["purpose"])
    return finish(HOME, gettext("It is asked for; somebody else approves it."))


@blueprint.post("/decision")
def decide() -> Any:
    """Approve or reject a purchase, or take it back."""
    form = request.form
    state, note = form.get("state", ""), form.get("decision_note", "")
    if state == "rejected" and not note.strip():
        raise Refused("field_missing", field=speech().field("purchase", "decision_note"))
    purchases.decide(find_desk(), form.get("purchase", ""), state, note)
    said = {
        "approved": gettext("It is approved."),
        "rejected": gettext("It is not approved."),
        "withdrawn": gettext("It is taken back."),
    }
    return finish(HOME, said[state])
