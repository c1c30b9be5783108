"""A dossier out of a log with a million fitted parts, and the verifier's time for a log of 100,000 sets.

`python -m benchmarks proofs` prints the table. The log is sealed, answered and written straight into the tables as
intake leaves them: through the door a million facts take an hour, and are no part of what is measured. The verifier
runs as the process an auditor starts; its figures are CPU seconds, which others on the machine do not change much.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from sqlalchemy import Engine, Table, text

from benchmarks.measure import Figure, Options, measure_on_both
from schemas.base import WHOLE_NUMBER_MAX
from server.keys import OfficeKey, new_id, open_office_key
from server.services.blobs import BlobDesk
from server.services.dossier import build_dossier
from server.services.dossier_entries import Subject
from server.services.log_export import export_log
from server.services.log_tree import prove_entry
from server.services.office import Office
from server.settings import read_settings
from server.store import json_text
from server.store.bulk import upsert
from server.store.database import open_engine, reading, writing
from server.store.file_storage import open_files
from server.store.log_tiles import TILES
from server.store.migrate import upgrade
from server.store.tables import LogEntry, Organisation, RecordRow, TraceFact
from sync import receipt
from sync.chain import Sealed
from sync.changeset import Change
from sync.receipt import ChangeVerdict, Receipt
from sync.transparency import Frontier, leaf_hash, log_entry
from tests.server.builders import GTIN, Firm, open_firm

SETS: Final = 100_000
FACTS_PER_SET: Final = 10
SETS_AT_ONCE: Final = 500
TRIES: Final = 15
AT: Final = "2026-05-01T08:00:00.000Z"

DOSSIER: Final = "dossier of a serial number"
PROOF: Final = "inclusion proof"
VERIFIER: Final = "gongdan-verify, 100,000 sets of one fact, CPU s"

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]
_TRACE: Table = TraceFact.__table__  # type: ignore[assignment]
_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]


@dataclass(frozen=True)
class Grown:
    """A company with a long log."""

    firm: Firm
    key: OfficeKey
    blobs: BlobDesk


def run(options: Options, sets: int = SETS) -> list[Figure]:
    """Measure on SQLite and PostgreSQL, and the verifier once."""
    figures = measure_on_both(options, partial(_measure, sets))
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        figures.append(_measure_verifier(Path(folder), sets))
    return figures


def _measure(sets: int, folder: Path, url: str, subject: str) -> Iterator[Figure]:
    grown = _grow(folder, url, sets, FACTS_PER_SET)
    firm, serials = grown.firm, [f"S-{number:08d}" for number in range(7, 7 + TRIES)]

    def dossier(serial: str) -> None:
        build_dossier(grown.blobs, grown.key, firm.id, Subject("serial", serial))

    def prove(serial: str) -> None:
        with reading(firm.engine) as connection:
            prove_entry(connection, firm.id, sets // 100 + int(serial[2:]), None)

    note = f"{sets * FACTS_PER_SET:,} facts in {sets:,} sets"
    for measure, work in ((DOSSIER, dossier), (PROOF, prove)):
        wall_ms, cpu_ms = _time(work, serials)
        yield Figure(f"{measure}, ms", subject, wall_ms, note)
        yield Figure(f"{measure}, CPU ms", subject, cpu_ms)
    firm.engine.dispose()


def _measure_verifier(folder: Path, sets: int) -> Figure:
    grown, log = _grow(folder, "", sets, 1), folder / "log.jsonl"
    with reading(grown.firm.engine) as connection, log.open("wb") as file:
        file.writelines(export_log(connection, grown.key, grown.firm.id))
    grown.firm.engine.dispose()
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    words = [sys.executable, "-m", "verifier", str(log), "--key", grown.key.public_key]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return Figure(VERIFIER, "gongdan", spent * 100_000 / sets, f"of {sets:,} sets")


def _time(work: Callable[[str], None], serials: list[str]) -> tuple[float, float]:
    """Return the median milliseconds by the clock and of the CPU."""
    walls, cpus = [], []
    for serial in serials:
        began, began_cpu = time.perf_counter(), time.process_time()
        work(serial)
        walls.append((time.perf_counter() - began) * 1000)
        cpus.append((time.process_time() - began_cpu) * 1000)
    return median(walls), median(cpus)


def _grow(folder: Path, url: str, sets: int, facts: int) -> Grown:
    """Found a company in a folder and write its log."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = read_settings({"GONGDAN_DATA": str(folder), "GONGDAN_DATABASE": url})
    engine = open_engine(settings.database_url)
    upgrade(engine)
    key = open_office_key(settings)
    firm = open_firm(engine, Office(engine, key))
    end = firm.log()
    frontier = Frontier()
    for row in end:
        frontier = frontier.append(leaf_hash(log_entry(row.digest, row.receipt)))
    for begin in range(0, sets, SETS_AT_ONCE):
        made = [_make_set(firm, number, facts) for number in range(begin, min(sets, begin + SETS_AT_ONCE))]
        frontier = _write(engine, firm, frontier, made)
    return Grown(firm, key, BlobDesk(engine, open_files(settings), WHOLE_NUMBER_MAX, 24))


