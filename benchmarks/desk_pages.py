"""The pages of the office at a large company: 10,000 open orders, as many ended, 200 engineers, 2,000 conflicts.

On both databases. `python -m benchmarks.desk_pages` prints the table. Pages are asked of the application in this
process, signed in, so that a figure is what the server does for one. The floor is the page on which one signs in: the
same libraries, no rows.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from flask.testing import FlaskClient

from benchmarks.measure import FLOOR, Figure, Options, measure_on_both, print_table
from server.app import create_app
from server.keys import new_id
from server.services import accounts
from server.services.verdicts import expect_taken_in
from server.settings import read_settings
from server.store.database import reading, writing
from server.store.devices import read_organisation
from server.store.migrate import upgrade
from server.web.wiring import EXTENSION, Wiring
from sync.changeset import CHANGES_MAX, Change

PAGE: Final = "desk {path}, ms"
PAGE_CPU: Final = "desk {path}, CPU ms"
TRIES: Final = 30
ENGINEERS: Final = 200
CUSTOMERS: Final = 500
MACHINES: Final = 5000
ORDERS_OPEN: Final = 10_000
ORDERS_ENDED: Final = 10_000
CONFLICTS: Final = 2000
"""Two fields of every tenth order: more than a flood leaves behind."""
PASSWORD: Final = "benchmarks only"
GRADES: Final = ("urgent", "important", "general", "general")

PAGES: Final = (
    "/desk/orders",
    "/desk/orders/attention",
    "/desk/orders?q=serial-04711",
    "/desk/orders?q=customer+17",
    "/desk/orders?show=all&q=9876",
    "/desk/orders?show=unassigned",
    "/desk/orders?show=due",
    "/desk/orders/GD-7",
    "/desk/reconcile",
    "/desk/reconcile?page=50",
    "/desk/schedule?day=2026-11-25",
    "/desk/schedule?day=2026-11-25&span=week",
    "/desk/schedule?day=2026-11-25&order=GD-0",
)


def run(options: Options) -> list[Figure]:
    """Measure the pages on SQLite and PostgreSQL."""
    return measure_on_both(options, _measure)


def _measure(folder: Path, url: str, subject: str) -> Iterator[Figure]:
    with _company(folder, url) as client:
        for path in PAGES:
            wall_ms, cpu_ms = time_page(client, path)
            yield Figure(PAGE.format(path=path), subject, wall_ms)
            yield Figure(PAGE_CPU.format(path=path), subject, cpu_ms)
        if not url:
            wall_ms, cpu_ms = time_page(client, "/desk/sign-in")
            for path in PAGES:
                yield Figure(PAGE.format(path=path), FLOOR, wall_ms, "the page on which one signs in")
                yield Figure(PAGE_CPU.format(path=path), FLOOR, cpu_ms, "the page on which one signs in")


def time_page(client: FlaskClient, path: str) -> tuple[float, float]:
    """Return the medians of the time by the clock and of the processor, in milliseconds."""
    walls, cpus = [], []
    for _ in range(TRIES):
        began, began_cpu = time.perf_counter(), time.process_time()
        answer = client.get(path)
        walls.append((time.perf_counter() - began) * 1000)
        cpus.append((time.process_time() - began_cpu) * 1000)
        if answer.status_code != 200:
            raise RuntimeError(f"{path}: {answer.status}")
    return statistics.median(walls), statistics.median(cpus)


@contextmanager
def _company(folder: Path, url: str) -> Iterator[FlaskClient]:
    settings = read_settings({"GONGDAN_DATA": str(folder), "GONGDAN_DATABASE": url})
    folder.mkdir(parents=True, exist_ok=True)
    app = create_app(settings)
    parts: Wiring = app.extensions[EXTENSION]
    upgrade(parts.engine)
    organisation = parts.office.found("benchmarks")
    dispatcher = _write_company(parts, organisation)
    with writing(parts.engine) as connection:
        accounts.open_account(connection, organisation, dispatcher, "dana", PASSWORD)
    client = app.test_client()
    answer = client.post("/api/v1/session", json={"login": "dana", "password": PASSWORD})
    if answer.status_code != 200:
        raise RuntimeError(answer.text)
    yield client
    parts.engine.dispose()


def _write_company(parts: Wiring, organisation: str) -> str:
    """Write people, customers, machines and orders; return the dispatcher."""
    people = [new_id() for _ in range(ENGINEERS + 1)]
    customers, machines = [new_id() for _ in range(CUSTOMERS)], [new_id() for _ in range(MACHINES)]
    model = new_id()
    skill = {"family": "centrifuge", "level": "senior", "certificate": "C", "certificate_until": "2029-12-31"}
    records = [
        _create("person", key, name=f"engineer {number}", roles=["engineer"], skills=[skill])
        for number, key in enumerate(people[1:])
    ]
    records.append(_create("person", people[0], name="Dana", roles=["dispatcher", "admin"]))
    records.append(_create("model", model, manufacturer="Hengyuan", name="MC-12", family="centrifuge"))
    records += [_create("customer", key, name=f"customer {number}") for number, key in enumerate(customers)]
    records += [
        _create(
            "machine", key, serial=f"serial-{number:05d}", model_id=model, customer_id=customers[number % CUSTOMERS]
        )
        for number, key in enumerate(machines)
    ]
    records += [_order(number, people, customers, machines) for number in range(ORDERS_OPEN + ORDERS_ENDED)]
    write_records(parts, organisation, records)
    ended = [
        Change("work_order", change.id, "update", {"status": "cancelled"}, {"status": change.set["status"]})
        for change in records[-ORDERS_ENDED:]
    ]
    write_records(parts, organisation, ended)
    contested = [change.id for change in records if change.kind == "work_order"][: CONFLICTS // 2]
    for said in ("what the office wrote", "what the field wrote"):
        new, was = dict.fromkeys(("diagnosis", "remedy"), said), dict.fromkeys(("diagnosis", "remedy"))
        write_records(parts, organisation, [Change("work_order", order, "update", new, was) for order in contested])
    return people[0]


def _order(number: int, people: Sequence[str], customers: Sequence[str], machines: Sequence[str]) -> Change:
    machine = number % MACHINES
    engineer = {} if number % 20 == 0 else {"engineer_id": people[1 + number % ENGINEERS]}
    due_at = f"2026-{1 + number % 12:02d}-{1 + number % 28:02d}T{number % 24:02d}:00:00Z"
    values = {
        "number": f"GD-{number}",
        "status": "assigned" if engineer else "received",
        "service": "repair",
        "grade": GRADES[number % 4],
        "customer_id": customers[machine % CUSTOMERS],
        "machine_id": machines[machine],
        "symptom": "no signal, the lamp is suspected " * 3,
        "contact": f"contact {number}",
        "phone": f"022-{number:08d}",
        "solved_due_at": due_at,
    }
    if engineer:
        # Five visits a day and engineer, on ten days: the week that is shown is full.
        visit = number // ENGINEERS
        day, start = 16 + visit // 5 % 14, 1 + 2 * (visit % 5)
        planned = {"planned_start_at": start, "planned_end_at": start + 2}
        values |= {name: f"2026-11-{day:02d}T{hour:02d}:00:00Z" for name, hour in planned.items()}
    return _create("work_order", new_id(), **values, **engineer)


def _create(kind: str, record_id: str, **values: Any) -> Change:
    return Change(kind, record_id, "create", values, {})


def write_records(parts: Wiring, organisation: str, changes: Sequence[Change]) -> None:
    """Write changes at the office, as many to a set as there may be."""
    with reading(parts.engine) as connection:
        system = read_organisation(connection, organisation).office_person
    for start in range(0, len(changes), CHANGES_MAX):
        some = changes[start : start + CHANGES_MAX]
        expect_taken_in(parts.office.write(organisation, system, "bench.write", some))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(print_table(run(Options(Path(place), 1, 0, 0))))
