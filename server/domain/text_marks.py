"""What differs between two texts, in pieces that a page can mark: Latin words whole, other characters singly."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import Final

Piece = tuple[str, bool]
"""Some of a text, and whether the other text lacks it."""

COMPARED_MOST: Final = 160_000
"""Pairs of pieces that are compared; beyond that what lies between the common ends is marked as a whole.

Two texts of 4,000 characters that agree in nothing would hold a page up for seconds.
"""

_PIECES: Final = re.compile(r"[0-9A-Za-z]+|\s+|.", re.DOTALL)


def mark_differences(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Return both texts in pieces; joined again, the pieces are the texts."""
    here, there = _PIECES.findall(one), _PIECES.findall(other)
    begin = _count_alike(here, there)
    end = _count_alike(here[begin:][::-1], there[begin:][::-1])
    middles = (here[begin : len(here) - end], there[begin : len(there) - end])
    marked: tuple[list[Piece], list[Piece]] = ([], [])
    for side, middle in zip(marked, _compare(*middles), strict=True):
        pieces = [("".join(here[:begin]), False), *middle, ("".join(here[len(here) - end :]) if end else "", False)]
        side += [piece for piece in pieces if piece[0]]
    return marked


def _count_alike(one: list[str], other: list[str]) -> int:
    return next(
        (place for place, (here, there) in enumerate(zip(one, other, strict=False)) if here != there),
        min(len(one), len(other)),
    )


def _compare(one: list[str], other: list[str]) -> tuple[list[Piece], list[Piece]]:
    if len(one) * len(other) > COMPARED_MOST:
        return [("".join(one), True)], [("".join(other), True)]
    here: list[Piece] = []
    there: list[Piece] = []
    for act, from_one, to_one, from_other, to_other in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        here.append(("".join(one[from_one:to_one]), act != "equal"))
        there.append(("".join(other[from_other:to_other]), act != "equal"))
    return here, there
