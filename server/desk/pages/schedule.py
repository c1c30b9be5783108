"""The schedule: engineers by hours or days, what waits, and who could go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request

from pages.language import gettext
from schemas.order import GRADE_LABELS, SERVICE_LABELS
from schemas.people import ABSENCE_LABELS, LEVEL_LABELS
from schemas.problems import Refused
from server.clock import unix_ms
from server.desk.visit import finish, is_by_script, is_local, speech
from server.domain.dispatch import Candidate
from server.domain.times import spell
from server.domain.timetable import Window, Workdays
from server.services import assigning
from server.services.assigning import Planned, Wish, mark_of
from server.services.candidates import Call, list_candidates
from server.services.orders_read import find_order
from server.services.schedule_read import WEEK_DAYS, read_board
from server.services.working_days import read_workdays
from server.store import records
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("schedule", __name__, url_prefix="/desk/schedule")

HOME: Final = "/desk/schedule"
FIRST_HOUR, LAST_HOUR = 6, 22
"""The hours of a day's line; what is earlier or later stands at its edge."""

SLOT_MINUTES: Final = 15
SLOTS: Final = (LAST_HOUR - FIRST_HOUR) * 60 // SLOT_MINUTES
CANDIDATES_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class View:
    """What a page shows: `first` is its first day, `span` is ``day`` or ``week``."""

    first: date
    span: str
    centre: str | None
    page: int
    order: str | None
    focus: str | None

    @property
    def days(self) -> int:
        """How many days it shows."""
        return WEEK_DAYS if self.span == "week" else 1

    def address(self, **other: Any) -> str:
        """Return the address of this view with some things changed."""
        named = {"day": self.first.isoformat(), "span": self.span, "centre": self.centre, "page": self.page}
        named |= {"order": self.order} | other
        kept = {name: value for name, value in named.items() if value and (name, value) != ("page", 1)}
        return f"{HOME}?{urlencode(kept)}"

    def step(self, days: int) -> str:
        """Return the address so many days further."""
        return self.address(day=(self.first + timedelta(days=days)).isoformat())


@blueprint.get("")
def show() -> Any:
    """Show the board; to a script the board alone."""
    who, now = require_person(), _now()
    view = _read_view(request.args, now)
    with reading(wired().engine) as connection:
        focused = _find_focus(connection, who.organisation, view.focus)
        person = focused.get("engineer_id") if focused else None
        days = read_workdays(connection, who.organisation, _zone())
        shown = (view.first, view.days, now, days, view.centre, view.page, person)
        page = read_board(connection, who.organisation, *shown)
        call, candidates = _find_candidates(connection, who.organisation, view.order, now, days)
    told = {"view": view, "board": page, "call": call, "candidates": candidates, "now": spell(now), "clock": now}
    told |= {
        "slots": SLOTS,
        "at": _slot_of,
        "hours": range(FIRST_HOUR, LAST_HOUR),
        "shown": CANDIDATES_SHOWN,
        "zone": _zone(),
    }
    told |= {"GRADES": GRADE_LABELS, "SERVICES": SERVICE_LABELS, "ABSENCES": ABSENCE_LABELS, "LEVELS": LEVEL_LABELS}
    told |= {"mark": mark_of(call.order) if call else "", "weekday": _weekday}
    return render_template("desk/_schedule.html" if is_by_script() else "desk/schedule.html", **told)


@blueprint.post("/plan")
def plan() -> Any:
    """Give an order to an engineer, or move it."""
    who, form = require_person(), request.form
    wish = Wish(form.get("engineer", ""), _read_start(form.get("start", "")), _read_minutes(form.get("minutes", "")))
    despite = form.get("despite") == "yes"
    parts = wired()
    order, seen = form.get("order", ""), form.get("seen") or None
    acting = (parts.engine, parts.office, who.organisation, who.person)
    done = assigning.assign(*acting, order, wish, _zone(), seen, despite)
    return _finish(who.organisation, done)


@blueprint.post("/unassign")
def unassign() -> Any:
    """Take an order back from its engineer."""
    who, form, parts = require_person(), request.form, wired()
    order, seen = form.get("order", ""), form.get("seen") or None
    return _finish(
        who.organisation, assigning.unassign(parts.engine, parts.office, who.organisation, who.person, order, seen)
    )


