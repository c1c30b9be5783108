"""The device's store: how long an action lasts on a full device, taking in a first load, and how soon help is there.

`python -m benchmarks.device_store` prints the table. The floor of an action is one flushed commit of its bytes to an
encrypted database that holds nothing else.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from benchmarks.measure import FLOOR, Figure, Options, print_table
from benchmarks.workload import ORDERS, SEED, Record, make_catalogue, make_orders
from field_client import work
from field_client.keys import Keyring
from field_client.outbox import Identity, Outbox, make_id
from field_client.store import Store
from field_client.store_feed import Feed
from field_client.work_checks import check
from field_client.work_parts import PartLabel, RemovedPart, fit_part
from sync import canonical
from sync.session import PAGE_OPS_MAX, PageHead, PullSession, write_head

START = "device: start an order, ms"
CHECK = "device: record a check, ms"
FIT = "device: fit a part, ms"
OPEN = "device: open an order by its machine, ms"
TODAY = "device: list 10,000 open orders, ms"
LOAD = "device: 10,000 records received and stored, s"
HELP = "device: gongdan-field --help, ms"
SUBJECT = "gongdan"
MACHINES = 100_000
TRIES = 100
HELP_TRIES = 9
PROJECT = Path(__file__).resolve().parents[1]
CHECKLIST = {
    "name": "检修",
    "version": 1,
    "items": [{"key": "level", "label": "水平度", "type": "number", "unit": "°", "low": "-1", "high": "1"}],
}


def run(options: Options) -> list[Figure]:
    """Fill a device with 10,000 orders and 100,000 machines and measure single actions on it; medians."""
    catalogue = make_catalogue(options.seed, MACHINES)
    orders = list(make_orders(catalogue, ORDERS, options.seed))
    checklist = Record("checklist", make_id(0), CHECKLIST)
    with tempfile.TemporaryDirectory(prefix="device-store-", dir=options.folder) as name:
        keyring = Keyring(os.urandom(32))
        first_load = _measure_load(Path(name) / "first", keyring, orders)
        store = Store(Path(name) / "full", keyring.database_key)
        fill(store, [checklist, *catalogue.records, *orders])
        identity = Identity(make_id(0), make_id(0), catalogue.engineers[0].id)
        bench = work.Workbench(store, Outbox(store, identity, keyring.sign))
        size_mb = (Path(name) / "full").stat().st_size // 1024**2
        note = f"{ORDERS:,} orders, {MACHINES:,} machines, {size_mb} MB"
        figures = [*_measure_actions(bench, orders, note), first_load, _measure_floor(Path(name) / "floor", keyring)]
        store.close()
    return [*figures, _measure_help()]


def _measure_actions(bench: work.Workbench, orders: Sequence[Record], note: str) -> Iterator[Figure]:
    chosen = orders[:: len(orders) // TRIES][:TRIES]
    numbers = iter([order.values["number"] for order in chosen])
    yield Figure(START, SUBJECT, _time_ms(lambda: work.start(bench, next(numbers)), TRIES), note)
    yield Figure(CHECK, SUBJECT, _time_ms(lambda: check(bench, "level", "0.4"), TRIES))
    label, removed = PartLabel(part_number="P-1", batch="B-1", serial="S-1"), RemovedPart("S-0")
    names = iter([order.values["number"] for order in chosen])
    yield Figure(FIT, SUBJECT, _time_ms(lambda: fit_part(bench, label, removed=removed, order=next(names)), TRIES))
    serials = [bench.store.values_of(order.values["machine_id"])["serial"] for order in chosen]
    waiting = iter(serials)
    yield Figure(OPEN, SUBJECT, _time_ms(lambda: work.open_machine(bench, next(waiting)), TRIES))
    yield Figure(TODAY, SUBJECT, _time_ms(lambda: work.list_today(bench), 3))


def _measure_load(path: Path, keyring: Keyring, records: Sequence[Record]) -> Figure:
    store = Store(path, keyring.database_key)
    pages = list(_write_pages(records))
    began = time.perf_counter()
    _stage(store, pages)
    spent = time.perf_counter() - began
    assert store.count() == len(records)
    store.close()
    size = sum(len(line) for page in pages for line in page)
    return Figure(LOAD, SUBJECT, spent, f"{size / len(records):,.0f} bytes a record, in pages of {PAGE_OPS_MAX:,}")


def _measure_floor(path: Path, keyring: Keyring) -> Figure:
    store, line = Store(path, keyring.database_key), os.urandom(1000)

    def commit() -> None:
        with store.transaction():
            store.db.execute("INSERT INTO meta VALUES (?, ?)", (os.urandom(16).hex(), line))

    figure = Figure(START, FLOOR, _time_ms(commit, TRIES), "one flushed commit of 1,000 bytes")
    store.close()
    return figure


def _measure_help() -> Figure:
    program = Path(sys.executable).with_name("gongdan-field")
    spent = _time_ms(lambda: subprocess.run([program, "--help"], check=True, capture_output=True), HELP_TRIES)
    return Figure(HELP, SUBJECT, spent, "the whole process")


def fill(store: Store, records: Sequence[Record]) -> None:
    """Take records in as the first load of a device does."""
    _stage(store, _write_pages(records))


def _stage(store: Store, pages: Iterator[list[bytes]] | Sequence[list[bytes]]) -> None:
    feed = Feed(store)
    session = PullSession(feed.cursor)
    for page in pages:
        feed.stage(session, page)


def _write_pages(records: Sequence[Record]) -> Iterator[list[bytes]]:
    waiting = iter(records)
    for start in range(0, len(records), PAGE_OPS_MAX):
        ops = [_write_op(record) for record in islice(waiting, PAGE_OPS_MAX)]
        after = str(start + PAGE_OPS_MAX) if start + PAGE_OPS_MAX < len(records) else None
        head = PageHead("bench", 0, 1, after, len(ops), "2026-03-02T00:00:00.000Z", None, None, "")
        yield [write_head(head), *ops]


def _write_op(record: Record) -> bytes:
    return f'["put","{record.id}","{record.kind}",{canonical.dump(record.values)}]\n'.encode()


def _time_ms(action: Callable[[], object], tries: int) -> float:
    spent = []
    for _ in range(tries):
        began = time.perf_counter()
        action()
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)


def main() -> None:
    """Measure and print."""
    folder = PROJECT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    print(print_table(run(Options(folder, SEED, ORDERS, 1))))


if __name__ == "__main__":
    main()
