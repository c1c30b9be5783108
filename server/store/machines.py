"""Finding machines by the serial number that people type, and what many of them are called."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, Table, select

from server.store.bulk import fetch_among
from server.store.review_tables import MachineSerial

_MACHINES: Table = MachineSerial.__table__  # type: ignore[assignment]


class Owned(NamedTuple):
    """A machine and whose it is, as far as its record says."""

    id: str
    serial: str
    customer: str | None
    site: str | None


def find_machines(connection: Connection, organisation: str, serial_folded: str) -> list[tuple[str, str]]:
    """Return id and serial number of the machines whose number is searched alike, oldest id first."""
    where = (_MACHINES.c.organisation == organisation, _MACHINES.c.serial_folded == serial_folded)
    statement = select(_MACHINES.c.id, _MACHINES.c.serial).where(*where).order_by(_MACHINES.c.id)
    return [(row.id, row.serial) for row in connection.execute(statement)]


def find_owners(connection: Connection, organisation: str, machines: Iterable[str]) -> list[Owned]:
    """Return serial number, customer and site of the machines that exist among some ids, in no particular order."""
    rows = fetch_among(connection, _MACHINES, Owned._fields, "id", organisation, set(machines))
    return list(map(Owned._make, rows))
