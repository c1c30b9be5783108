"""What a benchmark measures, how a figure is kept, and the one table all figures end in.

A part of the benchmarks is a module with `run(options: Options) -> list[Figure]`. Both sides of a comparison
use the names below, so that their figures meet in one line of the table.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

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


@dataclass(frozen=True)
class Options:
    """One run: where its files go, from which seed, and how many records it moves."""

    folder: Path
    seed: int
    records: int
    sets_per_client: int


@dataclass(frozen=True)
class Figure:
    """One measured value of one subject; `note` says what a reader must know to judge it."""

    measure: str
    subject: str
    value: float
    note: str = ""


def read_cpu_s(pid: int) -> float:
    """Give the CPU seconds, user and system, that all threads of the process have used, from /proc.

    The kernel counts in ticks (10 ms as a rule): measure over many requests, never over one.
    """
    # The second field is the program's name in parentheses and may itself hold spaces.
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS_PER_S


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
