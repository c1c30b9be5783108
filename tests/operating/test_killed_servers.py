"""Server and database processes killed while devices push, pull and upload: nothing acknowledged is ever lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from server.keys import new_id
from server.reception import Reception
from server.services.blobs import BlobDesk
from server.services.proofs import replay, verify_log
from server.services.warranty import count_unfollowed
from server.store.database import open_engine
from server.store.disk_files import DiskFiles
from sync import receipt
from tests.cast import Device, found_company
from tests.operating.caller import Caller
from tests.operating.serving import Site, running_site, wait_until
from tests.operating.tablet import Tablet
from tests.postgres import PostgresServer, running_postgres
from tests.server.builders import Firm, device_record, photo

TABLETS = 4
MAY_STOP_A_RUN = {"done", "server_unreachable", "database_busy"}
"""What a device may be told while servers die: that it worked, or to try again."""


@dataclass
class Stage:
    """A database server, server processes on it, and the company they serve."""

    postgres: PostgresServer
    site: Site
    firm: Firm

    def ask(self, statement: str, *values: object) -> object:
        """Return the first value of a statement asked of the database by somebody else; None when there is none."""
        url = self.firm.engine.url.set(drivername="postgresql").render_as_string()
        with psycopg.connect(url, autocommit=True) as other:
            found = other.execute(statement, values)
            row = found.fetchone() if found.description else None
        return row[0] if row else None

    def revive(self) -> None:
        """Start the database server after its death, as an init system does until it succeeds."""

        def start() -> bool:
            # Processes of the dead one may take a moment to notice.
            with suppress(AssertionError):
                self.postgres.start()
                return True
            return False

        wait_until(start, "PostgreSQL starts")

    def await_database(self) -> None:
        """Return once the database answers."""

        def answers() -> bool:
            with suppress(psycopg.OperationalError):
                return self.ask("SELECT 1") == 1
            return False

        wait_until(answers, "the database answers")

    def await_end(self, pid: int) -> None:
        """Return once a process has ended."""
        wait_until(lambda: not Path(f"/proc/{pid}").exists(), "the process ends")

    def postmaster(self) -> int:
        """Return the database server's first process."""
        return int((self.postgres.folder / "data" / "postmaster.pid").read_text().split()[0])


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    """A durable PostgreSQL server that may be killed."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def stage(postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Two server processes on a database of their own."""
    url = postgres.url_of(postgres.create_database())
    with running_site(tmp_path_factory.mktemp("site"), url, processes=2) as site:
        office, engine = site.open_office(), open_engine(url)
        company = found_company(office, engine)
        wei, lin, dana = (
            Device(company.organisation, who, new_id()) for who in (company.wei, company.lin, company.dana)
        )
        firm = Firm(engine, office, Reception(engine), company, wei, lin, dana)
        firm.ensure(*(device_record(device) for device in (wei, lin, dana)))
        wait_until(lambda: not count_unfollowed(engine, firm.id), "warranties that follow the log")
        firm.catch_up(wei, lin, dana)
        yield Stage(postgres, site, firm)
        engine.dispose()


def kill_servers(stage: Stage, _backend: int) -> None:
    for serving in stage.site.running:
        serving.stop()
    stage.site.start()


def kill_backend(stage: Stage, backend: int) -> None:
    os.kill(backend, signal.SIGKILL)
    stage.await_end(backend)
    stage.await_database()


def kill_postmaster(stage: Stage, _backend: int) -> None:
    os.kill(stage.postmaster(), signal.SIGKILL)
    stage.revive()


