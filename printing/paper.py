"""Paper, A4 unless said otherwise: what is set on pages, from the top down, and the bytes of the document.

Rule 1: places are points from the left and from the top; only `render` knows that PDF counts from the bottom.
Rule 2: the bytes are plain: no stream is compressed, since compressors differ between machines; no date but the
        document's own.
"""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, Literal

from PIL import Image
from reportlab import rl_config
from reportlab.lib.colors import HexColor
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from printing.typeface import NAME, Setter, load_typeface
from schemas.problems import Refused

WIDTH: Final = 595.276
HEIGHT: Final = 841.89
"""ISO 216: 210 x 297 mm."""

PAGES_MAX: Final = 80
"""A content of the largest size fills some 30; more is nothing but line breaks."""

PICTURE_BYTES_MAX: Final = 256 * 1024
PICTURE_EDGE_PX_MAX: Final = 2048
"""A thumbnail has 320 pixels and 12 KB."""

LEADING: Final = 1.38
"""Chinese needs more room between lines than Latin."""

PROGRAM: Final = "Gongdan"

# Whatever a settings file of the machine says: this is part of what the bytes are.
rl_config.useA85 = 0

# The library keeps the fonts of all documents in one place.
_PRESS: Final = threading.Lock()

BOLD: Final = 0.03
"""How thick the line around a bold letter is, of the letter's size."""

Align = Literal["left", "right", "centre"]
Draw = Callable[[Canvas], None]
Points = Sequence[tuple[float, float]]


@dataclass
class Paper:
    """The pages of one document while it is being set; `y` is how far the current page is filled."""

    top: float
    bottom: float
    setter: Setter = field(default_factory=Setter)
    pages: list[list[Draw]] = field(default_factory=lambda: [[]])
    y: float = 0
    width: float = WIDTH
    height: float = HEIGHT
    pages_max: int = PAGES_MAX

    def __post_init__(self) -> None:
        """Begin at the top."""
        self.y = self.top

    def new_page(self) -> None:
        """Go on with an empty page. Raises Refused with `sheet_unreadable` when there are far too many."""
        if len(self.pages) == self.pages_max:
            raise Refused("sheet_unreadable")
        self.pages.append([])
        self.y = self.top

    def ensure(self, height: float) -> bool:
        """Go on with an empty page when less than `height` is left; tell whether it was so."""
        if self.y + height <= self.bottom or self.y == self.top:
            return False
        self.new_page()
        return True

    def text(
        self, x: float, y: float, text: str, size: float, colour: str, align: Align = "left", bold: bool = False
    ) -> None:
        """Set one line of spelled text, its first character's left lower corner at x, y."""
        if not text:
            return
        shift = {"left": 0.0, "right": 1.0, "centre": 0.5}[align]
        left = x - shift * self.setter.width(text, size) if shift else x

        def draw(canvas: Canvas) -> None:
            canvas.setFont(NAME, size)
            canvas.setFillColor(HexColor(colour))
            if not bold:
                canvas.drawString(left, self.height - y, text)
                return
            # The typeface has one weight; a line around each letter makes it bold.
            canvas.saveState()
            canvas.setStrokeColor(HexColor(colour))
            canvas.setLineWidth(size * BOLD)
            canvas.drawString(left, self.height - y, text, mode=2)
            canvas.restoreState()

        self.pages[-1].append(draw)

    def box(
        self, x: float, y: float, width: float, height: float, fill: str = "", line: str = "", round_by: float = 0
    ) -> None:
        """Set a rectangle whose left upper corner is at x, y."""

        def draw(canvas: Canvas) -> None:
            if fill:
                canvas.setFillColor(HexColor(fill))
            if line:
                canvas.setStrokeColor(HexColor(line))
                canvas.setLineWidth(0.6)
            has = {"stroke": int(bool(line)), "fill": int(bool(fill))}
            canvas.roundRect(x, self.height - y - height, width, height, round_by, **has)

        self.pages[-1].append(draw)

    def rule(self, x: float, y: float, width: float, colour: str, thickness: float = 0.5) -> None:
        """Set a line from x, y to the right."""

        def draw(canvas: Canvas) -> None:
            canvas.setStrokeColor(HexColor(colour))
            canvas.setLineWidth(thickness)
            canvas.line(x, self.height - y, x + width, self.height - y)

        self.pages[-1].append(draw)

    def pen(self, strokes: Sequence[Points], colour: str, thickness: float) -> None:
        """Set what a pen drew: each stroke a smooth line through its points."""

        def draw(canvas: Canvas) -> None:
            canvas.setStrokeColor(HexColor(colour))
            canvas.setFillColor(HexColor(colour))
            canvas.setLineWidth(thickness)
            canvas.setLineCap(1)
            canvas.setLineJoin(1)
            for stroke in strokes:
                _draw_stroke(canvas, [(x, self.height - y) for x, y in stroke], thickness)

        self.pages[-1].append(draw)

    def modules(self, x: float, y: float, size: float, rows: Sequence[Sequence[bool]]) -> None:
        """Set a square code, dark modules black, as runs of one rectangle each."""
        edge = size / len(rows)

        def draw(canvas: Canvas) -> None:
            canvas.setFillColor(HexColor("#000000"))
            path = canvas.beginPath()
            for number, row in enumerate(rows):
                for start, length in _runs(row):
                    path.rect(x + start * edge, self.height - y - (number + 1) * edge, length * edge, edge)
            canvas.drawPath(path, stroke=0, fill=1)

        self.pages[-1].append(draw)

    def picture(self, x: float, y: float, width: float, height: float, jpeg: bytes) -> bool:
        """Set a JPEG file as it is, as large as fits; tell whether it is one that can be shown."""
        size = _size_of(jpeg)
        if size is None:
            return False
        scale = min(width / size[0], height / size[1])
        wide, high = size[0] * scale, size[1] * scale
        left, below = x + (width - wide) / 2, self.height - y - (height + high) / 2

        def draw(canvas: Canvas) -> None:
            canvas.drawImage(ImageReader(io.BytesIO(jpeg)), left, below, wide, high)

        self.pages[-1].append(draw)
        return True

    def render(self, title: str, author: str, made_at: str, zone: str, frame: Callable[[int, int], None]) -> bytes:
        """Return the document; `frame` sets what stands on every page, given its number and how many there are.

        The document states `made_at` (2026-11-21 16:00) in its `zone` (UTC+08:00) as the time it was made.
        """
        pages = self.pages
        for number, page in enumerate(pages):
            self.pages = [page]
            frame(number + 1, len(pages))
        self.pages = pages
        out = io.BytesIO()
        with _PRESS:
            load_typeface()
            canvas = Canvas(out, pagesize=(self.width, self.height), invariant=1, pageCompression=0, lang="zh-CN")
            # The file's id begins with the time, for which the library asks the machine.
            canvas._doc.signature = hashlib.sha256(title.encode("utf-8"))
            canvas.setTitle(title)
            canvas.setSubject(title)
            canvas.setAuthor(author)
            canvas.setCreator(PROGRAM)
            canvas.setProducer(PROGRAM)
            canvas.setDateFormatter(lambda *_: _spell_date(made_at, zone))
            for page in pages:
                for draw in page:
                    draw(canvas)
                canvas.showPage()
            canvas.save()
        return out.getvalue()


