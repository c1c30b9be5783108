"""The fleet: devices, the silent first with the reason; enrolling, revoking, thawing, and wipes that are confirmed."""

from __future__ import annotations

import base64
from typing import Any, Final

from flask import Blueprint, render_template, request, session

from pages.language import gettext
from printing.labels import draw_code
from schemas.fleet import STATE_LABELS
from schemas.problems import Fault, Refused
from server.clock import unix_ms, utc_now
from server.desk.rights import expect_confirmed, find_author, needs_proof, take_proof
from server.desk.visit import finish, speech
from server.domain.fleet import CLOCK_OFF_MS, FREE_BYTES_LOW
from server.services import devices, enrolment, thawing
from server.services.fleet import find_fleet_device, list_fleet, list_put_aside
from server.services.journal import Deed, write_deed
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.database import reading, writing
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("fleet", __name__, url_prefix="/desk/fleet")

HOME: Final = "/desk/fleet"
PAGE_DEVICES: Final = 100
SHOWN: Final = "enrolment"
"""The code that this browser may show again, in its cookie: the server has only the hash."""

LIMITS: Final = {"clock_ms": CLOCK_OFF_MS, "free_bytes": FREE_BYTES_LOW}


@blueprint.get("")
def show_fleet() -> Any:
    """List the devices, the longest silent first."""
    who = require_person()
    with reading(wired().engine) as connection:
        page = list_fleet(connection, who.organisation, request.args.get("after"), PAGE_DEVICES, unix_ms())
    states = {code: speech()(*label) for code, label in STATE_LABELS.items()}
    return render_template("desk/fleet.html", page=page, states=states, limits=LIMITS, may_enrol=_may_enrol())


@blueprint.get("/<uuid:device>")
def show_device(device: Any) -> Any:
    """Show one device, and what may be done with it."""
    who = require_person()
    with reading(wired().engine) as connection:
        found = find_fleet_device(connection, who.organisation, str(device), unix_ms())
        aside = list_put_aside(connection, who.organisation, str(device))
    told = [(Fault(code), received_at) for code, received_at in aside]
    states = {code: speech()(*label) for code, label in STATE_LABELS.items()}
    return render_template(
        "desk/fleet_device.html",
        found=found,
        aside=told,
        states=states,
        limits=LIMITS,
        may_enrol=_may_enrol(),
        needs_proof=needs_proof(),
    )


@blueprint.post("/<uuid:device>/revocation")
def revoke(device: Any) -> Any:
    """Revoke a device, which orders it to destroy its keys once it has handed in what it has."""
    name = _name_of(str(device))
    expect_confirmed()
    take_proof()
    author, parts = find_author(), wired()
    expect_taken_in(devices.revoke(parts.office, author.organisation, author.person, str(device)))
    with writing(parts.engine) as connection:
        deed = Deed(author.person, "revoke", "device", str(device), name, author.address)
        write_deed(connection, author.organisation, deed)
    told = gettext("%(name)s is revoked and ordered to destroy its keys.", name=name)
    return finish(f"{HOME}/{device}", told)


@blueprint.post("/<uuid:device>/thaw")
def thaw(device: Any) -> Any:
    """Let a frozen device go on from its last change-set that was taken in."""
    name = _name_of(str(device))
    expect_confirmed()
    author, parts = find_author(), wired()
    thawing.thaw(parts.engine, parts.office, author.organisation, author.person, str(device))
    with writing(parts.engine) as connection:
        write_deed(
            connection, author.organisation, Deed(author.person, "thaw", "device", str(device), name, author.address)
        )
    return finish(f"{HOME}/{device}", gettext("%(name)s may go on.", name=name))


@blueprint.get("/enrolments")
def show_enrolments() -> Any:
    """Show the codes that were handed out, and hand out another."""
    who = require_person()
    with reading(wired().engine) as connection:
        issued = enrolment.list_issued(connection, who.organisation)
        people = _list_people(connection, who.organisation)
    wanted = request.args.get("person", "")
    return render_template("desk/fleet_enrolments.html", issued=issued, people=people, wanted=wanted, now=utc_now())


@blueprint.post("/enrolments")
def issue() -> Any:
    """Make a code for a person's device and show it."""
    author, parts = find_author(), wired()
    person = request.form.get("person", "")
    with writing(parts.engine) as connection:
        invitation = enrolment.issue_code(connection, author.organisation, person, parts.settings.base_url)
        deed = Deed(author.person, "enrol_code", "person", person, "", author.address)
        write_deed(connection, author.organisation, deed)
    reference = enrolment.refer_to(invitation.code)
    session[SHOWN] = {"reference": reference, "text": invitation.text}
    return finish(f"{HOME}/enrolments/{reference}")


@blueprint.get("/enrolments/<code>")
def show_code(code: str) -> Any:
    """Show a code that was handed out from this browser, until a device has come with it."""
    who = require_person()
    with reading(wired().engine) as connection:
        issued = enrolment.list_issued(connection, who.organisation, code)
    if not issued:
        raise Refused("not_found", what=gettext("The enrolment code"))
    found, shown = issued[0], session.get(SHOWN, {})
    text = shown.get("text") if shown.get("reference") == code and not found.device else None
    picture = "data:image/png;base64," + base64.b64encode(draw_code(text)).decode() if text else None
    command = f"gongdan-field enrol '{text}'"
    return render_template(
        "desk/fleet_code.html", found=found, text=text, command=command, picture=picture, now=utc_now()
    )


def _may_enrol() -> bool:
    return bool(require_person().roles & {"dispatcher", "admin"})


def _name_of(device: str) -> str:
    with reading(wired().engine) as connection:
        found = find_fleet_device(connection, require_person().organisation, device, unix_ms())
    return str(found.row["name"] or device[-8:])


def _list_people(connection: Any, organisation: str) -> list[tuple[str, str]]:
    people = records.bodies_of_kind(connection, organisation, "person")
    named = [(person, body["name"]) for person, body in people if body.get("active") is not False]
    return sorted(named, key=lambda found: str(found[1]))
