"""An engineer's device after a year: open orders, a catalogue, and what was recorded on every visit.

Values are valid for their kinds and refer only to records made here; the same seed gives the same device.
"""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import wording
from benchmarks.device_store import fill
from benchmarks.workload import SEED, Catalogue, Record, make_catalogue, make_orders
from field_client import work
from field_client.desk import Desk, make_desk
from field_client.keys import create_keyring, save_keyring
from field_client.settings import read_settings
from field_client.store import Store
from field_client.work_checks import check
from field_client.work_parts import PartLabel, RemovedPart, fit_part
from field_client.work_photos import photograph
from field_client.work_signature import sign_without
from field_client.work_training import record_training
from pages.speech import Speech
from tests.pictures import machine_photo

PIN: Final = "246810"
ATTENDEE: Final = "王工"
FIRST_MS: Final = 1_772_409_600_000
"""The first order's day."""

SUPPLIERS: Final = 40
CHECKLISTS: Final = 60
MANUALS: Final = 40
MANUAL: Final = b"%PDF-1.7\n" + bytes(200_000)
FAMILIES: Final = ("centrifuge", "analyser", "spectrometer", "machine_tool")
SERVICES: Final = ("installation", "repair", "maintenance")
ITEMS: Final = 12
CHECKS, SWAPS, PHOTOS, NEEDED = 12, 2, 4, 2
VAN_PARTS: Final = 150


@dataclass(frozen=True, slots=True)
class Year:
    """How much a device holds: 20,000 records of the catalogue and some, of which 600 are sites and customers.

    `facts` multiplies what was recorded on each visit.
    """

    open_orders: int = 500
    finished_orders: int = 500
    facts: int = 1
    machines: int = 1000
    parts: int = 11_300
    batches: int = 6000


def make_device(folder: Path, year: Year, seed: int = SEED) -> Desk:
    """Make the device of an engineer in `folder`, with one order under way, and return it open.

    Its PIN is `PIN`; the caller closes its store.
    """
    settings = read_settings({"GONGDAN_FIELD_DATA": str(folder)})
    keyring, sealed = create_keyring(PIN)
    save_keyring(settings.keyring, sealed)
    store = Store(settings.database, keyring.database_key)
    chance = random.Random(f"year {seed}")
    catalogue = make_catalogue(seed, year.machines)
    person = catalogue.engineers[0]
    names = {"organisation": make_id(chance), "device": make_id(chance), "person": person.id}
    fill(store, make_records(chance, catalogue, year))
    store.remember(**names, person_name=person.values["name"], base_url="https://gongdan.example", offset_ms=0)
    desk = make_desk(settings, Speech("zh"), keyring, store)
    store.remember(synced_at=desk.bench.now())
    _begin_order(desk)
    return desk


def make_records(chance: random.Random, catalogue: Catalogue, year: Year) -> list[Record]:
    """Return all that the first engineer of the catalogue holds."""
    person = catalogue.engineers[0].id
    shelf = list(_make_shelf(chance, catalogue, year, person))
    parts = [record.id for record in shelf if record.kind == "part"]
    return [*catalogue.records, *shelf, *_make_visits(chance, catalogue, year, parts[:VAN_PARTS], shelf[-1].id, person)]