def _spell_date(made_at: str, zone: str) -> str:
    """Return a time as PDF spells it. Source: ISO 32000-1 section 7.9.4."""
    digits = "".join(character for character in made_at if character in "0123456789")
    return f"D:{digits[:12].ljust(12, '0')}00{zone[3:6]}'{zone[7:9]}'"


def _draw_stroke(canvas: Canvas, points: list[tuple[float, float]], thickness: float) -> None:
    if len(points) == 1:
        canvas.circle(*points[0], thickness / 2, stroke=0, fill=1)
        return
    path = canvas.beginPath()
    path.moveTo(*points[0])
    # Through the middles between points, with the points as the curve's handles.
    for (x, y), (next_x, next_y) in pairwise(points[1:]):
        middle = ((x + next_x) / 2, (y + next_y) / 2)
        path.curveTo(x, y, x, y, *middle)
    path.lineTo(*points[-1])
    canvas.drawPath(path, stroke=1, fill=0)


def _runs(row: Sequence[bool]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number, dark in enumerate(row):
        if dark and runs and sum(runs[-1]) == number:
            runs[-1] = (runs[-1][0], runs[-1][1] + 1)
        elif dark:
            runs.append((number, 1))
    return runs


def _size_of(jpeg: bytes) -> tuple[int, int] | None:
    """Return width and height of a JPEG in grey or colour that is small enough, else None."""
    if len(jpeg) > PICTURE_BYTES_MAX:
        return None
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as picture:
            size, mode = picture.size, picture.mode
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
    return size if mode in ("L", "RGB") and min(size) > 0 and max(size) <= PICTURE_EDGE_PX_MAX else None
