"""Bringing a database's tables to what this release needs, or back: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, text

from server.store.database import reading, writing
from server.store.schema_state import MIGRATIONS, applied_revisions, suits

NEWEST: Final = "head"
NOTHING: Final = "base"

_LOCK: Final = text("SELECT pg_advisory_xact_lock(hashtextextended('migrations', 0))")

# Between two statements a migration may work out the rows of a large table, for longer than a request may hang.
_TAKE_TIME: Final = text("SET LOCAL idle_in_transaction_session_timeout = 0")


def upgrade(engine: Engine, revision: str = NEWEST) -> None:
    """Apply the migrations that are missing up to a revision; of several processes one does it, the others wait.

    Raises Refused as `server.store.database.writing` does.
    """
    with _migrating(engine) as config:
        command.upgrade(config, revision)


def downgrade(engine: Engine, revision: str = NOTHING) -> None:
    """Take back the migrations after a revision; what only they could store is lost. Raises as `upgrade` does."""
    with _migrating(engine) as config:
        command.downgrade(config, revision)


def is_current(engine: Engine) -> bool:
    """Tell whether the database has had the migrations of this release, or of a later one."""
    with reading(engine) as connection:
        return suits(applied_revisions(connection))


def configure(connection: Connection) -> Config:
    """Return alembic's configuration for working on a connection."""
    config = Config()
    # The parser of configurations takes a percent sign for the start of a name.
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _migrating(engine: Engine) -> Iterator[Config]:
    with writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(_LOCK)
            connection.execute(_TAKE_TIME)
        yield configure(connection)
