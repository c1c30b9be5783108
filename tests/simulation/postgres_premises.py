"""The same premises with the server's database on PostgreSQL: slower, and so for fewer seeds.

Each run gets a database made from the founded one as its template. A backup is the embedded database's business, a
full disk SQLite's own limit, and after a commit nothing can be hung on; these do not occur here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.postgres import PostgresServer
from tests.simulation.headquarters import Premises

NAME: Final = "office"
TEMPLATE: Final = "office_template"

KINDS_OFF: Final = frozenset({"server backed up", "server restored", "server disk full", "server dies after commit"})


class PostgresReader:
    """A connection that takes the auditor's questions as SQLite spells them."""

    def __init__(self, address: str) -> None:
        """Connect."""
        self._connection = psycopg.connect(address, autocommit=True)

    def execute(self, statement: str, values: Sequence[Any] = ()) -> Any:
        """Ask."""
        return self._connection.execute(statement.replace("?", "%s"), values)  # type: ignore[arg-type]

    def close(self) -> None:
        """Disconnect."""
        self._connection.close()


class PostgresPremises(Premises):
    """See the module's text."""

    tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"

    def __init__(self, folder: Path, server: PostgresServer) -> None:
        """Make the application on a database of `server`."""
        self.server = server
        server.execute("CREATE DATABASE {}", NAME)
        super().__init__(folder, server.url_of(NAME))

    def keep_as_template(self) -> None:
        """Let the database as it stands be what every run begins with."""
        self.engine.dispose()
        self.server.execute("ALTER DATABASE {} RENAME TO {}", NAME, TEMPLATE)

    def lay_out(self) -> None:
        """Put a copy of the founded company's database in the place of the one there is."""
        self.engine.dispose()
        self.server.drop_database(NAME)
        self.server.execute("CREATE DATABASE {} TEMPLATE {}", NAME, TEMPLATE)

    def open_reader(self) -> PostgresReader:
        """Return a connection of the auditor's own."""
        return PostgresReader(f"host={self.server.folder} user=postgres dbname={NAME}")
