"""What was struck out at an order: each fact with its reason, to be brought back where that was the mistake."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from field_client.store import Values
from field_client.ui.pages.checks import name_item
from field_client.ui.visit import finish, open_desk
from field_client.work import checklist_of, find_order
from field_client.work_page import read_page
from field_client.work_withdraw import bring_back
from pages.language import gettext
from schemas import KINDS

blueprint = Blueprint("struck", __name__, url_prefix="/orders/<order_id>/struck")


@blueprint.get("")
def show(order_id: str) -> str:
    """Show what does not count any more, and why."""
    desk = open_desk()
    order = find_order(desk.bench, order_id)
    checklist = checklist_of(desk.bench, order)
    names = {item["key"]: name_item(item) for item in (checklist.values["items"] if checklist else ())}
    lines = read_page(desk.bench, order.id).withdrawn
    told = [(line, desk.say(*KINDS[line.kind].schema.label), _tell(line.kind, line.fact, names)) for line in lines]
    return render_template("struck.html", desk=desk, order=order, told=told)


@blueprint.post("")
def restore(order_id: str) -> Any:
    """Record a struck-out fact anew."""
    done = bring_back(open_desk().bench, request.form.get("fact", ""))
    return finish(f"/orders/{order_id}/struck", gettext("Brought back."), done.notices, order_id=order_id)


def _tell(kind: str, fact: Values, names: dict[str, str]) -> str:
    if kind == "check_result":
        answer = open_desk().say.value("yes_no", fact.get("value")) if fact.get("value") else ""
        return f"{names.get(fact['item'], fact['item'])} {answer} {fact.get('unit') or ''}".strip()
    if kind == "training_record":
        return "、".join(fact["attendees"])
    if kind == "factory_return":
        return "、".join(item["name"] for item in fact["items"])
    named = [fact.get(name) for name in ("part_name", "serial", "batch", "caption")]
    return " ".join(str(value) for value in named if value)
