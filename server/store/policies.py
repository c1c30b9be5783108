"""An organisation's own rules of access, as text by name."""

from __future__ import annotations

from sqlalchemy import Connection, Table, delete, insert, select

from server.store.tables import Policy

_TABLE: Table = Policy.__table__  # type: ignore[assignment]


def read_policies(connection: Connection, organisation: str) -> dict[str, str]:
    """Return the rules an organisation has set, by name."""
    rows = connection.execute(select(_TABLE.c.name, _TABLE.c.value).where(_TABLE.c.organisation == organisation))
    return {row.name: row.value for row in rows}


def replace_policy(connection: Connection, organisation: str, name: str, value: str) -> None:
    """Set a rule."""
    connection.execute(delete(_TABLE).where(_TABLE.c.organisation == organisation, _TABLE.c.name == name))
    connection.execute(insert(_TABLE), {"organisation": organisation, "name": name, "value": value})
