"""Telling open pages that something has changed, by server-sent events (HTML standard, section 9.2).

Rule 1: one thread of each process looks at the ends of the logs while anybody listens; nobody's page asks by itself.
Rule 2: an event says that the log has grown, never what it holds: the page asks for what it shows, as its reader may.
Rule 3: a page says up to which log position it shows things, so that nothing between its making and its listening is
        missed; when it comes back after a break it says what it heard last (Last-Event-ID).
Rule 4: a stream holds a thread of the server, so their number has a limit, and each ends after a while: the browser
        comes back by itself, and is asked again who it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from time import monotonic
from typing import Final
from weakref import finalize

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


class Stream:
    """The events for one page. It gives its place back when it is closed or nobody holds it, also if it never began."""

    def __init__(self, events: Iterator[str], leave: Callable[[], None]) -> None:
        """Stream `events`; `leave` gives the place back."""
        self._events = events
        self._leave = finalize(self, leave)

    def __iter__(self) -> Stream:
        """Return itself."""
        return self

    def __next__(self) -> str:
        """Return the next event, or what keeps the line alive."""
        return next(self._events)

    def close(self) -> None:
        """End it."""
        self._leave()


class Listeners:
    """Wakes the streams of one process when the log of their organisation has grown."""

    def __init__(self, engine: Engine) -> None:
        """Look at the logs in the database of `engine`, once somebody listens."""
        self._engine = engine
        self._changed = threading.Condition()
        self._ends: dict[str, int] = {}
        self._streams = 0
        self._is_looking = False

    def listen(self, organisation: str, seen: int | None) -> Stream:
        """Return a stream of events for a page of an organisation that shows what stood at a log position, if known.

        Raises Refused with `server_busy` when too many listen.
        """
        with self._changed:
            if self._streams >= STREAMS_MAX:
                raise Refused("server_busy", seconds=BUSY_S)
            self._streams += 1
            if not self._is_looking:
                self._is_looking = True
                threading.Thread(target=self._look, name="listeners", daemon=True).start()
        return Stream(self._stream(organisation, seen), self._leave)

    def rest(self) -> None:
        """Return once nobody looks any more; before the database is closed, and after the last stream is."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_looking)

    def _stream(self, organisation: str, seen: int | None) -> Iterator[str]:
        yield f"retry: {AGAIN_MS}\n\n"
        ends_at = monotonic() + STREAM_S
        while monotonic() < ends_at:
            end = self._await_end(organisation, seen)
            is_news = seen is not None and end not in (None, seen)
            yield f"id: {end}\nevent: changed\ndata: {end}\n\n" if is_news else ": here\n\n"
            seen = seen if end is None else end

    def _leave(self) -> None:
        with self._changed:
            self._streams -= 1

    def _await_end(self, organisation: str, seen: int | None) -> int | None:
        """Return where the log ends once that is another place than `seen`, or after a beat; None while unknown."""
        with self._changed:
            self._changed.wait_for(lambda: self._ends.get(organisation) not in (None, seen), BEAT_S)
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
                    # Whoever listens next must not take an old end for news.
                    self._is_looking, self._ends = False, {}
                    self._changed.notify_all()
                    return

    def _tell(self, ends: dict[str, int]) -> None:
        with self._changed:
            if ends != self._ends:
                self._ends = ends
                self._changed.notify_all()
