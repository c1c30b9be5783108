"""Putting a copy of the embedded database in place, whatever an attempt before it left lying about."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from server.store.backup import place_database


class Killed(BaseException):
    """The process ended in the middle."""


def read_notes(path: Path) -> list[str]:
    """Return what is written in a database."""
    with closing(sqlite3.connect(path)) as database:
        return [text for (text,) in database.execute("SELECT text FROM notes")]


def test_the_log_of_a_killed_attempt_is_not_taken_for_the_copy(tmp_path: Path) -> None:
    backup, target = tmp_path / "backup.db", tmp_path / "gongdan.db"
    with closing(sqlite3.connect(backup)) as database:
        database.executescript("PRAGMA journal_mode = WAL; CREATE TABLE notes (text TEXT)")

    def write_and_die(draft: Path) -> None:
        log = draft.with_name(f"{draft.name}-wal")
        with closing(sqlite3.connect(draft)) as database:
            database.execute("INSERT INTO notes VALUES ('of the killed attempt')")
            database.commit()
            shutil.copyfile(log, tmp_path / "log")
        shutil.copyfile(tmp_path / "log", log)
        raise Killed

    with pytest.raises(Killed):
        place_database(backup, target, write_and_die)
    place_database(backup, target, lambda draft: None)

    assert read_notes(target) == []