@blueprint.post("/undo/<int:position>")
def undo(position: int) -> Any:
    """Take an act of this page back."""
    who, parts = require_person(), wired()
    done = assigning.undo(parts.engine, parts.office, who.organisation, who.person, position)
    back = request.args.get("back", "")
    return finish(back if is_local(back) else HOME, _tell(who.organisation, done))


def _zone() -> tzinfo:
    """Return the zone in which the office's pages tell times: the board is one of them."""
    return wired().settings.zone


def _now() -> datetime:
    return datetime.fromtimestamp(unix_ms() / 1000, _zone())


def _read_view(given: Mapping[str, str], now: datetime) -> View:
    span = "week" if given.get("span") == "week" else "day"
    try:
        first = date.fromisoformat(given["day"]) if given.get("day") else now.date()
    except ValueError:
        first = now.date()
    if not 1901 <= first.year <= 2198:
        first = now.date()
    if span == "week":
        first -= timedelta(days=first.isoweekday() - 1)
    page = given.get("page", "1")
    number = int(page) if page.isascii() and page.isdigit() and len(page) < 6 else 1
    return View(
        first, span, given.get("centre") or None, number, given.get("order") or None, given.get("focus") or None
    )


def _find_focus(connection: Any, organisation: str, focus: str | None) -> dict[str, Any] | None:
    found = records.body_of(connection, organisation, focus) if focus else None
    return found[1] if found and found[0] == "work_order" else None


def _find_candidates(
    connection: Any, organisation: str, order: str | None, now: datetime, days: Workdays
) -> tuple[Call | None, list[Candidate]]:
    if not order:
        return None, []
    key, body = find_order(connection, organisation, order)
    return list_candidates(connection, organisation, key, body, now, days)


def _read_start(text: str) -> datetime | None:
    """Return a moment typed by the clock of the place; nothing where nothing was typed."""
    if not text:
        return None
    try:
        start = datetime.fromisoformat(text)
    except ValueError:
        raise Refused("value_invalid", field="start", detail=text[:40]) from None
    if start.tzinfo is not None or not 1901 <= start.year <= 2198:
        raise Refused("value_invalid", field="start", detail=text[:40])
    return start.replace(tzinfo=_zone())


def _read_minutes(text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 8):
        raise Refused("value_invalid", field="minutes", detail=text[:40])
    return int(text)


def _finish(organisation: str, done: Planned) -> Response:
    """Tell what was done, and show the day on which the order stands; undo leads back to the day it was done from."""
    view = _read_view(request.form, _now())
    asked = {"span": view.span, "centre": view.centre or "", "focus": done.order}
    start = done.after.get("planned_start_at") if done.after.get("engineer_id") else None
    day = datetime.fromisoformat(start).astimezone(_zone()).date() if start else view.first
    here = f"{HOME}?{urlencode(asked | {'day': view.first.isoformat()})}"
    undo_address = f"{HOME}/undo/{done.position}?{urlencode({'back': here})}" if done.position else None
    return finish(f"{HOME}?{urlencode(asked | {'day': day.isoformat()})}", _tell(organisation, done), undo_address)


def _tell(organisation: str, done: Planned) -> str:
    if done.position is None:
        return gettext("%(number)s stands so already.", number=done.number)
    engineer, start = done.after.get("engineer_id"), done.after.get("planned_start_at")
    if not engineer:
        return gettext("%(number)s waits for an engineer.", number=done.number)
    with reading(wired().engine) as connection:
        found = records.body_of(connection, organisation, engineer)
    name = speech().named(found[1]) if found else engineer
    at = f"{datetime.fromisoformat(start).astimezone(_zone()):%m-%d %H:%M}" if start else "—"
    return gettext("%(number)s: %(name)s, %(at)s", number=done.number, name=name, at=at)


def _slot_of(window: Window, day: date) -> tuple[int, int]:
    """Return the first slot of a window on a day's line and how many it takes; what is outside stands at the edge."""
    start = datetime(day.year, day.month, day.day, FIRST_HOUR, tzinfo=_zone())
    begins = (window.start - start) // timedelta(minutes=SLOT_MINUTES)
    ends = -((start - window.end) // timedelta(minutes=SLOT_MINUTES))
    first = max(0, min(begins, SLOTS - 1))
    return first, max(1, min(ends, SLOTS) - first)


def _weekday(day: date) -> str:
    return (
        gettext("Mon"), gettext("Tue"), gettext("Wed"), gettext("Thu"), gettext("Fri"), gettext("Sat"), gettext("Sun"),
    )[day.isoweekday() - 1]  # fmt: skip
