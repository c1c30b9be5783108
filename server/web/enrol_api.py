"""Enrolment: codes for the office to hand out, and devices that come with one."""

from __future__ import annotations

from typing import Any, Final

from server.clock import utc_now
from server.services import enrolment
from server.services.enrolment import Earlier
from server.store.database import writing
from server.web import shapes
from server.web.attempts import ENROLMENTS_PER_ADDRESS
from server.web.auth import caller_address, require_person
from server.web.openapi import about, blueprint
from server.web.wiring import wired

_PROBLEMS: Final = (
    "enrolment_code_invalid",
    "certificate_differs",
    "too_many_attempts",
    "device_revoked",
    "record_missing",
)

enrolling = blueprint("enrolment")


@enrolling.post("/enrol")
@enrolling.arguments(shapes.Enrol)
@enrolling.doc(**about("登记终端", *_PROBLEMS))
@enrolling.alt_response(200, schema=shapes.EnrolAnswer)
def enrol(body: dict[str, Any]) -> dict[str, Any]:
    """Enrol a device with a one-time code; the same code and key may come again and get the same answer.

    A device that was enrolled before and is known no more names its id and the certificate it got then.
    """
    parts = wired()
    parts.attempts.count(ENROLMENTS_PER_ADDRESS, caller_address())
    earlier = Earlier(body["device"], body.get("certificate", "")) if "device" in body else None
    enrolled = enrolment.enrol(parts.engine, parts.office, body["code"], body["public_key"], body["name"], earlier)
    return {
        "organisation": enrolled.organisation,
        "device": enrolled.device,
        "person": enrolled.person,
        "person_name": enrolled.person_name,
        "server_key": parts.key.public_key,
        "epoch": enrolled.epoch,
        "certificate": enrolled.certificate,
        "server_time": utc_now(),
    }


@enrolling.post("/enrolments")
@enrolling.arguments(shapes.Invite)
@enrolling.doc(**about("签发登记码", "record_missing"))
@enrolling.alt_response(201, schema=shapes.Invitation)
def invite(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """Make a one-time code with which a person's device can be enrolled; it is shown only here."""
    who = require_person()
    parts = wired()
    with writing(parts.engine) as connection:
        code = enrolment.issue_code(connection, who.organisation, body["person"], parts.settings.base_url)
    return {"code": code.code, "text": code.text, "expires_at": code.expires_at}, 201
