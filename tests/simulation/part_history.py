"""Where each part was, from when to when, and since when that was known: docs/tracing.md in words of the oracle's own.

All of it is worked out anew from all facts, as nobody could afford who serves people: for each log position what was
known then, and a version for as long as the same was known.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class PartFact:
    """A part put in (``fitted``) or taken out (``removed``), or an entry struck out (``struck``).

    `at` is what its author wrote, `when` the same by the server's clock; `about` names the fact that it strikes out or
    stands in for.
    """

    id: str
    act: str
    maker: str
    serial: str | None
    batch: str | None
    machine: str
    order: str
    at: str
    when: str
    position: int
    about: str | None = None

    @property
    def turn(self) -> tuple[str, int, str]:
        """Its place in the order of time."""
        return self.when, self.position, self.id


@dataclass(frozen=True, slots=True)
class Stay:
    """One part in one machine, as it is told at some moment."""

    fact: PartFact
    begins_at: str | None
    removal: PartFact | None = None
    again: tuple[str, ...] = ()
    struck_by: str | None = None


@dataclass(frozen=True, slots=True)
class Version:
    """A stay as it was known from one log position until before another."""

    stay: Stay
    known_from: int
    known_until: int | None = None
    removal_known: int | None = None

    def row(self) -> tuple[object, ...]:
        """Return what the table of spans must say of it, as far as facts alone tell."""
        stay, removal = self.stay, self.stay.removal
        ends = (removal.when, removal.id, removal.order) if removal else (None, None, None)
        fact = stay.fact
        told = (fact.maker, fact.serial, fact.batch, fact.machine, fact.order, stay.begins_at)
        until = (self.known_from, self.known_until)
        return (fact.id, *until, *told, *ends, self.removal_known, stay.struck_by, len(stay.again))


def find_counting(facts: Iterable[PartFact]) -> tuple[list[PartFact], dict[str, str]]:
    """Return the facts that count, by time, and the withdrawal of each that was struck out."""
    known = sorted(facts, key=lambda fact: fact.turn)
    struck: dict[str, str] = {}
    for fact in known:
        if fact.act == "struck" and fact.about:
            struck.setdefault(fact.about, fact.id)
    told = [fact for fact in known if fact.act != "struck" and fact.id not in struck]
    stood_in_for = {fact.about for fact in told}
    return [fact for fact in told if fact.id not in stood_in_for], struck


def tell_stays(facts: Iterable[PartFact]) -> dict[str, Stay]:
    """Return the stays that some facts tell, by the ids of the facts that name them."""
    known = list(facts)
    counting, struck = find_counting(known)
    stays: dict[str, Stay] = {}
    for fact in known:
        if fact.id in struck:
            stays[fact.id] = Stay(fact, fact.when if fact.act == "fitted" else None, struck_by=struck[fact.id])
            if fact.act == "removed":
                stays[fact.id] = replace(stays[fact.id], removal=fact)
    for fact in counting:
        here = [stay for stay in stays.values() if stay.struck_by is None and stay.removal is None]
        here = [stay for stay in here if stay.fact.machine == fact.machine and stay.fact.serial == fact.serial]
        same = [stay for stay in here if stay.fact.maker == fact.maker]
        if fact.act == "fitted":
            if fact.serial is not None and same:
                stays[same[0].fact.id] = replace(same[0], again=(*same[0].again, fact.id))
            else:
                stays[fact.id] = Stay(fact, fact.when)
            continue
        if fact.serial is None:
            here = [stay for stay in here if fact.batch is not None and stay.fact.batch == fact.batch]
            same = [stay for stay in same if stay in here]
        ended = same[:1] or (here if not fact.maker and len(here) == 1 else [])
        if ended:
            stays[ended[0].fact.id] = replace(ended[0], removal=fact)
        else:
            stays[fact.id] = Stay(fact, None, removal=fact)
    return stays


Moment = tuple[int, dict[str, Stay]]
"""a log position that told something of parts, and what was known from then on"""


def tell_moments(facts: Iterable[PartFact]) -> list[Moment]:
    """Return what was known when."""
    known = list(facts)
    positions = sorted({fact.position for fact in known})
    return [(position, tell_stays(fact for fact in known if fact.position <= position)) for position in positions]


def find_doubles(moments: Iterable[Moment]) -> set[str]:
    """Return the facts of the stays of parts that were ever known to be in two machines at once."""
    found = set()
    for _, stays in moments:
        whole = [stay for stay in stays.values() if stay.struck_by is None and stay.fact.serial is not None]
        for stay in whole:
            part = (stay.fact.maker, stay.fact.serial)
            others = [other for other in whole if (other.fact.maker, other.fact.serial) == part]
            if any(other.fact.machine != stay.fact.machine and _overlap(stay, other) for other in others):
                found.add(stay.fact.id)
    return found


def _overlap(one: Stay, other: Stay) -> bool:
    pairs = ((one, other), (other, one))
    return all(a.begins_at is None or b.removal is None or a.begins_at < b.removal.when for a, b in pairs)


def tell_versions(moments: Iterable[Moment]) -> list[Version]:
    """Return every version of every stay that was ever known."""
    told: list[Version] = []
    standing: dict[str, Version] = {}
    for position, stays in moments:
        for name in standing.keys() | stays.keys():
            before, after = standing.get(name), stays.get(name)
            if before is not None and before.stay == after:
                continue
            if before is not None and after is not None and _differs_by_removal(before.stay, after):
                standing[name] = replace(before, stay=after, removal_known=position)
                continue
            if before is not None:
                told.append(replace(standing.pop(name), known_until=position))
            if after is not None:
                standing[name] = Version(after, position, None, position if after.removal else None)
    return [*told, *standing.values()]


def _differs_by_removal(before: Stay, after: Stay) -> bool:
    return before.removal is None and after.removal is not None and replace(after, removal=None) == before


def is_in_range(serial: str | None, first: str, last: str) -> bool:
    """Tell whether a serial number is one of those from a first to a last, by the words of docs/recalls.md."""
    if serial is None or first == last:
        return serial == first
    stem = first.rstrip("0123456789")
    digits = serial[len(stem) :]
    is_alike = serial.startswith(stem) and len(serial) == len(first) == len(last)
    is_alike = is_alike and digits.isascii() and digits.isdigit()
    return is_alike and int(first[len(stem) :]) <= int(digits) <= int(last[len(stem) :])
