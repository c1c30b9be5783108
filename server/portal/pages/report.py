"""Reporting a fault: by the code on the machine, or by an empty form."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, make_response, redirect, render_template, request

from pages.language import choose_language
from printing.labels import SEAL
from schemas.order import SERVICES
from schemas.problems import Refused
from server.portal import guard
from server.services import requests
from server.services.portal import find_company, name_request, told_of_machine
from server.web.wiring import wired

blueprint = Blueprint("report", __name__)

TEXTS: Final = (
    *("symptom", "since", "frequency", "done_before", "done_after", "contact", "phone", "email", "customer_name"),
    *("machine_model", "machine_serial", "machine_address", "commissioned_on", "wanted_on", "special_needs"),
)
GRADE_OF: Final = {"stopped": "urgent", "limited": "important", "running": "general"}
"""What the customer says of his machine. Source: handbook G1."""

OFFERED: Final = tuple(name for name in SERVICES if name in ("repair", "maintenance", "advice", "spare_part"))
KEY_MOST: Final = 40
ALARMS_MOST: Final = 20


@blueprint.get("/report")
def ask() -> Any:
    """Ask what is wrong, with which machine."""
    guard.count_view()
    return _show({}, {})


@blueprint.post("/report")
def take() -> Any:
    """Take a report in."""
    guard.count_report()
    return _take({})


@blueprint.get("/01/<gtin>/21/<path:serial>")
def ask_about_machine(gtin: str, serial: str) -> Any:
    """Ask what is wrong with the machine whose code was read (GS1 Digital Link)."""
    guard.count_view()
    return _show(_know(gtin, serial), {})


@blueprint.post("/01/<gtin>/21/<path:serial>")
def take_about_machine(gtin: str, serial: str) -> Any:
    """Take a report about the machine whose code was read."""
    guard.count_report(f"{gtin} {serial}")
    return _take(_know(gtin, serial))


def _know(gtin: str, serial: str) -> Mapping[str, Any]:
    parts = wired()
    if len(serial) > 60 or len(gtin) > 14:
        raise Refused("not_found", what=serial[:60])
    organisation, _ = find_company(parts.engine, parts.settings.mail.organisation)
    code = (gtin, serial, request.args.get(SEAL))
    return told_of_machine(parts.engine, parts.key, organisation, parts.settings.base_url, code)


def _take(machine: Mapping[str, Any]) -> Any:
    guard.refuse_foreign_form()
    parts = wired()
    organisation, system = find_company(parts.engine, parts.settings.mail.organisation)
    with parts.file_lane.held():
        form = request.form
        try:
            given = {**_read_form(), **machine, "channel": "qr" if machine else "web"}
            notes = guard.take_photos(organisation)
            request_id = name_request(parts.key, organisation, form.get("key", "")[:KEY_MOST] or secrets.token_hex(16))
            act = (parts.engine, parts.office, organisation, system, given, notes, request_id)
            taken = requests.take_in(*act)
        except Refused as refusal:
            if refusal.fault.problem.retry == "later":
                raise
            sentence = refusal.fault.sentence(choose_language())
            answer = make_response(_show(machine, form, sentence, refusal.code), refusal.fault.problem.status)
            answer.headers["X-Gongdan-Refusal"] = refusal.code
            return answer
    return redirect(f"/follow/{taken.link}", 303)


def _read_form() -> dict[str, Any]:
    form = request.form
    given: dict[str, Any] = {name: form.get(name, "").replace("\x00", "").strip() for name in TEXTS}
    if not (given["phone"] or given["email"]):
        raise Refused("field_missing", field="phone")
    alarms = [alarm.strip() for alarm in form.get("alarms", "").replace("，", ",").replace("、", ",").split(",")]
    given["alarms"] = [alarm for alarm in alarms if alarm][:ALARMS_MOST]
    given["grade"] = GRADE_OF.get(form.get("condition", ""))
    given["service"] = form.get("service") if form.get("service") in OFFERED else "repair"
    given["language"] = choose_language()
    return {name: value for name, value in given.items() if value}


def _show(machine: Mapping[str, Any], typed: Mapping[str, str], sentence: str = "", code: str = "") -> str:
    key = typed.get("key", "")[:KEY_MOST] or secrets.token_urlsafe(16)
    told = {"machine": machine, "typed": typed, "key": key, "services": OFFERED}
    return render_template("portal/report.html", sentence=sentence, code=code, **told)
