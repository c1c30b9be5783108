"""What is noted of the request at work on its way through the layers, for the event log and the counts."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

from server.metrics import UNMATCHED


@dataclass(slots=True)
class Notes:
    """Ids that were checked, codes and counts; never what a caller wrote."""

    route: str = UNMATCHED
    organisation: str | None = None
    device: str | None = None
    person: str | None = None
    problem: str | None = None
    receipts: list[str] = field(default_factory=list)
    synced: int | None = None
    """the feed position to which this request brought its device"""
    facts: dict[str, Any] = field(default_factory=dict)
    """what else the line in the event log is to say"""


_CURRENT: Final[ContextVar[Notes | None]] = ContextVar("notes", default=None)


def begin_notes() -> Notes:
    """Begin the notes of a request."""
    notes = Notes()
    _CURRENT.set(notes)
    return notes


def notes() -> Notes:
    """Return the notes of the request at work; outside of any, notes that nobody reads."""
    return _CURRENT.get() or Notes()
