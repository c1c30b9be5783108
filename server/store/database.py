"""Opening the database: durable SQLite or PostgreSQL, and transactions that begin as they mean to go on."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TypeVar
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, create_engine, event, exc, text

from schemas.problems import Refused
from server.store import postgresql

BUSY_TIMEOUT_S: Final = 10
"""How long a writer waits for another process's transaction; one takes milliseconds, a backup seconds."""

SQLITE_CONNECTIONS: Final = 32
"""One for each request thread; an open file costs little, opening it again for each request costs a millisecond."""

POSTGRESQL_CONNECTIONS: Final = 10
"""Of each server process: PostgreSQL takes 100 by default, and each is a process of its own."""

TRIES_MAX: Final = 3
"""Runs of a transaction that the database ends: others are at work too, but not against one for ever."""

# Connections are kept, never opened for one use and closed again: who finds none free waits in line. The one used
# last is used next, since what it has read is still in its memory.
# What was being written when a statement failed may be anybody's data, and has no place in a log.
_POOL: Final = {"max_overflow": 0, "pool_timeout": BUSY_TIMEOUT_S, "pool_use_lifo": True, "hide_parameters": True}

_WRITERS: Final[WeakKeyDictionary[Engine, Engine]] = WeakKeyDictionary()
"""engine of an embedded database -> the engine of its one writing connection, as long as somebody uses the first"""

_WRITERS_LOCK: Final = threading.Lock()

CHECKPOINT_PAGES: Final = 4000
"""16 MB of what SQLite has committed: seldom enough that pages written often are moved into the file once, often enough
that a commit which moves them takes 10 ms and not 100."""

CHECKPOINT_PAGES_MAX: Final = 16_000
"""What a commit moves itself although a thread does so beside it: the log of a server that never rests must end too."""

CHECKPOINT_EVERY_S: Final = 0.25
"""How often that thread looks; at full load some 4,000 pages are written meanwhile."""

T = TypeVar("T")


class NotStored(Refused):
    """The database has ended a transaction before its commit: nothing of it is stored, and it may run again."""


class OutcomeUnknown(Refused):
    """The database went away while it committed: the transaction is stored or it is not, and nobody can tell."""


def engine_options(url: str) -> dict[str, Any]:
    """Return the options of `create_engine` for a database URL."""
    if url.startswith("sqlite"):
        arguments = {"timeout": BUSY_TIMEOUT_S, "isolation_level": None, "check_same_thread": False}
        return {"connect_args": arguments, **_POOL, "pool_size": SQLITE_CONNECTIONS}
    arguments = postgresql.connect_arguments(BUSY_TIMEOUT_S)
    return {"connect_args": arguments, **_POOL, "pool_size": POSTGRESQL_CONNECTIONS}


def open_engine(url: str) -> Engine:
    """Open a database outside Flask."""
    engine = create_engine(url, **engine_options(url))
    prepare_engine(engine)
    return engine


def prepare_engine(engine: Engine) -> None:
    """Make an engine durable and its transactions explicit; to be called once for each engine."""
    if engine.dialect.name == "sqlite":
        event.listen(engine, "first_connect", _flush_sqlite)
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        postgresql.watch(engine)


def _flush_sqlite(connection: Any, _record: Any) -> None:
    """Force to disk what a killed process committed: it is read back from the log, flushed or not.

    A receipt that were answered from there and then taken by a power cut would have been acknowledged and lost.
    """
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA cache_size=-65536")
    cursor.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
    cursor.close()


def _secure_wal(connection: Any, _record: Any) -> None:
    """Force to disk what a killed process has committed and perhaps not forced: others can read it already."""
    connection.execute("PRAGMA wal_checkpoint(PASSIVE)").close()


@contextmanager
def moving_pages(engine: Engine) -> Iterator[None]:
    """Let a thread move what is committed to SQLite into its file meanwhile, else one commit of ten waits for that.

    For the process that writes most. PostgreSQL has a process for it.
    """
    if engine.dialect.name != "sqlite":
        yield
        return
    writer, over = _writer_of(engine), threading.Event()
    event.listen(writer, "connect", _spare_commits)
    thread = threading.Thread(target=_move_pages, args=(engine, over), name="pages", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _spare_commits(connection: Any, _record: Any) -> None:
    connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES_MAX}").close()


def _move_pages(engine: Engine, over: threading.Event) -> None:
    moved = None
    while not over.wait(CHECKPOINT_EVERY_S):
        # Should it fail, commits do it themselves when the log is long enough, and tell of it.
        with suppress(exc.DBAPIError), engine.connect() as connection:
            version = connection.exec_driver_sql("PRAGMA data_version").scalar()
            if (connection.connection.dbapi_connection, version) != moved:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)").close()
                moved = connection.connection.dbapi_connection, version


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Give a connection inside a transaction that will write; commit at the end, roll back on any error.

    On SQLite the write lock is taken at once, so that two processes never both read before one writes.
    Raises Refused with `database_busy` when the database is locked, away or shutting down, and with
    `disk_full` when it has no room; as NotStored or OutcomeUnknown where a transaction came to such an end.
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
            _commit(connection)


