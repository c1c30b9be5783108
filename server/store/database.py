"""Opening the database: durable SQLite or PostgreSQL, and transactions that begin as they mean to go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, exc, text

from schemas.problems import Refused

BUSY_TIMEOUT_S: Final = 10
"""How long a writer waits for another process's transaction; one takes milliseconds, a backup seconds."""

IDLE_TRANSACTION_TIMEOUT_MS: Final = 10_000
"""PostgreSQL ends a transaction whose process hangs this long, so that one stuck process holds up nobody for ever."""

SQLITE_CONNECTIONS: Final = 32
"""One for each request thread; an open file costs little, opening it again for each request costs a millisecond."""

POSTGRESQL_CONNECTIONS: Final = 10
"""Of each server process: PostgreSQL takes 100 by default, and each is a process of its own."""

# Connections are kept, never opened for one use and closed again: who finds none free waits in line. The one used
# last is used next, since what it has read is still in its memory.
_POOL: Final = {"max_overflow": 0, "pool_timeout": BUSY_TIMEOUT_S, "pool_use_lifo": True}


def engine_options(url: str) -> dict[str, Any]:
    """Return the options of `create_engine` for a database URL."""
    if url.startswith("sqlite"):
        arguments = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None, "check_same_thread": False}
        return {"connect_args": arguments, **_POOL, "pool_size": SQLITE_CONNECTIONS}
    settings = (
        f"-c idle_in_transaction_session_timeout={IDLE_TRANSACTION_TIMEOUT_MS} "
        f"-c lock_timeout={BUSY_TIMEOUT_S * 1000} -c jit=off"
    )
    # No ping before each use: a connection that a restart has broken is refused once as `database_busy`, and with
    # it all the others of the pool are given up.
    return {"connect_args": {"options": settings}, **_POOL, "pool_size": POSTGRESQL_CONNECTIONS}


def open_engine(url: str) -> Engine:
    """Open a database outside Flask."""
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    return engine


def prepare_engine(engine: Engine) -> None:
    """Make an engine durable and its transactions explicit; to be called once for each engine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.execute("PRAGMA wal_autocheckpoint=16000")
    cursor.close()


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection inside a transaction that will write; commit at the end, roll back on any error.

    On SQLite the write lock is taken at once, so that two processes never both read before one writes.
    Raises Refused with `database_busy` when the database is locked, away or shutting down, and with
    `disk_full` when it has no room.
    """
    with _translated(), _writer_of(engine).connect() as connection:
        _begin(connection, "BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            _roll_back(connection)
            raise
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("COMMIT")
        else:
            connection.commit()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one unchanging snapshot of the database. Raises as `writing` does."""
    level = None if engine.dialect.name == "sqlite" else "REPEATABLE READ"
    with _translated(), _at_level(engine, level).connect() as connection:
        _begin(connection, "BEGIN")
        try:
            yield connection
        finally:
            _roll_back(connection)


@contextmanager
def glimpsing(engine: Engine) -> Iterator[Connection]:
    """Give a connection for a single look-up, which needs no snapshot. Raises as `writing` does."""
    level = None if engine.dialect.name == "sqlite" else "AUTOCOMMIT"
    with _translated(), _at_level(engine, level).connect() as connection:
        yield connection


@cache
def _writer_of(engine: Engine) -> Engine:
    """Return where an engine's writing transactions go: on SQLite through one connection of each process.

    A second connection that writes makes the first forget all pages it has read, and two of one process
    would poll each other's lock instead of waiting in line.
    """
    if engine.dialect.name != "sqlite":
        return engine
    options = engine_options(str(engine.url)) | {"pool_size": 1}
    writer = create_engine(engine.url, **options)
    prepare_engine(writer)
    event.listen(engine, "engine_disposed", lambda _engine: writer.dispose())
    return writer


@cache
def _at_level(engine: Engine, level: str | None) -> Engine:
    """Return the same engine, with the same connections, at an isolation level."""
    return engine if level is None else engine.execution_options(isolation_level=level)


def _begin(connection: Connection, statement: str) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement)
    else:
        connection.begin()


def _roll_back(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.rollback()
    elif getattr(connection.connection.dbapi_connection, "in_transaction", False):
        # SQLite ends a transaction itself when the disk is full; a ROLLBACK would then hide what happened.
        connection.exec_driver_sql("ROLLBACK")


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except exc.OperationalError as error:
        message = str(error.orig).lower()
        if "disk is full" in message or "no space left" in message:
            raise Refused("disk_full") from error
        raise Refused("database_busy") from error
    except (exc.InterfaceError, exc.InternalError, exc.TimeoutError) as error:
        raise Refused("database_busy") from error


def lock_organisation(connection: Connection, organisation: str) -> None:
    """Let no other transaction write to an organisation until this one ends.

    This is what makes the order of the log the order of commits (docs/decisions/0001). SQLite has one
    writer anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:organisation, 0))"), {"organisation": organisation}
        )
