"""Times of devices put right: what a field says, by the server's clock. Source: handbook F7, rule 5 of the clocks.

A device writes times by its clock, put right by what it last measured of it. Where that made a set later than its
receipt, the device was ahead by at least so much, and every time in the set moves back by it. Times that somebody at
the office gave are as they were given.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Table, select

from server.domain.times import correct, shift_of
from server.store import json_text
from server.store.devices import read_organisation
from server.store.stored_record import Record
from server.store.tables import LogEntry
from sync import codec
from sync.chain import Sealed

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_NOTHING: Final = timedelta()

ENTRIES_AT_ONCE: Final = 500
"""Half a megabyte of sets in memory."""


@dataclass(frozen=True, slots=True)
class Written:
    """When a set of the log was made, by the server's clock, by whom, and how its device's times are put right."""

    at: datetime
    shift: timedelta
    actor: str


@dataclass(slots=True)
class LogTimes:
    """The times of some sets of an organisation's log; others are read when they are asked for."""

    connection: Connection
    organisation: str
    office_device: str = ""
    _known: dict[int, Written] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Learn which device is the office's own."""
        self.office_device = read_organisation(self.connection, self.organisation).office_device

    def load(self, positions: Iterable[int]) -> None:
        """Read the sets at some positions of the log, in one statement."""
        unknown = [position for position in set(positions) if position not in self._known]
        for start in range(0, len(unknown), ENTRIES_AT_ONCE):
            where = (
                _LOG.c.organisation == self.organisation,
                _LOG.c.position.in_(unknown[start : start + ENTRIES_AT_ONCE]),
            )
            for row in self.connection.execute(
                select(_LOG.c.position, _LOG.c.sealed, _LOG.c.received_at).where(*where)
            ):
                self._known[row.position] = _read(bytes(row.sealed), row.received_at)

    def written(self, record: Record, name: str) -> Written:
        """Return when a field was last written."""
        position, _ = record.stamp_of(name)
        if position not in self._known:
            self.load([position])
        return self._known[position]

    def moment_of(self, record: Record, name: str) -> datetime | None:
        """Return what a field that holds an instant says, put right; None where it says nothing."""
        value = record.body.get(name)
        if value is None:
            return None
        _, device = record.stamp_of(name)
        shift = _NOTHING if device == self.office_device else self.written(record, name).shift
        return datetime.fromisoformat(value) + shift


def _read(line: bytes, received_at: str) -> Written:
    changeset = codec.decode_again(Sealed(line).payload, json_text.load)
    corrected = datetime.fromisoformat(correct(changeset.captured_at, changeset.offset_ms, received_at))
    return Written(corrected, shift_of(changeset.captured_at, changeset.offset_ms, received_at), changeset.actor)
