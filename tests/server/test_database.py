"""Engines: what is opened beside one goes with it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from weakref import ref

import pytest
from sqlalchemy import Engine, event, text

from schemas.problems import Refused
from server.store.database import glimpsing, look_up, moving_pages, open_engine, reading, writing
from tests.postgres import running_postgres
from tests.server.counter import wait_for


@contextmanager
def counting_connections() -> Iterator[list[object]]:
    """Note each connection that is opened, by whichever engine."""
    opened: list[object] = []

    def note(_dialect: object, record: object, _arguments: object, _parameters: object) -> None:
        opened.append(record)

    event.listen(Engine, "do_connect", note)
    try:
        yield opened
    finally:
        event.remove(Engine, "do_connect", note)


def test_an_engine_that_nobody_uses_is_kept_by_nobody(database_url: str) -> None:
    engine = open_engine(database_url)
    for opened in (writing, reading, glimpsing):
        with opened(engine) as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()

    left = ref(engine)
    del engine, connection
    gc.collect()

    assert left() is None


def test_an_embedded_database_is_written_through_one_connection(database_url: str) -> None:
    engine = open_engine(database_url)
    with counting_connections() as opened:
        for _ in range(3):
            with writing(engine) as connection:
                connection.execute(text("SELECT 1"))
    engine.dispose()

    assert len(opened) == 1


def test_what_is_written_after_a_glimpse_is_still_one_transaction(database_url: str) -> None:
    engine = open_engine(database_url)
    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE scribbles (word TEXT)"))
    try:
        assert look_up(engine, "SELECT word FROM scribbles WHERE word = ?", ("half",)) == []
        for opened in (glimpsing, reading):
            with opened(engine) as connection:
                connection.execute(text("SELECT 1"))
            with pytest.raises(ZeroDivisionError), writing(engine) as connection:
                connection.execute(text("INSERT INTO scribbles VALUES ('half')"))
                raise ZeroDivisionError

            with reading(engine) as connection:
                assert connection.execute(text("SELECT count(*) FROM scribbles")).scalar_one() == 0
            assert look_up(engine, "SELECT count(*), ? FROM scribbles", (7,)) == [(0, 7)]
    finally:
        with writing(engine) as connection:
            connection.execute(text("DROP TABLE scribbles"))
        engine.dispose()


def test_a_look_up_in_a_database_that_is_away_says_so() -> None:
    with running_postgres() as server:
        engine = open_engine(server.url_of(server.create_database()))
        assert look_up(engine, "SELECT ?", (1,)) == [(1,)]

        server.stop("immediate")
        with pytest.raises(Refused, match="database_busy"):
            look_up(engine, "SELECT ?", (1,))
        server.start()

        assert look_up(engine, "SELECT ?", (2,)) == [(2,)]
        engine.dispose()


def test_what_is_committed_reaches_the_file_while_nobody_commits(tmp_path: Path) -> None:
    file = tmp_path / "moved.sqlite"
    engine = open_engine(f"sqlite:///{file}")
    with moving_pages(engine):
        with writing(engine) as connection:
            connection.execute(text("CREATE TABLE moved (content BLOB)"))
            connection.execute(text("INSERT INTO moved VALUES (randomblob(1000000))"))
        wait_for(lambda: file.stat().st_size > 1_000_000)
    left = [thread.name for thread in threading.enumerate() if thread.name == "pages"]
    engine.dispose()

    assert left == []


def test_postgresql_needs_nobody_to_move_its_pages(postgres_database: str) -> None:
    engine = open_engine(postgres_database)
    with moving_pages(engine):
        moving = [thread for thread in threading.enumerate() if thread.name == "pages"]
    engine.dispose()

    assert moving == []
