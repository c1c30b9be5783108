"""Reading records as they stand."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Table, select

from server.store import json_text
from server.store.bulk import select_among
from server.store.tables import RecordRow

Body = dict[str, Any]
_TABLE: Table = RecordRow.__table__  # type: ignore[assignment]


def body_of(connection: Connection, organisation: str, record_id: str) -> tuple[str, Body] | None:
    """Return the kind and body of one record, or None when there is none."""
    return bodies_of(connection, organisation, [record_id]).get(record_id)


def bodies_of(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, tuple[str, Body]]:
    """Return kind and body of the records that exist among `ids`, by id."""
    rows = select_among(connection, _TABLE, ("id", "kind", "body", "deleted"), "id", organisation, set(ids))
    return {row.id: (row.kind, json_text.load(row.body)) for row in rows if not row.deleted}


def position_of(connection: Connection, organisation: str, record_id: str) -> int:
    """Return the log position at which a record last changed; of a fact, where it came in. 0 when there is none."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.id == record_id)
    return connection.execute(select(_TABLE.c.position).where(*where)).scalar() or 0


def positions_of(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, int]:
    """Return the log position at which each record last changed, by id."""
    rows = select_among(connection, _TABLE, ("id", "position"), "id", organisation, set(ids))
    return {row.id: row.position for row in rows}


def bodies_of_kind(connection: Connection, organisation: str, kind: str) -> Iterator[tuple[str, Body]]:
    """Yield id and body of every record of a kind, ordered by id."""
    statement = (
        select(_TABLE.c.id, _TABLE.c.body)
        .where(_TABLE.c.organisation == organisation, _TABLE.c.kind == kind, _TABLE.c.deleted.is_(False))
        .order_by(_TABLE.c.id)
    )
    for row in connection.execute(statement):
        yield row.id, json_text.load(row.body)
