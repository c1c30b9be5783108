"""Serial and batch numbers: what they are searched by, and which serial numbers lie between two others.

Rule 1: a number is what its characters are, byte by byte; folding is for searching, and for asking whether two numbers
        may be the same one, mistyped.
Rule 2: a range has two ends of the same length that differ in their numeric tail alone: the digits (0-9) in which the
        first end ends. What stands before the tail is the same in both, and the first end is not behind the last.
Rule 3: a number lies in a range when it has the length and the beginning of the ends, digits alone where they have
        their tail, and is not before the first nor behind the last. A range of one number may be any text.

So SN0098 to SN0112 holds SN0100, and neither SN100, sn0100 nor SN0100A. SN98 to SN112 is no range: two are given.
Source: GS1 General Specifications, AI (21): a serial number is text, and only the maker knows its order.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final, Literal

FOLDED_CHARACTERS_MAX: Final = 60
"""The width of the columns searched by; folding can lengthen a text: one ligature becomes three letters."""

RangeFault = Literal["lengths_differ", "no_numeric_tail", "beginnings_differ", "ends_swapped"]

_TAIL: Final = re.compile(r"[0-9]+\Z")
_DIGITS: Final = re.compile(r"[0-9]+\Z").match
"""From a place in a text to its end."""


def fold(text: str) -> str:
    """Return what a serial or batch number is searched by: case and width folded, spaces left out.

    At most FOLDED_CHARACTERS_MAX characters: long numbers may fold alike, and are told apart by their bytes.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    # A space taken out can leave a letter beside an accent, which are one character in normal form.
    return unicodedata.normalize("NFKC", "".join(plain.split()))[:FOLDED_CHARACTERS_MAX]


def fault_of_range(first: str, last: str) -> RangeFault | None:
    """Return why two serial numbers are not the ends of a range (rule 2), or None."""
    if first == last:
        return None
    if len(first) != len(last):
        return "lengths_differ"
    tail = _TAIL.search(first)
    if tail is None:
        return "no_numeric_tail"
    if first[: tail.start()] != last[: tail.start()]:
        return "beginnings_differ"
    if _DIGITS(last, tail.start()) is None:
        return "no_numeric_tail"
    return "ends_swapped" if first > last else None


def lies_between(serial: str, first: str, last: str) -> bool:
    """Tell whether a serial number lies in a range (rule 3); nothing lies in what is no range."""
    beginning = _read_beginning(first, last)
    if beginning is None or first == last:
        return serial == first == last
    # Digits of the same length are in the order of their characters.
    is_like_them = len(serial) == len(first) and serial.startswith(beginning)
    return is_like_them and _DIGITS(serial, len(beginning)) is not None and first <= serial <= last


def count_between(first: str, last: str) -> int:
    """Return how many serial numbers a range holds; 0 for what is no range."""
    beginning = _read_beginning(first, last)
    if beginning is None or first == last:
        return int(first == last)
    return int(last[len(beginning) :]) - int(first[len(beginning) :]) + 1


@lru_cache(maxsize=4096)
def _read_beginning(first: str, last: str) -> str | None:
    """Return what stands before the tail of a range's ends, None for what is no range."""
    tail = _TAIL.search(first)
    if fault_of_range(first, last) is not None:
        return None
    return first[: tail.start()] if tail else first
