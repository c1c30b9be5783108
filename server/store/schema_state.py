"""Whether the database's tables are those this release was written for."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

MIGRATIONS: Final = Path(__file__).parents[1] / "migrations"


def newest_revisions() -> frozenset[str]:
    """Return the newest migrations this release has."""
    return frozenset(ScriptDirectory(str(MIGRATIONS)).get_heads())


def applied_revisions(connection: Connection) -> frozenset[str]:
    """Return the newest migrations that the database has had."""
    return frozenset(MigrationContext.configure(connection).get_current_heads())
