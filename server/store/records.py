"""Reading records as they stand."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Table, select, text

from server.store import json_text
from server.store.bulk import fetch_among, select_among
from server.store.stored_record import Record
from server.store.tables import RecordRow

_FOLLOWING_OF: Final = (
    "SELECT l.parent, r.id, r.kind, r.body, r.stamps, r.position, r.deleted"
    " FROM {given} CROSS JOIN links l CROSS JOIN records r WHERE l.organisation = :o AND l.parent = w.value"
    " AND r.organisation = l.organisation AND r.id = l.id AND NOT r.deleted ORDER BY l.id"
)
_FOLLOWING: Final = {
    "sqlite": text(_FOLLOWING_OF.format(given="json_each(:parents) w")),
    "postgresql": text(_FOLLOWING_OF.format(given="unnest(CAST(:parents AS text[])) AS w(value)")),
}
"""CROSS JOIN tells SQLite where to begin: of its own it would read all there are of a kind."""

Body = dict[str, Any]
_TABLE: Table = RecordRow.__table__  # type: ignore[assignment]


def body_of(connection: Connection, organisation: str, record_id: str) -> tuple[str, Body] | None:
    """Return the kind and body of one record, or None when there is none."""
    return bodies_of(connection, organisation, [record_id]).get(record_id)


def bodies_of(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, tuple[str, Body]]:
    """Return kind and body of the records that exist among `ids`, by id."""
    rows = fetch_among(connection, _TABLE, ("id", "kind", "body", "deleted"), "id", organisation, set(ids))
    return {key: (kind, json_text.load(body)) for key, kind, body, deleted in rows if not deleted}


@dataclass(slots=True)
class Bodies:
    """Records as they stand, each read once; what is loaded beforehand costs one statement for all."""

    connection: Connection
    organisation: str
    _known: dict[str, tuple[str, Body] | None] = field(default_factory=dict)

    def load(self, ids: Iterable[str | None]) -> None:
        """Read the records among `ids` that are not known yet."""
        unknown = {record_id for record_id in ids if record_id and record_id not in self._known}
        self._known |= dict.fromkeys(unknown) | bodies_of(self.connection, self.organisation, unknown)

    def find(self, record_id: str | None, kind: str) -> Body | None:
        """Return the body of a record, None when there is none of that kind."""
        self.load([record_id])
        found = self._known.get(record_id) if record_id else None
        return found[1] if found and found[0] == kind else None


def stamped(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, Record]:
    """Return the records that exist among `ids` with who last wrote each of their fields, by id."""
    columns = ("id", "kind", "body", "stamps", "position", "deleted")
    rows = select_among(connection, _TABLE, columns, "id", organisation, set(ids))
    return {row.id: Record.read(row) for row in rows if not row.deleted}


def stamped_followers(
    connection: Connection, organisation: str, parents: Iterable[str], kinds: Iterable[str]
) -> dict[str, list[Record]]:
    """Return the records of some kinds that follow records, by whom they follow, oldest id first."""
    wanted, among, dialect = set(kinds), sorted(set(parents)), connection.dialect.name
    given = {"o": organisation, "parents": json.dumps(among) if dialect == "sqlite" else among}
    found: dict[str, list[Record]] = {}
    for row in connection.execute(_FOLLOWING[dialect], given):
        if row.kind in wanted:
            found.setdefault(row.parent, []).append(Record.read(row))
    return found


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


def has_kind(connection: Connection, organisation: str, kind: str) -> bool:
    """Tell whether there is any record of a kind."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.kind == kind, _TABLE.c.deleted.is_(False))
    return connection.execute(select(_TABLE.c.id).where(*where).limit(1)).first() is not None


def bodies_holding(
    connection: Connection, organisation: str, kind: str, field: str, value: str
) -> Iterator[tuple[str, Body]]:
    """Yield id and body of the records of a kind in which a field has a value; the database does the looking."""
    spelled = f"{json_text.dump(field)}:{json_text.dump(value)}"
    where = (_TABLE.c.organisation == organisation, _TABLE.c.kind == kind, _TABLE.c.deleted.is_(False))
    statement = select(_TABLE.c.id, _TABLE.c.body).where(*where, _TABLE.c.body.contains(spelled, autoescape=True))
    for row in connection.execute(statement.order_by(_TABLE.c.id)):
        body = json_text.load(row.body)
        if body.get(field) == value:
            yield row.id, body
