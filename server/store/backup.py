"""Copies of the embedded database: one file, whole, of one moment, while the server goes on."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sqlalchemy import Connection, Engine, Table, bindparam, select, update

from server.store.database import glimpsing
from server.store.tables import Organisation

_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]


class BackupDamaged(ValueError):
    """A file is not a whole copy of a database; the message says what is wrong."""


def copy_database(engine: Engine, target: Path) -> None:
    """Write the embedded database as it stands into a file that is not there yet, and force it to disk.

    Raises FileExistsError when the file is there, OSError when it cannot be written, and Refused as
    `server.store.database.glimpsing` does.
    """
    draft = _draft_of(target)
    with glimpsing(engine) as connection:
        connection.exec_driver_sql("VACUUM INTO ?", (str(draft),))
    _put_in_place(draft, target)


def place_database(backup: Path, target: Path, prepare: Callable[[Path], None]) -> None:
    """Put a copy where the server looks for its database, after `prepare` has worked on it there.

    Nothing stands at the target before all is done. Raises FileExistsError when a database is there, also one
    of which only the log is left; BackupDamaged; OSError.
    """
    for there in (target, target.with_name(f"{target.name}-wal")):
        if there.exists():
            raise FileExistsError(f"{there} is there; move it away first")
    draft = _draft_of(target)
    shutil.copyfile(backup, draft)
    with closing(sqlite3.connect(draft)) as copy:
        try:
            found = copy.execute("PRAGMA integrity_check(1)").fetchone()[0]
        except sqlite3.DatabaseError as error:
            found = str(error)
    if found != "ok":
        draft.unlink()
        raise BackupDamaged(f"{backup}: {found}")
    prepare(draft)
    _put_in_place(draft, target)


def read_ends(connection: Connection) -> list[tuple[str, str, int]]:
    """Return id, name and newest log position of every organisation, by name."""
    columns = (_ORGANISATIONS.c.organisation, _ORGANISATIONS.c.name, _ORGANISATIONS.c.position)
    return [(row[0], row[1], row[2]) for row in connection.execute(select(*columns).order_by(_ORGANISATIONS.c.name))]


def write_epochs(connection: Connection, epochs: dict[str, str]) -> None:
    """Give organisations other feed epochs."""
    statement = update(_ORGANISATIONS).where(_ORGANISATIONS.c.organisation == bindparam("which"))
    rows = [{"which": organisation, "new_epoch": epoch} for organisation, epoch in epochs.items()]
    if rows:
        connection.execute(statement.values(epoch=bindparam("new_epoch")), rows)


def _draft_of(target: Path) -> Path:
    if target.exists():
        raise FileExistsError(f"{target} is there")
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.part")
    for ending in ("", "-wal", "-shm"):
        # A log that a killed attempt left would be taken for this copy's.
        draft.with_name(draft.name + ending).unlink(missing_ok=True)
    return draft


def _put_in_place(draft: Path, target: Path) -> None:
    """Force a finished draft to disk and give it its name; a link never replaces what is there."""
    draft.chmod(0o600)
    for path in (draft, draft.parent):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            if path == draft.parent:
                os.link(draft, target)
                draft.unlink()
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
