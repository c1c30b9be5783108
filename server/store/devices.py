"""Reading what the server knows of devices: keys, states and stored receipts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, Row, Table, and_, bindparam, func, select

from server.store.database import look_up
from server.store.feed import FeedEnd
from server.store.tables import DeviceHead, HeldSet, KeptAside, LogEntry, Organisation
from sync.scope import EVERYBODY

_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]
_HELD: Table = HeldSet.__table__  # type: ignore[assignment]
_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_ASIDE: Table = KeptAside.__table__  # type: ignore[assignment]
_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]

_KNOWN = select(
    _DEVICES.c.organisation,
    _DEVICES.c.device,
    _DEVICES.c.person,
    _DEVICES.c.public_key,
    _DEVICES.c.state,
    _DEVICES.c.frozen,
    _DEVICES.c.seq,
)

_STANDING: Final = (
    "SELECT d.organisation, d.device, d.person, d.public_key, d.state, d.frozen, d.seq,"
    " o.epoch, o.position, o.frontier, h.checksum, h.count"
    " FROM devices d JOIN organisations o ON o.organisation = d.organisation"
    " LEFT JOIN holders h ON h.organisation = d.organisation AND h.holder IN (?, d.person)"
    " WHERE d.organisation = ? AND d.device = ?"
)

_BY_KEY = _KNOWN.where(_DEVICES.c.organisation == bindparam("organisation"), _DEVICES.c.device == bindparam("wanted"))
"""Built once: it runs before nearly every request of a device."""


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device as the server knows it."""

    organisation: str
    device: str
    person: str
    public_key: str
    state: str
    """``active`` or ``revoked``"""
    frozen: bool
    seq: int


@dataclass(frozen=True, slots=True)
class Gap:
    """The first and the last number of the sets that are missing before those which came."""

    first: int
    last: int


def find_device(connection: Connection, organisation: str, device: str) -> KnownDevice | None:
    """Return one device of an organisation, or None."""
    row = connection.execute(_BY_KEY, {"organisation": organisation, "wanted": device}).first()
    return KnownDevice(*row) if row else None


def find_standing(engine: Engine, organisation: str, device: str) -> tuple[KnownDevice, FeedEnd] | None:
    """Return one device and the end of its feed, or None: all that a device with nothing to fetch has to be told."""
    rows = look_up(engine, _STANDING, (EVERYBODY, organisation, device))
    if not rows:
        return None
    known = KnownDevice(*rows[0][:7])
    return known, FeedEnd.read(row[7:] for row in rows)


def list_devices(connection: Connection, organisation: str) -> list[KnownDevice]:
    """Return all devices of an organisation, ordered by id."""
    rows = connection.execute(_KNOWN.where(_DEVICES.c.organisation == organisation).order_by(_DEVICES.c.device))
    return [KnownDevice(*row) for row in rows]


def list_gaps(connection: Connection, organisation: str) -> dict[str, Gap]:
    """Return the devices whose next set has not come although later ones have."""
    first = func.min(_HELD.c.seq).label("held")
    joined = _HELD.join(
        _DEVICES, and_(_HELD.c.organisation == _DEVICES.c.organisation, _HELD.c.device == _DEVICES.c.device)
    )
    statement = (
        select(_DEVICES.c.device, _DEVICES.c.seq, first)
        .select_from(joined)
        .where(_HELD.c.organisation == organisation)
        .group_by(_DEVICES.c.device, _DEVICES.c.seq)
    )
    rows = connection.execute(statement)
    return {row.device: Gap(row.seq + 1, row.held - 1) for row in rows if row.held > row.seq + 1}


def read_held(connection: Connection, organisation: str, device: str, seq: int) -> bytes:
    """Return the sealed line of a held set."""
    where = (_HELD.c.organisation == organisation, _HELD.c.device == device, _HELD.c.seq == seq)
    return bytes(connection.execute(select(_HELD.c.sealed).where(*where)).scalar_one())


def read_receipts(connection: Connection, organisation: str, device: str, from_seq: int, limit: int) -> list[str]:
    """Return the stored receipts of a device from a sequence number on, as canonical JSON, in order."""
    where = (_LOG.c.organisation == organisation, _LOG.c.device == device, _LOG.c.seq >= from_seq)
    rows = connection.execute(select(_LOG.c.receipt).where(*where).order_by(_LOG.c.seq).limit(limit))
    return list(rows.scalars())


def has_set(connection: Connection, organisation: str, device: str, digest: str) -> bool:
    """Tell whether a device's sealed set is kept here: taken in, held, or put aside."""
    return any(
        connection.execute(
            select(table.c.digest).where(
                table.c.organisation == organisation, table.c.device == device, table.c.digest == digest
            )
        ).first()
        is not None
        for table in (_ASIDE, _HELD, _LOG)
    )


def read_organisation(connection: Connection, organisation: str) -> Row[tuple[str, str, int, str, str, str]]:
    """Return name, epoch, position, frontier, office_device and office_person of an organisation.

    Raises LookupError when there is no such organisation.
    """
    table = _ORGANISATIONS.c
    columns = (table.name, table.epoch, table.position, table.frontier, table.office_device, table.office_person)
    row = connection.execute(select(*columns).where(table.organisation == organisation)).first()
    if row is None:
        raise LookupError(organisation)
    return row
