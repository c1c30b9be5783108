"""What is heard of devices: noted in memory at each call, written to the database once in a while.

Rule 1: a call costs a few assignments; what a device told is read only when it is written.
Rule 2: a process that is killed forgets what it heard since it last wrote, less than WRITE_EVERY_S; no more.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from itertools import islice
from typing import Final

from sqlalchemy import Engine

from server.clock import spell_instant, unix_ms
from server.domain.times import correct
from server.services.side_writer import start_writer
from server.store.contacts import ContactRow, write_contacts
from server.store.database import writing
from server.store.recalls import note_receipts
from sync.device_report import DeviceReport, read_report

WRITE_EVERY_S: Final = 30
"""Soon enough for who watches a fleet; 10,000 devices that call each minute make 5,000 rows each time."""

WRITE_AT_ONCE: Final = 500
"""Rows in one transaction: some 30 ms, for which change-sets on SQLite wait."""

WAITING_MAX: Final = 200_000
"""Devices whose contacts may wait to be written, about 100 MB, while the database is away."""

_NOTHING: Final = DeviceReport()


@dataclass(slots=True)
class _Heard:
    contacted_ms: int
    synced_ms: int = 0
    position: int = 0
    failed_ms: int = 0
    problem: str = ""
    told_ms: int = 0
    told: str = ""


class Contacts:
    """What one process has heard and not written."""

    def __init__(self, engine: Engine) -> None:
        """Write into the database of `engine`."""
        self._engine = engine
        self._heard: dict[tuple[str, str], _Heard] = {}
        self._guard = threading.Lock()

    def hear(
        self, organisation: str, device: str, told: str | None = None, synced: int | None = None, problem: str = ""
    ) -> None:
        """Note a call of a device: what it told, up to which position it was brought, what it was refused."""
        now, key = unix_ms(), (organisation, device)
        with self._guard:
            heard = self._heard.get(key)
            if heard is None:
                if len(self._heard) >= WAITING_MAX:
                    return
                heard = self._heard[key] = _Heard(now)
            heard.contacted_ms = now
            if told:
                heard.told_ms, heard.told = now, told
            if synced is not None:
                heard.synced_ms, heard.position = now, synced
            if problem:
                heard.failed_ms, heard.problem = now, problem

    def write(self) -> int:
        """Write what was heard since the last time and return of how many devices; nothing is lost on a failure.

        Raises Refused with `database_busy` or `disk_full`.
        """
        with self._guard:
            heard, self._heard = self._heard, {}
        left = dict(heard)
        try:
            while left:
                group = dict(islice(left.items(), WRITE_AT_ONCE))
                with writing(self._engine) as connection:
                    rows = [_row_of(*key, found) for key, found in group.items()]
                    note_receipts(connection, rows)
                    write_contacts(connection, rows)
                left = {key: found for key, found in left.items() if key not in group}
        finally:
            with self._guard:
                for key, found in left.items():
                    self._heard[key] = _merge(found, self._heard.get(key, found))
        return len(heard)

    def start(self) -> None:
        """Write every WRITE_EVERY_S in a thread of its own, and once more when the process ends."""
        start_writer("contacts", WRITE_EVERY_S, self.write)


def _merge(old: _Heard, new: _Heard) -> _Heard:
    """Return what was heard later, and of each group of which nothing was heard later what was heard before."""
    if not new.synced_ms:
        new.synced_ms, new.position = old.synced_ms, old.position
    if not new.failed_ms:
        new.failed_ms, new.problem = old.failed_ms, old.problem
    if not new.told_ms:
        new.told_ms, new.told = old.told_ms, old.told
    return new


def _row_of(organisation: str, device: str, heard: _Heard) -> ContactRow:
    report = (read_report(heard.told) if heard.told else None) or _NOTHING
    told_at = spell_instant(heard.told_ms) if report is not _NOTHING else None
    oldest_at = report.oldest_at
    if oldest_at is not None and told_at is not None:
        oldest_at = correct(oldest_at, report.offset_ms or 0, told_at)
    return ContactRow(
        organisation=organisation,
        device=device,
        contacted_at=spell_instant(heard.contacted_ms),
        synced_at=spell_instant(heard.synced_ms) if heard.synced_ms else None,
        position=heard.position if heard.synced_ms else None,
        failed_at=spell_instant(heard.failed_ms) if heard.failed_ms else None,
        problem=heard.problem or None,
        told_at=told_at,
        waiting_sets=report.waiting_sets,
        oldest_at=oldest_at,
        waiting_files=report.waiting_files,
        waiting_bytes=report.waiting_bytes,
        offset_ms=report.offset_ms,
        free_bytes=report.free_bytes,
        schema_version=report.schema_version,
        client=report.client,
    )
