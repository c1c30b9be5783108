"""What was known of a span, from when until when: spans as versions, each known from one log position until another.

Rule 1: a version begins with the fact that made the span as it is, and ends with the one that made it otherwise.
Rule 2: a removal that becomes known later ends no version: the position from which it is known is kept beside it, and
        before that the part was in. Most spans have one version all their lives.
Rule 3: `versions` is the whole truth, worked out from all facts; `turn` is one step of it. Who keeps versions makes the
        steps of the groups that a fact touches, and comes to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from server.domain.trace import Fact, Group, Span, comparable, spans


@dataclass(frozen=True, slots=True)
class Version:
    """A span as it was known from the position `known_from` until before `known_until`; None while it still is.

    `removal_known` is the position from which its removal is known; None without one.
    """

    span: Span
    known_from: int
    known_until: int | None = None
    removal_known: int | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """What one log position changes about some spans.

    `ended` differ from before by their removal alone; `superseded` are the facts that named spans which are not as they
    were, or not at all; `begun` are new, or are these as they are from here on.
    """

    ended: tuple[Span, ...]
    superseded: tuple[str, ...]
    begun: tuple[Span, ...]


def turn(before: Iterable[Span], after: Iterable[Span]) -> Turn:
    """Return what changed between two states of the same spans."""
    was, now = ({span.fact.id: span for span in state} for state in (before, after))
    ended, superseded, begun = [], [], []
    for name, span in was.items():
        stands = now.get(name)
        if stands == span:
            continue
        if stands is not None and span.removed is None and replace(stands, removed=None) == span:
            ended.append(stands)
        else:
            superseded.append(name)
            begun += [stands] if stands is not None else []
    begun += [span for name, span in now.items() if name not in was]
    return Turn(tuple(ended), tuple(superseded), tuple(begun))


def versions(facts: Iterable[Fact]) -> list[Version]:
    """Return every version of every span that some facts tell, at any position; `elsewhere` is not told."""
    told = list(facts)
    standing: dict[str, Version] = {}
    past: list[Version] = []
    before: list[Span] = []
    for position in sorted({fact.position for fact in told}):
        after = [replace(span, elsewhere=False) for span in spans(told, position)]
        step = turn(before, after)
        for span in step.ended:
            known = standing[span.fact.id]
            standing[span.fact.id] = replace(known, span=span, removal_known=position)
        past += [replace(standing.pop(name), known_until=position) for name in step.superseded]
        standing |= {span.fact.id: begin_version(span, position) for span in step.begun}
        before = after
    return [*past, *standing.values()]


def begin_version(span: Span, position: int) -> Version:
    """Return the version of a span that begins at a log position."""
    return Version(span, position, removal_known=position if span.removed is not None else None)


def known_at(found: Iterable[Version], position: int) -> list[Span]:
    """Return the spans as known at a log position, by time."""
    standing = [
        version
        for version in found
        if version.known_from <= position and (version.known_until is None or position < version.known_until)
    ]
    told = [
        replace(version.span, removed=None)
        if version.removal_known is not None and position < version.removal_known
        else version.span
        for version in standing
    ]
    return sorted(told, key=lambda span: (comparable(span.fact.when), span.fact.position, span.fact.id))


def touched_groups(fact: Fact, known: Sequence[Fact]) -> set[Group]:
    """Return the groups whose spans a fact can change.

    `known` has at least the fact that it corrects or withdraws, and the one which that corrects, if they are known.
    """
    by_id = {other.id: other for other in known}
    groups = set() if fact.act == "struck" else {fact.group}
    subject = by_id.get(fact.corrects or "")
    if subject is not None:
        groups.add(subject.group)
        if fact.act == "struck" and subject.corrects in by_id:
            groups.add(by_id[subject.corrects].group)
    return groups
