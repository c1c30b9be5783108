"""The hourly round: what has expired goes, what has not stays, and one process at a time is at it."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Engine, Table, select, update

from server.clock import unix_ms
from server.jobs import Followers, Rounds, Tidied, tidy
from server.services import enrolment
from server.services.blobs import BlobDesk, Owner
from server.services.log_following import LogPages
from server.services.office import Office
from server.services.warranty import renew, warranty_id
from server.store.blob_files import Place
from server.store.database import open_engine, reading, writing
from server.store.disk_files import DiskFiles
from server.store.ownership import sole
from server.store.tables import Enrolment, Upload
from tests.cast import BASE_URL
from tests.server.builders import Firm

HOUR_MS = 3_600_000
ROOT = Path(__file__).parents[2]
HOLDER = """
import sys
from server.store.database import open_engine
from server.store.ownership import sole

with sole(open_engine(sys.argv[1]), "rounds") as is_ours:
    print(is_ours, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def files(tmp_path: Path) -> DiskFiles:
    """A folder for files."""
    return DiskFiles(tmp_path / "blobs")


def wait_for(condition: Callable[[], bool]) -> None:
    """Return once a condition holds; fail when it does not within a minute."""
    paused = threading.Event()
    for _ in range(6000):
        if condition():
            return
        paused.wait(0.01)
    pytest.fail("waited in vain")


def begin_upload(firm: Firm, files: DiskFiles, hours_ago: int) -> str:
    """Begin an upload that lives for a day."""
    desk = BlobDesk(firm.engine, files, 1000, 24, lambda: unix_ms() - hours_ago * HOUR_MS)
    return desk.create(Owner(firm.id, firm.wei.id), 10, None).upload


def issue_code(firm: Firm, expires_at: str = "") -> None:
    """Make an enrolment code that expires at a moment, or in a day."""
    table: Table = Enrolment.__table__  # type: ignore[assignment]
    with writing(firm.engine) as connection:
        enrolment.issue_code(connection, firm.id, firm.wei.person, BASE_URL)
        if expires_at:
            connection.execute(update(table).where(table.c.organisation == firm.id).values(expires_at=expires_at))


def uploads_left(firm: Firm) -> set[str]:
    """Return the uploads the database knows of."""
    table: Table = Upload.__table__  # type: ignore[assignment]
    with reading(firm.engine) as connection:
        return set(connection.execute(select(table.c.upload).where(table.c.organisation == firm.id)).scalars())


def test_a_round_clears_what_has_expired_and_nothing_else(firm: Firm, files: DiskFiles) -> None:
    tidy(firm.engine, files)
    begin_upload(firm, files, hours_ago=25)
    alive = begin_upload(firm, files, hours_ago=23)
    issue_code(firm, expires_at="2026-01-01T00:00:00.000Z")
    with writing(firm.engine) as connection:
        code = enrolment.issue_code(connection, firm.id, firm.lin.person, BASE_URL).code

    tidied = tidy(firm.engine, files)

    assert tidied is not None and tidied.uploads == 1
    assert uploads_left(firm) == {alive}
    assert enrolment.enrol(firm.engine, firm.office, code, "ab" * 32, "平板").person == firm.lin.person
    assert tidy(firm.engine, files) == Tidied(0, 0)


def test_codes_nobody_used_are_cleared(firm: Firm, files: DiskFiles) -> None:
    tidy(firm.engine, files)
    issue_code(firm, expires_at="2026-01-01T00:00:00.000Z")

    assert tidy(firm.engine, files) == Tidied(0, 1)


def test_while_one_is_at_it_the_others_leave_it_alone(firm: Firm, files: DiskFiles, database_url: str) -> None:
    other = open_engine(database_url)

    with sole(other, "rounds") as is_ours:
        meanwhile = tidy(firm.engine, files)
        with sole(firm.engine, "something else") as of_another_kind:
            pass
    other.dispose()

    assert (is_ours, meanwhile, of_another_kind) == (True, None, True)
    assert tidy(firm.engine, files) is not None


def test_who_is_killed_at_it_holds_up_nobody(firm: Firm, files: DiskFiles, database_url: str) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, database_url], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    assert tidy(firm.engine, files) is None

    holder.send_signal(signal.SIGKILL)
    holder.communicate()

    # PostgreSQL takes a moment to notice that its client is gone.
    wait_for(lambda: tidy(firm.engine, files) is not None)


