"""What PostgreSQL ends by itself: deadlocks, serialisation failures, connections, commits without an answer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from schemas.problems import Refused
from server.keys import OfficeKey
from server.reception import Reception
from server.services.office import Office
from server.store.database import engine_options, open_engine, prepare_engine, reading, writing
from server.store.devices import find_standing
from server.store.migrate import upgrade
from sync.receipt import Receipt
from tests.postgres import PostgresServer, running_postgres
from tests.server.builders import Firm, open_firm, photo
from tests.server.test_order_of_the_log import open_transaction

PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server whose settings and processes the tests may touch."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def firm(server: PostgresServer, office_key: OfficeKey) -> Iterator[Firm]:
    """A company in a database of its own on that server."""
    engine = open_engine(server.url_of(server.create_database()))
    upgrade(engine)
    yield open_firm(engine, Office(engine, office_key))
    engine.dispose()


@pytest.fixture
def bystander(firm: Firm) -> Iterator[psycopg.Connection]:
    """A connection of somebody else to the same database."""
    with psycopg.connect(firm.engine.url.set(drivername="postgresql").render_as_string(), autocommit=True) as other:
        yield other


def wait_for(bystander: psycopg.Connection, condition: str, *values: str) -> int:
    """Wait until some other process of this database is as the condition says; return its id."""
    paused = threading.Event()
    for _ in range(int(PATIENCE_S / 0.01)):
        statement = f"SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND {condition}"
        found = bystander.execute(statement, values).fetchone()
        if found:
            return int(found[0])
        paused.wait(0.01)
    raise AssertionError(f"no process came to {condition}")


def positions_of(firm: Firm, line_count: int) -> list[int]:
    """Return the positions of the last entries of the log."""
    return [row.position for row in firm.log()][-line_count:]


@contextmanager
def waiting_for_a_standby(bystander: psycopg.Connection) -> Iterator[None]:
    """Let no commit come to its end, as when the standby is out of reach."""
    bystander.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    bystander.execute("SELECT pg_reload_conf()")
    try:
        wait_for(bystander, "current_setting('synchronous_standby_names') = 'nobody'")
        yield
    finally:
        bystander.execute("ALTER SYSTEM RESET synchronous_standby_names")
        bystander.execute("SELECT pg_reload_conf()")


def test_a_deadlock_is_tried_again_and_the_set_is_taken_in_once(firm: Firm, bystander: psycopg.Connection) -> None:
    size, line = len(firm.log()), firm.wei.seal("photo.take", photo(firm.order))
    # Only the other side looks for deadlocks within the test, so it is the one that is rolled back.
    bystander.execute("SET deadlock_timeout = '1h'")
    with ThreadPoolExecutor(1) as pool:
        with bystander.transaction():
            bystander.execute("SELECT 1 FROM devices WHERE device = %s FOR UPDATE", (firm.wei.id,))
            answer = pool.submit(firm.push, line)
            wait_for(bystander, "wait_event = 'transactionid'")
            bystander.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", (firm.id,))
            assert not answer.done()
        (receipt,) = answer.result(PATIENCE_S)

    assert receipt.verdict == "applied"
    assert positions_of(firm, 2) == [size, size + 1]


def test_a_serialisation_failure_is_tried_again(firm: Firm, bystander: psycopg.Connection) -> None:
    first, second = firm.wei.seal("photo.take", photo(firm.order)), firm.lin.seal("photo.take", photo(firm.order))
    strict = create_engine(firm.engine.url, **engine_options(str(firm.engine.url)), isolation_level="SERIALIZABLE")
    prepare_engine(strict)
    failures: list[str] = []

    @event.listens_for(strict, "handle_error")
    def note(context: ExceptionContext) -> None:
        failures.append(str(getattr(context.original_exception, "sqlstate", "")))

    with ThreadPoolExecutor(1) as pool:
        with open_transaction(firm, first):
            answers = pool.submit(Reception(strict).submit, firm.id, firm.lin.id, [second])
            wait_for(bystander, "wait_event = 'advisory'")
        (answer,) = answers.result(PATIENCE_S)
    strict.dispose()

    assert failures == ["40001"]
    assert [row.sealed for row in firm.log()][-2:] == [first, second]
    assert firm.log()[-1].receipt == answer


def test_a_connection_lost_before_the_commit_costs_nobody_anything(firm: Firm, bystander: psycopg.Connection) -> None:
    size, line = len(firm.log()), firm.wei.seal("photo.take", photo(firm.order))
    ended: list[int] = []

    def end_once(connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if statement.startswith("UPDATE organisations") and not ended:
            pid = connection.connection.dbapi_connection.info.backend_pid  # type: ignore[attr-defined]
            ended.append(pid)
            bystander.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

    event.listen(firm.engine, "before_cursor_execute", end_once)

    (receipt,) = firm.push(line)

    assert (receipt.verdict, receipt.position, len(ended)) == ("applied", size + 1, 1)
    assert positions_of(firm, 1) == [size + 1]


@pytest.mark.parametrize("order", ["pg_terminate_backend", "pg_cancel_backend"])
@pytest.mark.parametrize("author", ["device", "office"])
def test_a_commit_without_an_answer_is_acknowledged_only_once_the_standby_has_it(
    firm: Firm, bystander: psycopg.Connection, order: str, author: str
) -> None:
    size, taken = len(firm.log()), photo(firm.order)
    line = firm.wei.seal("photo.take", taken)

    def act() -> Receipt:
        return firm.push(line)[0] if author == "device" else firm.write(taken, actor=firm.wei.person)

    with ThreadPoolExecutor(1) as pool:
        with waiting_for_a_standby(bystander):
            answer = pool.submit(act)
            pid = wait_for(bystander, "wait_event = 'SyncRep'")
            bystander.execute(f"SELECT {order}(%s)", (pid,))
            # It is stored on this machine, and seen; whoever asks again must wait all the same.
            wait_for(bystander, "wait_event = 'SyncRep' AND (SELECT max(position) FROM log) = %s", str(size + 1))
            assert not answer.done()
        receipt = answer.result(PATIENCE_S)

    assert receipt.position == size + 1
    assert len(firm.log()) == size + 1


def test_a_look_that_is_cut_off_is_taken_again(firm: Firm, bystander: psycopg.Connection) -> None:
    waits = "wait_event_type = 'Lock' AND query ~ 'devices d'"
    place = firm.engine.url.set(drivername="postgresql").render_as_string()
    with ThreadPoolExecutor(1) as pool, psycopg.connect(place) as blocking:
        blocking.execute("LOCK TABLE devices IN ACCESS EXCLUSIVE MODE")
        looking = pool.submit(find_standing, firm.engine, firm.id, firm.wei.id)
        pid = wait_for(bystander, waits)
        bystander.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
        wait_for(bystander, f"{waits} AND pid <> {pid}")
        blocking.rollback()
        found = looking.result(PATIENCE_S)

    assert found is not None and found[0].device == firm.wei.id
    assert found[1].position == len(firm.log())


def test_connections_closed_while_nobody_used_them_are_not_noticed_by_anybody(
    server: PostgresServer, firm: Firm
) -> None:
    with reading(firm.engine), reading(firm.engine), writing(firm.engine):
        pass
    server.stop("immediate")
    server.start()

    assert [answer.verdict for answer in firm.push(firm.wei.seal("photo.take", photo(firm.order)))] == ["applied"]
    with reading(firm.engine), reading(firm.engine):
        pass


def test_a_server_that_takes_no_writes_is_given_up(server: PostgresServer, firm: Firm) -> None:
    server.execute("ALTER DATABASE {} SET default_transaction_read_only = 'on'", str(firm.engine.url.database))
    line = firm.wei.seal("photo.take", photo(firm.order))
    make_read_only(firm.engine)

    with pytest.raises(Refused, match="database_busy"):
        firm.push(line)
    server.execute("ALTER DATABASE {} RESET default_transaction_read_only", str(firm.engine.url.database))

    assert [answer.verdict for answer in firm.push(line)] == ["applied"]


def make_read_only(engine: Engine) -> None:
    """Let the connections that are open refuse writes, as those to a primary that was demoted do."""
    with engine.connect() as connection:
        connection.exec_driver_sql("SET default_transaction_read_only = 'on'")
        connection.commit()
