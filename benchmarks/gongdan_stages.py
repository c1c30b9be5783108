"""Where the CPU of a new order and of a change-set goes, without HTTP: the stages of taking in, and of what follows.

Each stage's functions are wrapped with a clock of this thread's CPU, which others on the machine do not move much.
PostgreSQL's own CPU is not in it. What follows the log runs beside the requests, every other second.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import thread_time
from typing import Any, Final
from unittest.mock import patch

from benchmarks.gongdan_company import BenchDevice, Company, create, found_company, update
from benchmarks.measure import Figure, Options
from benchmarks.workload import RECORDS_PER_SET, edit_order, make_catalogue, make_orders
from server import reception
from server.garbage import spare_the_collector
from server.jobs import Followers
from server.reception import Reception
from server.store import projections
from server.store.database import open_engine
from server.store.scope_book import ScopeBook
from server.store.workspace import Workspace
from sync import chain
from tests.postgres import running_postgres

SQLITE, POSTGRESQL = "Gongdan SQLite", "Gongdan PostgreSQL"
ORDERS: Final = 6_000
PER_SET: Final = 100
PER_REQUEST: Final = 5
GROUP: Final = 25  # sets of a fleet that one commit takes in

STAGES: Final[tuple[tuple[str, Any, str], ...]] = (
    ("signature", chain, "verify"),
    ("reading", reception, "examine"),
    ("loading", Workspace, "load"),
    ("judging", reception, "accept"),
    ("writing", Workspace, "flush"),
    ("feed", ScopeBook, "flush"),
    ("lists", projections, "write"),
    ("transaction", reception, "transact"),
)


def run(options: Options) -> list[Figure]:
    """Measure new orders as a connector brings them, then sets of three edits as a fleet does, on both databases."""
    with running_postgres(durable=True) as postgres:
        urls = {SQLITE: "", POSTGRESQL: postgres.url_of(postgres.create_database())}
        return [figure for subject, url in urls.items() for figure in _measure(options, subject, url)]


def _measure(options: Options, subject: str, url: str) -> list[Figure]:
    folder = Path(tempfile.mkdtemp(dir=options.folder))
    try:
        with found_company(folder, {"GONGDAN_DATABASE": url}) as company:
            catalogue = make_catalogue(options.seed)
            company.write([create(record) for record in catalogue.records])
            engineer = catalogue.engineers[0].id
            orders = list(make_orders(catalogue, ORDERS, options.seed, engineer_id=engineer))
            connector, device = company.enrol(company.hire("Connector", "dispatcher")), company.enrol(engineer)
            new = [create(order) for order in orders]
            edits = [update(edit_order(order)) for order in orders]
            created = [connector.seal(new[at : at + PER_SET], 0) for at in range(0, ORDERS, PER_SET)]
            edited = [device.seal(edits[at : at + RECORDS_PER_SET], 0) for at in range(0, ORDERS, RECORDS_PER_SET)]
            spare_the_collector()
            engine = open_engine(company.settings.database_url)
            followers = Followers(engine, company.office)
            followers.renew()
            # Each has its own, so that the second has to read what the first wrote.
            per_order = _take_in(Reception(engine), company, connector, created, PER_REQUEST)
            per_order["following"] = _follow(followers)
            per_set = _take_in(Reception(engine), company, device, edited, GROUP)
            per_set["following"] = _follow(followers)
            engine.dispose()
        return [
            *_tell(subject, "of a new order", per_order, ORDERS),
            *_tell(subject, "of a set of 3 edits", per_set, len(edited)),
        ]
    finally:
        shutil.rmtree(folder)


def _take_in(
    taking_in: Reception, company: Company, device: BenchDevice, lines: Sequence[bytes], group: int
) -> Counter[str]:
    with _timed() as spent:
        began = thread_time()
        for at in range(0, len(lines), group):
            answers = taking_in.submit(company.organisation, device.id, list(lines[at : at + group]))
            if any('"verdict":"refused"' in answer or '"verdict":"contested"' in answer for answer in answers):
                raise RuntimeError(f"a set was not applied: {answers[0]}")
        spent["all"] = thread_time() - began
    return spent


def _follow(followers: Followers) -> float:
    """Let warranties, clocks and gaps follow the log to its end; return the CPU seconds that took."""
    began = thread_time()
    followers.renew()
    return thread_time() - began


@contextmanager
def _timed() -> Iterator[Counter[str]]:
    spent: Counter[str] = Counter()
    with ExitStack() as stack:
        for stage, owner, name in STAGES:
            stack.enter_context(patch.object(owner, name, _with_clock(spent, stage, getattr(owner, name))))
        yield spent


def _with_clock(spent: Counter[str], stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def timed(*arguments: Any, **named: Any) -> Any:
        began = thread_time()
        try:
            return function(*arguments, **named)
        finally:
            spent[stage] += thread_time() - began

    return timed


def _tell(subject: str, unit: str, spent: Counter[str], count: int) -> list[Figure]:
    inner = spent["loading"] + spent["judging"] + spent["writing"]
    stages = {
        "signature": spent["signature"],
        "reading and checking": spent["reading"] - spent["signature"],
        "finding what it touches": spent["loading"],
        "judging, merging, scope, receipt": spent["judging"],
        "writing records and log": spent["writing"] - spent["feed"] - spent["lists"],
        "writing feed and holders": spent["feed"],
        "writing what lists read": spent["lists"],
        "beginning and commit": spent["transaction"] - inner,
        "all": spent["all"],
        "following the log, beside it": spent["following"],
    }
    return [Figure(f"CPU us {unit}: {name}", subject, taken * 1e6 / count) for name, taken in stages.items()]
