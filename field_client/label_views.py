"""Where in a photo a code may be, and how to look at it: turned level, its skew undone, a pipe unrolled.

Patches are told by contrast, lines by their direction. Nothing is read here: a view that is wrong shows no code.
All points are in pixels of the stored photo.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from field_client.imaging import Raster
from field_client.imaging_views import Strip

Point = tuple[float, float]

CELL_PX: Final = 32
"""Of the map of contrast: a tenth of the smallest label that is read."""

CONTRAST_MIN: Final = 8.0
"""In 256ths of the mean: what stands out less from the picture's usual contrast is noise."""

PATCH_CELLS_MIN: Final = 6

SLOPE_MIN: Final = 36
"""Squared, in greys of two neighbours: flatter spots have no direction."""

STEEPEST: Final = 0.3
"""The share of the slopes that is asked; the others are noise and ends of lines."""

SLOPES_MIN: Final = 50
BINS: Final = 90
"""Of two degrees each."""

BINS_APART: Final = 17
"""Between the two directions of a code's lines: a right angle, skewed to little more than a third of it."""

LINEAR_SHARE: Final = 0.35
"""In bars there is next to no second direction, 0.01 to 0.05 of the first; in a matrix it is 0.5 and more."""

BARS_HEIGHT: Final = 0.9
BARS_LENGTH: Final = 1.08
"""How much larger than its patch a linear code is shown: with its quiet zones, without what lies above the bars."""

ELONGATED: Final = 1.6
AXIS_SINE_MIN: Final = 0.5
"""How long a patch must be, and how far from its bars' direction its axis, to be taken for the axis of the code; more
than `FAN_DEGREES_MAX`, so that bars never lie along it."""

STRIP_PX: Final = 12

MATRIX_PX: Final = 480
"""The edge of a matrix code's view: eight pixels a module for most."""

BARS_SIZE: Final = (1600, 320)
"""The view of a linear code: five pixels for a bar of a code of thirty characters."""

ALIKE_DEGREES: Final = 12.0
FAN_DEGREES_MAX: Final = 25.0
"""How far bars may lie off those beside them, and those at an end off those in the middle."""

MATRIX_LOOKS: Final = ((0.0, 1.15), (0.0, 1.08), (0.6, 1.15), (0.95, 1.15))
"""How far a matrix code goes round a pipe to either side, in radians, and how much larger than its patch it is shown,
with its quiet zone; a reader lets pass what lies between."""


@dataclass(frozen=True, slots=True)
class View:
    """A part of a photo to be laid flat, `width` x `height` pixels large.

    `across` goes from its middle to the middle of its right edge; `left` and `right` go down along these edges, to
    their lower ends. The part goes round a pipe by `wrap` radians to either side.
    """

    middle: Point
    across: Point
    left: Point
    right: Point
    width: int
    height: int
    wrap: float = 0.0

    @property
    def length(self) -> float:
        """How long it is across in the photo."""
        return 2 * math.hypot(*self.across)

    def place(self, x: float, y: float) -> Point:
        """Return where in the photo a pixel of the view lies."""
        u, v = 2 * x / self.width - 1, 2 * y / self.height - 1
        if self.wrap:
            u = math.sin(self.wrap * u) / math.sin(self.wrap)
        to_right = (u + 1) / 2
        down = [low + (high - low) * to_right for low, high in zip(self.left, self.right, strict=True)]
        return self.middle[0] + u * self.across[0] + v * down[0], self.middle[1] + u * self.across[1] + v * down[1]

    def strips(self, reduction: int) -> list[Strip]:
        """Return what to draw beside each other, of a picture that is `reduction` times smaller than the photo."""
        strips = []
        for x in range(0, self.width, STRIP_PX):
            end = min(self.width, x + STRIP_PX)
            corners = ((x, 0), (x, self.height), (end, self.height), (end, 0))
            seen = tuple(value / reduction for corner in corners for value in self.place(*corner))
            strips.append(((x, 0, end, self.height), seen))
        return strips