def transact(engine: Engine, work: Callable[[Connection], T], *, is_repeatable: bool = False) -> T:
    """Run `work` in one writing transaction; return what it returned, once that is durable.

    It runs again when the database has ended the transaction and stored nothing of it: a deadlock, a
    serialisation failure, a connection lost before the commit. Where the outcome of the commit is unknown it
    runs again only if it `is_repeatable`: if a second run finds what the first may have stored, and answers
    alike. Raises Refused as `writing` does.
    """
    for _ in range(TRIES_MAX - 1):
        try:
            with writing(engine) as connection:
                return work(connection)
        except NotStored:
            continue
        except OutcomeUnknown:
            if not is_repeatable:
                raise
    with writing(engine) as connection:
        return work(connection)


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Give a connection that sees one unchanging snapshot of the database. Raises as `writing` does."""
    with _translated(), engine.connect() as connection:
        _set_level(connection, "REPEATABLE READ")
        _begin(connection, "BEGIN")
        try:
            yield connection
        finally:
            _roll_back(connection)


@contextmanager
def glimpsing(engine: Engine) -> Iterator[Connection]:
    """Give a connection for a single look-up, which needs no snapshot. Raises as `writing` does."""
    with _translated(), engine.connect() as connection:
        _set_level(connection, "AUTOCOMMIT")
        yield connection


def look_up(engine: Engine, statement: str, values: tuple[Any, ...]) -> list[Any]:
    """Return the rows of one statement, whose parameters are spelled `?`. Raises as `writing` does.

    The driver is asked itself: SQLAlchemy's part would be most of what a request of a device costs that finds
    nothing new. Whatever goes wrong is left to SQLAlchemy, which knows a broken connection and tries another.
    """
    if engine.dialect.name != "sqlite":
        statement = statement.replace("?", "%s")
    broken = engine.dialect.loaded_dbapi.Error
    # A pool that cannot open a connection raises what the driver says, as it is.
    with _translated(), suppress(broken):
        pooled = engine.raw_connection()
        try:
            return _ask(pooled.dbapi_connection, statement, values, engine.dialect.name)
        except broken:
            pooled.invalidate()
        finally:
            pooled.close()
    with glimpsing(engine) as connection:
        return list(connection.exec_driver_sql(statement, values).all())


def _ask(connection: Any, statement: str, values: tuple[Any, ...], dialect: str) -> list[Any]:
    if dialect == "sqlite":
        return list(connection.execute(statement, values).fetchall())
    # One statement by itself is its own transaction: none has to be begun and rolled back around it.
    connection.autocommit = True
    try:
        return list(connection.execute(statement, values).fetchall())
    finally:
        connection.autocommit = False


def _writer_of(engine: Engine) -> Engine:
    """Return where an engine's writing transactions go: on SQLite through one connection of each process.

    A second connection that writes makes the first forget all pages it has read, and two of one process
    would poll each other's lock instead of waiting in line.
    """
    if engine.dialect.name != "sqlite":
        return engine
    with _WRITERS_LOCK:
        writer = _WRITERS.get(engine)
        if writer is None:
            writer = _WRITERS[engine] = _open_writer(engine)
    return writer


def _open_writer(engine: Engine) -> Engine:
    options = engine_options(str(engine.url)) | {"pool_size": 1}
    writer = create_engine(engine.url, **options)
    prepare_engine(writer)
    event.listen(writer, "connect", _secure_wal)
    event.listen(engine, "engine_disposed", lambda _engine: writer.dispose())
    return writer


def _set_level(connection: Connection, level: str) -> None:
    """Let what follows run at an isolation level, until the connection goes back; SQLite knows but one."""
    if connection.dialect.name != "sqlite":
        connection.execution_options(isolation_level=level)


def _begin(connection: Connection, statement: str) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement)
    else:
        connection.begin()


def _commit(connection: Connection) -> None:
    postgresql.forget_warning(connection)
    try:
        connection.commit()
    except exc.DBAPIError as error:
        if error.connection_invalidated:
            raise OutcomeUnknown("database_busy") from error
        raise
    if postgresql.was_warned(connection):
        # It is stored here but perhaps nowhere else: it must not be acknowledged.
        raise OutcomeUnknown("database_busy")


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
    except (exc.OperationalError, exc.InterfaceError, exc.InternalError) as error:
        message = str(error.orig).lower()
        if "disk is full" in message or "no space left" in message:
            raise Refused("disk_full") from error
        if error.connection_invalidated or postgresql.is_rolled_back(error.orig):
            raise NotStored("database_busy") from error
        raise Refused("database_busy") from error
    except exc.TimeoutError as error:
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
