"""Where each part was, from when to when: spans worked out from the facts of fitting and removing.

Rule 1: a part is (maker or GTIN, serial number), byte for byte; searching alone folds case and width.
Rule 2: only facts up to a log position count, so "as known then" is the same question with fewer facts.
Rule 3: a fact that a later one corrects does not count once the correction is known.
        A withdrawn fact counts for nothing; it is a span of its own, which names the withdrawal.
Rule 4: a removal ends the span of that part in that machine. Typed without a maker, it ends the span of
        the only part of that serial number there; where none fits, the part was there before records began.
Rule 5: a part fitted elsewhere without having been removed is in two places: both spans stay open and
        say so, because no rule can know which of the two people is right.
Rule 6: a part without a serial number is known by the act of fitting it; a removal ends the oldest open
        one of that batch in that machine.
Rule 7: facts are in the order of their times by the server's clock. What a device wrote by a wrong clock is put
        right first, and both times are told.
Rule 8: what ends a span stands in the same group: the machine, and the serial number or else the batch. A fact
        changes its own group, and those of the facts that it corrects or gives back; nothing else.
Source: handbook P1, V7.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Literal, NamedTuple

from schemas.serials import FOLDED_CHARACTERS_MAX as FOLDED_CHARACTERS_MAX
from schemas.serials import fold as fold

Act = Literal["fitted", "removed", "struck"]


class Group(NamedTuple):
    """The facts that can end or repeat each other's spans: one machine, and one serial number or else one batch.

    A part without either is known by its one fact, which stands as `alone`.
    """

    machine: str
    serial: str | None
    batch: str | None
    alone: str


@dataclass(frozen=True, slots=True)
class Fact:
    """A part put into or taken out of a machine. `at` is an instant, `position` its place in the log.

    `corrects` names the fact of the same act that this one stands in for; of a ``struck`` fact, which is a withdrawal,
    the fact that it withdraws. It bears what its subject bears: maker, serial, batch, machine. `corrected_at` is `at`
    by the server's clock where the clock of the device was wrong.
    """

    id: str
    act: Act
    maker: str
    serial: str | None
    batch: str | None
    machine: str
    order: str
    at: str
    position: int
    corrects: str | None = None
    corrected_at: str | None = None

    @property
    def when(self) -> str:
        """The instant that counts: by the server's clock."""
        return self.corrected_at or self.at

    @property
    def group(self) -> Group:
        """The facts it stands among."""
        if self.serial is not None:
            return Group(self.machine, self.serial, None, "")
        if self.batch is not None:
            return Group(self.machine, None, self.batch, "")
        return Group(self.machine, None, None, (self.corrects or self.id) if self.act == "struck" else self.id)


@dataclass(frozen=True, slots=True)
class Span:
    """One part in one machine: `fitted` is None when only its removal is known, `removed` while it is in.

    `again` holds further facts of fitting it where it already was; `elsewhere` tells that it is also
    recorded in another machine for some of this time. `withdrawn` is the withdrawal of its one fact.
    """

    fitted: Fact | None
    removed: Fact | None = None
    again: tuple[Fact, ...] = ()
    elsewhere: bool = False
    withdrawn: Fact | None = None

    @property
    def fact(self) -> Fact:
        """The fact that names the part: the fitting, or the removal when there is no other."""
        known = self.fitted or self.removed
        assert known is not None, "a span begins or ends with a fact"
        return known

    @property
    def machine(self) -> str:
        """The machine's id."""
        return self.fact.machine

    @property
    def begins_at(self) -> str | None:
        """When it was fitted; None when that was before records began."""
        return self.fitted.when if self.fitted else None

    @property
    def ends_at(self) -> str | None:
        """When it was removed; None while it is in."""
        return self.removed.when if self.removed else None


def storable(number: str) -> str:
    """Return what somebody typed without what no database holds: NUL, and halves of surrogate pairs."""
    return number.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def spans(facts: Iterable[Fact], as_known_at: int | None = None) -> list[Span]:
    """Return the spans that some facts tell, by time.

    `facts` are all facts about the parts asked for, in any order; those after the log position
    `as_known_at` are left out.
    """
    known = [fact for fact in facts if as_known_at is None or fact.position <= as_known_at]
    groups: dict[Group, list[Fact]] = {}
    for fact in known:
        if fact.act != "struck":
            groups.setdefault(fact.group, []).append(fact)
    standing = _judge(known)
    found = [span for group in groups.values() for span in _tell_group(group, standing)]
    return sorted(_mark_elsewhere(found), key=lambda span: _by_time(span.fact))


def spans_of_group(group: Group, facts: Collection[Fact], as_known_at: int | None = None) -> list[Span]:
    """Return the spans of one group, of which `elsewhere` is not told.

    `facts` are those of the group, those that correct or withdraw one of them, and the withdrawals of these;
    what else is among them changes nothing.
    """
    known = [fact for fact in facts if as_known_at is None or fact.position <= as_known_at]
    return _tell_group([fact for fact in known if fact.act != "struck" and fact.group == group], _judge(known))


