"""The pages on the device: how long each lasts, how that grows with history, and how soon the first one is there.

`python -m benchmarks.device_pages` prints the table. Every GET route of the application is measured, in the real
program over HTTP, on a device with 500 open orders and a catalogue of 20,000 records. The floor is an empty page of
the same libraries with one row read (`benchmarks/empty_page.py`).
"""

from __future__ import annotations

import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import quote

from werkzeug.routing import Rule

from benchmarks.device_year import ATTENDEE, PIN, Year, make_device
from benchmarks.measure import FLOOR, Figure, Options, print_table
from benchmarks.workload import ORDERS, SEED
from field_client import work
from field_client.desk import Desk
from field_client.ui.app import create_ui
from field_client.ui.guard import COOKIE, keep_token
from field_client.ui.keeper import DeskKeeper
from field_client.ui.syncing import Syncer
from field_client.work_manuals import list_manuals

PAGE: Final = "page {path}, ms"
PAGE_CPU: Final = "page {path}, CPU ms"
GROWTH: Final = "page {path}, CPU ms with {history}"
START: Final = "pages: program start to {what}, ms"
START_CPU: Final = "pages: program start to {what}, CPU ms"
SUBJECT: Final = "gongdan"
TRIES: Final = 30
START_TRIES: Final = 9
READY_LIMIT_S: Final = 30
LOOK_EVERY_S: Final = 0.002

SHOWN: Final = (200, 303)
"""A page that has nothing to ask for (the PIN of a device that is open) leads on."""

ASKED: Final = {
    "/scan/found": "?typed={serial}",
    "/scan/label": "?typed={serial}",
    "/orders/<order_id>/training/<training_id>/sign": f"?attendee={ATTENDEE}",
    "/orders/<order_id>/parts/known": "?part_number=P-00001&serial=S-1",
    "/orders/<order_id>/parts/choose": "?component=component_3",
}
"""What a page is asked for behind its path."""

HISTORIES: Final = {
    "ten times the facts": Year(facts=10),
    "ten times the finished orders": Year(finished_orders=5000),
}
PROJECT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class Program:
    """A server of pages that runs: its process, its port, and what a request must carry."""

    pid: int
    port: int
    headers: dict[str, str] = field(default_factory=dict)

    def read(self, path: str) -> int:
        """Ask for a page, read it whole, and return its status."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_LIMIT_S)
        connection.request("GET", quote(path, safe="/?=&:%"), headers=self.headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status


def run(options: Options) -> list[Figure]:
    """Measure every page on a full device and on two with a long history, and how soon the program is there."""
    with tempfile.TemporaryDirectory(prefix="device-pages-", dir=options.folder) as name:
        folder = Path(name)
        with _serve_empty(folder) as empty:
            floor = _measure(empty, "/")
        figures = []
        for path, (wall, cpu) in _measure_device(folder / "full", Year(), options.seed).items():
            for measure, value, least in ((PAGE, wall, floor[0]), (PAGE_CPU, cpu, floor[1])):
                figures.append(Figure(measure.format(path=path), SUBJECT, value))
                figures.append(Figure(measure.format(path=path), FLOOR, least))
        for turn, (history, year) in enumerate(HISTORIES.items()):
            for path, (_, cpu) in _measure_device(folder / str(turn), year, options.seed).items():
                figures.append(Figure(GROWTH.format(path=path, history=history), SUBJECT, cpu))
        return [*figures, *_measure_start(folder / "full")]


def find_addresses(desk: Desk) -> dict[str, str]:
    """Return an address for each GET route of the pages, by the route's own spelling.

    Raises KeyError when a route has a parameter that `find_values` does not know.
    """
    keeper = DeskKeeper(desk.settings)
    app = create_ui(keeper, Syncer(keeper), keep_token(desk.settings.ui_token), desk.settings.ui_port)
    values = find_values(desk)
    rules = [rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    addresses = {rule.rule: _spell(rule, values) for rule in sorted(rules, key=lambda rule: rule.rule)}
    return addresses | {"/?all": "/?all=1"}


def find_values(desk: Desk) -> dict[str, str]:
    """Return what the parameters of the routes are on the order under way."""
    order = work.find_order(desk.bench)
    machine = work.machine_of(desk.bench, order)
    *_, photo = desk.store.find_by("photo", "order_id", order.id)
    return {
        "name": "app.css",
        "order_id": order.id,
        "machine_id": order.values["machine_id"],
        "photo_id": photo.id,
        "size": "preview",
        "manual_id": next(iter(list_manuals(desk.bench, desk.files, machine))).id,
        "key": "item_0",
        "sha256": photo.values["thumbnail_sha256"],
        "note_id": next(desk.store.find_by("request_note", "order_id", order.id)).id,
        "training_id": next(desk.store.find_by("training_record", "order_id", order.id)).id,
        "serial": machine.values["serial"],
    }


def _spell(rule: Rule, values: Mapping[str, str]) -> str:
    missing = rule.arguments - values.keys()
    if missing:
        raise KeyError(f"{rule.rule}: find_values of benchmarks/device_pages.py lacks {', '.join(sorted(missing))}")
    _, address = rule.build({name: values[name] for name in rule.arguments}) or ("", "")
    return address + ASKED.get(rule.rule, "").format(**values)


def _measure_device(folder: Path, year: Year, seed: int) -> dict[str, tuple[float, float]]:
    desk = make_device(folder, year, seed)
    addresses = find_addresses(desk)
    desk.store.close()
    with serve_pages(folder) as program:
        return {path: _measure(program, address) for path, address in addresses.items()}


def _measure(program: Program, address: str) -> tuple[float, float]:
    """Return the median wall time of a page and the server's CPU time for one, in ms."""
    status = program.read(address)
    if status not in SHOWN:
        raise RuntimeError(f"{address} was answered with {status}")
    spent, before = [], _read_cpu_ns(program.pid)
    for _ in range(TRIES):
        began = time.perf_counter()
        program.read(address)
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent), (_read_cpu_ns(program.pid) - before) / TRIES / 1e6


