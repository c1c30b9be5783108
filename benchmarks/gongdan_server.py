"""What Gongdan does with the benchmarks' load, on SQLite and on PostgreSQL: signed, atomic, durable before the answer.

The peer is measured alike: bulk push is the better of two batch sizes, each on a fresh server; the fleet pushes
onto the filled server; the first sync is the fastest of three and ends in a durable, encrypted store.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import orjson

from benchmarks import measure
from benchmarks.gongdan_company import BenchDevice, Company, create, running_company, update
from benchmarks.load import Drive, drive
from benchmarks.measure import Figure, Options, find_percentile
from benchmarks.workload import Catalogue, Record, edit_order, make_catalogue, make_orders, plan_fleet
from field_client.evidence import EvidenceFolder
from field_client.keys import create_keyring
from field_client.outbox import Identity, Outbox, wall_ms
from field_client.runner import SyncReport, SyncRun
from field_client.store import Store
from field_client.transport import Caller, Transport
from sync import zstd
from sync.changeset import Change
from tests.postgres import running_postgres

SQLITE, POSTGRESQL = "Gongdan SQLite", "Gongdan PostgreSQL"
WORKERS = {SQLITE: 1, POSTGRESQL: 1}
BATCHES = ((100, 1), (100, 5))
"""(orders in a change-set, change-sets in a request)"""
CLIENTS = 32
CHANGED = 100
PULLS = 3
POLLS = 200
POLLING_CLIENTS = 8
REPEATS = 21
ATOMICITY = "signed, verified, each set whole or not at all, fsynced before the answer"
STORE = "the device's store is encrypted and fsynced; the time ends with the last commit"


def run(options: Options) -> list[Figure]:
    """Measure the product on both databases."""
    figures = []
    with running_postgres(durable=True) as postgres:
        for subject in (SQLITE, POSTGRESQL):

            def fresh_url(subject: str = subject) -> str:
                return "" if subject == SQLITE else postgres.url_of(postgres.create_database())

            rates = []
            for batch in BATCHES[:-1]:
                with _filled(options, fresh_url(), WORKERS[subject], batch) as (_company, _load, seconds, cpu_s):
                    rates.append((seconds, cpu_s))
            with _filled(options, fresh_url(), WORKERS[subject], BATCHES[-1]) as (company, load, seconds, cpu_s):
                seconds, cpu_s = min([*rates, (seconds, cpu_s)])
                figures += [
                    Figure(measure.BULK_PUSH, subject, options.records / seconds, ATOMICITY),
                    Figure(measure.BULK_PUSH_CPU, subject, cpu_s / options.records * 1000),
                ]
                figures += _measure_first_sync(company, subject, load)
                figures += _measure_changes(company, subject, load)
                figures += _measure_fleet(company, subject, load, options.sets_per_client)
    return figures


class Load:
    """The orders in the server, the engineer who has them all, and his devices.

    All devices are enrolled beforehand: while the server is measured, nobody writes into its database but the server.
    """

    def __init__(self, catalogue: Catalogue, options: Options, company: Company) -> None:
        """Make the orders of one engineer."""
        self.engineer = catalogue.engineers[0].id
        self.devices = [company.enrol(self.engineer) for _ in range(CLIENTS + PULLS + 2)]
        self.orders: list[Record] = list(
            make_orders(catalogue, options.records, options.seed, engineer_id=self.engineer)
        )


@contextmanager
def _filled(
    options: Options, url: str, workers: int, batch: tuple[int, int]
) -> Iterator[tuple[Company, Load, float, float]]:
    """Start a server and push all orders into it; yield it with the seconds and CPU seconds that took."""
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    catalogue = make_catalogue(options.seed)
    try:
        with running_company(folder, url, workers) as company:
            company.write([create(record) for record in catalogue.records])
            load = Load(catalogue, options, company)
            connector = company.enrol(company.hire("Connector", "dispatcher"))
            company.settle()
            requests = _bulk_requests(connector, load.orders, *batch)
            cpu_s = company.cpu_s()
            pushed = drive(company.host, company.port, [requests])
            cpu_s = company.cpu_s() - cpu_s
            _check(pushed)
            yield company, load, pushed.wall_s, cpu_s
    finally:
        shutil.rmtree(folder)


def _bulk_requests(device: BenchDevice, orders: Sequence[Record], per_set: int, per_request: int) -> list[bytes]:
    lines = [
        device.seal([create(order) for order in orders[at : at + per_set]], basis=0)
        for at in range(0, len(orders), per_set)
    ]
    bodies = [b"\n".join(lines[at : at + per_request]) + b"\n" for at in range(0, len(lines), per_request)]
    return [device.request("POST", "/push", body=body) for body in bodies]


def _measure_fleet(company: Company, subject: str, load: Load, sets_per_client: int) -> list[Figure]:
    devices = load.devices[:CLIENTS]
    plan = plan_fleet(load.orders[CHANGED:], CLIENTS, sets_per_client)
    clients = [
        [_push_one(device, [update(edit) for edit in edits]) for edits in sets]
        for device, sets in zip(devices, plan, strict=True)
    ]
    cpu_s = company.cpu_s()
    pushed = drive(company.host, company.port, clients)
    cpu_s = company.cpu_s() - cpu_s
    _check(pushed)
    latencies = pushed.all_latencies_s
    return [
        Figure(measure.FLEET_PUSH, subject, pushed.answers / pushed.wall_s, ATOMICITY),
        Figure(measure.FLEET_PUSH_P50, subject, find_percentile(latencies, 0.50) * 1000),
        Figure(measure.FLEET_PUSH_P99, subject, find_percentile(latencies, 0.99) * 1000),
        Figure(measure.FLEET_PUSH_CPU, subject, cpu_s / pushed.answers * 1000),
        Figure(measure.FLEET_PUSH_LOAD, subject, pushed.cpu_s / pushed.answers * 1000),
    ]


def _push_one(device: BenchDevice, changes: Sequence[Change]) -> bytes:
    return device.request("POST", "/push", body=device.seal(changes, basis=0) + b"\n")


def _measure_first_sync(company: Company, subject: str, load: Load) -> list[Figure]:
    best = None
    for _ in range(PULLS):
        device = load.devices.pop()
        server_cpu_s, device_cpu_s, began = company.cpu_s(), process_time(), perf_counter()
        report = pull_into_store(company, device)
        taken = (
            perf_counter() - began,
            report.traffic.received,
            report.traffic.requests,
            company.cpu_s() - server_cpu_s,
            process_time() - device_cpu_s,
        )
        best = min(best or taken, taken)
    assert best is not None
    names = (
        measure.FIRST_SYNC,
        measure.FIRST_SYNC_BYTES,
        measure.FIRST_SYNC_REQUESTS,
        measure.FIRST_SYNC_CPU,
        measure.FIRST_SYNC_DEVICE_CPU,
    )
    return [Figure(name, subject, value, STORE) for name, value in zip(names, best, strict=True)]


def pull_into_store(company: Company, device: BenchDevice) -> SyncReport:
    """Bring a new device up to date, into an encrypted store on disk; return what the run did."""
    with tempfile.TemporaryDirectory(dir=company.settings.data) as folder:
        keyring, _sealed = create_keyring("123456")
        store = Store(Path(folder) / "store", keyring.database_key)
        try:
            outbox = Outbox(store, Identity(device.organisation, device.id, device.person), device.sign, wall_ms)
            transport = Transport(
                f"http://{company.host}:{company.port}", Caller(device.organisation, device.id, device.sign), wall_ms
            )
            report = SyncRun(store, outbox, transport, EvidenceFolder(Path(folder) / "files", keyring)).run()
        finally:
            store.close()
    if report.fault or not report.is_consistent:
        raise RuntimeError(f"the sync did not come to its end: {report}")
    return report


def _measure_changes(company: Company, subject: str, load: Load) -> list[Figure]:
    device, other = load.devices.pop(), load.devices.pop()
    head = _read_heads(company, device)
    edits = [update(edit_order(order)) for order in load.orders[:CHANGED]]
    _check(drive(company.host, company.port, [[_push_one(other, edits)]]))
    changed = [device.request("GET", "/pull", f"since={head['until']}&epoch={head['epoch']}")] * REPEATS
    answers = drive(company.host, company.port, [changed])
    _check(answers)
    body = answers.bodies[0][0]
    packed = len(zstd.compress(body))
    until = orjson.loads(body.split(b"\n", 1)[0])["until"]
    nothing = [device.request("GET", "/pull", f"since={until}&epoch={head['epoch']}")] * POLLS
    cpu_s = company.cpu_s()
    polls = drive(company.host, company.port, [nothing])
    cpu_s = company.cpu_s() - cpu_s
    crowd = drive(company.host, company.port, [nothing] * POLLING_CLIENTS)
    _check(polls)
    _check(crowd)
    return [
        Figure(measure.CHANGED_100, subject, median(answers.all_latencies_s) * 1000),
        Figure(measure.CHANGED_100_BYTES, subject, len(body)),
        Figure(measure.CHANGED_100_GZIP, subject, packed, "compressed with zstd, as devices ask for"),
        Figure(measure.NO_CHANGE, subject, median(polls.all_latencies_s) * 1000),
        Figure(measure.NO_CHANGE_CPU, subject, cpu_s / POLLS * 1000),
        Figure(measure.NO_CHANGE_RATE, subject, crowd.answers / crowd.wall_s),
    ]


def _read_heads(company: Company, device: BenchDevice) -> dict[str, object]:
    """Return the head of the first page of a device: where the feed is."""
    answer = drive(company.host, company.port, [[device.request("GET", "/pull", "since=0&epoch=")]])
    head: dict[str, object] = orjson.loads(answer.bodies[0][0].split(b"\n", 1)[0])
    return head


def _check(answers: Drive) -> None:
    """Refuse figures of a server that did not do the work."""
    statuses = {status for client in answers.statuses for status in client}
    if statuses != {200}:
        raise RuntimeError(f"the server answered {statuses}: {answers.bodies[0][0][:500]!r}")
    for client in answers.bodies:
        for body in client:
            if b'"verdict":"refused"' in body or b'"verdict":"contested"' in body:
                raise RuntimeError(f"a set was not applied: {body[:500]!r}")
