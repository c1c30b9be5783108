"""What a device tells of itself with each push and pull: the value of the query's member `told`.

The query is signed with the request, so nobody else can tell it. It is for people who watch over the fleet:
nothing is decided by it, and a report that cannot be read is passed over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from schemas.base import INSTANT_PATTERN, WHOLE_NUMBER_MAX

QUERY_NAME: Final = "told"

REPORT_CHARACTERS_MAX: Final = 400
"""Twice the longest that can be spelled, so that later versions may tell more."""

_WHOLE = re.compile(r"-?[0-9]{1,16}\Z")
_INSTANT = re.compile(INSTANT_PATTERN)
_CLIENT = re.compile(r"[A-Za-z0-9._+/-]{1,40}\Z")


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """How a device fares; None is what it did not tell."""

    waiting_sets: int | None = None
    """change-sets without a final receipt"""
    oldest_at: str | None = None
    """when the oldest of them was captured, by the device's own clock"""
    waiting_files: int | None = None
    """files the server has not verified"""
    waiting_bytes: int | None = None
    """their bytes that are still to be sent"""
    offset_ms: int | None = None
    """how far the device's clock is behind the server's, as last measured"""
    schema_version: int | None = None
    client: str | None = None
    """the client's own version"""
    free_bytes: int | None = None
    """room left where the device keeps its data"""


_MEMBERS: Final = {
    "sets": "waiting_sets",
    "oldest": "oldest_at",
    "files": "waiting_files",
    "bytes": "waiting_bytes",
    "offset": "offset_ms",
    "schema": "schema_version",
    "client": "client",
    "free": "free_bytes",
}


def spell_report(report: DeviceReport) -> str:
    """Return a report as it is sent: `name:value` with commas between, what is not known left out."""
    told = ((name, getattr(report, attribute)) for name, attribute in _MEMBERS.items())
    return ",".join(f"{name}:{value}" for name, value in told if value is not None)


def read_report(text: str) -> DeviceReport | None:
    """Return what a device told, None when it cannot be read; members of a later version are passed over."""
    if len(text) > REPORT_CHARACTERS_MAX:
        return None
    told: dict[str, int | str] = {}
    for member in text.split(","):
        name, _, value = member.partition(":")
        attribute = _MEMBERS.get(name)
        if attribute is None:
            continue
        read = _read_value(name, value)
        if read is None:
            return None
        told[attribute] = read
    return DeviceReport(**told) if told else None  # type: ignore[arg-type]


def _read_value(name: str, value: str) -> int | str | None:
    if name == "oldest":
        return value if _INSTANT.match(value) else None
    if name == "client":
        return value if _CLIENT.match(value) else None
    if not _WHOLE.match(value):
        return None
    number = int(value)
    if number < 0 and name != "offset":
        return None
    return number if abs(number) <= WHOLE_NUMBER_MAX else None
