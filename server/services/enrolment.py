"""Enrolling devices: a one-time code becomes a device with a key of its own.

Rule 1: only the SHA-256 of a code is stored.
Rule 2: the first key that comes with a code owns it; the same key gets the same answer again, so an
        answer lost on the way costs nothing.
Rule 3: the device's record is written through the one door like any other.
Rule 4: a device that a restored server has forgotten comes back under its own id, with a code for the same person and
        the office's certificate that id, person and key belong together (docs/decisions/0008).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.clock import utc_after, utc_now
from server.keys import new_code, new_id, verify_signature
from server.services.office import Office
from server.store import devices, enrolments, records
from server.store.database import reading, transact
from server.store.enrolments import IssuedCode
from sync.changeset import Change
from sync.device_certificate import DeviceFacts, is_certified, spell_certificate

CODE_CHARACTERS: Final = 20
"""100 random bits: nobody guesses one, whatever the rate."""

LISTED_MAX: Final = 50

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
    certificate: str
    """The office's signature on all this and the device's key, in hexadecimal: with it the device can come back."""


@dataclass(frozen=True, slots=True)
class Earlier:
    """What a device that was enrolled before says of itself."""

    device: str
    certificate: str


def issue_code(connection: Connection, organisation: str, person: str, base_url: str) -> Invitation:
    """Make a code with which one device can be enrolled for a person.

    Raises Refused with `record_missing` unless the organisation has such an active person.
    """
    _read_person(connection, organisation, person)
    enrolments.delete_unused_before(connection, organisation, utc_now())
    code, expires_at = new_code(CODE_CHARACTERS), utc_after(CODE_HOURS)
    enrolments.store_code(connection, IssuedCode(organisation, _hash_of(code), person, expires_at, None, None))
    return Invitation(code, f"gongdan-enrol:{base_url}#{code}", expires_at)


@dataclass(frozen=True, slots=True)
class Issued:
    """A code that was handed out, and what became of it."""

    reference: str
    """Names the code without being it: its SHA-256"""
    person: str
    person_name: str
    expires_at: str
    device: str | None
    device_name: str | None


def list_issued(connection: Connection, organisation: str, reference: str = "") -> list[Issued]:
    """Return the newest codes of an organisation, or the one that is named."""
    codes = enrolments.list_codes(connection, organisation, LISTED_MAX)
    codes = [code for code in codes if reference in ("", code.code_hash)]
    wanted = {code.person for code in codes} | {code.device for code in codes if code.device}
    bodies = records.bodies_of(connection, organisation, wanted)

    def name_of(record: str | None) -> str | None:
        return bodies[record][1].get("name") if record in bodies else None

    return [
        Issued(
            code.code_hash, code.person, name_of(code.person) or "", code.expires_at, code.device, name_of(code.device)
        )
        for code in codes
    ]


def refer_to(code: str) -> str:
    """Return what names a code without being it."""
    return _hash_of(code)


def remove_expired_codes(engine: Engine, now: str) -> int:
    """Delete the codes of all organisations that nobody used in time; return how many."""
    delete = partial(enrolments.delete_all_unused_before, expires_at=now)
    return transact(engine, delete, is_repeatable=True)


def enrol(
    engine: Engine, office: Office, code: str, public_key: str, name: str, earlier: Earlier | None = None
) -> Enrolled:
    """Turn a code into a device with this public key, under its `earlier` id if it had one.

    Raises Refused with `enrolment_code_invalid`, `certificate_differs` when the office certified no such device for the
    code's person, or `device_revoked` when the device was revoked since.
    """
    server_key = office.key.public_key
    claim = partial(_claim, code=code, public_key=public_key, earlier=earlier, server_key=server_key)
    claimed = transact(engine, claim, is_repeatable=True)
    with reading(engine) as connection:
        known = devices.find_device(connection, claimed.organisation, str(claimed.device))
        person = _read_person(connection, claimed.organisation, claimed.person)
        organisation = devices.read_organisation(connection, claimed.organisation)
    if known is not None and known.state == "revoked":
        raise Refused("device_revoked")
    if known is None:
        _write_device(office, claimed, organisation.office_person, name)
    facts = DeviceFacts(claimed.organisation, str(claimed.device), claimed.person, public_key)
    certificate = office.key.sign(spell_certificate(facts)).hex()
    return Enrolled(facts.organisation, facts.device, facts.person, person["name"], organisation.epoch, certificate)


def _claim(connection: Connection, code: str, public_key: str, earlier: Earlier | None, server_key: str) -> IssuedCode:
    found = enrolments.find_code(connection, _hash_of(code))
    if found is None:
        raise Refused("enrolment_code_invalid")
    if found.device is None and found.expires_at > utc_now():
        device = _require_certified(found, public_key, earlier, server_key) if earlier else new_id()
        enrolments.claim_code(connection, found, device, public_key)
        found = enrolments.find_code(connection, found.code_hash) or found
    if found.public_key != public_key or (earlier and found.device != earlier.device):
        raise Refused("enrolment_code_invalid")
    return found


def _require_certified(code: IssuedCode, public_key: str, earlier: Earlier, server_key: str) -> str:
    """Return the id under which a device was enrolled. Raises Refused with `certificate_differs`."""
    facts = DeviceFacts(code.organisation, earlier.device, code.person, public_key)
    if not is_certified(facts, earlier.certificate, server_key, verify_signature):
        raise Refused("certificate_differs")
    return earlier.device


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
