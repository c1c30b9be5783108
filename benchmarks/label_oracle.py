"""What of a photographed label could be read at best: by a reader that is told where it lies and how it is blurred.

The label is laid flat by the geometry that the photograph was made with, its blur undone by the blur it was made with.
What such a reader cannot tell is gone from the picture for every reader that must find all this out.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

from PIL import Image

from field_client.codes import EVEN_CELLS, read_codes
from field_client.imaging import Raster, load_grey
from field_client.imaging_views import average_rows, even_out, lay_flat, repeat_rows, restore_rows
from tests.pictures import LABEL_EDGE, Shot, find_place

MODULE_PX: Final = 8
"""Of the code when it is laid flat, as it is drawn."""

CELLS: Final = 64
"""Across and down: within one the picture is taken for straight."""

BAND_COUNTS: Final = (1, 4, 16)
BLURS_TRIED: Final = (0.7, 0.85, 1.0, 1.15)
"""Of the true blur: JPEG and the laying flat add and take a little."""

CODE_TOP: Final = 60
ROOM: Final = (LABEL_EDGE - 120, LABEL_EDGE - 320)
"""Where `draw_label` puts the code."""


def find_box(code: Image.Image) -> tuple[float, float, float, float]:
    """Return where on its label a code lies: left, upper edge, width and height in shares of the label's edge."""
    scale = min(ROOM[0] / code.width, ROOM[1] / code.height)
    width, height = round(code.width * scale), round(code.height * scale)
    return (LABEL_EDGE - width) // 2 / LABEL_EDGE, CODE_TOP / LABEL_EDGE, width / LABEL_EDGE, height / LABEL_EDGE


def is_readable(photo: bytes, shot: Shot, code: Image.Image, raw: bytes) -> bool:
    """Tell whether a reader that is told how the photograph was taken reads the code; a linear one is a strip."""
    full = load_grey(photo)
    box = find_box(code)
    flat = lay_code_flat(full, shot, code, box)
    if code.width < 2 * code.height:
        return any(_reads(raster, raw) for raster in (flat, *(even_out(flat, cells) for cells in EVEN_CELLS)))
    bars = flat.width / math.dist(_place(shot, box, 0.0, 0.5), _place(shot, box, 1.0, 0.5))
    blurs = [0.0, *(share * shot.blur_px * bars for share in BLURS_TRIED)]
    rows = [average_rows(flat, bands) for bands in BAND_COUNTS]
    return any(_reads(repeat_rows(restore_rows(row, blur), MODULE_PX), raw) for row in rows for blur in blurs)


def lay_code_flat(full: Raster, shot: Shot, code: Image.Image, box: tuple[float, float, float, float]) -> Raster:
    """Draw the code as it was before it was photographed."""
    width, height = code.size
    columns = [round(width * n / CELLS) for n in range(CELLS + 1)]
    rows = [round(height * n / CELLS) for n in range(CELLS + 1)]
    strips = []
    for left, right in pairwise(columns):
        for upper, lower in pairwise(rows):
            corners = ((left, upper), (left, lower), (right, lower), (right, upper))
            seen = tuple(value for x, y in corners for value in _place(shot, box, x / width, y / height))
            strips.append(((left, upper, right, lower), seen))
    return lay_flat(full, [strip for strip in strips if strip[0][1] < strip[0][3]], width, height)


def _place(shot: Shot, box: tuple[float, float, float, float], x: float, y: float) -> tuple[float, float]:
    return find_place(shot, box[0] + x * box[2], box[1] + y * box[3])


def _reads(raster: Raster, raw: bytes) -> bool:
    return any(found.raw == raw for found in read_codes(raster, is_fine_too=True))
