"""An engineer's calendar: the secret addresses at which programs read it, made and ended here."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, render_template, request

from pages.language import choose_language, gettext
from schemas.people import LEVEL_LABELS
from schemas.problems import Refused
from server.clock import unix_ms
from server.desk.visit import finish
from server.services import calendars
from server.store import records
from server.store.database import reading, writing
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("calendars", __name__, url_prefix="/desk")


@blueprint.get("/schedule/people/<person>")
def show_person(person: str) -> Any:
    """Show an engineer's skills, and how many calendar addresses he has."""
    return _show_person(person)


@blueprint.post("/schedule/people/<person>/calendar")
def create_calendar(person: str) -> Any:
    """Make a calendar address and show it, this once."""
    who = require_person()
    with writing(wired().engine) as connection:
        secret = calendars.create_link(connection, who.organisation, person)
    return _show_person(person, f"{wired().settings.base_url}/desk/calendar/{who.organisation}/{secret}.ics")


@blueprint.post("/schedule/people/<person>/calendar/end")
def end_calendars(person: str) -> Any:
    """End all calendar addresses of an engineer."""
    who = require_person()
    with writing(wired().engine) as connection:
        calendars.revoke_links(connection, who.organisation, person)
    return finish(f"/desk/schedule/people/{person}", gettext("The addresses have ended."))


@blueprint.get("/calendar/<organisation>/<secret>.ics")
def read_calendar(organisation: str, secret: str) -> Response:
    """Answer a calendar program; the secret in the address says whose calendar it is."""
    now = datetime.fromtimestamp(unix_ms() // 1000, UTC)
    with reading(wired().engine) as connection:
        text = calendars.read_calendar(connection, organisation, secret, choose_language(), now)
    answer = Response(text, content_type="text/calendar; charset=utf-8")
    answer.headers["Content-Disposition"] = 'inline; filename="gongdan.ics"'
    answer.add_etag()
    return answer.make_conditional(request)


def _show_person(person: str, address: str | None = None) -> Any:
    who = require_person()
    with reading(wired().engine) as connection:
        found = records.body_of(connection, who.organisation, person)
        if found is None or found[0] != "person":
            raise Refused("not_found", what=person)
        links = calendars.list_links(connection, who.organisation, person)
    told = {"person": person, "body": found[1], "links": links, "address": address, "LEVELS": LEVEL_LABELS}
    return render_template("desk/calendars.html", **told)
