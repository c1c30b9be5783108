"""A recall worked out over 100,000 machines with three parts each, on both databases.

`python -m benchmarks recalls` prints the table. Machines and the spans of their parts are written straight into the
tables as intake leaves them: 400,000 records through the door take an hour, and are no part of what is measured.
A tenth of the parts was removed and sent back. The floor is reading the same spans and doing nothing with them.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, Table, text

from benchmarks.measure import FLOOR, Figure, Options, measure_on_both
from schemas.recall import Extent
from server.keys import new_id, open_office_key
from server.services import recalls, recalls_read
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.settings import read_settings
from server.store import json_text
from server.store.bulk import upsert
from server.store.database import open_engine, reading, writing
from server.store.devices import read_organisation
from server.store.migrate import upgrade
from server.store.recall_spans import list_fittings
from server.store.review_tables import MachineSerial
from server.store.tables import BoardRow, RecordRow
from server.store.trace_tables import PartSpan
from sync.changeset import Change

MACHINES: Final = 100_000
PARTS: Final = 3
CUSTOMERS: Final = 2000
BATCH: Final = 400
"""Machines that hold parts of one batch."""
ORDERED: Final = 10_000
ROWS_AT_ONCE: Final = 5000
TRIES: Final = 7

WALL: Final = "recall of {what}, ms"
CPU: Final = "recall of {what}, CPU ms"
AT: Final = "2026-05-01T08:00:00.000Z"

_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]
_MACHINES: Table = MachineSerial.__table__  # type: ignore[assignment]
_SPANS: Table = PartSpan.__table__  # type: ignore[assignment]
_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class Fleet:
    """A database with machines, the part that is recalled, and the recall of all of it."""

    engine: Engine
    organisation: str
    part: str
    recall: str


def run(options: Options) -> list[Figure]:
    """Measure on SQLite and PostgreSQL."""
    return measure_on_both(options, _measure)


def _measure(folder: Path, url: str, subject: str) -> Iterator[Figure]:
    fleet = write_fleet(folder, url)
    for what, extent in extents_of(fleet.part).items():
        wall_ms, cpu_ms = _time(lambda extent=extent: work_out(fleet, extent))
        yield Figure(WALL.format(what=what), subject, wall_ms)
        yield Figure(CPU.format(what=what), subject, cpu_ms)
        if not url:
            wall_ms, cpu_ms = _time(lambda extent=extent: _read_spans(fleet, extent))
            yield Figure(WALL.format(what=what), FLOOR, wall_ms, "reading the spans alone")
            yield Figure(CPU.format(what=what), FLOOR, cpu_ms, "reading the spans alone")
    fleet.engine.dispose()


def extents_of(part: str) -> dict[str, Extent]:
    """Return what is recalled: a batch, a tenth of the serial numbers, all of a part that every machine has."""
    return {
        f"a batch in {BATCH} machines": Extent(part, "B00007"),
        "a range of 10,000 serial numbers": Extent(part, None, "SN020000", "SN029999"),
        "a part in 100,000 machines": Extent(part),
    }


def work_out(fleet: Fleet, extent: Extent) -> int:
    """Work a recall out as its page does, to the first page of lines; return how many parts it is about."""
    with reading(fleet.engine) as connection:
        affected = recalls_read.find_affected(connection, fleet.organisation, [extent], "replace", fleet.recall)
        waiting = affected.progress.waiting
        recalls_read.sort_lines(connection, fleet.organisation, affected.lines)
    return waiting


def _read_spans(fleet: Fleet, extent: Extent) -> int:
    with reading(fleet.engine) as connection:
        return len(list_fittings(connection, fleet.organisation, fleet.part, None, [extent]))


def _time(work: Callable[[], Any]) -> tuple[float, float]:
    walls, cpus = [], []
    for _ in range(TRIES):
        began, began_cpu = time.perf_counter(), time.process_time()
        work()
        walls.append((time.perf_counter() - began) * 1000)
        cpus.append((time.process_time() - began_cpu) * 1000)
    return statistics.median(walls), statistics.median(cpus)


def write_fleet(folder: Path, url: str, machines: int = MACHINES) -> Fleet:
    """Write the machines with their parts, and open the recall."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = read_settings({"GONGDAN_DATA": str(folder), "GONGDAN_DATABASE": url})
    engine = open_engine(settings.database_url)
    upgrade(engine)
    office = Office(engine, open_office_key(settings))
    organisation = office.found("benchmarks")
    with reading(engine) as connection:
        system = read_organisation(connection, organisation).office_person
    part, customers = new_id(), [new_id() for _ in range(CUSTOMERS)]
    made = [Change("part", part, "create", {"part_number": "P-1", "name": "drive"}, {})]
    made += [Change("customer", key, "create", {"name": f"customer {n}"}, {}) for n, key in enumerate(customers)]
    for start in range(0, len(made), 200):
        expect_taken_in(office.write(organisation, system, "bench.write", made[start : start + 200]))
    said = {"name": "capacitors", "reason": "may fail", "action": "replace", "urgency": "urgent"}
    recall, _ = recalls.open_recall(engine, office, recalls.Author(organisation, system), said, [Extent(part)])
    for start in range(0, machines, ROWS_AT_ONCE):
        numbers = range(start, min(machines, start + ROWS_AT_ONCE))
        with writing(engine) as connection:
            _write_machines(connection, organisation, part, recall, customers, numbers)
    with writing(engine) as connection:
        if connection.dialect.name == "postgresql":
            # As autovacuum does; SQLite keeps no statistics.
            connection.execute(text("ANALYZE"))
    return Fleet(engine, organisation, part, recall)


def _write_machines(
    connection: Any, organisation: str, part: str, recall: str, customers: list[str], numbers: range
) -> None:
    machines, serials, spans, removals, orders = [], [], [], [], []
    for number in numbers:
        machine, customer = new_id(), customers[number % CUSTOMERS]
        body = json_text.dump({"serial": f"M{number:06d}", "model_id": part, "customer_id": customer})
        machines.append((organisation, machine, "machine", body, "{}", 1, False))
        serials.append((organisation, machine, f"m{number:06d}", part, customer, None, f"M{number:06d}", None, False))
        for kind in range(PARTS):
            fact, serial, batch = new_id(), f"SN{number:06d}", f"B{number // BATCH:05d}"
            removal = new_id() if number % 10 == 0 else None
            ends_at = "2026-06-01T08:00:00.000Z" if removal else None
            who = ("maker", serial, serial.lower(), batch, batch.lower(), part if kind == 0 else machine)
            where = (None, None, 1, machine, machine, AT, ends_at, removal, machine if removal else None)
            spans.append((organisation, fact, 1, None, *who, *where, 1 if removal else None, None, 0))
            if removal and kind == 0:
                gone = json_text.dump({"machine_id": machine, "serial": serial, "destination": "returned"})
                removals.append((organisation, removal, "part_removed", gone, "{}", 1, False))
        if number < ORDERED:
            row = (organisation, new_id(), f"GD{number:06d}", "received", "urgent", None, customer, machine)
            orders.append((*row, None, None, None, None, "", recall))
    upsert(connection, _RECORDS, machines + removals)
    upsert(connection, _MACHINES, serials)
    upsert(connection, _SPANS, spans)
    upsert(connection, _BOARD, orders)
