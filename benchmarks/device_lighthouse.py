"""Lighthouse's scores of Today and of an order page, on the full device of `benchmarks/device_pages.py`.

`python -m benchmarks.device_lighthouse` prints the table. Lighthouse comes from npm by the lock file in
`benchmarks/js`; it drives Debian's Chromium as a mid-range phone: CPU slowed down four times, and a slow 4G line, which
pages served by the device itself do not have.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.device_pages import PROJECT, SUBJECT, Program, find_values, serve_pages
from benchmarks.device_year import Year, make_device
from benchmarks.measure import Figure, Options, print_table
from benchmarks.npm import install_program
from benchmarks.workload import ORDERS, SEED

SOURCE: Final = Path(__file__).with_name("js")
CHROMIUM: Final = "/usr/bin/chromium"
FLAGS: Final = "--headless=new --no-sandbox --disable-gpu --disable-quic --disable-background-networking"
TRIES: Final = 3
AGAIN: Final = 3
"""A busy machine may lose the browser's trace (its NO_NAVSTART), and Lighthouse asks to be run again."""

LIMIT_S: Final = 180
SCORE: Final = "Lighthouse, {page}: {category}, of 100"
TIME: Final = "Lighthouse, {page}: {audit}, ms"
CATEGORIES: Final = ("performance", "accessibility")
AUDITS: Final = ("first-contentful-paint", "largest-contentful-paint", "total-blocking-time")


def run(options: Options) -> list[Figure]:
    """Score the two pages; medians of several runs."""
    program = install_program(SOURCE, options.folder / "lighthouse")
    with tempfile.TemporaryDirectory(prefix="device-lighthouse-", dir=options.folder) as name:
        desk = make_device(Path(name), Year(), options.seed)
        order_id = find_values(desk)["order_id"]
        desk.store.close()
        with serve_pages(Path(name)) as pages:
            return [
                figure
                for page, path in (("today", "/"), ("an order", f"/orders/{order_id}"))
                for figure in _score(program, pages, page, path)
            ]


def _score(program: Path, pages: Program, page: str, path: str) -> Iterator[Figure]:
    reports = [_examine(program, f"http://127.0.0.1:{pages.port}{path}", pages.headers) for _ in range(TRIES)]
    for category in CATEGORIES:
        scores = [report["categories"][category]["score"] * 100 for report in reports]
        yield Figure(SCORE.format(page=page, category=category), SUBJECT, statistics.median(scores))
    for audit in AUDITS:
        spent = [report["audits"][audit]["numericValue"] for report in reports]
        yield Figure(TIME.format(page=page, audit=audit.replace("-", " ")), SUBJECT, statistics.median(spent))


def _examine(program: Path, address: str, headers: Mapping[str, str]) -> dict[str, Any]:
    """Return Lighthouse's report; raises RuntimeError when it could not look at the page."""
    words = ["node", str(program / "node_modules" / "lighthouse" / "cli" / "index.js"), address, "--quiet"]
    words += [f"--only-categories={','.join(CATEGORIES)}", "--output=json", "--output-path=stdout"]
    words += [f"--extra-headers={json.dumps(headers)}", f"--chrome-flags={FLAGS}"]
    environment = os.environ | {"CHROME_PATH": CHROMIUM}
    for _ in range(AGAIN):
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=LIMIT_S)
        if done.returncode == 0:
            report: dict[str, Any] = json.loads(done.stdout)
            return report
    raise RuntimeError(f"Lighthouse ended with {done.returncode}: {done.stderr[-500:]}")


def main() -> None:
    """Measure and print."""
    folder = PROJECT / "var" / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    print(print_table(run(Options(folder, SEED, ORDERS, 1))))


if __name__ == "__main__":
    main()
