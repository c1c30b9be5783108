"""The world of a simulation: its time, its chance, its agenda and its history.

Rule 1: what happens next is the earliest entry of the agenda; of two at one moment, the one entered first.
Rule 2: every draw is named by its place, so that leaving one thing out changes nothing that others draw.
Rule 3: every step is a line of the history; the same seed writes the same history, byte for byte.
Rule 4: a misfortune strikes only where the weather lets it, never in the calm at the end, and never when it
        is named in `without`; so a failing history can be shortened without losing its place.
"""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from typing import Final

from tests.simulation.weather import Weather

MORNING_MS: Final = 1_795_219_200_000
"""2026-11-21, midnight in UTC."""

SECOND_MS: Final = 1000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS


class Died(BaseException):
    """A process lost its power: nothing of it goes on. Not an Exception, since no code of ours may survive it."""


class Broken(AssertionError):
    """A promise was broken: what an oracle raises."""


@dataclass(slots=True)
class World:
    """See the module's text. `calm` ends all misfortune; `moves` are the things that could have been left out."""

    seed: int
    weather: Weather
    without: frozenset[str] = frozenset()
    now_ms: int = MORNING_MS
    steps: int = 0
    calm: bool = False
    history: list[str] = field(default_factory=list)
    moves: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _agenda: list[tuple[int, int, Callable[[], None]]] = field(default_factory=list)
    _entries: count[int] = field(default_factory=count)

    def draw(self, *place: object) -> random.Random:
        """Return the chance of a place."""
        return random.Random("/".join(map(str, (self.seed, *place))))

    def strikes(self, misfortune: str, *place: object) -> bool:
        """Tell whether a misfortune strikes at a place."""
        rate = 0.0 if self.calm else self.weather.rates.get(misfortune, 0.0)
        name = " ".join(map(str, (misfortune, "at", *place)))
        if rate == 0.0 or self._fraction(name) >= rate or name in self.without:
            return False
        self.moves.append(name)
        self.counts[misfortune] += 1
        return True

    def may(self, move: str) -> bool:
        """Tell whether something planned goes ahead, which a shortened history may leave out."""
        if move in self.without:
            return False
        self.moves.append(move)
        return True

    def tell(self, *words: object) -> None:
        """Add a step to the history."""
        self.steps += 1
        self.history.append(f"{self.now_ms - MORNING_MS} {' '.join(map(str, words))}")

    def plan(self, delay_ms: int, do: Callable[[], None]) -> None:
        """Enter something in the agenda."""
        heapq.heappush(self._agenda, (self.now_ms + max(delay_ms, 0), next(self._entries), do))

    def go_on(self) -> bool:
        """Do what comes next; tell whether there was anything."""
        if not self._agenda:
            return False
        at_ms, _, do = heapq.heappop(self._agenda)
        self.now_ms = max(self.now_ms, at_ms)
        do()
        return True

    def digest(self) -> str:
        """Return the SHA-256 of the history."""
        return hashlib.sha256("\n".join(self.history).encode()).hexdigest()

    def _fraction(self, name: str) -> float:
        drawn = hashlib.blake2b(f"{self.seed}/{name}".encode(), digest_size=7).digest()
        return int.from_bytes(drawn, "big") / (1 << 56)
