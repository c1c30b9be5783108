"""The ids that follow a request from the device into the server's event log. Source: W3C Trace Context, level 1.

A *trace* is one sync run of a device, or one request of somebody else; a *span* is one request of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

HEADER: Final = "traceparent"

SHORT_DIGITS: Final = 8
"""What a person reads out on the telephone; 32 random bits tell the runs of a fleet's week apart."""

# Version ff is forbidden; a later version may have further members behind a dash.
_HEADER = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?\Z")
_FIRST_VERSION: Final = "00-"
_FIRST_VERSION_CHARACTERS: Final = 55


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A trace of 32 and a span of 16 lower-case hexadecimal digits."""

    trace_id: str
    span_id: str

    @property
    def header(self) -> str:
        """The value of the header `traceparent`; every request is recorded, so the flag says so."""
        return f"{_FIRST_VERSION}{self.trace_id}-{self.span_id}-01"


def read_header(value: str) -> TraceContext | None:
    """Return what a `traceparent` header says, None when it is not one."""
    found = _HEADER.match(value)
    if found is None or (value.startswith(_FIRST_VERSION) and len(value) != _FIRST_VERSION_CHARACTERS):
        return None
    return TraceContext(found[1], found[2])


def shorten(trace_id: str) -> str:
    """Return the first digits of a trace id, by which people name it."""
    return trace_id[:SHORT_DIGITS]
