"""Reads QR, DataMatrix and linear codes from photos; the only module that knows the code reader.

Rule 1: the bytes of the symbol are handed on, never a text made of them: a text loses the separator of GS1.
Rule 2: a smaller picture comes first. It is ten times quicker to search and its noise is averaged away.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Literal

import zxingcpp
from zxingcpp import BarcodeFormat, BarcodeFormats, Binarizer

from field_client.imaging import Raster, load_grey, measure, shrink, smooth, stretch_contrast, turn
from field_client.imaging_views import (
    average_rows,
    cut_out,
    even_out,
    lay_flat,
    map_contrast,
    repeat_rows,
    restore_rows,
)
from field_client.label_views import (
    CELL_PX,
    Lines,
    Patch,
    View,
    fan_out,
    find_lines,
    find_patches,
    join_bars,
    view_linear,
    view_matrix,
)

Corners = tuple[tuple[int, int], ...]

Advice = Literal["too_dark", "too_bright", "blurred", "come_closer"]
"""What the person may change when nothing is read; the nearest cause that can be measured."""

MATRIX: Final = BarcodeFormats([BarcodeFormat.QRCode, BarcodeFormat.MicroQRCode, BarcodeFormat.DataMatrix])
LINEAR: Final = BarcodeFormats([BarcodeFormat.Code128, BarcodeFormat.Code39, BarcodeFormat.EANUPC])
FORMATS: Final = BarcodeFormats([BarcodeFormat.QRCode, BarcodeFormat.MicroQRCode, BarcodeFormat.DataMatrix, *LINEAR])
"""What name plates and spare parts carry. Codes without a check digit would be found in any striped surface."""


@dataclass(frozen=True, slots=True)
class Try:
    """One look at a photo: how much smaller, treated how, turned by how many degrees.

    `is_even` parts black from white at one grey for the whole picture instead of by what lies around each spot: noise
    on an even ground then makes no black specks.
    """

    reduction: int
    treat: Callable[[Raster], Raster] | None = None
    degrees: int = 0
    is_even: bool = False


GLANCES: Final = (Try(2), Try(4), Try(4, is_even=True))
"""The whole photo, which shows a readable code at once."""

LAST: Final = Try(1)
"""Codes too small for any other look; it takes half a second."""


ROUND: Final = (
    Try(2),
    Try(1, smooth),
    *(Try(1, degrees=degrees) for degrees in (15, -15)),
    Try(1, is_even=True),
    *(Try(1, degrees=degrees) for degrees in (30, -30)),
    Try(1, stretch_contrast),
)
"""The further looks at the frames of a camera, one a frame: eight frames are one second and a half."""

DARK: Final = 80
"""The brightest grey of a frame in which the reader finds nothing for want of light."""

BAR_PX_MIN: Final = 1.5
"""The width of a linear code's narrowest bar below which a reading is not trusted: the check digit lets one misreading
in a hundred pass, and finer bars are misread. The label is near enough when a bar has two pixels."""

PATCHES_MOST: Final = 4
"""A photo of a label shows one code or two; each further patch costs a tenth of a second."""

MODULES_STAND_OUT: Final = 0.3
BARS_STAND_OUT: Final = 0.2
"""Of the strongest contrast of the photo; in the shade and the blur bars lose more of it."""

PATCH_PX: Final = 200
SPOT_PX: Final = 130
"""Enough to tell how lines lie, and gone through by Python in 10 ms."""

EVEN_CELLS: Final = (3, 7)
"""Of 10 pixels: the light within some two modules of a code, which follows a shadow's edge, and within five, which lets
the paper about it stay white."""

FAN_PLACES: Final = (-0.6, 0.6)
BARS_FULL_PX: Final = 1800
"""A linear code that is shorter in the photo needs its whole size: a bar would have two pixels at half of it."""

BANDS: Final = 16
BAND_PX: Final = 8
"""A linear code is read from so many rows, each the mean of its share of the bars' height, drawn so high."""

BLURS_PX: Final = (0.0, 2.0, 3.5, 4.5)
"""In pixels of a linear code's view, where a bar has some five."""

_DIGITS: Final = re.compile(rb"(?:[0-9]{2})+")
_BARS_A_CHARACTER: Final = 11
"""Code 128's characters are 11 bars wide, and so are two digits; start, check and stop add 35 (ISO/IEC 15417)."""

