"""The typeface of printed sheets: how wide a text is, where its lines break, what stands for a character it lacks.

Rule 1: nothing of the machine decides: no font, setting or date of it. The same text gives the same lines everywhere.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont

from schemas.shown_text import show_text

NAME: Final = "NotoSansSC"

_FILE: Final = Path(__file__).with_name("fonts") / "NotoSansSC-Regular.ttf"
_NEVER_FIRST: Final = frozenset("、。，．：；！？）〕】》〉」』”’％‰℃…—·)]},.:;!?%")
"""Punctuation that closes stays with what it closes. Source: GB/T 15834-2011 section 5."""
_NEVER_LAST: Final = frozenset("（〔【《〈「『“‘([{￥$")

_LETTER: Final = r"[^\W\u2e80-\uffef]"
_PIECE: Final = re.compile(rf"\n| +|{_LETTER}(?:{_LETTER}|[-./@+:'’](?={_LETTER}))*|.", re.DOTALL)
"""A line break, spaces, a word of letters and digits, or one character of any other kind."""


@cache
def load_typeface() -> TTFont:
    """Read the typeface once, and make it known under its name."""
    font = TTFont(NAME, str(_FILE), asciiReadable=1, shapable=False)
    pdfmetrics.registerFont(font)
    return font


class Setter:
    """Sets the texts of one document; `lacking` are the characters it met that the typeface has not."""

    def __init__(self) -> None:
        """Begin a document."""
        face = load_typeface().face
        self._known = face.charToGlyph
        self._widths = face.charWidths
        self.lacking: set[str] = set()

    def spell(self, text: str) -> str:
        """Return a text with all that cannot be printed spelled out: a missing character as its number."""
        plain = show_text(unicodedata.normalize("NFC", text).replace("\t", " "))
        if all(character == "\n" or ord(character) in self._known for character in plain):
            return plain
        return "".join(map(self._spell_character, plain))

    def width(self, text: str, size: float) -> float:
        """Return how wide a spelled text is, in points."""
        widths = self._widths
        return sum(widths[ord(character)] for character in text) * size / 1000

    def wrap(self, text: str, size: float, width: float) -> list[str]:
        """Return the lines of a text that is to be no wider than `width` points; several empty lines become one."""
        lines: list[str] = [""]
        for piece in _join(_PIECE.findall(self.spell(text).strip())):
            if piece == "\n":
                if lines[-2:] != ["", ""]:
                    lines.append("")
            elif self.width(lines[-1] + piece.rstrip(), size) <= width:
                lines[-1] += piece if lines[-1] else piece.lstrip()
            else:
                lines[-1] = lines[-1].rstrip()
                lines += self._break(piece.lstrip(), size, width)
        return [line.rstrip() for line in lines if line or len(lines) > 1]

    def _break(self, piece: str, size: float, width: float) -> list[str]:
        """Return a piece as lines of its own; one that is wider than a line is broken where it must."""
        lines = [""]
        for character in piece:
            if lines[-1] and self.width(lines[-1] + character, size) > width:
                lines.append("")
            lines[-1] += character
        return lines

    def _spell_character(self, character: str) -> str:
        if character == "\n" or ord(character) in self._known:
            return character
        self.lacking.add(character)
        return f"〔U+{ord(character):04X}〕"


def _join(pieces: list[str]) -> list[str]:
    """Return the pieces with those joined between which no line may break."""
    joined: list[str] = []
    for piece in pieces:
        follows = joined and joined[-1] != "\n" and piece != "\n"
        if follows and (piece[0] in _NEVER_FIRST or joined[-1][-1] in _NEVER_LAST):
            joined[-1] += piece
        else:
            joined.append(piece)
    return joined
