"""Look-ups of the trace at two sizes, on both databases, and what the trace costs intake.

`python -m benchmarks part_trace --records 10000 --keep FOLDER` makes 1.1 million parts, 10 million facts and 2,200
batches, and a tenth of all that in databases of their own; they take 20 GB and half an hour, and are there for the next
run. Facts are made in bulk (`trace_decade`), of a sample it is checked that intake would have written the same rows.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC
from functools import partial
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import Connection, Engine

from benchmarks.gongdan_company import BenchDevice, Company, found_company
from benchmarks.measure import Figure, Options, find_percentile, measure_on_both, read_scheduled_s
from benchmarks.trace_decade import PARTS_PER_BATCH, STINTS, Size, check, fill, identity, machine_of
from server.garbage import spare_the_collector
from server.keys import new_id
from server.reception import Reception
from server.services import trace_lookup
from server.store.database import open_engine, reading, writing
from server.store.fact_book import FactBook
from server.store.trace_store import TraceStore
from sync.changeset import Change

PARTS_PER_RECORD: Final = 110
WARMING: Final = 20
"""Look-ups that come first: they read statements and pages that every later one finds."""
TRIES: Final = 300
COLD_TRIES: Final = 10
READ_BYTES: Final = 1 << 24
SAMPLE: Final = 20
ROUNDS: Final = 24
SETS: Final = 25  # of one round, with the trace or without it by turns
DAY: Final = "2024-06-01"
ZONE: Final = UTC

Look = Callable[[Connection, str, random.Random, Size], Any]


@dataclass(frozen=True)
class Bench:
    """A database with ten years of parts, and the folder of its files."""

    engine: Engine
    organisation: str
    size: Size
    subject: str
    chance: random.Random
    folder: Path


def run(options: Options) -> list[Figure]:
    """Measure on SQLite and PostgreSQL, a tenth of the size and then all of it."""
    figures: list[Figure] = []
    for records in (options.records // 10, options.records):
        measure = partial(_measure, Size(records * PARTS_PER_RECORD), options.seed)
        figures += measure_on_both(options, measure, f"part_trace-{records}")
    return figures


def _measure(size: Size, seed: int, folder: Path, url: str, subject: str) -> Iterator[Figure]:
    environment = {"GONGDAN_DATABASE": url} if url else {}
    with found_company(folder, environment) as company:
        engine = open_engine(company.settings.database_url)
        try:
            organisation = identity(9, size.parts)
            chance = random.Random(seed)
            fill(engine, organisation, size)
            with writing(engine) as connection:
                check(connection, organisation, new_id(), chance.sample(range(size.parts), SAMPLE))
            spare_the_collector()
            bench = Bench(engine, organisation, size, subject, chance, _find_files(engine, folder))
            _read_through(bench.folder)
            for name, look in LOOKS.items():
                yield from _time(bench, name, look)
            yield from _measure_intake(company, engine, size, subject)
            for name, look in LOOKS.items():
                yield _time_from_disk(bench, name, look)
        finally:
            engine.dispose()


def _time(bench: Bench, case: str, look: Look) -> Iterator[Figure]:
    """Time a look-up again and again, of another number each time."""
    spent = [_look(bench, look) for _ in range(WARMING + TRIES)][WARMING:]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        yield Figure(f"{_name(bench, case)}, {name} ms", bench.subject, find_percentile([it[0] for it in spent], share))
        cpu_ms = find_percentile([it[1] for it in spent], share)
        yield Figure(f"{_name(bench, case)}, CPU {name} ms", bench.subject, cpu_ms)


def _time_from_disk(bench: Bench, case: str, look: Look) -> Figure:
    """Time a look-up whose pages are out of memory, but for the few that PostgreSQL keeps itself."""
    walls = []
    for _ in range(COLD_TRIES):
        bench.engine.dispose()
        _forget_pages(bench.folder)
        walls.append(_look(bench, look)[0])
    return Figure(f"{_name(bench, case)}, from disk, p50 ms", bench.subject, statistics.median(walls))


def _name(bench: Bench, case: str) -> str:
    return f"trace: {case}, {bench.size.facts:,} facts"


def _look(bench: Bench, look: Look) -> tuple[float, float]:
    """Return the milliseconds of one look-up: by the clock, and of the CPU, that of PostgreSQL's process included."""
    with reading(bench.engine) as connection:
        backend = _backend_of(connection)
        began, began_cpu = time.perf_counter(), time.process_time() + read_scheduled_s(backend)
        look(connection, bench.organisation, bench.chance, bench.size)
        wall = time.perf_counter() - began
        return wall * 1000, (time.process_time() + read_scheduled_s(backend) - began_cpu) * 1000


def _backend_of(connection: Connection) -> int | None:
    """Return the process in which PostgreSQL serves a connection; None on SQLite, which is in ours."""
    if connection.dialect.name == "sqlite":
        return None
    return int(connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one())


def _find_files(engine: Engine, folder: Path) -> Path:
    """Return where the database has its files."""
    if engine.dialect.name == "sqlite":
        return folder
    with reading(engine) as connection:
        return Path(str(connection.exec_driver_sql("SHOW data_directory").scalar_one()))


def _read_through(folder: Path) -> None:
    """Let the system have all files in a folder in its memory, as far as it has room."""
    for path in _list_files(folder):
        # A file of PostgreSQL's log may be gone by the time that it is its turn.
        with suppress(FileNotFoundError), path.open("rb", buffering=0) as file:
            while file.read(READ_BYTES):
                pass


def _forget_pages(folder: Path) -> None:
    """Let the system give up what it keeps in memory of all files in a folder."""
    for path in _list_files(folder):
        with suppress(FileNotFoundError), path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def _list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]