BRIGHT: Final = 245
"""The usual grey of a frame in which a code is washed out."""

BLURRED: Final = 25
"""The sharpness below which no code of any kind was read in the pictures of the tests."""


@dataclass(frozen=True, slots=True)
class Code:
    """One code found in a photo.

    `symbology` is the AIM identifier (ISO/IEC 15424) such as "]Q1" or "]d2"; `corners` are in pixels of the stored
    picture, four of them, clockwise from the symbol's own upper left.
    """

    raw: bytes
    symbology: str
    format: str
    corners: Corners

    @property
    def is_sure(self) -> bool:
        """Whether the symbol corrects its own errors; a linear one is taken for true when it is read twice alike."""
        return self.symbology[:2] in ("]Q", "]d")


@dataclass(frozen=True, slots=True)
class Glance:
    """What one frame of a camera showed: its codes, or else what to change."""

    codes: list[Code]
    advice: Advice | None


def read_frame(frame: bytes, number: int) -> Glance:
    """Read one frame of a live camera (JPEG, some 1280 pixels wide) without trying long; some 20 ms.

    Every frame is looked at as it is, and in one further way that goes round with `number`: what one frame does not
    give, one of the next second does. Raises MediaProblem as `imaging.load_grey` does.
    """
    raster = load_grey(frame)
    found = read_codes(raster) or _look(raster, ROUND[number % len(ROUND)])
    return Glance(found, None if found else _advise(raster))


def read_photo(original: bytes) -> list[Code]:
    """Read the codes in a photo, trying harder until one is found; empty when none can be read.

    Raises MediaProblem as `imaging.load_grey` does.
    """
    rasters: dict[int, Raster] = {}

    def load(reduction: int) -> Raster:
        if reduction not in rasters:
            rasters[reduction] = load_grey(original, reduction)
        return rasters[reduction]

    for look in GLANCES:
        if found := _look(load(look.reduction), look):
            return found
    return look_closer(load(2), lambda: load(1)) or _look(load(1), LAST)


def read_codes(
    raster: Raster, formats: BarcodeFormats = FORMATS, is_even: bool = False, is_fine_too: bool = False
) -> list[Code]:
    """Read the codes in grey pixels, once; each different code is given once, too fine a linear one only if wanted."""
    pixels = memoryview(raster.grey).cast("B", (raster.height, raster.width))
    binarizer = Binarizer.GlobalHistogram if is_even else Binarizer.LocalAverage
    found = zxingcpp.read_barcodes(pixels, formats=formats, binarizer=binarizer)
    codes = {}
    for code in found:
        corners = _find_corners(code, raster.reduction)
        if code.valid and (is_fine_too or not _is_too_fine(str(code.format), code.bytes, corners, raster.reduction)):
            codes[code.bytes, code.symbology_identifier] = Code(
                code.bytes, code.symbology_identifier, str(code.format), corners
            )
    return list(codes.values())


