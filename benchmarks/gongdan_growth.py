"""Whether a sync costs more as a device holds more: 1,000 records, then 100 times as many, in one run."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from statistics import median
from typing import Final

import orjson

from benchmarks import measure
from benchmarks.gongdan_company import BenchDevice, Company, create, running_company, update
from benchmarks.load import drive
from benchmarks.measure import Figure, Options
from benchmarks.workload import Catalogue, Record, edit_order, make_catalogue, make_orders
from sync.changeset import Change

STEPS: Final = (1_000, 10_000, 100_000)
CHANGED: Final = 100
POLLS: Final = 300
REPEATS: Final = 31


def run(options: Options) -> list[Figure]:
    """Measure a poll and 100 changed records at each size, on SQLite."""
    folder = tempfile.mkdtemp(dir=options.folder)
    catalogue = make_catalogue(options.seed)
    figures: list[Figure] = []
    try:
        with running_company(options.folder / folder, "", 1) as company:
            company.write([create(record) for record in catalogue.records])
            held = 0
            for step in STEPS:
                orders = _more_orders(catalogue, options, held, step - held)
                company.write([create(order) for order in orders])
                held = step
                figures += _measure(company, catalogue.engineers[0].id, orders[:CHANGED], f"{step:,} records")
    finally:
        shutil.rmtree(folder)
    return figures


def _more_orders(catalogue: Catalogue, options: Options, held: int, count: int) -> list[Record]:
    """Return further orders of one engineer; another seed gives other ids."""
    made = make_orders(catalogue, count, options.seed + held, engineer_id=catalogue.engineers[0].id)
    return [replace(order, values=order.values | {"number": f"G{held + index}"}) for index, order in enumerate(made)]


def _measure(company: Company, engineer: str, orders: list[Record], subject: str) -> list[Figure]:
    device, other = company.enrol(engineer), company.enrol(engineer)
    company.settle()
    since, epoch = _position(company, device)
    edits: list[Change] = [update(edit_order(order)) for order in orders]
    body = other.seal(edits, basis=0) + b"\n"
    drive(company.host, company.port, [[other.request("POST", "/push", body=body)]])
    changed = [device.request("GET", "/pull", f"since={since}&epoch={epoch}")] * REPEATS
    changes = drive(company.host, company.port, [changed])
    until = orjson.loads(changes.bodies[0][0].split(b"\n", 1)[0])["until"]
    polls = [device.request("GET", "/pull", f"since={until}&epoch={epoch}")] * POLLS
    cpu_s = company.cpu_s()
    answers = drive(company.host, company.port, [polls])
    cpu_s = company.cpu_s() - cpu_s
    return [
        Figure(measure.CHANGED_100, subject, median(changes.all_latencies_s) * 1000),
        Figure(measure.NO_CHANGE, subject, median(answers.all_latencies_s) * 1000),
        Figure(measure.NO_CHANGE_CPU, subject, cpu_s / POLLS * 1000),
    ]


def _position(company: Company, device: BenchDevice) -> tuple[int, str]:
    answer = drive(company.host, company.port, [[device.request("GET", "/pull", "since=0&epoch=")]])
    head = orjson.loads(answer.bodies[0][0].split(b"\n", 1)[0])
    return head["until"], head["epoch"]