def _measure_start(folder: Path) -> list[Figure]:
    """Return how long it lasts until the PIN is asked for, and with the PIN given, until today's page is there."""
    figures = []
    for what, pin, path in (("the PIN page", "", "/unlock"), ("today's page, with the PIN", PIN, "/")):
        wall, cpu = _measure_start_to(lambda pin=pin: serve_pages(folder, pin), path)
        figures += [Figure(START.format(what=what), SUBJECT, wall), Figure(START_CPU.format(what=what), SUBJECT, cpu)]
        least = _measure_start_to(lambda: _serve_empty(folder), "/")
        figures += [
            Figure(START.format(what=what), FLOOR, least[0]),
            Figure(START_CPU.format(what=what), FLOOR, least[1]),
        ]
    return figures


def _measure_start_to(serve: Callable[[], AbstractContextManager[Program]], path: str) -> tuple[float, float]:
    """Return wall and CPU time in ms, medians, from the start of a program to the last byte of its first page."""
    walls, cpus = [], []
    for _ in range(START_TRIES):
        began = time.perf_counter()
        with serve() as program:
            status = program.read(path)
            walls.append((time.perf_counter() - began) * 1000)
            cpus.append(_read_cpu_ns(program.pid) / 1e6)
        if status != 200:
            raise RuntimeError(f"{path} was answered with {status}")
    return statistics.median(walls), statistics.median(cpus)


@contextmanager
def _serve_empty(folder: Path) -> Iterator[Program]:
    with _serve([sys.executable, "-m", "benchmarks.empty_page"], {}, folder) as program:
        yield program


@contextmanager
def serve_pages(folder: Path, pin: str = PIN) -> Iterator[Program]:
    """Run the program on a device; with an empty PIN it stays locked."""
    settings = {"GONGDAN_FIELD_DATA": str(folder), "GONGDAN_PIN": pin, "GONGDAN_SYNC_EVERY_S": "0"}
    command = [str(Path(sys.executable).with_name("gongdan-field")), "ui", "--no-browser", "--port"]
    cookie = f"{COOKIE}={keep_token(folder / 'ui.token')}"
    with _serve(command, settings, None, {"Cookie": cookie}) as program:
        yield program


@contextmanager
def _serve(
    command: Sequence[str], settings: Mapping[str, str], folder: Path | None, headers: dict[str, str] | None = None
) -> Iterator[Program]:
    """Run a server of pages on a free port, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    words = [*command, str(port), *([str(folder)] if folder else [])]
    process = subprocess.Popen(words, env=os.environ | settings, cwd=PROJECT, stdout=subprocess.DEVNULL)
    try:
        _await(process, port)
        yield Program(process.pid, port, headers or {})
    finally:
        process.terminate()
        process.wait(READY_LIMIT_S)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    limit = time.monotonic() + READY_LIMIT_S
    while time.monotonic() < limit and process.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(LOOK_EVERY_S)
    raise RuntimeError(f"{process.args!r} does not answer")


def _read_cpu_ns(pid: int) -> int:
    """Return the CPU time of all threads of a process, in ns (Linux: the scheduler's own count)."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)


def main() -> None:
    """Measure and print."""
    folder = PROJECT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    print(print_table(run(Options(folder, SEED, ORDERS, 1))))


if __name__ == "__main__":
    main()