@pytest.mark.parametrize("kill", [kill_servers, kill_backend, kill_postmaster])
def test_killed_in_the_moment_of_the_commit_the_set_is_stored_once_or_sent_again(
    stage: Stage, kill: Callable[[Stage, int], None]
) -> None:
    size, line = len(stage.firm.log()), stage.firm.wei.seal("photo.take", photo(stage.firm.order))
    caller = Caller(stage.site.url, stage.firm.wei)
    # A standby that is never there holds every commit at its last step, after it was written and before its answer.
    stage.ask("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    stage.ask("SELECT pg_reload_conf()")
    committing = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' LIMIT 1"
    with ThreadPoolExecutor(1) as pool:
        try:
            answers = pool.submit(caller.push, [line])
            wait_until(lambda: stage.ask(committing) is not None, "a commit on its way")
            kill(stage, int(str(stage.ask(committing))))
            assert not answers.done()
        finally:
            stage.ask("ALTER SYSTEM RESET synchronous_standby_names")
            stage.ask("SELECT pg_reload_conf()")
        (answer,) = answers.result(60)

    assert caller.faults == []
    assert caller.push([line]) == [answer]
    assert receipt.load(answer).position == size + 1
    assert [row.receipt for row in stage.firm.log()[size:]] == [answer]


def work_until(tablet: Tablet, url: str, finished: threading.Event) -> None:
    """Take photos and sync, until told to stop and then until nothing is left to send."""
    while not finished.is_set():
        tablet.photograph()
        tablet.sync(url)
    wait_until(lambda: tablet.sync(url).is_consistent is True and tablet.is_empty_handed(), "all is sent")


def test_whatever_is_killed_devices_only_have_to_try_again(stage: Stage, tmp_path: Path) -> None:
    company, site = stage.firm.company, stage.site
    tablets = [Tablet(company, company.wei, tmp_path / f"tablet{number}") for number in range(TABLETS)]
    for tablet in tablets:
        tablet.enrol(stage.firm.office)
    finished = threading.Event()

    with ThreadPoolExecutor(TABLETS) as pool:
        working = [pool.submit(work_until, tablet, site.url, finished) for tablet in tablets]
        try:
            await_progress(tablets)
            site.start()
            site.running[-2].stop()
            await_progress(tablets)
            site.start()
            (worker,) = site.running[-2].workers
            os.kill(worker, signal.SIGKILL)
            await_progress(tablets)
            (scribe,) = site.running[-1].scribes
            os.kill(scribe, signal.SIGKILL)
            await_progress(tablets)
            wait_until(lambda: site.running[-1].scribes not in ([], [scribe]), "another scribe in its place")
            wait_until(site.is_whole, "another worker in its place")
            os.kill(
                int(str(stage.ask("SELECT pid FROM pg_stat_activity WHERE query ~ 'COMMIT' LIMIT 1"))), signal.SIGKILL
            )
            await_progress(tablets)
            kill_postmaster(stage, 0)
            await_progress(tablets)
            stage.postgres.stop("fast")
            stage.postgres.start()
            await_progress(tablets)
        finally:
            finished.set()
        for future in working:
            future.result()

    assert {code for tablet in tablets for code in tablet.outcomes} <= MAY_STOP_A_RUN
    assert all(tablet.outcomes["done"] for tablet in tablets)
    assert '"event":"failed"' not in site.log.read_text()
    records = stage.firm.records()
    named = {photo: sha256 for tablet in tablets for photo, sha256 in tablet.photos.items()}
    assert {photo: records[photo][1]["original_sha256"] for photo in named} == named
    assert len([row for row in stage.firm.log() if row.device in {tablet.id for tablet in tablets}]) == len(named)
    desk = BlobDesk(stage.firm.engine, DiskFiles(site.settings.blob_folder), 1 << 20, 1)
    assert set(desk.read_states(stage.firm.id, list(named.values())).values()) == {"verified"}
    assert verify_log(stage.firm.engine, stage.firm.id).discrepancies == ()
    assert replay(stage.firm.engine, stage.firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies == ()


def await_progress(tablets: list[Tablet]) -> None:
    """Return once every tablet has made a whole run since."""
    before = [tablet.outcomes["done"] for tablet in tablets]

    def all_went_on() -> bool:
        return all(tablet.outcomes["done"] > done for tablet, done in zip(tablets, before, strict=True))

    wait_until(all_went_on, f"every tablet syncs: {[dict(tablet.outcomes) for tablet in tablets]}")
