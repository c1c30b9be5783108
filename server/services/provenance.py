"""Where a value came from: who wrote it, on which device, when by three clocks, and whether the signature holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, Table

from server.domain.times import correct
from server.keys import verify_signature
from server.services.trace_facts import read_log
from server.store import json_text
from server.store.bulk import select_among
from server.store.logged_sets import holds
from server.store.tables import DeviceHead
from sync import codec
from sync.chain import Sealed

_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Origin:
    """The change-set that wrote a value."""

    actor: str
    device: str
    intent: str
    set_id: str
    seq: int
    captured_at: str
    offset_ms: int
    corrected_at: str
    received_at: str
    position: int
    is_verified: bool
    """Whether the device's signature over the stored bytes holds, and they open what was signed."""


def read_origins(connection: Connection, organisation: str, positions: Iterable[int]) -> dict[int, Origin]:
    """Return the change-sets at some log positions; each signature is checked as it is read."""
    logged = read_log(connection, organisation, positions)
    sets = {at: codec.decode(Sealed(entry.sealed).payload, json_text.read_canonical) for at, entry in logged.items()}
    devices = {changeset.device for changeset in sets.values()}
    rows = select_among(connection, _DEVICES, ("device", "public_key"), "device", organisation, devices)
    keys = {row.device: bytes.fromhex(row.public_key) for row in rows}
    return {
        at: Origin(
            actor=changeset.actor,
            device=changeset.device,
            intent=changeset.intent,
            set_id=changeset.id,
            seq=changeset.seq,
            captured_at=changeset.captured_at,
            offset_ms=changeset.offset_ms,
            corrected_at=correct(changeset.captured_at, changeset.offset_ms, logged[at].received_at),
            received_at=logged[at].received_at,
            position=at,
            is_verified=holds(logged[at].sealed, keys.get(changeset.device), verify_signature),
        )
        for at, changeset in sets.items()
    }