def of_serial(found: Iterable[Span], serial: str) -> list[Span]:
    """Return the spans of parts whose serial number is searched alike."""
    wanted = fold(serial)
    return [span for span in found if span.fact.serial is not None and fold(span.fact.serial) == wanted]


def of_batch(found: Iterable[Span], batch: str) -> list[Span]:
    """Return the spans of parts whose batch number is searched alike."""
    wanted = fold(batch)
    return [span for span in found if span.fact.batch is not None and fold(span.fact.batch) == wanted]


def in_machine(found: Iterable[Span], machine: str, begin: str, end: str) -> list[Span]:
    """Return the spans in a machine at some moment from the instant `begin` until before `end`."""
    return [
        span
        for span in found
        if span.machine == machine
        and (span.begins_at is None or comparable(span.begins_at) < comparable(end))
        and (span.ends_at is None or comparable(span.ends_at) > comparable(begin))
    ]


def day_bounds(day: str, zone: tzinfo) -> tuple[str, str]:
    """Return the instants at which a calendar day (``YYYY-MM-DD``) begins and has ended in a zone.

    Raises ValueError when the day is none.
    """
    start = datetime.combine(date.fromisoformat(day), time(), zone)
    return _spell(start), _spell(start + timedelta(days=1))


def comparable(instant: str) -> str:
    """Return an instant to the millisecond, so that instants sort as text: "59Z" before "59.123Z"."""
    return instant if "." in instant else f"{instant[:-1]}.000Z"


@dataclass(frozen=True, slots=True)
class _Standing:
    """Which facts do not count: those withdrawn, each with its withdrawal, and those corrected."""

    struck: dict[str | None, Fact]
    corrected: set[str | None]


def _judge(known: Iterable[Fact]) -> _Standing:
    known = list(known)
    withdrawals = sorted((fact for fact in known if fact.act == "struck"), key=_by_time, reverse=True)
    struck = {fact.corrects: fact for fact in withdrawals}
    told = (fact for fact in known if fact.act != "struck" and fact.corrects and fact.id not in struck)
    return _Standing(struck, {fact.corrects for fact in told})


def _tell_group(facts: Iterable[Fact], standing: _Standing) -> list[Span]:
    book = _Book()
    withdrawn = []
    for fact in sorted(facts, key=_by_time):
        if fact.id in standing.struck:
            withdrawn.append(_withdraw(fact, standing.struck[fact.id]))
        elif fact.id not in standing.corrected:
            (book.fit if fact.act == "fitted" else book.remove)(fact)
    return [*book.all_spans(), *withdrawn]


@dataclass(slots=True)
class _Book:
    open: dict[str, list[Span]] = field(default_factory=dict)
    """machine -> the spans that have not ended"""
    closed: list[Span] = field(default_factory=list)

    def fit(self, fact: Fact) -> None:
        here = self.open.setdefault(fact.machine, [])
        for place, span in enumerate(here):
            if fact.serial is not None and _is_same_part(span.fact, fact):
                here[place] = replace(span, again=(*span.again, fact))
                return
        here.append(Span(fact))

    def remove(self, fact: Fact) -> None:
        span = self._ended_by(fact)
        if span is None:
            self.closed.append(Span(None, fact))
        else:
            self.open[fact.machine].remove(span)
            self.closed.append(replace(span, removed=fact))

    def all_spans(self) -> list[Span]:
        return self.closed + [span for here in self.open.values() for span in here]

    def _ended_by(self, fact: Fact) -> Span | None:
        alike = [span for span in self.open.get(fact.machine, ()) if span.fact.serial == fact.serial]
        if fact.serial is None:
            alike = [span for span in alike if fact.batch is not None and span.fact.batch == fact.batch]
        same = [span for span in alike if span.fact.maker == fact.maker]
        if same:
            return same[0]
        return alike[0] if not fact.maker and len(alike) == 1 else None


def _withdraw(fact: Fact, by: Fact) -> Span:
    return Span(fact, withdrawn=by) if fact.act == "fitted" else Span(None, fact, withdrawn=by)


def _is_same_part(one: Fact, other: Fact) -> bool:
    return one.maker == other.maker and one.serial == other.serial


def _by_time(fact: Fact) -> tuple[str, int, str]:
    return comparable(fact.when), fact.position, fact.id


def _mark_elsewhere(found: list[Span]) -> list[Span]:
    by_part: dict[tuple[str, str | None], list[Span]] = {}
    for span in found:
        by_part.setdefault(_part(span), []).append(span)
    return [replace(span, elsewhere=_clashes(span, by_part[_part(span)])) for span in found]


def _part(span: Span) -> tuple[str, str | None]:
    return span.fact.maker, span.fact.serial


def _clashes(span: Span, others: Iterable[Span]) -> bool:
    return any(_clash(span, other) for other in others)


def _clash(one: Span, other: Span) -> bool:
    if one.machine == other.machine or one.fact.serial is None or one.withdrawn or other.withdrawn:
        return False
    return all(_begins_before_end(*pair) for pair in ((one, other), (other, one)))


def _begins_before_end(one: Span, other: Span) -> bool:
    begins, ends = one.begins_at, other.ends_at
    return begins is None or ends is None or comparable(begins) < comparable(ends)


def _spell(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
