"""Requests of customers: the list, the hotline's sheet, one with what is offered for it and what is done with it."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template, request

from pages.language import choose_language, gettext
from schemas.order import CHANNELS, GRADES, SERVICES
from schemas.problems import Refused
from schemas.request import CHANNEL_LABELS, CODE_SEAL_LABELS, REQUEST_STATE_LABELS, REQUEST_STATES, read_back
from server.clock import utc_now
from server.desk.visit import finish
from server.services import requests, requests_read
from server.services.follow_links import address_of, make_link
from server.services.requests import NewNote
from server.services.trace import find_machine
from server.store import records
from server.store.database import reading
from server.web.auth import PersonIdentity, require_person
from server.web.wiring import wired

blueprint = Blueprint("requests", __name__, url_prefix="/desk/requests")

PAGE_REQUESTS: Final = 80
TEXTS: Final = (
    *("customer_name", "contact", "phone", "email", "machine_model", "machine_serial", "machine_address"),
    *("commissioned_on", "symptom", "since", "frequency", "done_before", "done_after", "wanted_on", "special_needs"),
)
LONG: Final = frozenset({"symptom", "done_before", "done_after", "special_needs", "first_diagnosis"})
DAYS: Final = frozenset({"commissioned_on", "wanted_on"})
BY_HAND: Final = tuple(name for name in CHANNELS if name not in ("email", "telemetry", "engineer", "qr", "api"))
GROUPS: Final = (
    TEXTS[:4],
    TEXTS[4:8],
    ("symptom", "since", "frequency", "alarms", "done_before", "done_after", "wanted_on", "special_needs"),
)


@blueprint.get("")
def list_requests() -> Any:
    """Show the requests, those that wait first asked for."""
    who, wanted = require_person(), request.args.get("state", "received")
    state = wanted if wanted in REQUEST_STATES else None
    with reading(wired().engine) as connection:
        before = request.args.get("before")
        page = requests_read.list_requests(connection, who.organisation, state, before, PAGE_REQUESTS)
    return render_template("desk/requests.html", page=page, state=state, states=REQUEST_STATES, **_labels())


@blueprint.get("/new")
def ask() -> Any:
    """Show an empty sheet."""
    return render_template("desk/request_new.html", values={"channel": "hotline"}, **_sheet())


@blueprint.post("/new")
def take() -> Any:
    """Take a request down on the telephone."""
    who, parts = require_person(), wired()
    taken = requests.take_in(parts.engine, parts.office, who.organisation, who.person, _read_sheet(who))
    return finish(f"/desk/requests/{taken.id}", gettext("Request %(number)s was taken down.", number=taken.number))


@blueprint.get("/<request_id>")
def show(request_id: str) -> Any:
    """Show a request with what is offered for it."""
    who, parts = require_person(), wired()
    with reading(parts.engine) as connection:
        found = requests_read.read_request(connection, who.organisation, request_id)
        offers = requests_read.find_offers(connection, who.organisation, found.id, found.values)
        people = records.bodies_of_kind(connection, who.organisation, "person")
        engineers = [(i, body["name"]) for i, body in people if _may_be_sent(body)]
        fixes = records.bodies_of(connection, who.organisation, [offer.id for offer in offers.fixes])
    link = make_link(parts.key, who.organisation, found.id)
    told = {
        "found": found,
        "offers": offers,
        "fixes": {fix: body for fix, (_, body) in fixes.items()},
        "engineers": engineers,
        "read_back": {language: read_back(found.values, language) for language in ("zh", "en")},
        "follow": address_of(parts.settings.base_url, str(link)),
        "values": found.values,
    }
    return render_template("desk/request.html", **told, **_sheet())


@blueprint.post("/<request_id>")
def change(request_id: str) -> Any:
    """Fill the sheet in."""
    who, parts = require_person(), wired()
    with reading(parts.engine) as connection:
        standing = requests_read.find_request(connection, who.organisation, request_id)[1]
    given = _read_sheet(who, is_new=False)
    moved = {name: value for name, value in given.items() if value != standing.get(name)}
    if request.form.get("read_back"):
        moved["read_back_at"] = utc_now()
    if moved:
        act = (parts.engine, parts.office, who.organisation, who.person)
        requests.set_fields(*act, request_id, moved)
    return finish(f"/desk/requests/{request_id}", gettext("Saved."))


@blueprint.post("/<request_id>/order")
def make_order(request_id: str) -> Any:
    """Make an order of it."""
    who, parts, form = require_person(), wired(), request.form
    given = {name: form.get(name) or None for name in ("grade", "service", "engineer_id", "instructions")}
    act = (parts.engine, parts.office, who.organisation, who.person, request_id)
    number, _ = requests.make_order(*act, {name: value for name, value in given.items() if value})
    return _done(request_id, gettext("Order %(number)s has been made.", number=number))


@blueprint.post("/<request_id>/solution")
def solve(request_id: str) -> Any:
    """Note that the customer was helped without sending anybody."""
    who, parts, form = require_person(), wired(), request.form
    told = {name: form.get(name, "").strip() for name in ("first_diagnosis", "advice", "fix_id")}
    requests.solve_remotely(parts.engine, parts.office, who.organisation, who.person, request_id, told)
    return _done(request_id, gettext("Noted as solved; the customer is told."), may_reopen=True)


@blueprint.post("/<request_id>/duplicate")
def mark_duplicate(request_id: str) -> Any:
    """Note that it tells the same as another."""
    who, parts, of = require_person(), wired(), request.form.get("of", "")
    requests.mark_duplicate(parts.engine, parts.office, who.organisation, who.person, request_id, of)
    return _done(request_id, gettext("Noted as the same fault."), may_reopen=True)


@blueprint.post("/<request_id>/refusal")
def refuse(request_id: str) -> Any:
    """Refuse it, with the reason."""
    who, parts, reason = require_person(), wired(), request.form.get("refusal_reason", "")
    requests.refuse(parts.engine, parts.office, who.organisation, who.person, request_id, reason)
    return _done(request_id, gettext("Refused; the customer is told why."), may_reopen=True)


@blueprint.post("/<request_id>/reopening")
def take_up_again(request_id: str) -> Any:
    """Take it up again."""
    who, parts = require_person(), wired()
    requests.take_up_again(parts.engine, parts.office, who.organisation, who.person, request_id)
    return finish(f"/desk/requests/{request_id}", gettext("Taken up again."))


@blueprint.post("/<request_id>/answer")
def answer(request_id: str) -> Any:
    """Write to the customer."""
    who, parts, words = require_person(), wired(), request.form.get("words", "").strip()
    if not words:
        raise Refused("field_missing", field="words")
    note = NewNote(words[:8000], author="office", channel="web")
    requests.add_notes(parts.engine, parts.office, who.organisation, who.person, request_id, [note])
    return finish(f"/desk/requests/{request_id}", gettext("The customer is told."))


def _done(request_id: str, text: str, may_reopen: bool = False) -> Any:
    undo = f"/desk/requests/{request_id}/reopening" if may_reopen else None
    return finish(f"/desk/requests/{request_id}", text, undo=undo)


def _read_sheet(who: PersonIdentity, is_new: bool = True) -> dict[str, Any]:
    """Return what the form says; a serial number that one machine has links that machine."""
    form = request.form
    given: dict[str, Any] = {name: form.get(name, "").strip() or None for name in TEXTS}
    given["alarms"] = [alarm.strip() for alarm in form.get("alarms", "").replace("，", ",").split(",") if alarm.strip()]
    given["grade"] = form.get("grade") or None
    given["service"] = form.get("service") or None
    given["language"] = form.get("language") or choose_language()
    if is_new:
        given["channel"] = form.get("channel") if form.get("channel") in BY_HAND else "hotline"
    else:
        given["first_diagnosis"] = form.get("first_diagnosis", "").strip() or None
    if machine := _find_machine(who, given["machine_serial"]):
        given["machine_id"] = machine
    return {name: value for name, value in given.items() if value or not is_new}


def _find_machine(who: PersonIdentity, serial: str | None) -> str | None:
    if not serial:
        return None
    try:
        with reading(wired().engine) as connection:
            return find_machine(connection, who.organisation, serial)
    except Refused:
        return None


def _may_be_sent(body: dict[str, Any]) -> bool:
    return "engineer" in body["roles"] and body.get("active") is not False


def _labels() -> dict[str, Any]:
    return {"state_labels": REQUEST_STATE_LABELS, "channel_labels": CHANNEL_LABELS, "CODE_SEALS": CODE_SEAL_LABELS}


def _sheet() -> dict[str, Any]:
    told = {"groups": GROUPS, "long": LONG, "days": DAYS, "channels": BY_HAND}
    return told | {"grades": GRADES, "services": SERVICES} | _labels()
