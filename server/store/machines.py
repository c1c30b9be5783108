"""Finding machines by the serial number that people type."""

from __future__ import annotations

from sqlalchemy import Connection, Table, select

from server.store import records
from server.store.review_tables import MachineSerial

_MACHINES: Table = MachineSerial.__table__  # type: ignore[assignment]


def find_machines(connection: Connection, organisation: str, serial_folded: str) -> list[tuple[str, str]]:
    """Return id and serial number of the machines whose number is searched alike, oldest id first."""
    where = (_MACHINES.c.organisation == organisation, _MACHINES.c.serial_folded == serial_folded)
    ids = list(connection.execute(select(_MACHINES.c.id).where(*where).order_by(_MACHINES.c.id)).scalars())
    bodies = records.bodies_of(connection, organisation, ids)
    return [(machine, bodies[machine][1]["serial"]) for machine in ids if machine in bodies]
