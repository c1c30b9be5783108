"""Entries of the log as an auditor is shown them: on which device, when received, and whether the signature fits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, tzinfo
from typing import Final

from sqlalchemy import Connection, Table, select, text

from schemas.problems import Refused
from server.domain.times import correct
from server.domain.trace import comparable, day_bounds
from server.keys import verify_signature
from server.services.devices import find_device
from server.store import json_text
from server.store.logged_sets import holds
from server.store.tables import LogEntry
from sync import codec
from sync.chain import Sealed

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_AT_ONCE: Final = 500
_RECEIVED: Final = text("SELECT received_at FROM log WHERE organisation = :o AND position = :position")
_END: Final = text("SELECT position FROM organisations WHERE organisation = :o")


@dataclass(frozen=True, slots=True)
class LogMark:
    """One entry: `digest` is the SHA-256 by which its device's next set names it."""

    position: int
    digest: str
    device: str
    actor: str
    captured_at: str
    corrected_at: str
    received_at: str
    is_verified: bool


@dataclass(frozen=True, slots=True)
class KnownOn:
    """Up to which position of the log the server knew at the end of a day; `day` is empty for the present."""

    day: str
    position: int
    received_at: str
    end: int
    """Where the log ends at present."""


def read_marks(connection: Connection, organisation: str, positions: Iterable[int]) -> dict[int, LogMark]:
    """Return the entries at some positions, each with the mark of whether its stored bytes are its device's."""
    wanted, marks = sorted(set(positions)), dict[int, LogMark]()
    keys: dict[str, bytes] = {}
    columns = (_LOG.c.position, _LOG.c.digest, _LOG.c.device, _LOG.c.sealed, _LOG.c.received_at)
    for start in range(0, len(wanted), _AT_ONCE):
        where = (_LOG.c.organisation == organisation, _LOG.c.position.in_(wanted[start : start + _AT_ONCE]))
        for row in connection.execute(select(*columns).where(*where)):
            if row.device not in keys:
                device = find_device(connection, organisation, row.device)
                keys[row.device] = bytes.fromhex(device.public_key) if device else b""
            sealed = Sealed(bytes(row.sealed))
            said = codec.decode_again(sealed.payload, json_text.load)
            is_verified = sealed.digest == row.digest and holds(sealed.line, keys[row.device], verify_signature)
            corrected = correct(said.captured_at, said.offset_ms, row.received_at)
            times = (said.captured_at, corrected, row.received_at)
            marks[row.position] = LogMark(row.position, row.digest, row.device, said.actor, *times, is_verified)
    return marks


def find_known_on(connection: Connection, organisation: str, day: str, zone: tzinfo) -> KnownOn:
    """Return what the server knew when a day ended, by the receipt times of its log; of an empty day, at present.

    Raises Refused with `value_invalid` when the day is none.
    """
    end = int(connection.execute(_END, {"o": organisation}).scalar_one())
    if not day:
        return KnownOn("", end, _received_at(connection, organisation, end), end)
    try:
        before = comparable(day_bounds(day, zone)[1])
    except (ValueError, OverflowError) as error:
        raise Refused("value_invalid", field="known", detail=str(error)) from None
    low, high = 0, end
    while low < high:
        middle = (low + high + 1) // 2
        if comparable(_received_at(connection, organisation, middle)) < before:
            low = middle
        else:
            high = middle - 1
    return KnownOn(date.fromisoformat(day).isoformat(), low, _received_at(connection, organisation, low), end)


def _received_at(connection: Connection, organisation: str, position: int) -> str:
    found = connection.execute(_RECEIVED, {"o": organisation, "position": position}).scalar()
    return str(found) if found else "1970-01-01T00:00:00Z"
