"""Under which trace id this thread works: set at the edge, written beside what comes into the log."""

from __future__ import annotations

import os
from contextvars import ContextVar
from typing import Final

from sync.trace_context import TraceContext, read_header

_CURRENT: Final[ContextVar[str]] = ContextVar("trace_id", default="")


def current_trace_id() -> str:
    """Return the trace id of the request or command at work, empty outside of any."""
    return _CURRENT.get()


def begin_trace(header: str | None) -> TraceContext:
    """Go on with the trace that a `traceparent` header names, or begin one; return it with a span of our own."""
    caller = read_header(header) if header else None
    context = TraceContext(caller.trace_id if caller else os.urandom(16).hex(), os.urandom(8).hex())
    _CURRENT.set(context.trace_id)
    return context
