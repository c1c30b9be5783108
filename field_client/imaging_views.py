"""Parts of a photo laid flat, lit evenly and brought into focus, so that a code on them can be read.

Where they are and how they lie is told by `label_views`.

Rule: as in `imaging`, no object of the image library leaves this module.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

from PIL import Image, ImageChops, ImageFilter, ImageMath

from field_client.imaging import Raster

Strip = tuple[tuple[int, int, int, int], tuple[float, ...]]
"""A box of the flat picture, and the eight coordinates of its corners in the photo, from upper left by lower left."""

INK_GREY: Final = 16
"""Added to a mean grey before it divides: the ratio of black to black says nothing."""

EVEN_CELL_PX: Final = 10
"""Of the smallest piece whose light is told by itself: less than a module."""

EVEN_CONTRAST_MIN: Final = 0.2
"""What differs less from the brightest around it is noise, not ink."""

EVEN_REACH_PX: Final = 32
EVEN_STEP_PX: Final = 2
"""Along a row of bars: six or more of the narrowest to either side."""

INK_ON_PAPER_MAX: Final = 0.5
"""Ink is at most half as bright as the paper around it; what is brighter is paper, also where no ink is near."""

SPECTRUM_STEPS: Final = 256
NOISE_IN_ROWS: Final = 0.002
"""The power of the noise beside the bars', once rows are averaged: frequencies that the blur left less of stay weak."""

SMOOTHED_PX: Final = 1.2
SMOOTHED_MATRIX_PX: Final = 2
"""Deviations of a Gaussian: noise goes, lines stay."""


