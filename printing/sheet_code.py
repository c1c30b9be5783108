"""The code on a printed job sheet: what whoever doubts the paper checks it by.

Its text is the sheet's record and hash, then the signed checkpoint of the log that the device had last seen, as it came
(C2SP signed note): the sheet is no older than that log, and a later proof shows it to be in it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import qrcode
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

from schemas.base import SHA256_PATTERN, UUID_PATTERN
from schemas.problems import Refused

FORMAT: Final = "gongdan-sheet/1"

CODE_CHARACTERS_MAX: Final = 1000
"""A code that a phone reads from paper; a checkpoint has some 250 characters."""

_FIRST_LINE: Final = re.compile(
    rf"{FORMAT} ({UUID_PATTERN[:-2]}) ({UUID_PATTERN[:-2]}) ({SHA256_PATTERN[:-2]})\Z", re.ASCII
)


@dataclass(frozen=True, slots=True)
class SheetCode:
    """What the code says; `checkpoint` is empty where the device had seen none."""

    organisation: str
    job_sheet: str
    sha256: str
    checkpoint: str


def spell_sheet_code(code: SheetCode) -> str:
    """Return the text of the code."""
    first = f"{FORMAT} {code.organisation} {code.job_sheet} {code.sha256}"
    text = f"{first}\n{code.checkpoint}" if code.checkpoint else first
    return text if len(text) <= CODE_CHARACTERS_MAX else first


def read_sheet_code(text: str) -> SheetCode:
    """Read what `spell_sheet_code` wrote, as a scanner gives it. Raises Refused with `code_invalid`."""
    first, _, checkpoint = text.replace("\r\n", "\n").strip("\n").partition("\n")
    found = _FIRST_LINE.match(first.strip())
    if found is None:
        raise Refused("code_invalid", detail=f"{FORMAT} ...")
    return SheetCode(found[1], found[2], found[3], f"{checkpoint}\n" if checkpoint else "")


def draw_sheet_code(text: str) -> list[list[bool]]:
    """Return the dark modules of the code, row by row, without the quiet zone around them."""
    code: QRCode = qrcode.QRCode(error_correction=ERROR_CORRECT_M, border=0)
    # As bytes: cut into numbers, capitals and the rest, the same text gives other codes in other releases.
    code.add_data(text.encode("utf-8"), optimize=0)
    code.make(fit=True)
    return [[bool(module) for module in row] for row in code.get_matrix()]
