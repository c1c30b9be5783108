"""What breaks underneath: a locked or restarted database, a full disk, one poisoned request among others."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, Pool, event

from schemas.problems import Refused
from server import reception
from server.keys import OfficeKey
from server.reception import Reception
from server.services.office import Office
from server.services.proofs import replay, verify_log
from server.store import database
from server.store.database import open_engine, writing
from server.store.migrate import upgrade
from server.store.workspace import open_workspace
from sync import receipt
from tests.postgres import PostgresServer, running_postgres
from tests.server.builders import Firm, fitted, open_firm, photo, update
from tests.server.test_order_of_the_log import enrol_writers, open_transaction, seal_photos


@pytest.fixture
def embedded(tmp_path: Path, office_key: OfficeKey, monkeypatch: pytest.MonkeyPatch) -> Iterator[Firm]:
    """A company on a SQLite file of its own, whose writers wait only briefly."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    engine = open_engine(f"sqlite:///{tmp_path / 'own.sqlite'}")
    upgrade(engine)
    yield open_firm(engine, Office(engine, office_key))
    engine.dispose()


@pytest.fixture(scope="module")
def mortal_server() -> Iterator[PostgresServer]:
    """A durable PostgreSQL server that may be stopped."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def on_mortal(mortal_server: PostgresServer, office_key: OfficeKey) -> Iterator[Firm]:
    """A company on a PostgreSQL server that may be stopped."""
    engine = open_engine(mortal_server.url_of(mortal_server.create_database()))
    upgrade(engine)
    yield open_firm(engine, Office(engine, office_key))
    engine.dispose()


def lock(firm: Firm) -> sqlite3.Connection:
    """Lock a company's database file as another program would."""
    connection = sqlite3.connect(str(firm.engine.url.database), isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def assert_sound(firm: Firm, tmp_path: Path) -> None:
    """Fail unless the log and all that follows from it hold."""
    assert verify_log(firm.engine, firm.id).discrepancies == ()
    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies == ()


def test_a_locked_database_is_busy_and_a_retry_works(embedded: Firm) -> None:
    line = embedded.wei.seal("photo.take", photo(embedded.order))
    size = len(embedded.log())
    locked = lock(embedded)

    with pytest.raises(Refused, match="database_busy"):
        embedded.push(line)
    with pytest.raises(Refused, match="database_busy"):
        embedded.write(update("work_order", embedded.order, grade=("important", "urgent")))

    assert len(embedded.log()) == size
    locked.execute("ROLLBACK")
    assert [answer.verdict for answer in embedded.push(line)] == ["applied"]
    locked.close()


def test_what_a_killed_process_left_in_the_log_file_is_secured_before_anything_is_answered(
    embedded: Firm, tmp_path: Path
) -> None:
    embedded.push(embedded.wei.seal("photo.take", photo(embedded.order)))
    left = tmp_path / "left.sqlite"
    for suffix in ("", "-wal"):
        shutil.copy(f"{embedded.engine.url.database}{suffix}", f"{left}{suffix}")
    engine = open_engine(f"sqlite:///{left}")

    with writing(engine):
        # A checkpoint copies only what it has forced to disk, so whoever reads the main file alone sees it all.
        shutil.copy(left, tmp_path / "alone.sqlite")
    engine.dispose()

    with sqlite3.connect(tmp_path / "alone.sqlite") as alone:
        assert alone.execute("SELECT max(position) FROM log").fetchone() == (len(embedded.log()),)
    alone.close()


def test_many_waiting_requests_do_not_each_wait_for_a_locked_database(embedded: Firm) -> None:
    devices = enrol_writers(embedded, 8)
    lines = {device.id: seal_photos(embedded, device) for device in devices}
    locked = lock(embedded)
    attempts: list[str] = []

    def note(*call: Any) -> None:
        attempts.append(str(call[2]))

    def push(device: str) -> str:
        with pytest.raises(Refused) as refused:
            embedded.push(*lines[device], sender=device)
        return str(refused.value.code)

    with ThreadPoolExecutor(8) as pool, listening(Engine, "before_cursor_execute", note):
        codes = set(pool.map(push, lines))

    assert codes == {"database_busy"}
    assert 1 <= attempts.count("BEGIN IMMEDIATE") <= len(devices)
    locked.close()
    for device, sealed in lines.items():
        assert {answer.verdict for answer in embedded.push(*sealed, sender=device)} <= {"applied", "merged"}


@contextmanager
def listening(target: Any, name: str, listener: Callable[..., None]) -> Iterator[None]:
    """Call a listener on every engine or pool of this process, until the end of the block."""
    event.listen(target, name, listener)
    try:
        yield
    finally:
        event.remove(target, name, listener)


@contextmanager
def limited_pages(engine: Engine, further: int) -> Iterator[None]:
    """Let the file of a database grow by so many pages and no more, whoever opens it."""
    with engine.connect() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()

    def limit(connection: Any, _record: Any) -> None:
        if connection.execute("PRAGMA database_list").fetchone()[2] == engine.url.database:
            connection.execute(f"PRAGMA max_page_count={pages + further}")

    with listening(Pool, "connect", limit):
        engine.dispose()
        yield
    engine.dispose()


@pytest.mark.parametrize("further", range(0, 12, 3))
def test_a_full_disk_writes_nothing_by_halves(embedded: Firm, further: int, tmp_path: Path) -> None:
    lines = [embedded.wei.seal("photo.take", photo(embedded.order, caption="长" * 400)) for _ in range(40)]
    answered: list[str] = []

    with limited_pages(embedded.engine, further):
        with pytest.raises(Refused, match="disk_full"):
            for line in lines:
                answered += embedded.push_raw(line)
        with pytest.raises(Refused, match="disk_full"):
            embedded.push(*lines)
        assert_sound(embedded, tmp_path)

    finally_answered = embedded.push_raw(*lines)
    assert finally_answered[: len(answered)] == answered
    assert {receipt.load(answer).verdict for answer in finally_answered} == {"applied"}


def test_postgresql_restarted_in_the_middle_loses_nothing(
    on_mortal: Firm, mortal_server: PostgresServer, tmp_path: Path
) -> None:
    before, during, other = (on_mortal.wei.seal("photo.take", photo(on_mortal.order)) for _ in range(3))
    stored = on_mortal.push_raw(before)

    with pytest.raises(Refused, match="database_busy"), open_transaction(on_mortal, during):
        mortal_server.stop("immediate")

    with pytest.raises(Refused, match="database_busy"):
        on_mortal.push(during)
    with pytest.raises(Refused, match="database_busy"):
        Reception(on_mortal.engine).submit(on_mortal.id, on_mortal.wei.id, [during])
    mortal_server.start()

    assert on_mortal.push_raw(before) == stored
    assert [answer.verdict for answer in on_mortal.push(during, other)] == ["applied", "applied"]
    assert_sound(on_mortal, tmp_path)


def test_a_key_that_cannot_be_looked_up_is_no_fault_of_the_set(embedded: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    line = embedded.wei.seal("photo.take", photo(embedded.order))

    def away(_self: Reception, _organisation: str, _device: str) -> bytes:
        raise Refused("database_busy")

    with monkeypatch.context() as patched:
        patched.setattr(Reception, "_find_key", away)
        with pytest.raises(Refused, match="database_busy"):
            embedded.push(line)

    assert [answer.verdict for answer in embedded.push(line)] == ["applied"]


def test_one_poisoned_request_does_not_fail_the_others(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    devices = enrol_writers(firm, 6)
    lines = {device.id: seal_photos(firm, device) for device in devices}
    poisoned = devices[2].id
    take_in = reception.take_in

    def fail_for_one(store: Any, sender: str, items: Any) -> list[str]:
        if sender == poisoned:
            raise ZeroDivisionError
        return take_in(store, sender, items)

    monkeypatch.setattr(reception, "take_in", fail_for_one)
    with ThreadPoolExecutor(len(devices)) as pool:
        with writing(firm.engine) as connection:
            open_workspace(connection, firm.id)
            futures = {device: pool.submit(firm.push, *sealed, sender=device) for device, sealed in lines.items()}
        outcomes = {device: future.exception() for device, future in futures.items()}

    assert isinstance(outcomes.pop(poisoned), ZeroDivisionError)
    assert set(outcomes.values()) == {None}
    monkeypatch.undo()
    assert {answer.verdict for answer in firm.push(*lines[poisoned], sender=poisoned)} <= {"applied", "merged"}
    assert [row.position for row in firm.log()] == list(range(1, len(firm.log()) + 1))


def test_all_is_sound_after_a_day_of_trouble(firm: Firm, tmp_path: Path) -> None:
    firm.push(firm.wei.seal("part.fit", fitted(firm.order, firm.company.machine, "S1"))[:-3])
    held = firm.wei.seal("photo.take", photo(firm.order))
    firm.push(firm.wei.seal("photo.take", photo(firm.order)), held, sender=firm.wei.id)
    with pytest.raises(ZeroDivisionError), open_transaction(firm, firm.lin.seal("photo.take", photo(firm.order))):
        raise ZeroDivisionError
    firm.wei.prev = "0" * 64
    firm.send(firm.wei, photo(firm.order))

    assert_sound(firm, tmp_path)