def look_closer(half: Raster, load_full: Callable[[], Raster]) -> list[Code]:
    """Read the codes on the patches of a photo that may hold one: laid flat, lit evenly, bars brought into focus.

    `half` is the photo at half its size; `load_full` gives it whole, which small linear codes need.
    """
    small = shrink(half, 4)
    for patch in find_patches(*map_contrast(small, 3, CELL_PX // small.reduction), MODULES_STAND_OUT, PATCHES_MOST):
        box = [round(edge / half.reduction) for edge in patch.box]
        lines = find_lines(cut_out(half, (box[0], box[1], box[2], box[3]), PATCH_PX))
        if lines and not lines.is_linear and (found := _read_matrix(half, patch, lines)):
            return found
    linear = []
    for patch in find_patches(*map_contrast(half, 2, CELL_PX // half.reduction), BARS_STAND_OUT, PATCHES_MOST):
        lines = _find_lines_at(half, patch.middle, SPOT_PX)
        if lines and lines.is_linear:
            linear.append((patch, lines))
    for patch, lines in join_bars(linear)[:3]:
        if found := _read_linear(half, load_full, patch, lines):
            return found
    return []


def _read_matrix(half: Raster, patch: Patch, lines: Lines) -> list[Code]:
    for view in view_matrix(patch, lines):
        flat = _lay_flat(half, view)
        for cells in (0, *EVEN_CELLS):
            if found := read_codes(even_out(flat, cells) if cells else flat, MATRIX):
                return [_put_back(code, view) for code in found]
    return []


def _read_linear(half: Raster, load_full: Callable[[], Raster], patch: Patch, lines: Lines) -> list[Code]:
    view = view_linear(patch, lines)
    spot_px = round(min(SPOT_PX, view.length / half.reduction / 4))
    ends = []
    for place in FAN_PLACES:
        found = _find_lines_at(half, view.place((place + 1) / 2 * view.width, view.height / 2), spot_px)
        if found and found.is_linear:
            ends.append((place, found.first))
    view = fan_out(view, ends)
    source = load_full() if view.length < BARS_FULL_PX else half
    flat = _lay_flat(source, view)
    rows = average_rows(flat, BANDS)
    for blur_px in BLURS_PX:
        if read := _read_bands(restore_rows(rows, blur_px), view, source.reduction):
            return read
    return []


def _read_bands(rows: Raster, view: View, reduction: int) -> list[Code]:
    """Read what two separate halves of the rows show alike: their noise differs, so that it is no part of it."""
    found = read_codes(repeat_rows(rows, BAND_PX), LINEAR, is_fine_too=True)
    if not found:
        return []
    for first in (0, 1):
        again = {code.raw for code in read_codes(repeat_rows(rows, BAND_PX, first, 2), LINEAR, is_fine_too=True)}
        found = [code for code in found if code.raw in again]
    placed = [_put_back(code, view) for code in found]
    return [code for code in placed if not _is_too_fine(code.format, code.raw, code.corners, reduction)]


def _find_lines_at(raster: Raster, at: tuple[float, float], edge_px: int) -> Lines | None:
    left, upper = (max(0, round(value / raster.reduction - edge_px / 2)) for value in at)
    return find_lines(cut_out(raster, (left, upper, left + edge_px, upper + edge_px)))


def _lay_flat(raster: Raster, view: View) -> Raster:
    return lay_flat(raster, view.strips(raster.reduction), view.width, view.height)


def _put_back(code: Code, view: View) -> Code:
    places = [view.place(*corner) for corner in code.corners]
    return replace(code, corners=tuple((round(x), round(y)) for x, y in places))


def _advise(raster: Raster) -> Advice:
    exposure = measure(raster)
    if exposure.brightest < DARK:
        return "too_dark"
    if exposure.median > BRIGHT:
        return "too_bright"
    return "blurred" if 0 < exposure.sharpness < BLURRED else "come_closer"


def _look(raster: Raster, look: Try) -> list[Code]:
    if look.reduction > raster.reduction:
        raster = shrink(raster, look.reduction // raster.reduction)
    if look.treat:
        raster = look.treat(raster)
    if not look.degrees:
        return read_codes(raster, is_even=look.is_even)
    centre = (raster.width * raster.reduction / 2, raster.height * raster.reduction / 2)
    found = read_codes(turn(raster, look.degrees), LINEAR)
    return [replace(code, corners=_turn_back(code.corners, centre, look.degrees)) for code in found]


def _is_too_fine(kind: str, raw: bytes, corners: Corners, reduction: int) -> bool:
    """Tell whether a Code 128 was seen so small that it may well be another one."""
    if kind != str(BarcodeFormat.Code128):
        return False
    digits = sum(len(run) // 2 for run in _DIGITS.findall(raw))
    characters = len(_DIGITS.sub(b"", raw)) + digits
    width = math.dist(corners[0], corners[1]) / reduction
    return width < BAR_PX_MIN * (_BARS_A_CHARACTER * characters + 35)


def _find_corners(code: zxingcpp.Barcode, reduction: int) -> Corners:
    place = code.position
    points = (place.top_left, place.top_right, place.bottom_right, place.bottom_left)
    return tuple((point.x * reduction, point.y * reduction) for point in points)


def _turn_back(corners: Corners, centre: tuple[float, float], degrees: int) -> Corners:
    """Give where the corners lie in the picture before it was turned counter-clockwise."""
    sine, cosine = math.sin(math.radians(degrees)), math.cos(math.radians(degrees))
    offsets = [(x - centre[0], y - centre[1]) for x, y in corners]
    return tuple(
        (round(centre[0] + x * cosine - y * sine), round(centre[1] + x * sine + y * cosine)) for x, y in offsets
    )