def _make_set(firm: Firm, number: int, facts: int) -> tuple[bytes, list[Change]]:
    changes = [_make_fact(firm, number * facts + index) for index in range(facts)]
    return firm.wei.seal("part.fit", *changes), changes


def _make_fact(firm: Firm, number: int) -> Change:
    """Return a part fitted; each serial number comes twice, the second time long after the first."""
    values = {"order_id": firm.order, "machine_id": firm.company.machine, "gtin": GTIN, "part_name": "轴承"}
    values |= {"serial": f"S-{number % 500_000:08d}", "fitted_at": AT}
    return Change("part_fitted", new_id(), "create", values, {})


def _write(engine: Engine, firm: Firm, frontier: Frontier, made: list[tuple[bytes, list[Change]]]) -> Frontier:
    log: list[tuple[Any, ...]] = []
    records: list[tuple[Any, ...]] = []
    facts: list[tuple[Any, ...]] = []
    tiles: list[tuple[Any, ...]] = []
    first = firm.wei.seq - len(made) + 1
    for seq, (line, changes) in enumerate(made, first):
        position, digest = frontier.size + 1, Sealed(line).digest
        verdicts = tuple(ChangeVerdict(change.id, "applied") for change in changes)
        answer = receipt.dump(
            Receipt(new_id(), firm.wei.id, seq, digest, "applied", AT, position=position, changes=verdicts)
        )
        log.append((firm.id, position, firm.wei.id, seq, digest, line, answer, AT, ""))
        frontier, complete = frontier.grow(leaf_hash(log_entry(digest, answer)))
        tiles += [(firm.id, it.level, it.number, it.hash.hex()) for it in complete]
        stamps = json_text.dump({"": [position, firm.wei.id]})
        for change in changes:
            body = json_text.dump(dict(change.set))
            records.append((firm.id, change.id, change.kind, body, stamps, position, False))
            facts.append(_spell_fact(firm, change, position))
    with writing(engine) as connection:
        for table, rows in ((_LOG, log), (_RECORDS, records), (_TRACE, facts), (TILES, tiles)):
            upsert(connection, table, rows)
        sql = "UPDATE organisations SET position = :p, frontier = :f WHERE organisation = :o"
        connection.execute(text(sql), {"p": frontier.size, "f": frontier.dump(), "o": firm.id})
    return frontier


def _spell_fact(firm: Firm, change: Change, position: int) -> tuple[Any, ...]:
    said = change.set
    known = {"organisation": firm.id, "id": change.id, "act": "fitted", "maker": GTIN, "serial": said["serial"]}
    known |= {"machine": said["machine_id"], "order": said["order_id"], "at": AT, "position": position}
    return tuple(known.get(column.name) for column in _TRACE.columns)
