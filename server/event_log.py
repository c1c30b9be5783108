"""The server's event log: one line an event on standard error, under the trace id of the request at work.

Rule 1: facts, never contents: no bodies, headers, queries, names, tokens or keys; a stack stands here and nowhere else.
Rule 2: what an event says of itself comes as `extra={"facts": {...}}`; None is left out.
"""

from __future__ import annotations

import logging
import sys
from typing import Any, Final

import orjson

from server.clock import spell_instant
from server.request_trace import current_trace_id

LEVELS: Final = ("debug", "info", "warning", "error")
FORMATS: Final = ("json", "text")

EVENTS: Final = logging.getLogger("gongdan")

WEB_SERVER_LOG: Final[dict[str, Any]] = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"_granian": {"level": "ERROR", "propagate": True}},
}
"""What the web server is to do with its own log: hand what went wrong to ours."""


def open_event_log(level: str, form: str) -> None:
    """Write all events of this process, of libraries too, from a level of LEVELS on, in a form of FORMATS."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    root = logging.getLogger()
    for other in list(root.handlers):
        root.removeHandler(other)
    root.addHandler(handler)
    # Libraries tell in detail what only they understand.
    root.setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
    EVENTS.setLevel(level.upper())
    logging.captureWarnings(True)
    # No line names its place in the code, its thread or its process: finding them out takes longer than writing it.
    # Source: the section "Optimization" of Python's logging HOWTO.
    logging._srcfile = None  # type: ignore[attr-defined]
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


class JsonLines(logging.Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return orjson.dumps(_facts_of(record), default=str).decode()


class TextLines(logging.Formatter):
    """The same for people: time, level, event, then `name=value`; a stack on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        facts = _facts_of(record)
        stack = facts.pop("stack", None)
        head = f"{facts.pop('at')} {facts.pop('level'):7} {facts.pop('event')}"
        told = " ".join(f"{name}={orjson.dumps(value, default=str).decode()}" for name, value in facts.items())
        return f"{head} {told}".rstrip() + (f"\n{stack}" if stack else "")


def _facts_of(record: logging.LogRecord) -> dict[str, Any]:
    line = {"at": spell_instant(int(record.created * 1000)), "level": record.levelname.lower()}
    line["event"] = record.getMessage()
    if trace_id := current_trace_id():
        line["trace"] = trace_id
    if record.name != EVENTS.name:
        line["logger"] = record.name
    line.update((name, value) for name, value in getattr(record, "facts", {}).items() if value is not None)
    if record.exc_info:
        line["stack"] = logging.Formatter().formatException(record.exc_info)
    return line
