"""What is in the van, and what comes into it or leaves it otherwise than by being fitted."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from field_client.ui.visit import finish, is_local, open_desk
from field_client.work_part_checks import PartLabel
from field_client.work_stock import ACTS, find_van, list_lacking, list_stock, move_stock
from pages.language import gettext
from schemas.problems import Refused

blueprint = Blueprint("stock", __name__, url_prefix="/stock")


@blueprint.get("")
def show() -> str:
    """Show the van, and the form of moving something."""
    desk = open_desk()
    back = request.args.get("from", "/more")
    return render_template(
        "stock.html",
        desk=desk,
        van=find_van(desk.bench),
        lines=list_stock(desk.bench),
        lacking=list_lacking(desk.bench),
        acts=[(act, name_act(act)) for act in ACTS],
        came_from=back if is_local(back) else "/more",
    )


@blueprint.post("/move")
def move() -> Any:
    """Record a move."""
    form = request.form
    act, quantity = form.get("act", ""), form.get("quantity", "").strip()
    if act not in ACTS:
        raise Refused("field_missing", field=gettext("What happened"))
    if not quantity.isdecimal():
        raise Refused("value_invalid", field=gettext("Quantity"), detail="1, 2, …")
    said = {name: form.get(name, "").strip() or None for name in ("gtin", "part_number", "serial", "batch", "scanned")}
    label = PartLabel(said["gtin"], said["part_number"], said["serial"], said["batch"], said["scanned"])
    reason = form.get("reason", "").strip() or None
    done = move_stock(open_desk().bench, act, label, int(quantity), reason)
    text = gettext("%(part)s: %(left)s left in the van", part=done.part.values["name"], left=done.left)
    return finish("/stock", text, done.notices)


def name_act(act: str) -> str:
    """Return what a person does with his stock."""
    return {
        "draw": gettext("Taken from the centre"),
        "return": gettext("Given back to the centre"),
        "scrap": gettext("Scrapped"),
        "found": gettext("Counted more than this"),
        "lost": gettext("Counted less than this"),
    }[act]
