"""The primary database server dies under load: its standby takes over, and nothing acknowledged is lost."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from server.keys import new_id
from server.reception import Reception
from server.services.proofs import verify_log
from server.store.database import open_engine
from sync import receipt
from tests.cast import Device, found_company
from tests.operating.caller import Caller
from tests.operating.cluster import Cluster, running_cluster
from tests.operating.serving import running_site, wait_until
from tests.server.builders import Firm, device_record, photo

DEVICES = 6
SETS_EACH = 20
"""Taken in for every device before the primary dies, and again afterwards."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A primary and its synchronous standby."""
    with running_cluster() as cluster:
        yield cluster


class Worker:
    """A device that hands in one set after the other and notes what was acknowledged, and when."""

    def __init__(self, firm: Firm, url: str) -> None:
        self.device = Device(firm.id, firm.wei.person, new_id())
        firm.ensure(device_record(self.device))
        self.device.basis = len(firm.log())
        self.order = firm.order
        self.caller = Caller(url, self.device)
        self.answered: list[tuple[float, str]] = []

    def work(self, finished: threading.Event) -> None:
        """Hand in until told to stop."""
        while not finished.is_set():
            (answer,) = self.caller.push([self.device.seal("photo.take", photo(self.order))])
            self.answered.append((time.monotonic(), answer))

    def count_since(self, moment: float) -> int:
        """Return how many sets were acknowledged after a moment."""
        return sum(1 for at, _ in self.answered if at > moment)


def test_the_primary_killed_under_load_loses_nothing_acknowledged(cluster: Cluster, tmp_path: Path) -> None:
    with running_site(tmp_path, cluster.url, processes=2) as site:
        office, engine = site.open_office(), open_engine(cluster.url)
        company = found_company(office, engine)
        people = (company.wei, company.lin, company.dana)
        firm = Firm(engine, office, Reception(engine), company, *(Device(company.organisation, who) for who in people))
        workers = [Worker(firm, site.url) for _ in range(DEVICES)]
        finished = threading.Event()
        with ThreadPoolExecutor(DEVICES) as pool:
            working = [pool.submit(worker.work, finished) for worker in workers]
            try:
                wait_until(lambda: all(len(worker.answered) >= SETS_EACH for worker in workers), "all are at work")
                fallen = cluster.primary()
                killed_at = time.monotonic()
                fallen.kill()
                wait_until(
                    lambda: all(worker.count_since(killed_at) >= SETS_EACH for worker in workers),
                    f"all work again\n{cluster.read_logs()}",
                )
            finally:
                finished.set()
            for future in working:
                future.result()

        assert cluster.primary() is not fallen
        cluster.start(fallen)
        cluster.await_standby()
        answers = [answer for worker in workers for _, answer in worker.answered]
        log = {row.digest: row.receipt for row in firm.log()}
        lost = [answer for answer in answers if log.get(receipt.load(answer).digest) != answer]
        assert lost == []
        assert [worker.caller.faults for worker in workers] == [[]] * DEVICES
        assert '"event":"failed"' not in site.log.read_text()
        assert [row.position for row in firm.log()] == list(range(1, len(log) + 1))
        assert verify_log(engine, firm.id).discrepancies == ()
        wait_until(
            lambda: fallen.ask("SELECT count(*) FROM log", "gongdan") == len(log), "the fallen one has everything too"
        )
        moments = sorted(at for worker in workers for at, _ in worker.answered)
        gap_s = max(after - before for before, after in pairwise(moments))
        # Shown by `pytest -s`: how long nobody was answered depends on the time to live, and on nothing else.
        sys.stdout.write(f"{len(answers)} sets acknowledged; nobody was answered for {gap_s:.1f} s\n")
        engine.dispose()
