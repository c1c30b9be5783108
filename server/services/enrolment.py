"""Enrolling devices: a one-time code becomes a device with a key of its own.

Rule 1: only the SHA-256 of a code is stored.
Rule 2: the first key that comes with a code owns it; the same key gets the same answer again, so an
        answer lost on the way costs nothing.
Rule 3: the device's record is written through the one door like any other.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.clock import utc_after, utc_now
from server.keys import new_code, new_id
from server.services.office import Office
from server.store import devices, enrolments, records
from server.store.database import reading, transact
from server.store.enrolments import IssuedCode
from sync.changeset import Change

CODE_CHARACTERS: Final = 20
"""100 random bits: nobody guesses one, whatever the rate."""

CODE_HOURS: Final = 24
"""Long enough to hand a printed code to an engineer the next morning."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code as handed out; the server cannot show it again."""

    code: str
    text: str
    """What the QR code holds: ``gongdan-enrol:<base_url>#<code>``."""
    expires_at: str


@dataclass(frozen=True, slots=True)
class Enrolled:
    """What a device is told of itself."""

    organisation: str
    device: str
    person: str
    person_name: str
    epoch: str


def issue_code(connection: Connection, organisation: str, person: str, base_url: str) -> Invitation:
    """Make a code with which one device can be enrolled for a person.

    Raises Refused with `record_missing` unless the organisation has such an active person.
    """
    _read_person(connection, organisation, person)
    enrolments.delete_unused_before(connection, organisation, utc_now())
    code, expires_at = new_code(CODE_CHARACTERS), utc_after(CODE_HOURS)
    enrolments.store_code(connection, IssuedCode(organisation, _hash_of(code), person, expires_at, None, None))
    return Invitation(code, f"gongdan-enrol:{base_url}#{code}", expires_at)


def remove_expired_codes(engine: Engine, now: str) -> int:
    """Delete the codes of all organisations that nobody used in time; return how many."""
    delete = partial(enrolments.delete_all_unused_before, expires_at=now)
    return transact(engine, delete, is_repeatable=True)


def enrol(engine: Engine, office: Office, code: str, public_key: str, name: str) -> Enrolled:
    """Turn a code into a device with this public key.

    Raises Refused with `enrolment_code_invalid`, or `device_revoked` when the device was revoked since.
    """
    claimed = transact(engine, partial(_claim, code=code, public_key=public_key), is_repeatable=True)
    with reading(engine) as connection:
        known = devices.find_device(connection, claimed.organisation, str(claimed.device))
        person = _read_person(connection, claimed.organisation, claimed.person)
        organisation = devices.read_organisation(connection, claimed.organisation)
    if known is not None and known.state == "revoked":
        raise Refused("device_revoked")
    if known is None:
        _write_device(office, claimed, organisation.office_person, name)
    return Enrolled(claimed.organisation, str(claimed.device), claimed.person, person["name"], organisation.epoch)


def _claim(connection: Connection, code: str, public_key: str) -> IssuedCode:
    found = enrolments.find_code(connection, _hash_of(code))
    if found is None:
        raise Refused("enrolment_code_invalid")
    if found.device is None and found.expires_at > utc_now():
        enrolments.claim_code(connection, found, new_id(), public_key)
        found = enrolments.find_code(connection, found.code_hash) or found
    if found.public_key != public_key:
        raise Refused("enrolment_code_invalid")
    return found


def _write_device(office: Office, claimed: IssuedCode, author: str, name: str) -> None:
    body = {
        "person_id": claimed.person,
        "public_key": claimed.public_key,
        "name": name,
        "state": "active",
        "enrolled_at": utc_now(),
    }
    change = Change("device", str(claimed.device), "create", body, {})
    receipt = office.write(claimed.organisation, author, "device.enrol", [change])
    faults = [verdict.fault for verdict in receipt.changes if verdict.fault] or [receipt.fault]
    # Of two answers to one repeated request, the slower finds the record written: both are right.
    if receipt.verdict == "refused" and faults[0] is not None and faults[0].code != "record_exists":
        raise Refused(faults[0].code, **faults[0].facts)


def _read_person(connection: Connection, organisation: str, person: str) -> dict[str, str]:
    found = records.body_of(connection, organisation, person)
    if found is None or found[0] != "person" or found[1].get("active") is False:
        raise Refused("record_missing", kind="person", id=person)
    return found[1]


def _hash_of(code: str) -> str:
    return hashlib.sha256(code.strip().upper().encode("utf-8")).hexdigest()
