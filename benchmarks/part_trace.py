"""Look-ups of the trace at two sizes, on both databases, and what the trace costs intake.

`--records 10000` are 1.1 million parts, 10 million facts and 2,200 batches, and a tenth of all that beside it;
`python -m benchmarks part_trace --records 1000` is a tenth of both. Facts are made in bulk (`trace_decade`), of a
sample it is checked that intake would have written the same rows.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import Connection, Engine

from benchmarks.gongdan_company import BenchDevice, Company, found_company
from benchmarks.measure import Figure, Options, find_percentile
from benchmarks.trace_decade import PARTS_PER_BATCH, STINTS, Size, check, fill, identity, machine_of
from server.keys import new_id
from server.reception import Reception
from server.services import trace_lookup
from server.store.database import open_engine, reading, writing
from server.store.fact_book import FactBook
from server.store.trace_store import TraceStore
from sync.changeset import Change
from tests.postgres import running_postgres

PARTS_PER_RECORD: Final = 110
TRIES: Final = 300
SAMPLE: Final = 20
ROUNDS: Final = 24
SETS: Final = 25  # of one round, with the trace or without it by turns
DAY: Final = "2024-06-01"

Look = Callable[[Connection, str, random.Random, Size], Any]


def run(options: Options) -> list[Figure]:
    """Measure on SQLite and PostgreSQL."""
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures += _measure(Path(folder) / "sqlite", "", "Gongdan SQLite", options)
        with running_postgres() as server:
            url = server.url_of(server.create_database())
            figures += _measure(Path(folder) / "postgresql", url, "Gongdan PostgreSQL", options)
    return figures


def _measure(folder: Path, url: str, subject: str, options: Options) -> Iterator[Figure]:
    environment = {"GONGDAN_DATABASE": url} if url else {}
    with found_company(folder, environment) as company:
        engine = open_engine(company.settings.database_url)
        try:
            yield from _measure_intake(company, engine, subject)
            for records in (options.records // 10, options.records):
                size, organisation = Size(records * PARTS_PER_RECORD), new_id()
                chance = random.Random(options.seed)
                with writing(engine) as connection:
                    fill(connection, organisation, size)
                with writing(engine) as connection:
                    check(connection, organisation, new_id(), chance.sample(range(size.parts), SAMPLE))
                for name, look in LOOKS.items():
                    yield from _time(engine, organisation, size, subject, name, look, chance)
        finally:
            engine.dispose()


def _time(
    engine: Engine, organisation: str, size: Size, subject: str, name: str, look: Look, chance: random.Random
) -> Iterator[Figure]:
    walls, cpus = [], []
    for number in range(TRIES + 20):
        with reading(engine) as connection:
            began, began_cpu = time.perf_counter(), time.process_time()
            look(connection, organisation, chance, size)
            # The first ones read statements and pages that every later one finds.
            if number >= 20:
                walls.append((time.perf_counter() - began) * 1000)
                cpus.append((time.process_time() - began_cpu) * 1000)
    case = f"trace: {name}, {size.facts:,} facts"
    yield Figure(f"{case}, p50 ms", subject, statistics.median(walls))
    yield Figure(f"{case}, p99 ms", subject, find_percentile(walls, 0.99))
    yield Figure(f"{case}, CPU ms", subject, statistics.mean(cpus))


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


def _maintained(connection: Connection, organisation: str, chance: random.Random, size: Size) -> None:
    machine = identity(2, machine_of(size, chance.randrange(size.parts), 2))
    known_at = chance.randrange(size.facts)
    trace_lookup.spans_in_machine(connection, organisation, machine, DAY, known_at)


def _maintained_today(connection: Connection, organisation: str, chance: random.Random, size: Size) -> None:
    # The first of each ten parts of a batch was removed at last.
    part = chance.randrange(size.batches) + (1 + 10 * chance.randrange(PARTS_PER_BATCH // 10)) * size.batches
    machine = identity(2, machine_of(size, part, STINTS - 1))
    _expect(bool(trace_lookup.spans_in_machine(connection, organisation, machine, DAY)))


LOOKS: Final[dict[str, Look]] = {
    "a serial number": _serial,
    "a batch, in 400 machines and 5 vans": _batch,
    "the same with machines and customers named": _batch_named,
    "a machine on a day": _maintained_today,
    "a machine on a day, as known then": _maintained,
}


def _expect(holds: bool) -> None:
    if not holds:
        raise RuntimeError("a look-up did not find what there is")


def _measure_intake(company: Company, engine: Engine, subject: str) -> Iterator[Figure]:
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
    yield Figure("intake of a part removed and one fitted, CPU ms", subject, kept)
    yield Figure("the same without the trace, CPU ms", subject, bare)
    yield Figure("intake with the trace / without", subject, kept / bare)


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