def test_the_rounds_of_a_process_begin_at_once_and_end_when_told(firm: Firm, files: DiskFiles, engine: Engine) -> None:
    expired = begin_upload(firm, files, hours_ago=25)
    rounds = Rounds(engine, files)

    rounds.start()
    wait_for(lambda: expired not in uploads_left(firm))
    rounds.stop()

    assert uploads_left(firm) == set()


def test_a_round_that_fails_is_not_the_last(firm: Firm, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("server.jobs.ROUND_EVERY_S", 0.01)
    files = DiskFiles(tmp_path / "blobs")
    begin_upload(firm, files, hours_ago=25)
    failures: list[str] = []

    def fail(_files: DiskFiles, place: Place) -> None:
        failures.append(place.upload)
        raise OSError("the disk is away")

    monkeypatch.setattr(DiskFiles, "delete", fail)
    rounds = Rounds(firm.engine, files)

    rounds.start()
    wait_for(lambda: len(failures) > 1)
    monkeypatch.undo()
    rounds.stop()
    tidy(firm.engine, files)

    assert uploads_left(firm) == set()


def test_warranties_follow_the_log_by_themselves(
    firm: Firm, engine: Engine, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs.RENEW_EVERY_S", 0.01)
    followers = Followers(engine, office)

    followers.start()
    machine = firm.add_machine()
    wait_for(lambda: firm.has(warranty_id(machine)))
    followers.stop()

    assert firm.body(warranty_id(machine))["doubts"] == ["acceptance_unknown"]


def test_trouble_with_one_organisation_holds_up_no_other(
    firm: Firm, other_firm: Firm, engine: Engine, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, other_machine = firm.add_machine(), other_firm.add_machine()
    followers = Followers(engine, office)

    def fail_for_one(engine: Engine, office: Office, organisation: str, pages: LogPages) -> int:
        if organisation == firm.id:
            raise ZeroDivisionError
        return renew(engine, office, organisation, pages)

    monkeypatch.setattr("server.services.warranty.renew", fail_for_one)
    followers.renew()
    monkeypatch.undo()
    unmended = firm.has(warranty_id(machine))
    firm.add_machine()
    followers.renew()

    assert (unmended, other_firm.has(warranty_id(other_machine))) == (False, True)
    assert firm.has(warranty_id(machine)), "it is tried again as soon as there is more to look at"


def test_a_round_of_warranties_that_fails_is_not_the_last(
    firm: Firm, engine: Engine, office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.jobs.RENEW_EVERY_S", 0.01)
    failures: list[Engine] = []
    machine = firm.add_machine()

    def fail(engine: Engine) -> dict[str, int]:
        failures.append(engine)
        raise ZeroDivisionError

    with monkeypatch.context() as failing:
        failing.setattr("server.jobs.read_positions", fail)
        followers = Followers(engine, office)
        followers.start()
        wait_for(lambda: len(failures) > 1)
    wait_for(lambda: firm.has(warranty_id(machine)))
    followers.stop()


def test_warranties_are_written_by_one_process_at_a_time_and_only_when_the_log_grew(
    firm: Firm, engine: Engine, office: Office, database_url: str
) -> None:
    other = open_engine(database_url)
    followers = Followers(engine, office)
    followers.renew()
    machine = firm.add_machine()

    with sole(other, "followers"):
        meanwhile = followers.renew()
    other.dispose()

    assert (meanwhile, firm.has(warranty_id(machine))) == (0, False)
    assert (followers.renew(), followers.renew()) == (1, 0)
