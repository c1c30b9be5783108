"""Which revoked devices got the order to destroy their keys, and which said that they had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, delete, insert, select, update

from server.store.tables import Wipe

_TABLE: Table = Wipe.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class KnownWipe:
    """When a device got the order, and when it said that its keys are gone."""

    ordered_at: str
    confirmed_at: str | None


def note_order(connection: Connection, organisation: str, device: str, ordered_at: str) -> None:
    """Write down that a device was given the order; the last one counts, a confirmation stays."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.device == device)
    known = connection.execute(select(_TABLE.c.confirmed_at).where(*where)).first()
    connection.execute(delete(_TABLE).where(*where))
    row = {"organisation": organisation, "device": device, "ordered_at": ordered_at}
    connection.execute(insert(_TABLE), {**row, "confirmed_at": known.confirmed_at if known else None})


def confirm_wipe(connection: Connection, organisation: str, device: str, confirmed_at: str) -> bool:
    """Write down when a device said that its keys are gone; return False when it was not ordered so."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.device == device)
    first = update(_TABLE).where(*where, _TABLE.c.confirmed_at.is_(None)).values(confirmed_at=confirmed_at)
    connection.execute(first)
    return connection.execute(select(_TABLE.c.device).where(*where)).first() is not None


def list_wipes(connection: Connection, organisation: str, devices: Sequence[str]) -> dict[str, KnownWipe]:
    """Return what is known of the wipes of devices."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.device.in_(list(devices)))
    rows = connection.execute(select(_TABLE.c.device, _TABLE.c.ordered_at, _TABLE.c.confirmed_at).where(*where))
    return {row.device: KnownWipe(row.ordered_at, row.confirmed_at) for row in rows}
