"""Several files at once where one connection cannot fill the line.

TCP takes every loss for a full line. Where a third is lost by chance one connection carries a twentieth of what the
line does, and four carry four times as much (docs/testing.md, Bad networks). Elsewhere one is right: it loses least
in a cut.

Rule 1: the first lane is the run's own thread; what goes wrong on it is what went wrong. A file that another lane could
        not bring goes back to those that wait.
Rule 2: nobody touches the device's database but in his turn, and nobody keeps his turn while he waits for the network.
Rule 3: once the run is over no lane touches anything.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from field_client.transport_tcp import LineFacts
from schemas.problems import Refused
from sync.blobs import LocalBlob

LANES_MAX: Final = 4
"""Eight carried no more on the worst line: what they had under way filled its queue, and much was sent twice."""

LOOK_EVERY_S: Final = 2.0

STRAINED_SHARE: Final = 0.1
STRAINED_ROUND_TRIP_S: Final = 0.5
STRAINED_BYTES_S: Final = 1000
"""So slow, so far and with so many losses no connection has found what the line can carry."""

Send = Callable[[LocalBlob], None]
"""brings one file to its end; raises Refused"""


def is_strained(line: LineFacts, rate_bytes_s: float) -> bool:
    """Tell whether a connection that brought bytes at this rate leaves most of its line unused."""
    is_lossy = line.repeated_share >= STRAINED_SHARE and line.round_trip_s >= STRAINED_ROUND_TRIP_S
    return is_lossy and rate_bytes_s < STRAINED_BYTES_S


class RunOver(Exception):
    """The run has ended while a lane waited for the network."""


class Turn:
    """Whose turn it is to use what all lanes share."""

    def __init__(self) -> None:
        """Nobody's turn yet."""
        self._lock, self._owner, self._last = threading.Lock(), 0, 0

    def __enter__(self) -> None:
        """Wait for one's turn. Raises RunOver on any lane but the run's own once the run is over."""
        self._lock.acquire()
        if self._last not in (0, threading.get_ident()):
            self._lock.release()
            raise RunOver
        self._owner = threading.get_ident()

    def __exit__(self, *_: object) -> None:
        """Let others have their turn."""
        # Who came back too late has none.
        if self._owner == threading.get_ident():
            self._owner = 0
            self._lock.release()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Let others have their turn meanwhile; whoever has none loses nothing by it."""
        if self._owner != threading.get_ident():
            yield
            return
        self.__exit__()
        try:
            yield
        finally:
            self.__enter__()

    def end(self) -> None:
        """Let nobody else have a turn any more; called in one's own turn."""
        self._last = threading.get_ident()


class Lanes:
    """Brings files over as many connections as the line asks for."""

    def __init__(self, files: Iterable[LocalBlob], turn: Turn, open_lane: Callable[[], Send]) -> None:
        """Bring `files`, in order; `open_lane` returns what brings a file over a further connection."""
        self.brought = 0
        self.unwanted: Refused | None = None
        """Why the server does not take one of the files, the last of them if there are several."""
        self._files, self._turn, self._open_lane = deque(files), turn, open_lane
        self._idle = threading.Condition()
        self._open = 0

    def bring(self, send: Send, between: Callable[[], None]) -> None:
        """Bring all files, in one's own turn, with `send` and whatever other lanes there are.

        While only others are at work `between` is called now and then. Raises Refused as both do, but for files that
        the server takes never: these hold up no other.
        """
        try:
            while True:
                while self._files:
                    self._bring_one(send, self._files.popleft())
                if not self._open:
                    return
                with self._turn.away(), self._idle:
                    self._idle.wait_for(lambda: not self._open or bool(self._files), LOOK_EVERY_S)
                between()
        finally:
            self._turn.end()

    def widen(self) -> None:
        """Open the other lanes, in one's own turn, as far as there are files for them."""
        for _ in range(min(LANES_MAX - 1 - self._open, len(self._files))):
            self._open += 1
            threading.Thread(target=self._run, args=(self._open_lane(),), name="lane", daemon=True).start()

    def _run(self, send: Send) -> None:
        try:
            with self._turn:
                while self._files:
                    blob = self._files.popleft()
                    try:
                        self._bring_one(send, blob)
                    except Refused:
                        self._files.appendleft(blob)
                        return
        except RunOver:
            return
        finally:
            with self._idle:
                self._open -= 1
                self._idle.notify_all()

    def _bring_one(self, send: Send, blob: LocalBlob) -> None:
        try:
            send(blob)
            self.brought += 1
        except Refused as refusal:
            if refusal.fault.problem.retry != "never":
                raise
            # The server takes no such file, say one that is too large: it stays here, and holds up no other.
            self.unwanted = refusal
