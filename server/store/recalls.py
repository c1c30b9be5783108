"""Reading what recalls are about: what they name, where it is, the orders raised, and which devices have them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, bindparam, func, select, text

from schemas.lifecycle import ENDED_STATES
from server.store.bulk import select_among, upsert
from server.store.contacts import ContactRow
from server.store.recall_tables import RecalledPartRow, RecallReceipt
from server.store.tables import BoardRow, StockBalance

_NAMED: Table = RecalledPartRow.__table__  # type: ignore[assignment]
_RECEIPTS: Table = RecallReceipt.__table__  # type: ignore[assignment]
_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]
_STOCK: Table = StockBalance.__table__  # type: ignore[assignment]

_SEEN: Final = text(
    "SELECT device, position FROM contacts WHERE organisation = :organisation AND device IN :devices"
).bindparams(bindparam("devices", expanding=True))


def list_named(connection: Connection, organisation: str, recall: str) -> Sequence[Row[Any]]:
    """Return id, position and position of the striking out of what a recall names, in the order of the log."""
    columns = (_NAMED.c.id, _NAMED.c.position, _NAMED.c.corrected)
    where = (_NAMED.c.organisation == organisation, _NAMED.c.recall == recall)
    return connection.execute(select(*columns).where(*where).order_by(_NAMED.c.position, _NAMED.c.id)).all()


def list_parts(connection: Connection, organisation: str) -> list[str]:
    """Return the parts of which recalls name something, also those of recalls that were withdrawn."""
    where = (_NAMED.c.organisation == organisation, _NAMED.c.corrected.is_(None))
    return list(connection.execute(select(_NAMED.c.part).where(*where).distinct()).scalars())


def find_naming(connection: Connection, organisation: str, parts: Iterable[str]) -> Sequence[Row[Any]]:
    """Return id and recall of what is named of some parts, each by its id or its GTIN; not what was struck out."""
    wanted = set(parts)
    columns = ("id", "recall", "part", "gtin", "corrected")
    found = (
        row for by in ("part", "gtin") for row in select_among(connection, _NAMED, columns, by, organisation, wanted)
    )
    return [row for row in found if row.corrected is None]


def list_orders(connection: Connection, organisation: str, recall: str) -> Sequence[Row[Any]]:
    """Return id, number, status, machine and engineer of the orders raised for a recall, by number."""
    columns = (_BOARD.c[name] for name in ("id", "number", "status", "machine", "engineer"))
    where = (_BOARD.c.organisation == organisation, _BOARD.c.recall == recall)
    return connection.execute(select(*columns).where(*where).order_by(_BOARD.c.number, _BOARD.c.id)).all()


def list_open_work(connection: Connection, organisation: str) -> list[tuple[str, str | None]]:
    """Return engineer and machine of every order that somebody has and that has not ended."""
    columns, ended = (_BOARD.c.engineer, _BOARD.c.machine), _BOARD.c.status.in_(ENDED_STATES)
    where = (_BOARD.c.organisation == organisation, _BOARD.c.engineer.is_not(None), ~ended)
    return [(row.engineer, row.machine) for row in connection.execute(select(*columns).where(*where))]


def list_stock(connection: Connection, organisation: str, parts: Iterable[str]) -> Sequence[Row[Any]]:
    """Return what there is of some parts in vans and centres: place, part, batch, serial, quantity."""
    columns = ("place", "part", "batch", "serial", "quantity")
    rows = select_among(connection, _STOCK, columns, "part", organisation, set(parts))
    return sorted(rows, key=lambda row: (row.place, row.part, row.batch, row.serial))


def read_receipts(connection: Connection, organisation: str, recall: str) -> dict[str, tuple[int, str]]:
    """Return up to which position each device was seen to have a recall, and since when."""
    columns = (_RECEIPTS.c.device, _RECEIPTS.c.position, _RECEIPTS.c.had_at)
    where = (_RECEIPTS.c.organisation == organisation, _RECEIPTS.c.recall == recall)
    return {row.device: (row.position, row.had_at) for row in connection.execute(select(*columns).where(*where))}


def note_receipts(connection: Connection, rows: Iterable[ContactRow]) -> None:
    """Note which recalls devices have come to hold, before `rows`, by which they tell so, are written.

    A recall counts as held when the device has pulled past all that it names; one that comes to name more later is
    noted again. Only what lies between what a device had and what it has is looked at.
    """
    by_organisation: dict[str, dict[str, ContactRow]] = {}
    for row in rows:
        if row.position is not None and row.synced_at is not None:
            by_organisation.setdefault(row.organisation, {})[row.device] = row
    for organisation, told in sorted(by_organisation.items()):
        found = connection.execute(_SEEN, {"organisation": organisation, "devices": list(told)})
        seen: Mapping[str, int] = {row.device: row.position or 0 for row in found}
        least = min(seen.get(device, 0) for device in told)
        ends = _ends_behind(connection, organisation, least)
        receipts = [
            (organisation, recall, device, end, row.synced_at)
            for device, row in sorted(told.items())
            for recall, end in ends
            if seen.get(device, 0) < end <= (row.position or 0)
        ]
        upsert(connection, _RECEIPTS, receipts)


def _ends_behind(connection: Connection, organisation: str, position: int) -> list[tuple[str, int]]:
    """Return the recalls that name something behind a log position, each with the last position at which it does."""
    ends = select(_NAMED.c.recall, func.max(_NAMED.c.position)).where(_NAMED.c.organisation == organisation)
    ends = ends.where(_NAMED.c.position > position).group_by(_NAMED.c.recall).order_by(_NAMED.c.recall)
    return [(row[0], row[1]) for row in connection.execute(ends)]
