"""GS1 element strings: cut into application identifiers (AI) and values, strictly.

Source: GS1 General Specifications: AIs and their formats section 3, separators 7.8, check digits 7.9, characters
7.11, dates 7.12. The table of AIs is the library's; what it lets pass is checked here.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from biip import ParseError
from biip.checksums import gs1_standard_check_digit
from biip.gs1_application_identifiers import GS1ApplicationIdentifier

from schemas.problems import Refused

GS: Final = "\x1d"
"""Group Separator: what FNC1 becomes between two element strings (section 7.8.3)."""

READINGS_MAX: Final = 12
"""More than a person can choose from; a text that has more is refused rather than shown in part."""

UNMARKED_LENGTH_MAX: Final = 100
"""Twice what a GS1-128 symbol may hold (section 5.4.1: 48); bounds the search for readings."""

_CHECKED_DIGITS: Final = {
    "00": 18, "01": 14, "02": 14, "03": 14, "253": 13, "255": 13, "402": 17, "410": 13, "411": 13, "412": 13,
    "413": 13, "414": 13, "415": 13, "416": 13, "417": 13, "8003": 14, "8006": 14, "8017": 18, "8018": 18, "8026": 14,
}  # fmt: skip
"""How many digits of a key the last of them checks (section 7.9.1); a serial number or a count may follow."""

DATE_AIS: Final = frozenset({"11", "12", "13", "15", "16", "17"})
"""YYMMDD alone, where day 00 is the month's last (section 7.12)."""

_LOOSE_DATES: Final = DATE_AIS | {"4324", "4325"}
_EXACT_DATES: Final = frozenset({"4326", "7003", "7006", "7007", "7011", "8008"})
"""Values that begin with YYMMDD, where there is no day 00; (7007) may hold two."""

_LABEL_AIS: Final = ("01", "10", "11", "13", "15", "17", "21", "240", "241", "30", "37")
"""What labels of machines and parts carry. Only these are looked for where separators are missing: with all 500
any serial number would fall into pieces."""

