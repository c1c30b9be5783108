"""Today: the orders in visiting order, with what is late and what is still missing before departure."""

from __future__ import annotations

from typing import Final

from flask import Blueprint, render_template, request

from field_client.ui.visit import name_person, open_desk
from field_client.work import UNDER_WAY, list_today
from field_client.work_inquiries import list_inquiries
from field_client.work_readiness import check_readiness_of

blueprint = Blueprint("today", __name__)

FIRST_SHOWN: Final = 30
"""More than a week's work, and for these it is looked up what is missing. The others are one touch away: a phone takes
ten times as long to draw ten times as many."""


@blueprint.get("/")
def show() -> str:
    """Show the orders of the day: the first of them, or with ``all`` in the address all."""
    desk = open_desk()
    lines, count = list_today(desk.bench, None if "all" in request.args else FIRST_SHOWN)
    waiting = [line for line in lines if line.status not in UNDER_WAY]
    return render_template(
        "today.html",
        desk=desk,
        under_way=[line for line in lines if line.status in UNDER_WAY],
        waiting=waiting,
        ready=check_readiness_of(desk.bench, desk.files, [line.id for line in waiting[:FIRST_SHOWN]]),
        inquiries=[found for found in list_inquiries(desk.bench) if found.answer is None],
        more=count - len(lines),
        person=name_person(desk),
    )
