"""How the cost of a push and of a poll grows: with the log's length, with open conflicts, with devices.

Server CPU, not time: it is what an organisation's one writer has to share out. SQLite, one process.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from benchmarks.gongdan_company import BenchDevice, Company, create, running_company
from benchmarks.load import Drive, drive
from benchmarks.measure import Figure, Options
from benchmarks.workload import make_catalogue, make_orders
from sync.changeset import Change

SUBJECT: Final = "Gongdan SQLite"
CLIENTS: Final = 32
SETS: Final = 20  # of each client, in one measurement
EDITS: Final = 3
HISTORY: Final = (1_000, 5_000, 20_000)
CONFLICTS: Final = (0, 500, 2_000)
DEVICES: Final = (100, 1_000, 5_000)
POLLS: Final = 300


def run(options: Options) -> list[Figure]:
    """Measure all three on one server, one after another."""
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        with running_company(folder, "", 1) as company:
            yard = _Yard(company, options.seed)
            figures = []
            for sets in HISTORY:
                yard.write_history(sets)
                figures += yard.measure(f"{sets:,} sets in the log")
            for conflicts in CONFLICTS:
                yard.open_conflicts(conflicts)
                figures += yard.measure(f"{conflicts:,} conflicts open")
            for devices in DEVICES:
                yard.enrol(devices)
                figures += yard.measure(f"{devices:,} devices")
            return figures
    finally:
        shutil.rmtree(folder)


class _Yard:
    """A company with an order of its own for each edit of a client's set, and what their remarks say at present."""

    def __init__(self, company: Company, seed: int) -> None:
        catalogue = make_catalogue(seed)
        self.company, self.engineer = company, catalogue.engineers[0].id
        orders = list(make_orders(catalogue, CLIENTS * EDITS + max(CONFLICTS), seed, engineer_id=self.engineer))
        company.write([create(record) for record in (*catalogue.records, *orders)])
        self.orders = [order.id for order in orders[: CLIENTS * EDITS]]
        self.disputed = [order.id for order in orders[CLIENTS * EDITS :]]
        self.devices = [company.enrol(self.engineer) for _ in range(CLIENTS)]
        self.round = self.pushed = self.conflicts = 0

    def measure(self, case: str) -> list[Figure]:
        """Measure a push of three edits and a poll as things are."""
        self.company.settle()
        clients = self._seal(SETS)
        cpu_s = self.company.cpu_s()
        self._drive(clients)
        push_ms = (self.company.cpu_s() - cpu_s) * 1000 / (CLIENTS * SETS)
        self.company.settle()
        polls = [self._poll(self.devices[0])] * POLLS
        cpu_s = self.company.cpu_s()
        self._drive([polls])
        poll_ms = (self.company.cpu_s() - cpu_s) * 1000 / POLLS
        names = (f"push of {EDITS} edits, server CPU ms, {case}", f"no change, server CPU ms, {case}")
        return [Figure(name, SUBJECT, value) for name, value in zip(names, (push_ms, poll_ms), strict=True)]

    def write_history(self, sets: int) -> None:
        """Edit the same orders again and again until so many sets were pushed."""
        while self.pushed < sets:
            self._drive(self._seal(SETS))

    def open_conflicts(self, wanted: int) -> None:
        """Let a device that saw another value than stands edit orders until so many conflicts are open."""
        device = self.devices[0]
        while self.conflicts < wanted:
            changes = [
                Change("work_order", order, "update", {"diagnosis": "轴承磨损"}, {"diagnosis": "皮带打滑"})
                for order in self.disputed[self.conflicts : self.conflicts + 100]
            ]
            answers = self._drive([[_push(device, changes)]])
            # The set's own verdict is one of them.
            self.conflicts += answers.bodies[0][0].count(b'"verdict":"contested"') - 1
            if self.conflicts % 100:
                raise RuntimeError("an edit that met another value was not contested")

    def enrol(self, wanted: int) -> None:
        """Let the engineers have so many devices in all."""
        devices = [BenchDevice(self.company.organisation, self.engineer) for _ in range(wanted - len(self.devices))]
        self.company.write([device.enrolment() for device in devices])
        self.devices += devices

    def _seal(self, sets: int) -> list[list[bytes]]:
        clients: list[list[bytes]] = [[] for _ in range(CLIENTS)]
        for _ in range(sets):
            self.round += 1
            for client, device in enumerate(self.devices[:CLIENTS]):
                orders = self.orders[client * EDITS : (client + 1) * EDITS]
                clients[client].append(_push(device, [self._edit(order) for order in orders]))
        self.pushed += CLIENTS * sets
        return clients

    def _edit(self, order: str) -> Change:
        before = {"remedy": f"第{self.round - 1}次" if self.round > 1 else None}
        return Change("work_order", order, "update", {"remedy": f"第{self.round}次"}, before)

    def _poll(self, device: BenchDevice) -> bytes:
        first = self._drive([[device.request("GET", "/pull", "since=0&epoch=")]]).bodies[0][0]
        until, epoch = _head(first)
        return device.request("GET", "/pull", f"since={until}&epoch={epoch}")

    def _drive(self, clients: Sequence[list[bytes]]) -> Drive:
        answers = drive(self.company.host, self.company.port, clients)
        for body in _bodies(answers):
            if b'"verdict":"refused"' in body:
                raise RuntimeError(f"a set was not applied: {body[:500]!r}")
        if {status for statuses in answers.statuses for status in statuses} != {200}:
            raise RuntimeError(f"the server answered {answers.bodies[0][0][:500]!r}")
        return answers


def _push(device: BenchDevice, changes: Sequence[Change]) -> bytes:
    return device.request("POST", "/push", body=device.seal(changes, basis=0) + b"\n")


def _bodies(answers: Drive) -> Iterator[bytes]:
    return (body for bodies in answers.bodies for body in bodies)


def _head(page: bytes) -> tuple[int, Any]:
    head = orjson.loads(page.split(b"\n", 1)[0])
    return head["until"], head["epoch"]
