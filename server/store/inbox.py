"""The lists of the reconciliation inbox: what waits, what is put off, what was decided, and who looks at what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Table, and_, case, exists, func, not_, or_, select

from server.store import json_text
from server.store.bulk import delete_keys, upsert
from server.store.review_tables import Looker
from server.store.tables import Contact, DeviceHead, RecordRow, ReviewRow

_REVIEWS: Table = ReviewRow.__table__  # type: ignore[assignment]
_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]
_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]
_CONTACTS: Table = Contact.__table__  # type: ignore[assignment]
_LOOKERS: Table = Looker.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which reviews are wanted: of one kind, of one case (an order or another record), put off or not."""

    kind: str | None = None
    case: str | None = None
    put_off: bool = False


@dataclass(frozen=True, slots=True)
class Listed:
    """One conflict or exception of a list; `stamps` tells which log position last wrote each field."""

    id: str
    kind: str
    case: str
    body: dict[str, Any]
    stamps: dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list, and how many there are in all."""

    rows: list[Listed]
    total: int


def list_waiting(connection: Connection, organisation: str, choice: Choice, now: str, first: int, limit: int) -> Page:
    """Return up to `limit` reviews that wait from the `first` on, those of one case together, in one statement.

    The case where something came last stands first.
    """
    table, record = _REVIEWS.c, _RECORDS.c
    off = _is_put_off(now)
    where = [table.organisation == organisation, table.state == "open", off if choice.put_off else not_(off)]
    if choice.kind is not None:
        where.append(table.kind == choice.kind)
    if choice.case is not None:
        where.append(table.case == choice.case)
    columns = (table.organisation, table.id, table.kind, table.case, table.opened)
    latest = func.max(table.opened).over(partition_by=table.case).label("latest")
    listed = select(*columns, latest, func.count().over().label("total")).where(*where).subquery()
    statement = (
        select(listed.c.id, listed.c.kind, listed.c.case, listed.c.total, record.body, record.stamps)
        .join(_RECORDS, and_(record.organisation == listed.c.organisation, record.id == listed.c.id))
        .order_by(listed.c.latest.desc(), listed.c.case, listed.c.opened, listed.c.id)
        .offset(first)
        .limit(limit)
    )
    rows = connection.execute(statement).all()
    return Page([_listed(row) for row in rows], rows[0].total if rows else 0)


def list_decided(connection: Connection, organisation: str, choice: Choice, limit: int) -> list[Listed]:
    """Return the `limit` reviews decided last, the latest first."""
    table, record = _REVIEWS.c, _RECORDS.c
    where = [table.organisation == organisation, table.state == "settled"]
    if choice.kind is not None:
        where.append(table.kind == choice.kind)
    if choice.case is not None:
        where.append(table.case == choice.case)
    statement = (
        select(table.id, table.kind, table.case, record.body, record.stamps)
        .join(_RECORDS, and_(record.organisation == table.organisation, record.id == table.id))
        .where(*where)
        .order_by(table.changed.desc(), table.id)
        .limit(limit)
    )
    return [_listed(row) for row in connection.execute(statement)]


def count_waiting(connection: Connection, organisation: str, now: str) -> dict[str, int]:
    """Return how many conflicts and exceptions wait, by kind, and under ``later`` how many are put off."""
    table = _REVIEWS.c
    off = case((_is_put_off(now), 1), else_=0)
    where = (table.organisation == organisation, table.state == "open")
    rows = connection.execute(select(table.kind, func.count(), func.sum(off)).where(*where).group_by(table.kind))
    found = {"conflict": 0, "exception": 0, "later": 0}
    for kind, count, later in rows:
        found[kind] = count - later
        found["later"] += later
    return found


def note_looker(connection: Connection, organisation: str, person: str, case_id: str, now: str) -> None:
    """Note that somebody looks at a case; he looks at one at a time."""
    upsert(connection, _LOOKERS, [(organisation, person, case_id, now)])


def forget_looker(connection: Connection, organisation: str, person: str) -> None:
    """Note that somebody looks at nothing."""
    delete_keys(connection, _LOOKERS, [(organisation, person)])


def list_lookers(connection: Connection, organisation: str, since: str) -> dict[str, list[str]]:
    """Return who has looked at which case since a time: case -> ids of people."""
    where = (_LOOKERS.c.organisation == organisation, _LOOKERS.c.looked_at >= since)
    found: dict[str, list[str]] = {}
    for row in connection.execute(select(_LOOKERS.c.case, _LOOKERS.c.person).where(*where).order_by(_LOOKERS.c.person)):
        found.setdefault(row.case, []).append(row.person)
    return found


def _is_put_off(now: str) -> ColumnElement[bool]:
    """Tell that neither what a review was put off until has come, nor the person's device."""
    table = _REVIEWS.c
    synced = exists().where(
        _DEVICES.c.organisation == table.organisation,
        _DEVICES.c.person == table.later_person,
        _CONTACTS.c.organisation == table.organisation,
        _CONTACTS.c.device == _DEVICES.c.device,
        _CONTACTS.c.synced_at > table.later_at,
    )
    by_time = and_(table.later_until.is_not(None), table.later_until > now)
    by_person = and_(table.later_person.is_not(None), not_(synced))
    return or_(
        and_(by_time, or_(table.later_person.is_(None), by_person)), and_(by_person, table.later_until.is_(None))
    )


def _listed(row: Row[Any]) -> Listed:
    return Listed(row.id, row.kind, row.case, json_text.load(row.body), json_text.load(row.stamps))
