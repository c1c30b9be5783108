"""Many devices, many lives each, all killed; then everything must be at the server, once, and nothing may differ."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, select

from schemas.problems import Refused
from server.clock import utc_now
from server.keys import new_id, open_office_key
from server.services import enrolment
from server.services.blobs import BlobDesk
from server.services.bundles import import_bundle, write_answer
from server.services.office import Office
from server.services.proofs import replay, verify_log
from server.store.database import open_engine, reading, writing
from server.store.disk_files import DiskFiles
from server.store.tables import Blob, LogEntry
from sync import receipt
from sync.changeset import Change
from tests.cast import accept, order_body
from tests.field_client.scope import ITEMS
from tests.kills import file_watch
from tests.kills.plants import PLANTS
from tests.server.blobs.tus import PROJECT, Server, make_server

KILLS_EACH: Final = 400
"""Deaths of one device: its files are damaged further and further, or not at all."""

AIMED: Final = 0.6
"""How many lives end at a chosen step; the others end at any moment."""

BUNDLES_LEFT: Final = 8
"""More than can come to stand one after the other with the device dead before it says so."""


@dataclass
class Report:
    """What a campaign came to."""

    kills: Counter[str] = field(default_factory=Counter)
    """step -> how many lives ended there"""
    spared: Counter[str] = field(default_factory=Counter)
    """step -> how many lives did not come to it"""
    checked: int = 0
    """How often a life looked a device over and found it sound."""
    faults: list[str] = field(default_factory=list)
    sets: int = 0
    files: int = 0
    steps: int = 0
    acts: Counter[str] = field(default_factory=Counter)
    imported: int = 0


@dataclass
class Campaign:
    """A server, its office, and a nursery of devices."""

    server: Server
    engine: Engine
    office: Office
    folder: Path
    seed: int
    nursery: subprocess.Popen[str] | None = None
    report: Report = field(default_factory=Report)
    day: str | None = None
    """When the order of the device that lives is to be done."""

    def __post_init__(self) -> None:
        """Begin the catalogue that every device will hold."""
        self.devices = self.folder / "devices"
        self.chance = random.Random(self.seed)
        ours = self.server.ours
        seeds = [
            Change("checklist", new_id(), "create", {"name": "检修", "version": 1, "items": ITEMS}, {}),
            Change("part", new_id(), "create", {"part_number": "P-77", "name": "电机", "gtin": "06901234000016"}, {}),
        ]
        accept(self.office, ours.organisation, ours.system, "company.seed", *seeds)

    def kill(self, count: int) -> Report:
        """Kill so many times, one device after the other, and return what came of it."""
        for number in range(-(-count // KILLS_EACH)):
            self.raise_device(f"device-{number}", min(KILLS_EACH, count - number * KILLS_EACH))
        self.report.faults += self.find_server_faults()
        return self.report

    def raise_device(self, name: str, kills: int, plant: str | None = None) -> None:
        """Let one device live and die, while the office goes on working; then compare it with the server."""
        folder = self.devices / name
        order, invitation = self.hire(name)
        acts, aimed = ([], AIMED) if plant is None else (PLANTS[plant][1], 1)
        job = {"folder": str(folder), "invitation": invitation, "kills": kills, "seed": self.seed, "aimed": aimed}
        for told in self.order(job | {"acts": acts, "plant": plant}):
            self.report.faults += [f"{name}: {fault}" for fault in told.get("faults", ())]
            self.report.steps = told.get("steps", self.report.steps)
            self.report.checked += told.get("sound", 0)
            if told.get("died"):
                self.report.kills[told["step"]] += 1
            elif "spared" in told:
                self.report.spared[told["spared"]] += 1
            if "outbox" in told:
                self.report.faults += [f"{name}: {fault}" for fault in self.compare(told)]
            self.work(order, folder / "usb")

    def order(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Give the nursery a job and yield what it says of it."""
        assert self.nursery is not None
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(json.dumps(job) + "\n")
        self.nursery.stdin.flush()
        for line in self.nursery.stdout:
            told = json.loads(line)
            if "ended" in told:
                return
            yield told
        raise AssertionError(f"the nursery ended with {self.nursery.wait(60)}")

    def hire(self, name: str) -> tuple[str, str]:
        """Hire an engineer; return an order of his, and the invitation for his device."""
        ours, person, order = self.server.ours, new_id(), new_id()
        hired = Change("person", person, "create", {"name": name, "roles": ["engineer"]}, {})
        accept(self.office, ours.organisation, ours.system, "company.hire", hired)
        self.day = None
        body = order_body(f"GD-{name}", ours.chen, machine_id=ours.machine, engineer_id=person)
        accept(
            self.office, ours.organisation, ours.dana, "order.create", Change("work_order", order, "create", body, {})
        )
        with writing(self.engine) as connection:
            url = f"http://127.0.0.1:{self.server.port}"
            invitation = enrolment.issue_code(connection, ours.organisation, person, url).text
        return order, invitation

    def work(self, order: str, usb: Path) -> None:
        """Do, now and then, what the office does: settle a date, add to the catalogue, take in a bundle."""
        ours = self.server.ours
        if self.chance.random() < 0.1:
            day = Change("work_order", order, "update", {"appointment_at": utc_now()}, {"appointment_at": self.day})
            accept(self.office, ours.organisation, ours.dana, "order.appoint", day)
            self.day = day.set["appointment_at"]
        if self.chance.random() < 0.2:
            names = [f"备件 {self.chance.getrandbits(32):x}" for _ in range(8)]
            parts = [Change("part", new_id(), "create", {"part_number": name, "name": name}, {}) for name in names]
            accept(self.office, ours.organisation, ours.system, "catalogue.add", *parts[: self.chance.randint(1, 8)])
        if self.chance.random() < 0.1:
            # The newest are left where they are: the device looks into the last one it acknowledged after each death.
            for bundle in sorted(usb.glob("*.bundle"))[:-BUNDLES_LEFT]:
                self.take_in(bundle)
                bundle.unlink()
            for answer in sorted(usb.glob("*.receipts"))[:-BUNDLES_LEFT]:
                answer.unlink()

    def take_in(self, bundle: Path) -> None:
        """Take a bundle in and write the answer that goes back."""
        settings = self.server.settings
        desk = BlobDesk(self.engine, DiskFiles(settings.blob_folder), settings.blob_bytes_max, settings.upload_hours)
        try:
            imported = import_bundle(self.engine, desk, bundle)
        except Refused as refusal:
            self.report.faults.append(f"{bundle.name}: {refusal.code} {refusal.fault.facts}")
            return
        self.report.imported += 1
        write_answer(bundle.with_suffix(".receipts"), imported.organisation, imported.device, imported.receipts)

    def compare(self, told: dict[str, Any]) -> Iterator[str]:
        """Compare a device that came to rest with the server."""
        device, acknowledged = told["device"], {int(seq): digest for seq, digest in told["sets"].items()}
        stored = {found.seq: (found, line) for found, line in self.receipts_of(device)}
        self.report.sets += len(stored)
        self.report.acts.update(told["acts"])
        if sorted(stored) != list(range(1, len(stored) + 1)):
            yield f"the log has the sets {sorted(stored)}"
        for seq, digest in acknowledged.items():
            if seq not in stored or stored[seq][0].digest != digest:
                yield f"acknowledged set {seq} is not in the log"
        for seq, digest, state, held in told["outbox"]:
            if seq not in stored or stored[seq][0].digest != digest or stored[seq][1] != held:
                yield f"set {seq} has another receipt on the device: {held}"
            if state != "settled":
                yield f"set {seq} is {state}: {held}"
        yield from self.compare_files(told)

    def compare_files(self, told: dict[str, Any]) -> Iterator[str]:
        """Every file of the device is verified on the server and has its bytes."""
        organisation = self.server.ours.organisation
        with reading(self.engine) as connection:
            found = select(Blob.sha256, Blob.size_bytes).where(
                Blob.organisation == organisation, Blob.state == "verified"
            )
            verified = {row.sha256: row.size_bytes for row in connection.execute(found)}
        files = DiskFiles(self.server.settings.blob_folder)
        self.report.files += len(told["blobs"])
        for name, size, state in told["blobs"]:
            if state == "kept" or verified.get(name) != size:
                yield f"the file {name[:8]} is {state} here and {verified.get(name)} there"
                continue
            opened = files.open(organisation, name)
            assert opened is not None
            with opened:
                if file_watch.hash_of(opened) != name:
                    yield f"the file {name[:8]} has other bytes on the server"
        yield from (f"the file {name[:8]} is lost" for name in set(told["files"]) - verified.keys())

    def receipts_of(self, device: str) -> list[tuple[receipt.Receipt, str]]:
        """Return the receipts of a device as they stand in the log."""
        with reading(self.engine) as connection:
            own = LogEntry.organisation == self.server.ours.organisation, LogEntry.device == device
            lines = connection.execute(select(LogEntry.receipt).where(*own)).scalars().all()
        return [(receipt.load(line), line) for line in lines]

    def find_server_faults(self) -> list[str]:
        """Return what is wrong with the log, and with what was made from it."""
        organisation = self.server.ours.organisation
        proof = verify_log(self.engine, organisation)
        rebuilt = replay(self.engine, organisation, f"sqlite:///{self.folder / 'scratch.sqlite'}")
        return [str(found) for found in (*proof.discrepancies, *rebuilt.discrepancies)]


def open_campaign(server: Server, engine: Engine, folder: Path, seed: int) -> Campaign:
    """Return a campaign on a server that runs, without a nursery."""
    return Campaign(server, engine, Office(engine, open_office_key(server.settings)), folder, seed)


@contextmanager
def running_campaign(folder: Path, library: Path, seed: int) -> Iterator[Campaign]:
    """Yield a campaign on a server of its own."""
    devices = folder / "devices"
    devices.mkdir()
    server = make_server(folder / "server", app="tests.kills.small_pages:wsgi")
    server.start()
    engine = open_engine(server.settings.database_url)
    campaign = open_campaign(server, engine, folder, seed)
    campaign.nursery = subprocess.Popen(
        [sys.executable, "-m", "tests.kills.nursery"],
        cwd=PROJECT,
        env=file_watch.environment(library, devices),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield campaign
    finally:
        campaign.nursery.communicate()
        engine.dispose()
        server.stop()