@dataclass(frozen=True, slots=True)
class Patch:
    """Where a picture is full of contrast: the middles of its cells."""

    cells: tuple[Point, ...]

    @property
    def middle(self) -> Point:
        """The mean of the cells."""
        return sum(x for x, _ in self.cells) / len(self.cells), sum(y for _, y in self.cells) / len(self.cells)

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, upper, right and lower edge."""
        xs, ys = [x for x, _ in self.cells], [y for _, y in self.cells]
        return min(xs) - CELL_PX, min(ys) - CELL_PX, max(xs) + CELL_PX, max(ys) + CELL_PX

    def spans(self, one: Point, other: Point) -> tuple[Point, float, float]:
        """Return the middle of the parallelogram along two directions that holds the patch, and its half edges."""
        turn = one[0] * other[1] - one[1] * other[0]
        along = [(x * other[1] - y * other[0]) / turn for x, y in self.cells]
        aside = [(one[0] * y - one[1] * x) / turn for x, y in self.cells]
        s, t = (min(along) + max(along)) / 2, (min(aside) + max(aside)) / 2
        middle = (s * one[0] + t * other[0], s * one[1] + t * other[1])
        return middle, (max(along) - min(along)) / 2, (max(aside) - min(aside)) / 2

    def long_axis(self) -> tuple[float, float]:
        """Return the direction in degrees in which the patch is longest, and how much longer it is than across."""
        x0, y0 = self.middle
        xx = sum((x - x0) ** 2 for x, _ in self.cells)
        yy = sum((y - y0) ** 2 for _, y in self.cells)
        xy = sum((x - x0) * (y - y0) for x, y in self.cells)
        spread = math.hypot((xx - yy) / 2, xy)
        longer = math.sqrt(((xx + yy) / 2 + spread) / max(1.0, (xx + yy) / 2 - spread))
        return math.degrees(math.atan2(2 * xy, xx - yy)) / 2, longer


def find_patches(contrast: Sequence[float], row_cells: int, stands_out: float, most: int) -> list[Patch]:
    """Return the patches of a map of contrast, the richest first."""
    strongest = sorted(contrast)[int(len(contrast) * 0.997)]
    if strongest < CONTRAST_MIN:
        return []
    hot = {n for n, value in enumerate(contrast) if value > stands_out * strongest}
    found: list[tuple[float, list[int]]] = []
    while hot:
        cells = _take_connected(hot, row_cells)
        if len(cells) >= PATCH_CELLS_MIN:
            found.append((sum(contrast[n] for n in cells), cells))
    found.sort(key=lambda patch: -patch[0])
    return [
        Patch(tuple(((n % row_cells + 0.5) * CELL_PX, (n // row_cells + 0.5) * CELL_PX) for n in cells))
        for _, cells in found[:most]
    ]


def _take_connected(hot: set[int], row_cells: int) -> list[int]:
    """Take one connected group of cells out of those that are left."""
    waiting = [hot.pop()]
    cells = []
    while waiting:
        cell = waiting.pop()
        cells.append(cell)
        for down in (-row_cells, 0, row_cells):
            for aside in (-1, 0, 1):
                near = cell + down + aside
                if near in hot and abs(near % row_cells - cell % row_cells) <= 1:
                    hot.remove(near)
                    waiting.append(near)
    return cells


@dataclass(frozen=True, slots=True)
class Lines:
    """The two directions most lines have, in degrees clockwise from level (0 to 180), and the share of the second."""

    first: float
    second: float
    share: float

    @property
    def is_linear(self) -> bool:
        """Whether these are bars."""
        return self.share < LINEAR_SHARE


def find_lines(raster: Raster) -> Lines | None:
    """Return how the lines in a small picture lie; None where there are too few."""
    grey, width = raster.grey, raster.width
    slopes = []
    for row in range(width, len(grey) - width, width):
        for at in range(row + 1, row + width - 1):
            across, down = grey[at + 1] - grey[at - 1], grey[at + width] - grey[at - width]
            if (steep := across * across + down * down) > SLOPE_MIN:
                slopes.append((steep, across, down))
    if len(slopes) < SLOPES_MIN:
        return None
    slopes.sort(reverse=True)
    bins = [0.0] * BINS
    for _, across, down in slopes[: max(SLOPES_MIN, round(len(slopes) * STEEPEST))]:
        place = (math.degrees(math.atan2(down, across)) + 90) % 180 / 180 * BINS
        low = int(place)
        bins[low % BINS] += 1 - (place - low)
        bins[(low + 1) % BINS] += place - low
    weights = ((-2, 1), (-1, 2), (0, 3), (1, 2), (2, 1))
    soft = [sum(bins[(n + by) % BINS] * weight for by, weight in weights) for n in range(BINS)]
    first = max(range(BINS), key=soft.__getitem__)
    second = max(
        (n for n in range(BINS) if BINS_APART <= (n - first) % BINS <= BINS - BINS_APART), key=soft.__getitem__
    )
    return Lines(_find_top(soft, first), _find_top(soft, second), soft[second] / soft[first])


def _find_top(soft: Sequence[float], peak: int) -> float:
    """Return where between the bins the peak lies, in degrees, by a parabola."""
    before, at, after = soft[peak - 1], soft[peak], soft[(peak + 1) % BINS]
    off = (before - after) / (before - 2 * at + after) / 2 if before + after < 2 * at else 0.0
    return (peak + off) * 180 / BINS


def join_bars(linear: Sequence[tuple[Patch, Lines]]) -> list[tuple[Patch, Lines]]:
    """Put patches whose bars lie alike together, as a shadow parts a code, and return them before the single ones."""
    for n, (patch, lines) in enumerate(linear):
        alike = [one for one, other in linear[n + 1 :] if abs(_find_turn(lines.first, other.first)) < ALIKE_DEGREES]
        if alike:
            return [(Patch(tuple(cell for one in (patch, *alike) for cell in one.cells)), lines), *linear]
    return list(linear)


def view_matrix(patch: Patch, lines: Lines) -> Iterator[View]:
    """Yield views of a matrix code: its skew undone, then unrolled along either direction."""
    for wrap, larger in MATRIX_LOOKS:
        for down, across in ((lines.first, lines.second), (lines.second, lines.first)):
            if wrap or down == lines.first:
                one, other = _point_along(down), _point_along(across)
                middle, s, t = patch.spans(one, other)
                s, t = s * larger + CELL_PX / 2, t * larger + CELL_PX / 2
                edge = (one[0] * s, one[1] * s)
                yield View(middle, (other[0] * t, other[1] * t), edge, edge, MATRIX_PX, MATRIX_PX, wrap)


def view_linear(patch: Patch, lines: Lines) -> View:
    """Return the view of a linear code whose bars lie as in its middle."""
    axis, longer = patch.long_axis()
    bars = lines.first
    if longer < ELONGATED or abs(math.sin(math.radians(bars - axis))) < AXIS_SINE_MIN:
        axis = bars - 90
    down, across = _point_along(bars), _point_along(axis)
    middle, s, t = patch.spans(down, across)
    s, t = s * BARS_HEIGHT, t * BARS_LENGTH + 1.5 * CELL_PX
    edge = (down[0] * s, down[1] * s)
    return View(middle, (across[0] * t, across[1] * t), edge, edge, *BARS_SIZE)


def fan_out(view: View, ends: Sequence[tuple[float, float]]) -> View:
    """Let the bars of a view lie as measured: each of `ends` is a place (-1 left to 1 right) and degrees there."""
    middle = math.degrees(math.atan2(view.left[1], view.left[0]))
    offs = [(place, _find_turn(middle, degrees)) for place, degrees in ends]
    offs = [(place, off) for place, off in offs if abs(off) <= FAN_DEGREES_MAX]
    if not offs:
        return view
    steep = sum(place * off for place, off in offs) / sum(place * place for place, _ in offs)
    steep = max(-FAN_DEGREES_MAX, min(FAN_DEGREES_MAX, steep))
    return replace(view, left=_lean(view, middle - steep), right=_lean(view, middle + steep))


def _lean(view: View, degrees: float) -> Point:
    """Return the half edge that leans by so many degrees, and reaches as far from the view's axis as the old one."""
    down = _point_along(degrees)
    reach = _cross(view.across, view.left) / _cross(view.across, down)
    return down[0] * reach, down[1] * reach


def _find_turn(one: float, other: float) -> float:
    """Return by how many degrees one line must be turned to lie as the other: -90 to 90."""
    return (other - one + 90) % 180 - 90


def _cross(one: Point, other: Point) -> float:
    return one[0] * other[1] - one[1] * other[0]


def _point_along(degrees: float) -> Point:
    return math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
