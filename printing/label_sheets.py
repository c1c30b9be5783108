"""Sheets of labels: a QR code with its quiet zone, and beside it what it stands for, on papers that shops sell.

Rule 1: measures are the makers', in millimetres from the left upper corner of the sheet; nothing is scaled to fit.
Rule 2: what a label says in words is cut where it does not fit; its code holds the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import qrcode
from qrcode.constants import ERROR_CORRECT_L, ERROR_CORRECT_M
from qrcode.main import QRCode

from printing.paper import HEIGHT, WIDTH, Paper
from schemas.problems import Refused

MM: Final = 72 / 25.4
"""Points in a millimetre."""

LABELS_MAX: Final = 2000
"""Eleven sheets of the smallest labels; a print job that stops is begun again at a position."""

INSET_MM: Final = 0.5
"""Between a label's edge and its code with the quiet zone: printers draw paper in by half a millimetre amiss."""

QUIET_MODULES: Final = 4
"""Source: ISO/IEC 18004 section 6.3.8."""

FINE_MODULE_MM: Final = 0.3
"""Smaller modules are printed with less correction instead of smaller still: a clean small code reads best so."""

SIZES: Final = (9.0, 8.0, 7.0, 6.0, 5.0, 4.2)
"""Of the title, in points; the first at which all lines fit."""

EASY: Final = 4
"""How many of the sizes are easy to read at arm's length."""

LINE: Final = 1.3
DESCENT: Final = 0.3
SMALLER: Final = 0.85
"""Of the size: from line to line, from a line's foot to where its letters stand, and of what stands below the title."""

INK: Final = "#000000"
FRAME: Final = "#bbbbbb"


Line = tuple[float, str, bool]
"""Size in points, text, whether it is bold."""


@dataclass(frozen=True, slots=True)
class LabelPaper:
    """A paper with labels: `left` and `top` of the first one, and the steps from one to the next, in millimetres."""

    code: str
    labels: tuple[str, str]
    columns: int
    rows: int
    width: float
    height: float
    left: float
    top: float
    step_x: float
    step_y: float
    sheet_width: float = 210
    sheet_height: float = 297

    @property
    def count(self) -> int:
        """How many labels a sheet has."""
        return self.columns * self.rows

    def place(self, position: int) -> tuple[float, float]:
        """Return left and top of a label by its position on the sheet, from 0, row by row."""
        row, column = divmod(position, self.columns)
        return self.left + column * self.step_x, self.top + row * self.step_y


def _papers(*papers: LabelPaper) -> dict[str, LabelPaper]:
    return {paper.code: paper for paper in papers}


LABEL_PAPERS: Final = _papers(
    LabelPaper("l7160", ("Avery L7160，63.5 × 38.1", "Avery L7160, 63.5 x 38.1"),
               3, 7, 63.5, 38.1, 7.21, 15.15, 66.04, 38.1),
    LabelPaper("l7163", ("Avery L7163，99.1 × 38.1", "Avery L7163, 99.1 x 38.1"),
               2, 7, 99.1, 38.1, 4.65, 15.15, 101.6, 38.1),
    LabelPaper("l4736", ("Avery Zweckform L4736，45.7 × 21.2", "Avery Zweckform L4736, 45.7 x 21.2"),
               4, 12, 45.7, 21.2, 9.7, 21.3, 48.3, 21.2),
    LabelPaper("l4731", ("Avery Zweckform L4731，25.4 × 10", "Avery Zweckform L4731, 25.4 x 10"),
               7, 27, 25.4, 10, 8.6, 13.5, 27.9, 10),
    LabelPaper("70x36", ("3 × 8，70 × 36（3490）", "3 x 8, 70 x 36 (3490)"), 3, 8, 70, 36, 0, 4.5, 70, 36),
    LabelPaper("70x37", ("3 × 8，70 × 37（3474）", "3 x 8, 70 x 37 (3474)"), 3, 8, 70, 37, 0, 0.5, 70, 37),
    LabelPaper("roll50x30", ("卷纸 50 × 30", "Roll, 50 x 30"), 1, 1, 50, 30, 0, 0, 50, 30, 50, 30),
    LabelPaper("roll60x40", ("卷纸 60 × 40", "Roll, 60 x 40"), 1, 1, 60, 40, 0, 0, 60, 40, 60, 40),
)  # fmt: skip
"""By code, in the order in which they are offered."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one label holds: the text of its code, a title, and lines below."""

    text: str
    title: str
    lines: tuple[str, ...] = ()


