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
from pathlib import Path
from statistics import median
from typing import Any, Final

from sqlalchemy import Engine, Table, text

from benchmarks.measure import Figure, Options
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
from tests.postgres import running_postgres
from tests.server.builders import GTIN, Firm, open_firm

SETS: Final = 100_000
FACTS_PER_SET: Final = 10
SETS_AT_ONCE: Final = 500
TRIES: Final = 15
AT: Final = "2026-05-01T08:00:00.000Z"

DOSSIER: Final = "dossier of a serial number, ms"
PROOF: Final = "inclusion proof, ms"
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
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        place = Path(folder)
        with running_postgres() as server:
            urls = {
                "SQLite": f"sqlite:///{place / 'bench.sqlite'}",
                "PostgreSQL": server.url_of(server.create_database()),
            }
            for name, url in urls.items():
                engine = open_engine(url)
                grown = _grow(engine, place, sets, FACTS_PER_SET)
                figures += _measure(grown, f"gongdan {name}", f"{sets * FACTS_PER_SET:,} facts in {sets:,} sets")
                engine.dispose()
        engine = open_engine(f"sqlite:///{place / 'verifier.sqlite'}")
        figures.append(_measure_verifier(_grow(engine, place, sets, 1), place, sets))
        engine.dispose()
    return figures


def _measure(grown: Grown, subject: str, note: str) -> Iterator[Figure]:
    firm, serials = grown.firm, [f"S-{number:08d}" for number in range(7, 7 + TRIES)]

    def dossier(serial: str) -> None:
        build_dossier(grown.blobs, grown.key, firm.id, Subject("serial", serial))

    def prove(serial: str) -> None:
        with reading(firm.engine) as connection:
            prove_entry(connection, firm.id, 1000 + int(serial[2:]), None)

    yield Figure(DOSSIER, subject, _time(dossier, serials), note)
    yield Figure(PROOF, subject, _time(prove, serials))


def _measure_verifier(grown: Grown, place: Path, sets: int) -> Figure:
    log = place / "log.jsonl"
    with reading(grown.firm.engine) as connection, log.open("wb") as file:
        file.writelines(export_log(connection, grown.key, grown.firm.id))
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    words = [sys.executable, "-m", "verifier", str(log), "--key", grown.key.public_key]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    spent = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before
    return Figure(VERIFIER, "gongdan", spent * 100_000 / sets, f"of {sets:,} sets")


def _time(work: Callable[[str], None], serials: list[str]) -> float:
    spent = []
    for serial in serials:
        begun = time.perf_counter()
        work(serial)
        spent.append((time.perf_counter() - begun) * 1000)
    return median(spent)


def _grow(engine: Engine, place: Path, sets: int, facts: int) -> Grown:
    upgrade(engine)
    settings = read_settings({"GONGDAN_DATA": str(place)})
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