def _serial(connection: Connection, organisation: str, chance: random.Random, size: Size) -> None:
    found = trace_lookup.spans_of_serial(connection, organisation, f"SN-{chance.randrange(size.parts):08d}")
    _expect(len(found) == 5)


def _batch(connection: Connection, organisation: str, chance: random.Random, size: Size) -> None:
    number = f"B-{chance.randrange(size.batches)}"
    places = trace_lookup.places_of_batch(connection, organisation, number, only_in=True)
    _expect(len({row.machine for row in places.spans}) >= 300 and len(places.balances) == 5)


def _batch_named(connection: Connection, organisation: str, chance: random.Random, size: Size) -> None:
    number = f"B-{chance.randrange(size.batches)}"
    places = trace_lookup.places_of_batch(connection, organisation, number, only_in=True)
    named = trace_lookup.name_machines(connection, organisation, {row.machine for row in places.spans})
    _expect(len(named) >= 300)


def _batch_then(connection: Connection, organisation: str, chance: random.Random, size: Size) -> None:
    number, known_at = f"B-{chance.randrange(size.batches)}", chance.randrange(size.facts)
    trace_lookup.places_of_batch(connection, organisation, number, known_at, only_in=True)


def _maintained(connection: Connection, organisation: str, chance: random.Random, size: Size) -> None:
    machine = identity(2, machine_of(size, chance.randrange(size.parts), 2))
    known_at = chance.randrange(size.facts)
    trace_lookup.spans_in_machine(connection, organisation, machine, DAY, ZONE, known_at)


def _maintained_today(connection: Connection, organisation: str, chance: random.Random, size: Size) -> None:
    # The first of each ten parts of a batch was removed at last.
    part = chance.randrange(size.batches) + (1 + 10 * chance.randrange(PARTS_PER_BATCH // 10)) * size.batches
    machine = identity(2, machine_of(size, part, STINTS - 1))
    _expect(bool(trace_lookup.spans_in_machine(connection, organisation, machine, DAY, ZONE)))


LOOKS: Final[dict[str, Look]] = {
    "a serial number": _serial,
    "a batch, in 400 machines and 5 vans": _batch,
    "the same with machines and customers named": _batch_named,
    "a batch, as known then": _batch_then,
    "a machine on a day": _maintained_today,
    "a machine on a day, as known then": _maintained,
}


def _expect(holds: bool) -> None:
    if not holds:
        raise RuntimeError("a look-up did not find what there is")


def _measure_intake(company: Company, engine: Engine, size: Size, subject: str) -> Iterator[Figure]:
    """Hand in parts fitted and removed one set at a time, with the trace and without it by turns."""
    person = company.hire("Wei", "engineer")
    device = company.enrol(person)
    orders = _write_orders(company, person)
    reception = Reception(engine)
    spent: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ROUNDS):
        with_trace = number % 2 == 0
        lines = [_seal_swap(device, orders, number * SETS + at) for at in range(SETS)]
        with ExitStack() as stack:
            if not with_trace:
                stack.enter_context(_without_trace())
            began = time.process_time()
            for line in lines:
                (answer,) = reception.submit(company.organisation, device.id, [line])
                _expect('"verdict":"applied"' in answer)
            spent[with_trace].append((time.process_time() - began) * 1000 / SETS)
    kept, bare = (statistics.median(spent[with_trace][1:]) for with_trace in (True, False))
    among = f"among {size.facts:,} facts"
    yield Figure(f"intake of a part removed and one fitted, {among}, CPU ms", subject, kept)
    yield Figure(f"the same without the trace, {among}, CPU ms", subject, bare)
    yield Figure(f"intake with the trace / without, {among}", subject, kept / bare)


@contextmanager
def _without_trace() -> Iterator[None]:
    """Leave out facts, spans and what is read to find one serial number in two places."""
    with (
        patch.object(TraceStore, "flush", lambda self: None),
        patch.object(FactBook, "load_for", lambda self, changes: None),
        patch.object(FactBook, "events_of", lambda self, maker, serial: []),
    ):
        yield


def _write_orders(company: Company, person: str) -> list[tuple[str, str]]:
    model, customer = new_id(), new_id()
    company.write(
        [
            Change(
                "model", model, "create", {"manufacturer": "晟远", "name": "MC-12", "family": "mini_centrifuge"}, {}
            ),
            Change("customer", customer, "create", {"name": "陈氏实验室"}, {}),
        ]
    )
    orders = [(new_id(), new_id()) for _ in range(50)]
    for number, (order, machine) in enumerate(orders):
        body = {"number": f"GD-{number}", "status": "assigned", "service": "repair", "grade": "important"}
        about = {"customer_id": customer, "machine_id": machine, "engineer_id": person}
        at = {"model_id": model, "serial": f"MC12-{number}", "customer_id": customer}
        company.write(
            [Change("machine", machine, "create", at, {}), Change("work_order", order, "create", body | about, {})]
        )
    return orders


def _seal_swap(device: BenchDevice, orders: list[tuple[str, str]], number: int) -> bytes:
    """Return a set that takes out what the set before put into a machine, and puts in another part."""
    order, machine = orders[number % len(orders)]
    shared = {"order_id": order, "machine_id": machine, "gtin": "09506000134352"}
    at = "2026-03-02T08:00:00Z"
    put_in = {"serial": f"SN-{number}", "batch": f"B-{number % 20}", "part_name": "轴承", "fitted_at": at}
    taken_out = {"serial": f"SN-{number - len(orders)}", "removed_at": at, "destination": "scrapped"}
    changes = [
        Change("part_removed", new_id(), "create", shared | taken_out, {}),
        Change("part_fitted", new_id(), "create", shared | put_in, {}),
    ]
    return device.seal(changes, 0)
