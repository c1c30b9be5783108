"""How a run lives with a bad line: when to try again, and how much to put into one request.

Rule 1: no connection at the first request means no network: the run ends at once and the person is told.
Rule 2: a line that is there but bad, or was there and broke, is waited for, with growing pauses, as long as the
        patience lasts; whatever gets through renews it.
Rule 3: a request is as large as the line carries in a few seconds, so what a cut can cost is bounded.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeVar

from schemas.problems import Refused

PAUSE_FIRST_S: Final = 0.5
PAUSE_LONGEST_S: Final = 20.0
"""A van comes out of a tunnel: later than this the next try would keep the engineer waiting for no reason."""

PATIENCE_S: Final = 120.0
"""A lift, a basement corridor, a radio cell that restarts; who is longer without a line syncs again later."""

TRIES_LEAST: Final = 3
"""On the worst lines a single try outlasts the patience, and says nothing of the next."""

GROWTH_MAX: Final = 4
"""One quick request proves little: it may have gone into a buffer."""

TEMPORARY: Final = frozenset({"server_unreachable", "server_busy", "database_busy"})
"""What may be over in a minute. All else is the same at the next try, or for a person to decide."""

NOT_CONNECTED: Final = frozenset({"NewConnectionError", "NameResolutionError", "ConnectTimeoutError"})
"""What `detail` of `server_unreachable` says when nobody took the connection."""

FULL_SHARE: Final = 0.7
"""Of what it might hold, a request whose parts are whole change-sets holds this much at least when more waits."""

ROUND_TRIPS: Final = 4
"""What a request may take on a line whose delay is what takes long."""

T = TypeVar("T")


@dataclass(slots=True)
class Patience:
    """Whether to try again after trouble, and after what pause; one for each run."""

    limit_s: float = PATIENCE_S
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random
    _met_at: float | None = None
    _tries: int = 0

    def renew(self) -> None:
        """Note that something got through."""
        self._met_at, self._tries = self.clock(), 0

    def bear(self, refusal: Refused) -> None:
        """Wait before the next try; raises the refusal when there is no use in one."""
        detail = refusal.fault.facts.get("detail")
        if refusal.code not in TEMPORARY or (self._met_at is None and detail in NOT_CONNECTED):
            raise refusal
        self._met_at = self.clock() if self._met_at is None else self._met_at
        pause_s = min(PAUSE_LONGEST_S, PAUSE_FIRST_S * 2**self._tries)
        # Devices that lost the same server at the same moment must not come back at the same moment.
        pause_s *= 0.5 + self.chance() / 2
        asked_for = refusal.fault.facts.get("seconds")
        if isinstance(asked_for, int):
            pause_s = max(pause_s, asked_for)
        may_be_chance = refusal.code == "server_unreachable" and self.limit_s > 0 and self._tries < TRIES_LEAST
        if not may_be_chance and self.clock() + pause_s - self._met_at > self.limit_s:
            raise refusal
        self._tries = min(self._tries + 1, 16)
        self.pause(pause_s)

    def keep_trying(self, request: Callable[[], T]) -> T:
        """Return what a request that may be repeated brings, however often it takes; raises as `bear` does."""
        while True:
            try:
                answer = request()
            except Refused as refusal:
                self.bear(refusal)
            else:
                self.renew()
                return answer


@dataclass(slots=True)
class Pace:
    """How much to put into one request: what takes about `target_s` on this line, from `least` to `most`."""

    size: int
    least: int
    most: int
    target_s: float
    clock: Callable[[], float] = time.monotonic
    _began: float = field(default=0.0)

    def begin(self) -> None:
        """Note that a request begins."""
        self._began = self.clock()

    @property
    def took_s(self) -> float:
        """How long the request has taken that began last."""
        return self.clock() - self._began

    def note(self, size: int, round_trip_s: float = 0.0) -> None:
        """Note that a request with `size` has got through, on a line with this round trip."""
        took_s = max(self.took_s, 0.001)
        # A request takes a round trip or two, however small it is; a smaller one would bring less, and no sooner.
        fitting = size * max(self.target_s, ROUND_TRIPS * round_trip_s) / took_s
        # A request that was small for want of more to send says little of what the line can carry.
        if size >= FULL_SHARE * self.size or fitting < self.size:
            self.size = round(max(self.least, min(fitting, self.size * GROWTH_MAX, self.most)))

    def shrink(self) -> None:
        """Note that a request did not get through."""
        self.size = max(self.least, self.size // GROWTH_MAX)
