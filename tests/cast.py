"""The cast: a small company with its people, one machine and one order, and devices that sign for real.

Wei and Lin are engineers, Dana dispatches, Aud audits, Chen is the customer. Mallory administers another
company on the same server: he has a login, a device and every role, and may do nothing here.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import Any

from nacl.signing import SigningKey
from sqlalchemy import Engine

from schemas import SCHEMA_VERSION
from server.clock import unix_now, utc_now
from server.keys import new_id
from server.services import accounts, enrolment
from server.services.office import Office
from server.store.database import reading, writing
from server.store.devices import read_organisation
from sync import chain, clock, openings
from sync.changeset import Change, ChangeSet
from sync.request_signature import sign_request

PASSWORD = "a long enough password"
BASE_URL = "http://gongdan.example"


@dataclass(frozen=True)
class Company:
    """The ids of a company's people and things."""

    organisation: str
    system: str
    wei: str
    lin: str
    dana: str
    aud: str
    chen: str
    machine: str
    order: str
    number: str


@dataclass
class Device:
    """A device with a key of its own: it seals change-sets into its chain and signs requests."""

    organisation: str
    person: str
    id: str = ""
    key: SigningKey = field(default_factory=SigningKey.generate)
    seq: int = 0
    prev: str = chain.FIRST_PREV
    basis: int = 0

    @property
    def public_key(self) -> str:
        """The public half of the key, in hexadecimal."""
        return bytes(self.key.verify_key).hex()

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes of a signature."""
        return self.key.sign(message).signature

    def seal(self, intent: str, *changes: Change, **other: Any) -> bytes:
        """Return the device's next change-set as a sealed line; `other` replaces fields of the frame."""
        self.seq += 1
        changeset = ChangeSet(
            id=new_id(),
            organisation=self.organisation,
            device=self.id,
            seq=self.seq,
            prev=self.prev,
            actor=self.person,
            intent=intent,
            schema=SCHEMA_VERSION,
            captured_at=utc_now(),
            offset_ms=0,
            clock=clock.tick(clock.ORIGIN, unix_now() * 1000),
            basis=self.basis,
            witness="",
            changes=changes,
        )
        sealed = openings.seal(replace(changeset, **other), self.sign, os.urandom)
        self.prev = sealed.digest
        return sealed.line

    def headers(self, method: str, path: str, query: str = "", body: bytes = b"", age_s: int = 0) -> dict[str, str]:
        """Return the headers that sign a request made `age_s` seconds ago."""
        return sign_request(self.organisation, self.id, method, path, query, body, unix_now() - age_s, self.sign)


def found_company(office: Office, engine: Engine, name: str = "晟远服务") -> Company:
    """Create a company with its people, one machine and one order assigned to Wei."""
    organisation = office.found(name)
    with reading(engine) as connection:
        system = read_organisation(connection, organisation).office_person
    wei, lin, dana, aud, chen, site, model, machine, order = (new_id() for _ in range(9))
    number = "GD-2026-0001"
    changes = [
        Change("person", wei, "create", {"name": "魏工", "name_en": "Wei", "roles": ["engineer"]}, {}),
        Change("person", lin, "create", {"name": "林工", "name_en": "Lin", "roles": ["engineer"]}, {}),
        Change("person", dana, "create", {"name": "戴娜", "name_en": "Dana", "roles": ["dispatcher", "admin"]}, {}),
        Change("person", aud, "create", {"name": "奥德", "name_en": "Aud", "roles": ["auditor"]}, {}),
        Change("customer", chen, "create", {"name": "陈氏实验室", "name_en": "Chen Laboratories"}, {}),
        Change("site", site, "create", {"name": "二号楼", "customer_id": chen}, {}),
        Change("model", model, "create", {"manufacturer": "晟远", "name": "MC-12", "family": "mini_centrifuge"}, {}),
        Change(
            "machine",
            machine,
            "create",
            {"model_id": model, "serial": "MC12-0007", "customer_id": chen, "site_id": site, "state": "down"},
            {},
        ),
    ]
    accept(office, organisation, system, "company.seed", *changes)
    body = order_body(number, chen, machine_id=machine, engineer_id=wei, symptom="离心机异响")
    accept(office, organisation, dana, "order.create", Change("work_order", order, "create", body, {}))
    return Company(organisation, system, wei, lin, dana, aud, chen, machine, order, number)


def order_body(number: str, customer: str, **more: Any) -> dict[str, Any]:
    """Return the body of a repair order that has just been assigned."""
    least = {"number": number, "status": "assigned", "service": "repair", "grade": "important"}
    return {**least, "customer_id": customer, **more}


def accept(office: Office, organisation: str, actor: str, intent: str, *changes: Change) -> None:
    """Write as the office, and fail unless every change was applied."""
    receipt = office.write(organisation, actor, intent, changes)
    assert receipt.verdict == "applied", receipt


def open_accounts(engine: Engine, company: Company, suffix: str = "") -> None:
    """Give Dana and Aud logins of their names, and Wei one that opens nothing."""
    with writing(engine) as connection:
        for login, person in (("dana", company.dana), ("aud", company.aud), ("wei", company.wei)):
            accounts.open_account(connection, company.organisation, person, login + suffix, PASSWORD)


def enrol_device(office: Office, engine: Engine, organisation: str, person: str) -> Device:
    """Enrol a device for a person with a code; it has seen all there is."""
    with writing(engine) as connection:
        code = enrolment.issue_code(connection, organisation, person, BASE_URL).code
    device = Device(organisation, person)
    device.id = enrolment.enrol(engine, office, code, device.public_key, "平板").device
    with reading(engine) as connection:
        device.basis = read_organisation(connection, organisation).position
    return device
