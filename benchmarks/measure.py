"""What a benchmark measures, how a figure is kept, and the one table all figures end in.

A part of the benchmarks is a module with `run(options: Options) -> list[Figure]`. Both sides of a comparison
use the names below, so that their figures meet in one line of the table.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.postgres import PostgresServer, choose_user, find_programs, running_postgres

BULK_PUSH = "bulk push, records/s"
BULK_PUSH_CPU = "bulk push, server CPU s per 1,000 records"
FLEET_PUSH = "fleet push, 32 clients, sets/s"
FLEET_PUSH_P50 = "fleet push, p50 ms"
FLEET_PUSH_P99 = "fleet push, p99 ms"
FLEET_PUSH_CPU = "fleet push, server CPU ms per set"
FLEET_PUSH_LOAD = "fleet push, generator CPU ms per set"
FIRST_SYNC = "first sync of 10,000, s"
FIRST_SYNC_BYTES = "first sync of 10,000, bytes on the wire"
FIRST_SYNC_GZIP = "first sync of 10,000, bytes compressed"
FIRST_SYNC_REQUESTS = "first sync of 10,000, requests"
FIRST_SYNC_CPU = "first sync of 10,000, server CPU s"
FIRST_SYNC_DEVICE_CPU = "first sync of 10,000, device CPU s"
CHANGED_100 = "100 changed, ms"
CHANGED_100_BYTES = "100 changed, bytes"
CHANGED_100_GZIP = "100 changed, bytes compressed"
NO_CHANGE = "no change, ms"
NO_CHANGE_CPU = "no change, server CPU ms"
NO_CHANGE_RATE = "no change, 8 clients, polls/s"
PHOTO_UPLOAD = "photo upload, MB/s"
BUCKET_UPLOAD = "photo upload into a bucket, MB/s"
INSERT_SQLITE = "SQLite insert, durable, 100 a commit, records/s"
INSERT_POSTGRESQL = "PostgreSQL insert, durable, 100 a commit, records/s"
COPY_POSTGRESQL = "PostgreSQL COPY, durable, 100 a commit, records/s"
VERIFY = "Ed25519 verify, one core, signatures/s"
HASH_AND_SYNC = "SHA-256, write and fsync, MB/s"

HIGHER_IS_BETTER = frozenset(
    {
        BULK_PUSH,
        FLEET_PUSH,
        NO_CHANGE_RATE,
        PHOTO_UPLOAD,
        BUCKET_UPLOAD,
        INSERT_SQLITE,
        INSERT_POSTGRESQL,
        COPY_POSTGRESQL,
        VERIFY,
        HASH_AND_SYNC,
    }
)

PEER = "PouchDB"
PEER_BARE = "PouchDB bare"
KINTO = "Kinto"
FLOOR = "floor"
YARDSTICKS = (PEER, PEER_BARE, KINTO, FLOOR)
CLOCK_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
MEMORY_BYTES = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Options:
    """One run: where its files go, from which seed, and how many records it moves.

    `kept` is a folder for what takes long to make; a part that finds it there from an earlier run uses it again.
    """

    folder: Path
    seed: int
    records: int
    sets_per_client: int
    kept: Path | None = None


@dataclass(frozen=True)
class Figure:
    """One measured value of one subject; `note` says what a reader must know to judge it."""

    measure: str
    subject: str
    value: float
    note: str = ""


def measure_on_both(
    options: Options, measure: Callable[[Path, str, str], Iterable[Figure]], kept_as: str = ""
) -> list[Figure]:
    """Measure on SQLite, then on PostgreSQL, which is started and stopped.

    `measure` takes a folder of its own, the database's URL (empty: SQLite in that folder) and the name of the subject.
    With `kept_as`, and where the run keeps anything, folders and databases stay under that name for the next run.
    """
    with ExitStack() as stack:
        if options.kept is not None and kept_as:
            folder = options.kept / kept_as
            folder.mkdir(parents=True, exist_ok=True)
            opened = keeping_postgres(folder / "server")
        else:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=options.folder)))
            opened = _passing_postgres()
        figures = list(measure(folder / "sqlite", "", "gongdan SQLite"))
        url = stack.enter_context(opened)
        figures += measure(folder / "postgresql", url, "gongdan PostgreSQL")
    return figures


@contextmanager
def keeping_postgres(folder: Path) -> Iterator[str]:
    """Give the URL of a database that stays in a folder; its server runs meanwhile.

    It gets the memory that docs/operating.md asks for: tests are content with less than a large database needs.
    """
    user = choose_user()
    server = PostgresServer(find_programs(), user, folder)
    is_there = folder.exists()
    if not is_there:
        folder.mkdir(parents=True)
        os.chown(folder, user.pw_uid, user.pw_gid)
        server.initialise()
    server.start(shared_buffers=f"{MEMORY_BYTES // 4 // 1024}kB")
    try:
        if not is_there:
            server.create_database()
        yield server.url_of("gongdan_0")
    finally:
        server.stop()


@contextmanager
def _passing_postgres() -> Iterator[str]:
    with running_postgres() as server:
        yield server.url_of(server.create_database())


def read_cpu_s(pid: int) -> float:
    """Give the CPU seconds, user and system, that all threads of the process have used, from /proc.

    The kernel counts in ticks (10 ms as a rule): measure over many requests, never over one.
    """
    # The second field is the program's name in parentheses and may itself hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


def read_scheduled_s(pid: int | None) -> float:
    """Give the CPU seconds that the main thread of a process has used, to the nanosecond; 0 without a process."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9 if pid is not None else 0