def print_labels(
    paper: LabelPaper, labels: Sequence[Label], start: int, made_at: str, zone: str, framed: bool = False
) -> bytes:
    """Return a PDF of labels; `start` is the position of the first one on its sheet, from 1.

    `made_at` (2026-11-21 16:00) in its `zone` (UTC+08:00) is the time that the document states; `framed` draws the
    edges of labels, to try a printer on plain paper. Raises Refused with `value_invalid` for a start that the paper
    does not have, or when there are no labels or too many.
    """
    if not 1 <= start <= paper.count:
        raise Refused("value_invalid", field="start", detail=f"1 - {paper.count}")
    if not 1 <= len(labels) <= LABELS_MAX:
        raise Refused("value_invalid", field="labels", detail=f"1 - {LABELS_MAX}")
    sheet = Paper(0, paper.sheet_height * MM, width=paper.sheet_width * MM, height=paper.sheet_height * MM)
    if (paper.sheet_width, paper.sheet_height) == (210, 297):
        sheet.width, sheet.height = WIDTH, HEIGHT
    sheet.pages_max = LABELS_MAX
    for number, label in enumerate(labels, start=start - 1):
        if number and number % paper.count == 0 and number > start - 1:
            sheet.new_page()
        x, y = paper.place(number % paper.count)
        if framed:
            sheet.box(x * MM, y * MM, paper.width * MM, paper.height * MM, line=FRAME)
        _set_label(sheet, paper, label, x, y)
    return sheet.render("Labels", "Gongdan", made_at, zone, lambda _number, _of: None)


def code_edge(paper: LabelPaper) -> float:
    """Return the edge of a label's code with its quiet zone, in millimetres."""
    return min(paper.height - 2 * INSET_MM, paper.width * 0.55)


def encode(text: str, edge_mm: float) -> list[list[bool]]:
    """Return the modules of a code that is printed this large, quiet zone included."""
    matrix = _encode(text, ERROR_CORRECT_M)
    return matrix if edge_mm / len(matrix) >= FINE_MODULE_MM else _encode(text, ERROR_CORRECT_L)


def _encode(text: str, correction: int) -> list[list[bool]]:
    code: QRCode = qrcode.QRCode(error_correction=correction, border=QUIET_MODULES)
    # As bytes: cut into numbers, capitals and the rest, the same text gives other codes in other releases.
    code.add_data(text.encode("utf-8"), optimize=0)
    code.make(fit=True)
    return code.get_matrix()


def _set_label(sheet: Paper, paper: LabelPaper, label: Label, x: float, y: float) -> None:
    edge = code_edge(paper)
    inset = (paper.height - edge) / 2
    sheet.modules((x + INSET_MM) * MM, (y + inset) * MM, edge * MM, encode(label.text, edge))
    left, width = (x + INSET_MM + edge) * MM, (paper.width - edge - 3 * INSET_MM) * MM
    lines = _fit(sheet, label, width, (paper.height - 4 * INSET_MM) * MM)
    at = (y + paper.height / 2) * MM - sum(size * LINE for size, _text, _bold in lines) / 2
    for size, text, bold in lines:
        at += size * LINE
        sheet.text(left, at - size * DESCENT, text, size, INK, bold=bold)


def _fit(sheet: Paper, label: Label, width: float, height: float) -> list[Line]:
    """Return the lines of a label's words in the largest size that fits, or those that fit in the smallest.

    A size that is easy to read and breaks no line goes before a larger one.
    """
    lines: list[Line] = []
    for size in SIZES[:EASY]:
        lines = list(_break(sheet, label, width, size))
        if len(lines) == 1 + len(label.lines) and sum(line[0] * LINE for line in lines) <= height:
            return lines
    for size in SIZES:
        lines = list(_break(sheet, label, width, size))
        if sum(line[0] * LINE for line in lines) <= height:
            return lines
    kept: list[Line] = []
    for line in lines:
        if sum(other[0] * LINE for other in [*kept, line]) > height:
            break
        kept.append(line)
    return kept


def _break(sheet: Paper, label: Label, width: float, size: float) -> Iterator[Line]:
    """Yield the title in two lines at most, and two of each further line, a little smaller."""
    for text in sheet.setter.wrap(label.title, size, width)[:2]:
        yield size, text, True
    for line in label.lines:
        for text in sheet.setter.wrap(line, size * SMALLER, width)[:2]:
            yield size * SMALLER, text, False
