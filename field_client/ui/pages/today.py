"""Today: the orders in visiting order, with what is late and what is still missing before departure."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, render_template

from field_client.ui.visit import open_desk
from field_client.work import UNDER_WAY, list_today
from field_client.work_readiness import check_readiness

blueprint = Blueprint("today", __name__)

READINESS_MOST: Final = 30
"""Orders for which it is looked up what is missing: those of the next days."""


@blueprint.get("/")
def show() -> str:
    """Show the orders of the day."""
    desk = open_desk()
    lines, count = list_today(desk.bench)
    waiting = [line for line in lines if line.status not in UNDER_WAY]
    return render_template(
        "today.html",
        desk=desk,
        under_way=[line for line in lines if line.status in UNDER_WAY],
        waiting=waiting,
        ready={line.id: check_readiness(desk.bench, desk.files, line.id) for line in waiting[:READINESS_MOST]},
        more=count - len(lines),
        person=desk.store.recall("person_name", ""),
    )
