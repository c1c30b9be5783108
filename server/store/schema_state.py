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


def suits(applied: frozenset[str]) -> bool:
    """Tell whether this release can work on a database that has had these migrations.

    One that a later release has migrated suits too: a migration only adds, as long as processes of the release
    before it may be at work, so that they are replaced one by one (docs/operating.md).
    """
    known = {script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()}
    return applied == newest_revisions() or (bool(applied) and not applied & known)
