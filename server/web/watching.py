"""What every request leaves behind: a line in the event log, counts, and that its device was heard of.

Rule 1: nothing that a caller wrote goes into the log but ids that were checked, the route's pattern, and codes.
Rule 2: watching adds no look-up to a request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any, Final
from urllib.parse import unquote_plus

from server.event_log import EVENTS
from server.metrics import Metrics, summarise
from server.request_trace import begin_trace
from server.services.contacts import Contacts
from server.web.access import PREFIX
from server.web.notes import Notes, begin_notes
from sync.device_report import QUERY_NAME, REPORT_CHARACTERS_MAX
from sync.trace_context import HEADER

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_TRACE_HEADER: Final = f"HTTP_{HEADER.upper()}"
_TOLD: Final = f"&{QUERY_NAME}="
_SPELLED_MAX: Final = 3 * REPORT_CHARACTERS_MAX
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD: Final = "OTHER"
_QUIET: Final = frozenset({f"{PREFIX}/health/live", f"{PREFIX}/health/ready"})
"""Asked every few seconds by machines; an answer other than 200 is told all the same."""


class Watched:
    """A WSGI application around all others: it sees each request first and each answer last."""

    def __init__(self, behind: Application, metrics: Metrics, contacts: Contacts) -> None:
        """Watch what `behind` answers."""
        self._behind = behind
        self._metrics = metrics
        self._contacts = contacts

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answer a request."""
        began = perf_counter()
        span = begin_trace(environ.get(_TRACE_HEADER)).span_id
        notes = begin_notes()
        status, sent_bytes = 500, None

        def start(line: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            nonlocal status, sent_bytes
            status = int(line[:3])
            sent_bytes = next((int(value) for name, value in headers if name == "Content-Length"), None)
            return start_response(line, headers, *more)

        try:
            return self._behind(environ, start)
        finally:
            self._end(environ, notes, status, perf_counter() - began, {"span": span, "sent_bytes": sent_bytes})

    def _end(self, environ: dict[str, Any], notes: Notes, status: int, seconds: float, facts: dict[str, Any]) -> None:
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in _METHODS else _OTHER_METHOD
        self._metrics.count_request(method, notes.route, status, seconds, notes.problem)
        if notes.receipts:
            verdicts, refusals, positions = summarise(notes.receipts)
            self._metrics.count_sets(verdicts, refusals)
            facts |= {"verdicts": verdicts, "refusals": refusals or None}
            if positions:
                facts |= {"first_position": min(positions), "last_position": max(positions)}
        if notes.device is not None and notes.organisation is not None:
            told = _read_told(environ.get("QUERY_STRING", ""))
            self._contacts.hear(notes.organisation, notes.device, told, notes.synced, notes.problem or "")
        level = _level_of(notes.route, status)
        if EVENTS.isEnabledFor(level):
            line = {
                "method": method,
                "route": notes.route,
                "status": status,
                "ms": round(seconds * 1000, 2),
                "organisation": notes.organisation,
                "device": notes.device,
                "person": notes.person,
                "problem": notes.problem,
                "received_bytes": environ.get("CONTENT_LENGTH") or None,
                **notes.facts,
                **facts,
            }
            EVENTS.log(level, "request", extra={"facts": line})


def _read_told(query: str) -> str | None:
    """Return the report in a query. It is looked for, not parsed out: most of what a poll asks is elsewhere in it."""
    at = f"&{query}".find(_TOLD)
    if at < 0:
        return None
    spelled = query[at + len(_TOLD) - 1 :].partition("&")[0]
    return unquote_plus(spelled) if len(spelled) <= _SPELLED_MAX else None


def _level_of(route: str, status: int) -> int:
    if status >= 500:
        return logging.ERROR
    return logging.DEBUG if status == 200 and route in _QUIET else logging.INFO
