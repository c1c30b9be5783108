"""What happened to an order, set by set: who, on which device, when by which clock, and whether the signature holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, select

from schemas.problems import Fault
from server.domain.catalogue import title_of
from server.domain.ids import is_id
from server.domain.times import correct
from server.keys import verify_signature
from server.services.devices import find_device
from server.store import catalogue, records
from server.store.devices import KnownDevice
from server.store.logged_sets import holds, read_logged
from server.store.tables import LogEntry
from sync import receipt
from sync.changeset import Change

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]

ENTRIES_SHOWN: Final = 200
"""A long repair has some hundred change-sets; the newest are shown."""


@dataclass(frozen=True, slots=True)
class Step:
    """One change that a set made, and what became of it."""

    change: Change
    verdict: str
    contested: tuple[str, ...]
    fault: Fault | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One change-set about an order. `is_verified` tells whether its stored bytes carry its device's signature."""

    position: int
    intent: str
    actor: str
    device: str
    captured_at: str
    corrected_at: str
    received_at: str
    is_verified: bool
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """The newest sets first; `titles` says what the records are called that they refer to, by id."""

    entries: list[Entry]
    titles: Mapping[str, str]


def tell_timeline(connection: Connection, organisation: str, order_id: str, facts: Collection[str]) -> Timeline:
    """Return what happened to an order and to the facts that belong to it, ENTRIES_SHOWN sets at most."""
    positions = catalogue.list_positions(connection, organisation, order_id, ENTRIES_SHOWN)
    columns = (_LOG.c.position, _LOG.c.device, _LOG.c.sealed, _LOG.c.receipt, _LOG.c.received_at)
    where = (_LOG.c.organisation == organisation, _LOG.c.position.in_(positions))
    rows = connection.execute(select(*columns).where(*where).order_by(_LOG.c.position.desc())).all()
    devices = {device: find_device(connection, organisation, device) for device in {row.device for row in rows}}
    entries = [_read_entry(row, devices[row.device], {order_id, *facts}) for row in rows]
    bodies = records.bodies_of(connection, organisation, _ids_in(entries))
    return Timeline(entries, {record_id: title_of(*found) for record_id, found in bodies.items()})


def _read_entry(row: Any, device: KnownDevice | None, members: Collection[str]) -> Entry:
    changeset, answer = read_logged(row.sealed), receipt.load(row.receipt)
    key = bytes.fromhex(device.public_key) if device else None
    is_verified = holds(row.sealed, key, verify_signature)
    verdicts = {verdict.id: verdict for verdict in answer.changes}
    steps = []
    for change in changeset.changes:
        if change.id not in members:
            # An import brings many orders at once.
            continue
        verdict = verdicts.get(change.id)
        contested = tuple(verdict.contested) if verdict else ()
        steps.append(Step(change, verdict.verdict if verdict else answer.verdict, contested, verdict and verdict.fault))
    corrected = correct(changeset.captured_at, changeset.offset_ms, row.received_at)
    times = (changeset.captured_at, corrected, row.received_at)
    return Entry(row.position, changeset.intent, changeset.actor, row.device, *times, is_verified, tuple(steps))


def _ids_in(entries: Iterable[Entry]) -> set[str]:
    """Return all that the sets may name."""
    found: set[str] = set()
    for entry in entries:
        found |= {entry.actor, entry.device}
        for step in entry.steps:
            values = (*step.change.set.values(), *step.change.was.values())
            found |= {value for value in values if is_id(value)}
    return found
