"""Today: the orders in visiting order, with what is late and what is still missing before departure."""

from __future__ import annotations

from flask import Blueprint, render_template

from field_client.ui.visit import open_desk
from field_client.work import UNDER_WAY, list_today

blueprint = Blueprint("today", __name__)


@blueprint.get("/")
def show() -> str:
    """Show the orders of the day."""
    desk = open_desk()
    lines, count = list_today(desk.bench)
    return render_template(
        "today.html",
        desk=desk,
        under_way=[line for line in lines if line.status in UNDER_WAY],
        waiting=[line for line in lines if line.status not in UNDER_WAY],
        more=count - len(lines),
        person=desk.store.recall("person_name", ""),
    )
