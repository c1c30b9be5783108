"""How often each misfortune strikes in one run: drawn for each seed, so that some runs are quiet and some are hell.

A fault that is rare everywhere is never met in company; one that is common everywhere hides what only happens
without it. So each run draws which kinds there are at all, and how often. Source: Groce et al., Swarm Testing, 2012.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Final

MISFORTUNES: Final[dict[str, tuple[float, float]]] = {
    "request lost": (0.01, 0.3),
    "request twice": (0.01, 0.2),
    "request late": (0.01, 0.2),
    "request cut off": (0.005, 0.1),
    "answer lost": (0.01, 0.3),
    "answer late": (0.01, 0.2),
    "answer cut off": (0.005, 0.1),
    "answer cut off unnoticed": (0.005, 0.1),
    "answer by a sign-in page": (0.005, 0.1),
    "server dies before commit": (0.002, 0.05),
    "server dies after commit": (0.002, 0.05),
    "server dies at a file": (0.01, 0.2),
    "server disk full": (0.005, 0.1),
    "device dies before commit": (0.002, 0.05),
    "device dies after commit": (0.002, 0.05),
    "device dies at a file": (0.01, 0.2),
    "device disk full": (0.005, 0.1),
    "stick damaged": (0.05, 0.3),
}
"""Misfortunes that may strike at any message or commit, and how often, from seldom to often."""

EVENTS: Final[dict[str, tuple[float, float]]] = {
    "no network": (0.2, 3.0),
    "weeks away": (0.05, 0.5),
    "device clock jumps": (0.2, 2.0),
    "server clock jumps": (0.05, 0.5),
    "server restarts": (0.2, 2.0),
    "device set up anew": (0.1, 1.0),
    "device revoked": (0.1, 1.0),
    "server backed up": (0.3, 2.0),
    "server restored": (0.1, 0.7),
    "stick carried": (1.0, 10.0),
    "dishonest device": (0.5, 8.0),
    "device thawed": (0.1, 1.0),
    "new release": (0.1, 1.0),
    "person forgotten": (0.3, 3.0),
}
"""Misfortunes that come by themselves, and their share of a hundred things that happen."""


@dataclass(frozen=True, slots=True)
class Weather:
    """The rates of one run: of misfortunes by chance, of events by share."""

    rates: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)


def draw_weather(chance: random.Random) -> Weather:
    """Draw the weather of a run: a tenth of all runs is fair, in the others about half of all kinds occur."""
    severity = chance.choice([0.0, *[0.3] * 3, *[0.5] * 3, *[0.8] * 3])

    def draw_some(bounds: dict[str, tuple[float, float]]) -> dict[str, float]:
        drawn = {name: low * (high / low) ** chance.random() for name, (low, high) in bounds.items()}
        return {name: rate for name, rate in drawn.items() if chance.random() < severity}

    return Weather(draw_some(MISFORTUNES), draw_some(EVENTS))


def without_kinds(weather: Weather, kinds: frozenset[str]) -> Weather:
    """Return the weather with some kinds of misfortune left out."""
    rates = {name: rate for name, rate in weather.rates.items() if name not in kinds}
    return Weather(rates, {name: share for name, share in weather.shares.items() if name not in kinds})
