"""Telling open pages that something has changed, by server-sent events (HTML standard, section 9.2).

Rule 1: one thread of each process looks at the ends of the logs while anybody listens; nobody's page asks by itself.
Rule 2: an event says that the log has grown, never what it holds: the page asks for what it shows, as its reader may.
Rule 3: a stream holds a thread of the server, so their number has a limit, and each ends after a while: the browser
        comes back by itself, and is asked again who it is.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from time import monotonic
from typing import Final

from sqlalchemy import Engine

from schemas.problems import Refused
from server.event_log import EVENTS
from server.services.log_following import read_positions

STREAMS_MAX: Final = 64
"""Open pages that listen to one process: each holds a thread beside those that answer requests."""

LOOK_EVERY_S: Final = 0.3
"""A conflict that a device pushes is to be seen within a second. A look is one short query for all listeners."""

BEAT_S: Final = 10.0
"""A comment between events, so that neither side takes the line for dead."""

STREAM_S: Final = 300.0
AGAIN_MS: Final = 2000
BUSY_S: Final = 30


class Listeners:
    """Wakes the streams of one process when the log of their organisation has grown."""

    def __init__(self, engine: Engine) -> None:
        """Look at the logs in the database of `engine`, once somebody listens."""
        self._engine = engine
        self._changed = threading.Condition()
        self._ends: dict[str, int] = {}
        self._streams = 0
        self._is_looking = False

    def listen(self, organisation: str) -> Iterator[str]:
        """Return a stream of events for a page of an organisation.

        Raises Refused with `server_busy` when too many listen.
        """
        with self._changed:
            if self._streams >= STREAMS_MAX:
                raise Refused("server_busy", seconds=BUSY_S)
            self._streams += 1
            if not self._is_looking:
                self._is_looking = True
                threading.Thread(target=self._look, name="listeners", daemon=True).start()
        return self._stream(organisation)

    def _stream(self, organisation: str) -> Iterator[str]:
        try:
            yield f"retry: {AGAIN_MS}\n\n"
            ends_at, known = monotonic() + STREAM_S, self._ends.get(organisation)
            while monotonic() < ends_at:
                end = self._await_end(organisation, known)
                # The first look only says where the log ends.
                yield f"event: changed\ndata: {end}\n\n" if known is not None and end != known else ": here\n\n"
                known = end
        finally:
            with self._changed:
                self._streams -= 1

    def _await_end(self, organisation: str, known: int | None) -> int | None:
        """Return where the log ends once that is another place than `known`, or after a beat."""
        with self._changed:
            self._changed.wait_for(lambda: self._ends.get(organisation) != known, BEAT_S)
            return self._ends.get(organisation)

    def _look(self) -> None:
        paused = threading.Event()
        while True:
            try:
                ends = read_positions(self._engine)
            except Refused as refused:
                EVENTS.warning("listeners_not_told", extra={"facts": {"why": str(refused)}})
            else:
                self._tell(ends)
            paused.wait(LOOK_EVERY_S)
            with self._changed:
                if not self._streams:
                    self._is_looking = False
                    return

    def _tell(self, ends: dict[str, int]) -> None:
        with self._changed:
            if ends != self._ends:
                self._ends = ends
                self._changed.notify_all()