def map_contrast(raster: Raster, spread_px: int, cell_px: int) -> tuple[list[float], int]:
    """Tell for each cell how much its pixels differ from their surroundings, in 256ths of the mean; and cells a row.

    The ratio is the same in the light and in the shade.
    """
    image = _open(raster)
    mean = image.filter(ImageFilter.BoxBlur(spread_px))
    differing = ImageChops.difference(image, mean).point(_FOURFOLD).reduce(cell_px).tobytes()
    noise = sorted(differing)[len(differing) // 2]
    greys = mean.reduce(cell_px)
    return [
        64 * max(0, by - noise) / (grey + INK_GREY) for by, grey in zip(differing, greys.tobytes(), strict=True)
    ], greys.width


def cut_out(raster: Raster, box: tuple[int, int, int, int], edge_px: int | None = None) -> Raster:
    """Give what lies in the box of a picture, smoothed a little, its longer edge made `edge_px` long."""
    left, upper = max(0, min(box[0], raster.width - 1)), max(0, min(box[1], raster.height - 1))
    right, lower = max(left + 1, min(raster.width, box[2])), max(upper + 1, min(raster.height, box[3]))
    rows = (raster.grey[row * raster.width + left : row * raster.width + right] for row in range(upper, lower))
    image = Image.frombytes("L", (right - left, lower - upper), b"".join(rows))
    if edge_px is not None:
        scale = edge_px / max(image.size)
        image = image.resize((max(3, round(image.width * scale)), max(3, round(image.height * scale))), _BOX)
    return _keep(image.filter(ImageFilter.GaussianBlur(SMOOTHED_PX)))


def lay_flat(raster: Raster, strips: Sequence[Strip], width: int, height: int) -> Raster:
    """Draw the strips of a photo side by side."""
    return _keep(_open(raster).transform((width, height), Image.Transform.MESH, list(strips), _BILINEAR))


def even_out(raster: Raster, cells_around: int) -> Raster:
    """Take shadows out: every grey is told by where it lies between the darkest and the brightest around it.

    Around is so many cells wide, an odd number. Light multiplies what is printed, so greys are compared by logarithms.
    """
    image = _open(raster).point(_LOGARITHMS).filter(ImageFilter.GaussianBlur(SMOOTHED_MATRIX_PX))
    cells, soft = image.reduce(EVEN_CELL_PX), ImageFilter.GaussianBlur(1)
    darkest = cells.filter(ImageFilter.MinFilter(cells_around)).filter(soft).resize(image.size, _BICUBIC)
    brightest = cells.filter(ImageFilter.MaxFilter(cells_around)).filter(soft).resize(image.size, _BICUBIC)
    return _keep(_spread(image, darkest, brightest, EVEN_CONTRAST_MIN))


def average_rows(raster: Raster, bands: int) -> Raster:
    """Give `bands` rows, each the mean of its share of the rows: what bars keep and noise does not."""
    return _keep(_open(raster).resize((raster.width, bands), _BOX))


def repeat_rows(raster: Raster, times: int, first: int = 0, step: int = 1) -> Raster:
    """Draw every `step`-th row from the `first` on, `times` pixels high."""
    image = _open(raster)
    rows = range(first, image.height, step)
    tall = Image.new("L", (image.width, times * len(rows)))
    for number, row in enumerate(rows):
        line = image.crop((0, row, image.width, row + 1)).resize((image.width, times), Image.Resampling.NEAREST)
        tall.paste(line, (0, number * times))
    return _keep(tall)


def restore_rows(raster: Raster, blur_px: float) -> Raster:
    """Undo a Gaussian blur along the rows as far as noise allows (Wiener's filter), then even out the light of each."""
    image = _open(raster).convert("F")
    if blur_px:
        taps = _find_taps(blur_px)
        image = _combine(image, range(1 - len(taps), len(taps)), lambda terms, _: _add_weighted(terms, taps))
    reach = range(-EVEN_REACH_PX, EVEN_REACH_PX + 1, EVEN_STEP_PX)
    darkest = _combine(image, reach, lambda terms, ops: functools.reduce(ops["min"], terms))
    brightest = _combine(image, reach, lambda terms, ops: functools.reduce(ops["max"], terms))
    ink = ImageMath.lambda_eval(
        lambda ops: ops["min"](ops["low"], ops["high"] * INK_ON_PAPER_MAX), low=darkest, high=brightest
    )
    return _keep(_spread(image, ink, brightest, 0.0))


def _combine(
    image: Image.Image, shifts: Sequence[int], join: Callable[[list[Any], dict[str, Any]], Any]
) -> Image.Image:
    """Join copies of a picture that are shifted along its rows; what comes in at the ends repeats the end."""
    width, height = image.size
    ends = max(map(abs, shifts))
    wide = Image.new("F", (width + 2 * ends, height))
    wide.paste(image.crop((0, 0, 1, height)).resize((ends, height)), (0, 0))
    wide.paste(image, (ends, 0))
    wide.paste(image.crop((width - 1, 0, width, height)).resize((ends, height)), (ends + width, 0))
    copies = {f"at{by}": wide.crop((ends + by, 0, ends + by + width, height)) for by in shifts}
    joined: Image.Image = ImageMath.lambda_eval(lambda ops: join([ops[name] for name in copies], ops), **copies)
    return joined


def _add_weighted(terms: list[Any], taps: Sequence[float]) -> Any:
    middle = len(terms) // 2
    total = terms[middle] * taps[0]
    for by in range(1, len(taps)):
        total = total + (terms[middle - by] + terms[middle + by]) * taps[by]
    return total


@functools.cache
def _find_taps(blur_px: float) -> tuple[float, ...]:
    """Return the weights of Wiener's filter for a Gaussian blur, the middle one first; they add up to one."""
    taps = [0.0] * (math.ceil(4 * blur_px) + 4)
    for step in range(SPECTRUM_STEPS):
        frequency = (step + 0.5) / SPECTRUM_STEPS / 2
        left = math.exp(-2 * (math.pi * blur_px * frequency) ** 2)
        gain = left / (left * left + NOISE_IN_ROWS)
        for place in range(len(taps)):
            taps[place] += gain * math.cos(2 * math.pi * frequency * place)
    total = taps[0] + 2 * sum(taps[1:])
    return tuple(tap / total for tap in taps)


def _spread(image: Image.Image, darkest: Image.Image, brightest: Image.Image, least: float) -> Image.Image:
    """Tell each grey by where it lies between two; these are taken to differ by a share of the brighter at least."""

    def between(ops: dict[str, Any]) -> Any:
        grey, low, high = (ops["float"](ops[name]) for name in ("grey", "low", "high"))
        share = (grey - low) * 255 / ops["max"](high - low, high * least + 4)
        return ops["convert"](ops["min"](ops["max"](share, 0), 255), "L")

    spread: Image.Image = ImageMath.lambda_eval(between, grey=image, low=darkest, high=brightest)
    return spread


def _open(raster: Raster) -> Image.Image:
    return Image.frombytes("L", (raster.width, raster.height), raster.grey)


def _keep(image: Image.Image) -> Raster:
    return Raster(image.width, image.height, image.tobytes())


_BOX, _BILINEAR, _BICUBIC = Image.Resampling.BOX, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC
_FOURFOLD: Final = [min(255, 4 * grey) for grey in range(256)]
_LOGARITHMS: Final = [min(255, round(255 * math.log1p(grey / 4) / math.log1p(64))) for grey in range(256)]