def find_percentile(values: Iterable[float], share: float) -> float:
    """Give the value below which `share` (0 to 1) of the values lie, by nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(share * len(ranked)))]


def save_figures(folder: Path, part: str, figures: Sequence[Figure]) -> Path:
    """Write the figures of one part as JSON to `folder/part.json`."""
    path = folder / f"{part}.json"
    rows = [asdict(figure) for figure in figures]
    path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def print_table(figures: Sequence[Figure]) -> str:
    """Give one markdown table: a line per measure, a column per subject, the notes below it.

    A cell that has something to be compared with carries, in parentheses, how many times better it is than
    the peer, or where the peer does not do the thing, than the floor; below 1 is worse.
    """
    subjects = _order_subjects(figures)
    cells = {(figure.measure, figure.subject): figure for figure in figures}
    lines = ["| measure | " + " | ".join(subjects) + " |", "|---" + "|---:" * len(subjects) + "|"]
    for measure in dict.fromkeys(figure.measure for figure in figures):
        row = [_show_cell(cells, measure, subject) for subject in subjects]
        lines.append(f"| {measure} | " + " | ".join(row) + " |")
    notes = dict.fromkeys(f"- {figure.subject}: {figure.note}" for figure in figures if figure.note)
    return "\n".join([*lines, "", *notes])


def _order_subjects(figures: Sequence[Figure]) -> list[str]:
    found = dict.fromkeys(figure.subject for figure in figures)
    yardsticks = [name for name in YARDSTICKS if name in found]
    return [name for name in found if name not in yardsticks] + yardsticks


def _show_cell(cells: dict[tuple[str, str], Figure], measure: str, subject: str) -> str:
    figure = cells.get((measure, subject))
    if figure is None:
        return ""
    shown = _show_number(figure.value)
    yardstick = cells.get((measure, PEER)) or cells.get((measure, FLOOR))
    if yardstick is None or subject in YARDSTICKS or not (figure.value and yardstick.value):
        return shown
    ratio = figure.value / yardstick.value
    better = ratio if measure in HIGHER_IS_BETTER else 1 / ratio
    return f"{shown} ({better:.2f}x)"


def _show_number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