def make_id(chance: random.Random) -> str:
    """Return a UUIDv7 of the first day with random bits from `chance`."""
    high, low = chance.getrandbits(12), chance.getrandbits(62)
    return str(uuid.UUID(int=FIRST_MS << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


def _begin_order(desk: Desk) -> None:
    """Work on the first order as far as an engineer is in the middle of a visit."""
    desk.files.keep(MANUAL, "application/pdf")
    lines, _ = work.list_today(desk.bench, 1)
    work.start(desk.bench, lines[0].id)
    checklist = work.checklist_of(desk.bench, work.find_order(desk.bench))
    for item in checklist.values["items"][:CHECKS] if checklist else ():
        check(desk.bench, item["key"], "0.4")
    for turn in range(SWAPS):
        label = PartLabel(part_number=f"P-{turn:05}", serial=f"S-{turn}")
        fit_part(desk.bench, label, removed=RemovedPart(f"R-{turn}"))
    for purpose in ("fault", "before", "after", "name_plate")[:PHOTOS]:
        photograph(desk.bench, desk.files, machine_photo(), purpose)
    record_training(desk.bench, ["安全"], [ATTENDEE])
    found = {"diagnosis": "轴承磨损", "remedy": "更换轴承", "result": "solved"}
    sign_without(desk.bench, "absent", "客户开会", **found)


def _make_shelf(chance: random.Random, catalogue: Catalogue, year: Year, person: str) -> Iterator[Record]:
    """Yield what the catalogue of machines lacks: checklists, manuals, parts with batches, warranties, and the van."""
    for turn in range(CHECKLISTS):
        yield Record("checklist", make_id(chance), _describe_checklist(turn))
    name = hashlib.sha256(MANUAL).hexdigest()
    for turn in range(MANUALS):
        values = {"name": f"维修手册 {turn}", "families": [FAMILIES[turn % 4]], "edition": str(turn)}
        values |= {"file_sha256": name, "size_bytes": len(MANUAL), "media_type": "application/pdf"}
        yield Record("manual", make_id(chance), values)
    suppliers = [Record("supplier", make_id(chance), {"name": wording.write_company(chance)}) for _ in range(SUPPLIERS)]
    yield from suppliers
    parts = [Record("part", make_id(chance), _describe_part(chance, turn)) for turn in range(year.parts)]
    yield from parts
    for turn in range(year.batches):
        part, supplier = parts[turn % year.parts].id, suppliers[turn % SUPPLIERS].id
        values = {"part_id": part, "supplier_id": supplier, "number": f"B{turn:06}", "expires_on": "2029-01-01"}
        yield Record("batch", make_id(chance), values)
    for machine in catalogue.machines:
        values = {"machine_id": machine.id, "accepted_on": "2025-06-01", "months": 24, "months_from": "model"}
        yield Record("warranty", make_id(chance), values)
    yield Record("van", make_id(chance), {"name": "苏A·12345", "person_id": person})


def _describe_checklist(turn: int) -> dict[str, Any]:
    items = [
        {"key": f"item_{at}", "label": f"水平度 {at}", "type": "number", "unit": "°", "low": "-1", "high": "1"}
        for at in range(ITEMS)
    ]
    return {
        "name": f"检修单 {turn}",
        "family": FAMILIES[turn % len(FAMILIES)],
        "service": SERVICES[turn % len(SERVICES)],
        "version": 1 + turn,
        "items": [item | {"mandatory": True} for item in items],
    }


def _describe_part(chance: random.Random, turn: int) -> dict[str, Any]:
    return {
        "part_number": f"P-{turn:05}",
        "name": f"备件 {turn}",
        "component": f"component_{turn % 400}",
        "grade": chance.choice(("original", "authorised")),
        "families": [FAMILIES[turn % len(FAMILIES)]],
        "warranty_months": 6,
        "price_cents": chance.randrange(1000, 900_000),
    }


def _make_visits(
    chance: random.Random, catalogue: Catalogue, year: Year, parts: Sequence[str], van: str, person: str
) -> Iterator[Record]:
    """Yield the open orders, and those finished with all that was recorded on them."""
    count = year.open_orders + year.finished_orders
    for turn, order in enumerate(make_orders(catalogue, count, chance.randrange(1000), person)):
        if turn < year.finished_orders:
            at = order.values["reported_at"]
            ended = {"status": "finished", "arrived_at": at, "started_at": at, "finished_at": at, "result": "solved"}
            yield Record("work_order", order.id, order.values | ended)
            yield from _make_signature(chance, order)
        else:
            needed = [{"part_id": chance.choice(parts), "quantity": 1} for _ in range(NEEDED)]
            yield Record("work_order", order.id, order.values | {"needed_parts": needed})
        yield from _make_request(chance, order)
        for _ in range(year.facts):
            yield from _make_facts(chance, order, parts, van)


def _make_request(chance: random.Random, order: Record) -> Iterator[Record]:
    """Yield what a customer told of an order before the visit, and the file he sent."""
    at, request, name = order.values["reported_at"], make_id(chance), hashlib.sha256(MANUAL).hexdigest()
    told = {"number": f"RQ-{request[-6:]}", "state": "ordered", "channel": "web", "reported_at": at}
    yield Record("request", request, told | {"order_id": order.id, "symptom": "异响"})
    sent = {"request_id": request, "order_id": order.id, "author": "customer", "added_at": at, "file_sha256": name}
    said = {"file_name": "report.pdf", "media_type": "application/pdf", "size_bytes": len(MANUAL)}
    yield Record("request_note", make_id(chance), sent | said)


def _make_facts(chance: random.Random, order: Record, parts: Sequence[str], van: str) -> Iterator[Record]:
    at, machine = order.values["reported_at"], order.values["machine_id"]
    where = {"order_id": order.id, "machine_id": machine}
    for turn in range(CHECKS):
        said = {"item": f"item_{turn}", "value": "0.4", "verdict": "passed", "checked_at": at}
        yield Record("check_result", make_id(chance), where | said)
    for turn in range(SWAPS):
        part, fitted = chance.choice(parts), make_id(chance)
        stocked = {"part_id": part, "from_place": "supplier", "to_place": "van", "to_van_id": van}
        yield _make_move(chance, stocked, order)
        said = {"part_id": part, "part_name": f"备件 {turn}", "serial": f"S-{fitted[-6:]}", "fitted_at": at}
        yield Record("part_fitted", fitted, where | said)
        removed = {"part_name": f"备件 {turn}", "serial": f"R-{fitted[-6:]}", "removed_at": at}
        yield Record("part_removed", make_id(chance), where | removed)
        yield _make_move(
            chance, {"part_id": part, "from_place": "van", "from_van_id": van, "to_place": "machine"}, order
        )
    for _ in range(PHOTOS):
        photo, name = make_id(chance), hashlib.sha256(chance.randbytes(8)).hexdigest()
        said = {"purpose": "fault", "original_sha256": name, "media_type": "image/jpeg", "size_bytes": 4_000_000}
        yield Record("photo", photo, where | said)
        remark = {"photo_id": photo, "purpose": "before", "caption": "更换前", "remarked_at": at}
        yield Record("photo_remark", make_id(chance), where | remark)


def _make_move(chance: random.Random, values: dict[str, Any], order: Record) -> Record:
    about = {"quantity": 1, "order_id": order.id, "moved_at": order.values["reported_at"]}
    return Record("stock_move", make_id(chance), about | values)


def _make_signature(chance: random.Random, order: Record) -> Iterator[Record]:
    sheet, where = make_id(chance), {"order_id": order.id, "machine_id": order.values["machine_id"]}
    digest = hashlib.sha256(order.id.encode()).hexdigest()
    yield Record("job_sheet", sheet, where | {"content": '{"work":{}}', "content_sha256": digest})
    said = {"job_sheet_id": sheet, "job_sheet_sha256": digest, "outcome": "signed", "signer_name": "陈工"}
    yield Record("signature", make_id(chance), where | said | {"signed_at": order.values["reported_at"]})
