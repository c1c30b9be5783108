"""Segments: the bytes of an upload from one offset to another, each an object of its own.

A segment is a fact: "these are the bytes from a to b". Facts are added, never changed, so two server processes that
add at the same time cannot spoil each other's. How far an upload is follows from them: as far as they reach from
the beginning without a gap. Segments may overlap, and a larger one may stand in for those it covers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

SEGMENTS_MAX: Final = 64
"""Beyond that the small ones at the end are put together: reading many takes as many requests."""

_NAME: Final = re.compile(r"(\d{15})-(\d{15})\Z")


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes of a file from `start` to before `end`."""

    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        """How many bytes it has."""
        return self.end - self.start

    @property
    def name(self) -> str:
        """The name of its object; names sort as segments do."""
        return f"{self.start:015}-{self.end:015}"


def read_segment(name: str, size_bytes: int) -> Segment | None:
    """Return the segment an object is; None when it is another object or does not have its bytes."""
    found = _NAME.match(name)
    segment = Segment(int(found[1]), int(found[2])) if found else None
    return segment if segment and segment.size_bytes == size_bytes else None


def find_run(segments: Iterable[Segment]) -> list[Segment]:
    """Return the segments that reach from the beginning as far as possible, in order, none of them needlessly."""
    run: list[Segment] = []
    reach = 0
    best: Segment | None = None
    for segment in sorted(segments, key=lambda segment: segment.start):
        if segment.start > reach and best is not None:
            run.append(best)
            reach, best = best.end, None
        if segment.start > reach:
            return run
        if segment.end > max(reach, best.end if best else 0):
            best = segment
    return [*run, best] if best else run


def find_end(run: Sequence[Segment]) -> int:
    """Return how far a run reaches."""
    return run[-1].end if run else 0


def choose_mergeable(run: Sequence[Segment], bytes_max: int) -> Sequence[Segment]:
    """Return the segments at the end that are worth putting together, none when there are not two.

    One counts while it is no larger than all after it: each byte is then written again a few times at most, however
    small the pieces are in which a file comes.
    """
    chosen, total = 0, 0
    for segment in reversed(run):
        if total + segment.size_bytes > bytes_max or (chosen and segment.size_bytes > total):
            break
        chosen, total = chosen + 1, total + segment.size_bytes
    return run[len(run) - chosen :] if chosen > 1 else ()
