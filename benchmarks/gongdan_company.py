"""Gongdan as it is benchmarked: a real server process, a small company, devices with real keys."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from nacl.signing import SigningKey

from benchmarks.load import encode_request
from benchmarks.measure import read_cpu_s
from benchmarks.workload import Edit, Record
from schemas import SCHEMA_VERSION
from server.keys import new_id, open_office_key
from server.services.office import Office
from server.services.warranty import count_unfollowed
from server.settings import Settings, read_settings
from server.store.database import open_engine, reading
from server.store.devices import read_organisation
from server.store.migrate import upgrade
from sync import chain, clock, openings
from sync.changeset import CHANGES_MAX, Change, ChangeSet
from sync.request_signature import sign_request

READY_LIMIT_S = 30.0
PREFIX = "/api/v1"


@dataclass
class BenchDevice:
    """A device that signs change-sets and requests; `seq` and `prev` are the end of its chain."""

    organisation: str
    person: str
    key: SigningKey = field(default_factory=SigningKey.generate)
    id: str = field(default_factory=new_id)
    seq: int = 0
    prev: str = chain.FIRST_PREV

    def sign(self, message: bytes) -> bytes:
        """Return the signature of a message."""
        return self.key.sign(message).signature

    def enrolment(self) -> Change:
        """Return the change that makes it known to the server."""
        key = bytes(self.key.verify_key).hex()
        return Change("device", self.id, "create", {"person_id": self.person, "public_key": key, "state": "active"}, {})

    def seal(self, changes: Sequence[Change], basis: int) -> bytes:
        """Return the next sealed change-set of this device as its line."""
        self.seq += 1
        now = time.time()
        changeset = ChangeSet(
            id=new_id(),
            organisation=self.organisation,
            device=self.id,
            seq=self.seq,
            prev=self.prev,
            actor=self.person,
            intent="bench.write",
            schema=SCHEMA_VERSION,
            captured_at=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now)),
            offset_ms=0,
            clock=clock.tick(clock.ORIGIN, int(now * 1000)),
            basis=basis,
            witness="",
            changes=tuple(changes),
        )
        sealed = openings.seal(changeset, self.sign, os.urandom)
        self.prev = sealed.digest
        return sealed.line

    def request(self, method: str, path: str, query: str = "", body: bytes = b"") -> bytes:
        """Return the bytes of a signed HTTP request; it is valid for five minutes."""
        headers = sign_request(
            self.organisation, self.id, method, PREFIX + path, query, body, int(time.time()), self.sign
        )
        if body:
            headers["Content-Type"] = "application/vnd.gongdan.change-sets"
        target = f"{PREFIX}{path}?{query}" if query else PREFIX + path
        return encode_request(method, target, body, headers)


@dataclass
class Company:
    """An organisation in the database of a running server."""

    office: Office
    organisation: str
    head: str
    settings: Settings
    host: str
    port: int
    pids: list[int]

    def hire(self, name: str, role: str) -> str:
        """Add a person and return his id."""
        person = new_id()
        self.write([Change("person", person, "create", {"name": name, "roles": [role]}, {})])
        return person

    def enrol(self, person: str) -> BenchDevice:
        """Add a device of a person."""
        device = BenchDevice(self.organisation, person)
        self.write([device.enrolment()])
        return device

    def write(self, changes: Sequence[Change]) -> None:
        """Write changes as the office, in sets of the largest size."""
        for start in range(0, len(changes), CHANGES_MAX):
            answer = self.office.write(self.organisation, self.head, "bench.seed", changes[start : start + CHANGES_MAX])
            if answer.verdict != "applied":
                raise RuntimeError(f"the office's own write was {answer.verdict}: {answer.fault}")

    def settle(self) -> None:
        """Return once warranties follow what was written: the server is at it within seconds."""
        engine, deadline = open_engine(self.settings.database_url), time.monotonic() + READY_LIMIT_S
        try:
            while count_unfollowed(engine, self.organisation):
                if time.monotonic() > deadline:
                    raise RuntimeError("warranties do not follow the log")
                time.sleep(0.1)
        finally:
            engine.dispose()

    def cpu_s(self) -> float:
        """Return the CPU seconds of all processes of the server."""
        return sum(read_cpu_s(pid) for pid in self.pids)


def create(record: Record) -> Change:
    """Return the change that creates a record of the load."""
    return Change(record.kind, record.id, "create", record.values, {})


def update(edit: Edit) -> Change:
    """Return the change of an edit of the load."""
    return Change("work_order", edit.id, "update", edit.set, edit.was)


@contextmanager
def running_company(folder: Path, database_url: str, workers: int) -> Iterator[Company]:
    """Start a server on a database of its own, found an organisation, and stop all at the end."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        "GONGDAN_DATA": str(folder),
        "GONGDAN_DATABASE": database_url,
        "GONGDAN_BIND": f"127.0.0.1:{port}",
        "GONGDAN_WORKERS": str(workers),
    }
    with found_company(folder, environment) as company:
        with (folder / "log").open("wb") as log:
            command = [sys.executable, "-m", "server", "serve"]
            server = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_ready(port, server)
            yield replace(company, port=port, pids=list_family(server.pid))
        finally:
            server.terminate()
            server.wait(30)


@contextmanager
def found_company(folder: Path, environment: Mapping[str, str]) -> Iterator[Company]:
    """Make a database, found an organisation in it, and let go of it at the end; nobody serves it."""
    settings = read_settings({"GONGDAN_DATA": str(folder)} | dict(environment))
    folder.mkdir(parents=True, exist_ok=True)
    engine = open_engine(settings.database_url)
    try:
        upgrade(engine)
        office = Office(engine, open_office_key(settings))
        organisation = office.found("Benchmark")
        with reading(engine) as connection:
            head = read_organisation(connection, organisation).office_person
        yield Company(office, organisation, head, settings, "127.0.0.1", 0, [])
    finally:
        engine.dispose()


def _wait_until_ready(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{PREFIX}/health/ready", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the server did not start; see its log")


def list_family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in list_family(int(child)))]
