"""The life of parts as steps: what came from where to where, when, on whose word, and whether it counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from server.domain.lifeline import Lane, Moment, State, Stay
from server.domain.trace import comparable

Act = Literal["moved", "fitted", "removed"]
Group = Mapping[str, Any]

LASTING: Final = ("centre", "van", "machine")
"""Places where a part stays; of the others it is only told that it came from there or went there."""

_ORDER: Final = ("supplier", "centre", "van", "machine", "customer", "returned", "scrapped", "difference")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a part is: one of the places of stock moves, with id and names where there are several of it."""

    kind: str
    id: str = ""
    names: tuple[str, str] = ("", "")
    """Chinese and English."""

    @property
    def key(self) -> str:
        """What tells it from other places."""
        return f"{self.kind} {self.id}".strip()


@dataclass(frozen=True, slots=True)
class Struck:
    """Why a step does not count: a further fact that withdraws it, stands in for it, or reverses it."""

    how: Literal["withdrawn", "corrected", "reversed"]
    id: str
    at: str
    position: int
    received_at: str = ""
    reason: str = ""
    by: Group = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Step:
    """One fact. `told` is who, on which device, when by which clock, on which order, with which evidence."""

    id: str
    act: Act
    at: str
    position: int
    source: Place | None
    target: Place | None
    part: Group
    maker: str
    serial: str | None
    batch: str | None
    quantity: int
    told: Group
    lot: Group = field(default_factory=dict)
    supplier: Group = field(default_factory=dict)
    machine: Group = field(default_factory=dict)
    struck: Struck | None = None
    is_elsewhere: bool = False
    """The same serial number is also recorded in another place for some of the time that begins here."""
    is_verified: bool | None = None
    """Whether the stored bytes of its log entry carry its device's signature; None where nobody looked."""

    @property
    def lane(self) -> Place | None:
        """The place that it is shown at: where the part came to, of a removal where it was."""
        return self.source if self.act == "removed" else self.target or self.source


def in_order(steps: Iterable[Step]) -> list[Step]:
    """Return steps by time; those of the same time as they came into the log, a move before the fitting it serves."""
    acts = ("moved", "removed", "fitted")
    return sorted(steps, key=lambda step: (comparable(step.at), step.position, acts.index(step.act), step.id))


def lanes_of(steps: Sequence[Step], choose: int) -> list[Lane]:
    """Return the places in the order of a part's way; `choose` is 0 for Chinese names, 1 for English ones."""
    places: dict[str, Place] = {}
    for step in steps:
        for place in (step.source, step.target):
            if place is not None:
                places.setdefault(place.key, place)
    ordered = sorted(places.values(), key=lambda place: _ORDER.index(place.kind))
    return [Lane(place.key, place.names[choose], place.kind) for place in ordered]


def stays_of(steps: Sequence[Step]) -> list[Stay]:
    """Return where one part stayed from when to when, from its steps by time."""
    stays: list[Stay] = []
    open_at: dict[str, tuple[str, State]] = {}
    for step in steps:
        if step.struck is not None:
            if step.act != "removed" and step.target and step.target.kind in LASTING:
                stays.append(Stay(step.target.key, step.at, step.struck.at, "struck"))
            continue
        # The machine's stay ends by its removal and begins by its fitting; the moves beside them tell of the van.
        source, target = step.source, step.target
        if source and source.kind in LASTING and (step.act == "removed" or source.kind != "machine"):
            begun = open_at.pop(source.key, None)
            if begun is not None or step.act == "removed":
                begins_at, state = begun or (None, "plain")
                stays.append(Stay(source.key, begins_at, step.at, state))
        if target and target.kind in LASTING and (step.act == "fitted" or target.kind != "machine"):
            open_at.setdefault(target.key, (step.at, "elsewhere" if step.is_elsewhere else "plain"))
    return stays + [Stay(key, begins_at, None, state) for key, (begins_at, state) in open_at.items()]


def moments_of(steps: Sequence[Step]) -> list[Moment]:
    """Return the marks of steps, numbered as in the table."""
    found = []
    for number, step in enumerate(steps, start=1):
        lane = step.lane
        if lane is not None:
            other = step.target if step.act == "removed" else step.source
            comes_from = other.key if other else None
            found.append(Moment(number, step.at, lane.key, comes_from, step.struck is not None))
    return found


def places_on(steps: Sequence[Step], begin: str, end: str) -> list[Stay]:
    """Return where a part was at some moment from the instant `begin` until before `end`."""
    return [
        stay
        for stay in stays_of(steps)
        if stay.state != "struck"
        and (stay.begins_at is None or comparable(stay.begins_at) < comparable(end))
        and (stay.ends_at is None or comparable(stay.ends_at) > comparable(begin))
    ]
