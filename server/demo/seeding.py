"""Writing the demo company into an empty database, through the one door like everything else.

Rule 1: nothing is written into a database that has other organisations, or the whole demo already.
Rule 2: a seeding that was interrupted goes on where it stopped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from schemas.problems import Refused
from server.demo import (
    customers,
    machines,
    manuals,
    models,
    orders,
    parts,
    people,
    requests,
    rotors,
    service,
    stock,
    week,
)
from server.demo.handset import Handset, make_device_key
from server.demo.records import DemoRecord, refer
from server.demo.visits import VISITS, Act, Visit, acts_of
from server.reception import Reception
from server.services import gaps, service_clocks, warranty
from server.services.accounts import find_account, open_account
from server.services.blobs import BlobDesk, Owner
from server.services.devices import read_epoch
from server.services.follow_links import make_link
from server.services.manuals import file_manual
from server.services.office import Office, organisations
from server.services.request_files import keep_bytes
from server.settings import Settings
from server.store import records
from server.store.contacts import ContactRow, write_contacts
from server.store.database import reading, writing
from server.store.devices import read_organisation
from server.store.file_storage import open_files
from server.store.recalls import note_receipts
from server.store.requests import find_link, keep_link
from sync import receipt
from sync.changeset import CHANGES_MAX, Change
from sync.receipt import Receipt

PASSWORD: Final = "gongdan-demo"  # noqa: S105 - everybody may know it: no real person or machine stands behind it
RECALL_HOURS_AGO: Final = 3000
OPENED_HOURS_AGO: Final = 4
"""When the recall of that batch was opened: some devices have not synced since."""


def seed(engine: Engine, office: Office, settings: Settings, now: datetime) -> str | None:
    """Write the demo company; return its organisation id, or None when the database is not empty."""
    with reading(engine) as connection:
        existing = {name: organisation for organisation, name in organisations(connection)}
        is_whole = find_account(connection, people.LOGINS[-1]) is not None
    if is_whole or (existing and list(existing) != [people.COMPANY]):
        return None
    seeding = _Seeding(engine, office, settings, existing.get(people.COMPANY) or office.found(people.COMPANY))
    seeding.write_catalogue()
    seeding.write_customers(now)
    seeding.replay_visits(now)
    seeding.file_manuals()
    seeding.file_evidence()
    seeding.take_requests(now)
    warranty.renew(engine, office, seeding.organisation)
    service_clocks.renew(engine, office, seeding.organisation)
    gaps.renew(engine, office, seeding.organisation)
    seeding.hear_devices(now)
    seeding.open_accounts()
    return seeding.organisation


@dataclass(slots=True)
class _Seeding:
    engine: Engine
    office: Office
    settings: Settings
    organisation: str
    handsets: dict[str, Handset] = field(default_factory=dict)

    def write_catalogue(self) -> None:
        with reading(self.engine) as connection:
            system = read_organisation(connection, self.organisation).office_person
        self._create(system, [*people.centres(), *people.people()])
        self._create(
            refer("person", "gao"), [*service.calendars(), *service.terms(), *models.models(), *models.checklists()]
        )
        self._create(refer("person", "xu"), [*parts.suppliers(), *parts.parts(), *parts.batches()])

    def write_customers(self, now: datetime) -> None:
        dana = refer("person", "dana")
        self._create(dana, [*customers.customers(), *customers.sites(), *machines.machines(now)])
        self._create(dana, [*orders.orders(now), *week.orders(now), *week.absences(now)])
        self._create(refer("person", "xu"), [*stock.vans(), *rotors.vans(), *stock.levels(), *stock.purchases(now)])
        self._create(refer("person", "xu"), [*stock.moves(now), *rotors.moves(now)])

    def replay_visits(self, now: datetime) -> None:
        """Let the devices hand in their work; a batch is recalled after the first visit, so the next one finds it."""
        engineers = dict.fromkeys([visit.engineer for visit in VISITS] + ["qian"])
        self.handsets = {name: handset for name in engineers if (handset := self._enrol(name))}
        self._hand_in(VISITS[:1], now)
        recalled_on = orders.order_time(now, -RECALL_HOURS_AGO)[:10]
        for number, recall in parts.recalls(recalled_on).items():
            self._update("xu", "batch.recall", "batch", number, recall)
        self._hand_in(VISITS[1:], now)
        for engineer, act in rotors.acts(now):
            if engineer in self.handsets:
                self._submit(engineer, [act])
        for visit in VISITS:
            if visit.closed:
                self._update("dana", "order.close", "work_order", visit.order, {"status": "closed"})
        self._update("dana", "order.cancel", "work_order", orders.CANCELLED, {"status": "cancelled"})
        self._create(refer("person", "xu"), parts.recall(orders.order_time(now, -OPENED_HOURS_AGO)))
        self._disagree(now)
        for name in self.handsets:
            self._update("gao", "device.revoke", "device", name, {"state": "revoked"})

    def file_manuals(self) -> None:
        with reading(self.engine) as connection:
            there = records.bodies_of(connection, self.organisation, [refer("manual", name) for name in manuals.NAMES])
        settings = self.settings
        desk = BlobDesk(self.engine, open_files(settings), settings.blob_bytes_max, settings.upload_hours)
        for name in manuals.NAMES:
            if refer("manual", name) not in there:
                with tempfile.TemporaryDirectory(prefix="gongdan-demo-") as folder:
                    path = Path(folder) / f"{name}.pdf"
                    path.write_bytes(manuals.print_manual(name))
                    values = manuals.describe_manual(name)
                    actor = refer("person", "gao")
                    file_manual(
                        self.engine, self.office, desk, self.organisation, actor, path, values, refer("manual", name)
                    )

    def file_evidence(self) -> None:
        """Store the files of photos and signatures, as the devices would have sent them."""
        settings = self.settings
        desk = BlobDesk(self.engine, open_files(settings), settings.blob_bytes_max, settings.upload_hours)
        owner = Owner(self.organisation, refer("device", "shen"))
        for sha256, data in rotors.files().items():
            begun = desk.create(owner, len(data), sha256)
            if not begun.is_finished:
                desk.receive(owner, begun.upload, begun.offset, iter([data[begun.offset :]]), len(data) - begun.offset)

    def take_requests(self, now: datetime) -> None:
        """Let customers have asked for service; each request can be followed by its link."""
        dana, settings = refer("person", "dana"), self.settings
        self._create(dana, [*requests.known_fixes(), *requests.requests(now)])
        desk = BlobDesk(self.engine, open_files(settings), settings.blob_bytes_max, settings.upload_hours)
        photo = requests.draw_photo()
        kept = keep_bytes(self.engine, desk, self.organisation, photo)
        self._create(dana, requests.notes(now, kept, len(photo)))
        with writing(self.engine) as connection:
            for number in requests.numbers():
                link = make_link(self.office.key, self.organisation, refer("request", number))
                if find_link(connection, link.digest) is None:
                    keep_link(connection, self.organisation, refer("request", number), link.digest)

    def open_accounts(self) -> None:
        for login in people.LOGINS:
            with writing(self.engine) as connection:
                open_account(connection, self.organisation, refer("person", login), login, PASSWORD)

    def hear_devices(self, now: datetime) -> None:
        """Let the engineers have devices that called a while ago; their keys are in nobody's hands."""
        rows = []
        with reading(self.engine) as connection:
            end = read_epoch(connection, self.organisation)[1]
        for number, (name, minutes) in enumerate(week.HEARD_MINUTES_AGO.items(), start=1):
            key = make_device_key(self.settings).public_key
            body = {
                "person_id": refer("person", name),
                "public_key": key,
                "name": f"PAD-{number:02d}",
                "state": "active",
            }
            device, at = DemoRecord("device", f"{name} tablet", body), orders.order_time(now, -minutes / 60)
            self._create(refer("person", "gao"), [device])
            position = end if minutes < OPENED_HOURS_AGO * 60 else 0
            rows.append(
                ContactRow(self.organisation, device.id, at, synced_at=at, position=position, **_told(number, at))
            )
        with writing(self.engine) as connection:
            note_receipts(connection, rows)
            write_contacts(connection, rows)

    def _create(self, actor: str, wanted: Sequence[DemoRecord]) -> None:
        with reading(self.engine) as connection:
            there = records.bodies_of(connection, self.organisation, [record.id for record in wanted])
        changes = [Change(r.kind, r.id, "create", _without_empty(r.values), {}) for r in wanted if r.id not in there]
        for start in range(0, len(changes), CHANGES_MAX):
            part = changes[start : start + CHANGES_MAX]
            _expect(self.office.write(self.organisation, actor, "demo.create", part))

    def _update(self, actor: str, intent: str, kind: str, name: str, new: dict[str, Any]) -> None:
        with reading(self.engine) as connection:
            found = records.body_of(connection, self.organisation, refer(kind, name))
        assert found is not None
        was = {key: found[1].get(key) for key in new}
        if was != new:
            change = Change(kind, refer(kind, name), "update", new, was)
            _expect(self.office.write(self.organisation, refer("person", actor), intent, [change]))

    def _enrol(self, engineer: str) -> Handset | None:
        """Make a device for an engineer; None when an interrupted seeding did so, since its key is lost."""
        with reading(self.engine) as connection:
            known = records.body_of(connection, self.organisation, refer("device", engineer))
            position = read_epoch(connection, self.organisation)[1]
        if known is not None:
            return None
        handset = Handset(self.organisation, engineer, make_device_key(self.settings), position)
        body = {
            "person_id": refer("person", engineer),
            "public_key": handset.key.public_key,
            "name": "旧终端 / previous device",
            "state": "active",
        }
        change = Change("device", handset.id, "create", body, {})
        _expect(self.office.write(self.organisation, refer("person", "gao"), "device.enrol", [change]))
        return handset

    def _hand_in(self, visits: Sequence[Visit], now: datetime) -> None:
        for visit in visits:
            if visit.engineer in self.handsets:
                self._submit(visit.engineer, list(acts_of(visit, now)))

    def _submit(self, engineer: str, acts: Sequence[Act]) -> None:
        handset = self.handsets[engineer]
        lines = [handset.seal(act) for act in acts]
        for answer in Reception(self.engine).submit(self.organisation, handset.id, lines):
            _expect(receipt.load(answer))

    def _disagree(self, now: datetime) -> None:
        """Let office and field move one appointment, each without knowing of the other."""
        number, hours = orders.RESCHEDULED
        agreed = orders.order_time(now, orders.visit_hours(number))
        self._update(
            "dana", "order.reschedule", "work_order", number, {"appointment_at": orders.order_time(now, hours)}
        )
        if "qian" in self.handsets:
            earlier = {"appointment_at": orders.order_time(now, orders.visit_hours(number) - 3)}
            change = Change("work_order", refer("work_order", number), "update", earlier, {"appointment_at": agreed})
            self._submit("qian", [Act("order.reschedule", orders.order_time(now, -1), (change,))])


def _told(number: int, at: str) -> dict[str, Any]:
    """Return what a device with nothing left to send tells of itself: its clock, its room, its version."""
    told = {"told_at": at, "waiting_sets": 0, "waiting_files": 0, "waiting_bytes": 0, "client": "gongdan-field/0.1.0"}
    return told | {"offset_ms": number * 170 - 900, "free_bytes": (31 - number) * 1_000_000_000}


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _expect(answer: Receipt) -> None:
    """Raise Refused with what was found wrong, unless the set was taken in."""
    fault = next((verdict.fault for verdict in answer.changes if verdict.fault), answer.fault)
    if fault is not None:
        raise Refused(fault.code, **fault.facts)