_MARK: Final = re.compile(r"\((\d{2,4})\)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Element:
    """One application identifier with its value."""

    ai: str
    value: str

    def __str__(self) -> str:
        return show(f"({self.ai}){self.value}")

    def check(self) -> None:
        """Raise Refused code_invalid unless format, characters, check digit and date are right."""
        if not self.is_well_formed():
            raise Refused("code_invalid", detail=str(self))

    def is_well_formed(self) -> bool:
        """Return whether the AI is known and the value may stand behind it."""
        known = find_ai(self.ai)
        if known is None or known.ai != self.ai or not self.value or not self.value.isascii():
            return False
        if re.fullmatch(known.pattern.rstrip("$"), self.ai + self.value) is None:
            return False
        checked = _CHECKED_DIGITS.get(self.ai)
        if checked is not None and not _has_check_digit(self.value[:checked]):
            return False
        if self.ai in _LOOSE_DATES:
            return _is_date(self.value[:6])
        starts = (0, 6) if self.ai == "7007" and len(self.value) == 12 else (0,)
        return self.ai not in _EXACT_DATES or all(
            _is_date(self.value[at : at + 6]) and self.value[at + 4 : at + 6] != "00" for at in starts
        )


def read_elements(text: str) -> list[Element]:
    """Cut a text whose variable-length values end at a separator or at the end (section 7.8.5).

    Raises Refused code_invalid.
    """
    elements = []
    while text:
        known = find_ai(text)
        if known is None:
            raise Refused("code_invalid", detail=show(text))
        field, _, following = text.partition(GS)
        if known.separator_required:
            element, text = Element(known.ai, field[len(known.ai) :]), following
        else:
            length = _find_length(known)
            element = Element(known.ai, field[len(known.ai) : length])
            # A separator after a value of fixed length is needless, but section 7.8.5 lets it pass.
            text = text[length:].removeprefix(GS)
        element.check()
        elements.append(element)
    if not elements:
        raise Refused("code_invalid", detail="()")
    return elements


def read_marked_elements(text: str) -> list[Element]:
    """Cut a text as it is printed below a symbol, AIs in brackets (section 4.14); spaces do not count.

    A bracket inside a value is written with a backslash before it. Raises Refused code_invalid.
    """
    text = text.replace(" ", "").replace("\\(", "\0").replace("\\)", "\1")
    marks = list(_MARK.finditer(text))
    if not marks or marks[0].start():
        raise Refused("code_invalid", detail=show(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    values = [text[mark.end() : end] for mark, end in zip(marks, ends, strict=True)]
    elements = [
        Element(mark[1], value.replace("\0", "(").replace("\1", ")")) for mark, value in zip(marks, values, strict=True)
    ]
    for element in elements:
        element.check()
    return elements


def read_unmarked_elements(text: str) -> list[list[Element]]:
    """Find every way to cut a text that begins with a GTIN and has no separators; the fewest pieces first.

    Gives none when the text does not begin with AI 01 and a right check digit. Raises Refused code_ambiguous
    when there are more ways than a person can choose from.
    """
    if not (text.startswith("01") and 16 <= len(text) <= UNMARKED_LENGTH_MAX and is_gtin(text[2:16])):
        return []
    readings = []
    for reading in _cut(text, frozenset()):
        readings.append(reading)
        if len(readings) > READINGS_MAX:
            raise Refused("code_ambiguous", choices=f"{show(text)} (> {READINGS_MAX})")
    return sorted(readings, key=len)


def is_gtin(digits: str) -> bool:
    """Return whether 14 digits are a GTIN by their check digit (section 7.9.1)."""
    return re.fullmatch(r"[0-9]{14}", digits) is not None and _has_check_digit(digits)


def read_date(digits: str, this_year: int) -> str:
    """Return YYMMDD as an ISO 8601 day; day 00 is the month's last.

    The century is the one that puts the year within 49 years before and 50 after `this_year` (section 7.12).
    """
    year, month, day = (int(digits[at : at + 2]) for at in (0, 2, 4))
    century = this_year - this_year % 100
    distance = year - this_year % 100
    if distance >= 51:
        century -= 100
    elif distance <= -50:
        century += 100
    day = day or calendar.monthrange(century + year, month)[1]
    if day > calendar.monthrange(century + year, month)[1]:
        raise Refused("code_invalid", detail=digits)
    return f"{century + year:04}-{month:02}-{day:02}"


def find_ai(text: str) -> GS1ApplicationIdentifier | None:
    """Return the application identifier a text begins with."""
    try:
        return _extract(text[:4])
    except ParseError:
        return None


def show(text: str) -> str:
    """Return a text as it may be shown: control characters as their pictures, a long one without its middle."""
    text = "".join(chr(0x2400 + ord(sign)) if sign < " " else sign for sign in text)
    return text if len(text) <= 60 else f"{text[:40]}…{text[-15:]}"


@lru_cache(maxsize=1024)
def _extract(start: str) -> GS1ApplicationIdentifier:
    # The library walks its whole table for each look-up.
    return GS1ApplicationIdentifier.extract(start)


def _find_length(known: GS1ApplicationIdentifier) -> int:
    """Return the length of AI and value, for an AI whose length is fixed; its format reads like N2+N14."""
    return sum(int(part[1:]) for part in known.format.split("+"))


def _cut(text: str, used: frozenset[str]) -> Iterator[list[Element]]:
    """Yield every way to cut the text into well-formed elements, no AI twice."""
    if not text:
        yield []
        return
    known = find_ai(text)
    if known is None or known.ai not in _LABEL_AIS or known.ai in used:
        return
    if known.separator_required:
        ends: Iterator[int] | range = range(len(text), len(known.ai), -1)
    else:
        ends = range(_find_length(known), _find_length(known) + 1)
    for end in ends:
        element = Element(known.ai, text[len(known.ai) : end])
        if end <= len(text) and element.is_well_formed():
            for following in _cut(text[end:], used | {known.ai}):
                yield [element, *following]


def _has_check_digit(digits: str) -> bool:
    return gs1_standard_check_digit(digits[:-1]) == int(digits[-1])


def _is_date(digits: str) -> bool:
    # February 29 is decided with the century, in `read_date`.
    month, day = int(digits[2:4]), int(digits[4:6])
    return 1 <= month <= 12 and day <= calendar.monthrange(2000, month)[1]
