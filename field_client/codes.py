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

from field_client.imaging import Raster, load_grey, measure, sharpen, shrink, smooth, stretch_contrast, turn

Corners = tuple[tuple[int, int], ...]

Advice = Literal["too_dark", "too_bright", "blurred", "come_closer"]
"""What the person may change when nothing is read; the nearest cause that can be measured."""

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


CASCADE: Final = (
    Try(2),
    Try(4),
    Try(4, is_even=True),
    Try(2, smooth),
    # A linear code is found only within some 8 degrees of level or plumb, so the picture is turned under it.
    *(Try(2, degrees=degrees) for degrees in (10, -10, 20, -20, 30, -30, 40, -40)),
    Try(2, stretch_contrast),
    Try(1),
    Try(1, is_even=True),
    Try(1, smooth),
    Try(1, sharpen),
)
"""The readable photo first, then the cheap tries; the last four, at full size, take half a second and more each."""


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
    for look in CASCADE:
        if look.reduction not in rasters:
            rasters[look.reduction] = load_grey(original, look.reduction)
        if found := _look(rasters[look.reduction], look):
            return found
    return []


def read_codes(raster: Raster, formats: BarcodeFormats = FORMATS, is_even: bool = False) -> list[Code]:
    """Read the codes in grey pixels, once; each different code is given once."""
    pixels = memoryview(raster.grey).cast("B", (raster.height, raster.width))
    binarizer = Binarizer.GlobalHistogram if is_even else Binarizer.LocalAverage
    found = zxingcpp.read_barcodes(pixels, formats=formats, binarizer=binarizer)
    codes = {(code.bytes, code.symbology_identifier): code for code in found if code.valid and not _is_too_fine(code)}
    return [
        Code(raw, symbology, str(code.format), _find_corners(code, raster.reduction))
        for (raw, symbology), code in codes.items()
    ]


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


def _is_too_fine(code: zxingcpp.Barcode) -> bool:
    """Tell whether a Code 128 was seen so small that it may well be another one."""
    if code.format != BarcodeFormat.Code128:
        return False
    digits = sum(len(run) // 2 for run in _DIGITS.findall(code.bytes))
    characters = len(_DIGITS.sub(b"", code.bytes)) + digits
    place = code.position
    width = math.dist((place.top_left.x, place.top_left.y), (place.top_right.x, place.top_right.y))
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
