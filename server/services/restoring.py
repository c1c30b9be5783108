"""Going on from a backup: devices are told that the server has forgotten, and hand in again what it lost.

A restored server must not be asked `what is new since position 900` by a device that counted on another 900.
So every organisation gets another feed epoch before anybody is answered: each device then starts its feed
anew, keeps what it has not sent, and sends again the sets it still has (docs/operating.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine

from server.keys import new_id
from server.store import restorations
from server.store.backup import copy_database, place_database, read_ends, write_epochs
from server.store.database import open_engine, reading, transact


@dataclass(frozen=True, slots=True)
class LogEnd:
    """How far the log of an organisation goes."""

    organisation: str
    name: str
    position: int


def back_up(engine: Engine, target: Path) -> list[LogEnd]:
    """Write the embedded database into a file and return how far it goes. Raises as `copy_database` does."""
    copy_database(engine, target)
    copy = open_engine(f"sqlite:///{target}")
    try:
        with reading(copy) as connection:
            return [LogEnd(*row) for row in read_ends(connection)]
    finally:
        copy.dispose()


def restore(backup: Path, target: Path) -> list[LogEnd]:
    """Put a copy in the place of the embedded database, under other epochs. Raises as `place_database` does."""
    ends: list[LogEnd] = []

    def prepare(draft: Path) -> None:
        engine = open_engine(f"sqlite:///{draft}")
        try:
            ends.extend(rotate_epochs(engine))
        finally:
            engine.dispose()

    place_database(backup, target, prepare)
    return ends


def rotate_epochs(engine: Engine) -> list[LogEnd]:
    """Give every organisation another feed epoch; return how far their logs go."""
    with reading(engine) as connection:
        ends = [LogEnd(*row) for row in read_ends(connection)]
    epochs = {end.organisation: new_id() for end in ends}

    def work(connection: Connection) -> None:
        write_epochs(connection, epochs)
        restorations.note(connection, ((end.organisation, epochs[end.organisation], end.position) for end in ends))

    transact(engine, work, is_repeatable=True)
    return ends
