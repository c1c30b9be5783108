"""Where a code is in a picture, how its lines lie, and how it is laid flat: drawn bars and dots, put back again."""

import math
import random

import pytest
from PIL import Image, ImageFilter

from field_client.imaging import Raster
from field_client.imaging_views import average_rows, cut_out, even_out, lay_flat, map_contrast, restore_rows
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

MODULE_PX = 8


def raster(image: Image.Image) -> Raster:
    return Raster(image.width, image.height, image.tobytes())


def draw_modules(columns: int, rows: int, seed: int = 3) -> Image.Image:
    """Draw modules by chance, in the bars of a linear code where there is one row."""
    chance = random.Random(seed)
    small = Image.new("L", (columns, rows))
    small.putdata([chance.choice((20, 240)) for _ in range(columns * rows)])
    return small.resize((columns * MODULE_PX, max(rows, 24) * MODULE_PX), Image.Resampling.NEAREST)


def strip(left: int, right: int, upper: int, lower: int) -> Patch:
    return Patch(tuple((x + 0.5, y + 0.5) for x in range(left, right, CELL_PX) for y in range(upper, lower, CELL_PX)))


@pytest.mark.parametrize("degrees", [2, 17, 63, -40])
def test_bars_have_one_direction_and_a_matrix_has_two(degrees: int) -> None:
    bars, matrix = (
        find_lines(cut_out(raster(drawn.rotate(degrees, Image.Resampling.BICUBIC)), (30, 30, 162, 162)))
        for drawn in (draw_modules(24, 1), draw_modules(24, 24))
    )

    assert bars is not None
    assert bars.is_linear
    assert abs((bars.first - (90 - degrees) + 90) % 180 - 90) < 2
    assert matrix is not None
    assert not matrix.is_linear
    for found in (matrix.first, matrix.second):
        assert abs((found - (90 - degrees) + 45) % 90 - 45) < 2


def test_an_even_picture_has_no_lines_and_no_patches() -> None:
    even = raster(Image.new("L", (640, 480), 128))

    assert find_lines(cut_out(even, (0, 0, 100, 100))) is None
    assert find_patches(*map_contrast(even, 2, 16), 0.2, 4) == []


def test_a_patch_is_where_the_code_is_also_in_the_shade() -> None:
    scene = Image.new("L", (960, 640), 200)
    scene.paste(draw_modules(30, 24), (160, 320))
    shaded = scene.copy()
    shaded.paste(scene.crop((0, 0, 300, 640)).point([grey // 4 for grey in range(256)]), (0, 0))

    (patch,) = find_patches(*map_contrast(raster(shaded), 2, CELL_PX), 0.2, 1)

    assert patch.box == pytest.approx((160, 320, 400, 512), abs=1.5 * CELL_PX)


def test_a_code_that_a_shadow_parts_is_put_together_again() -> None:
    left, right, other = strip(0, 320, 0, 96), strip(448, 800, 0, 96), strip(0, 96, 300, 800)

    joined = join_bars([(left, Lines(90, 0, 0.1)), (right, Lines(94, 0, 0.1)), (other, Lines(10, 100, 0.1))])

    assert joined[0][0].cells == left.cells + right.cells
    assert [patch for patch, _ in joined[1:]] == [left, right, other]


def test_a_matrix_code_is_shown_level_and_without_its_skew() -> None:
    patch = strip(320, 640, 320, 640)

    flat, nearer, *unrolled = view_matrix(patch, Lines(90.0, 0.0, 0.9))

    assert flat.place(flat.width / 2, flat.height / 2) == pytest.approx((464.5, 464.5), abs=1)
    corners = [flat.place(x, y) for x, y in ((0, 0), (flat.width, 0), (flat.width, flat.height), (0, flat.height))]
    assert {(x < 320, y < 320) for x, y in corners} == {(True, True), (True, False), (False, True), (False, False)}
    assert (flat.wrap, nearer.wrap) == (0, 0)
    assert [view.wrap > 0 for view in unrolled] == [True] * 4


def test_what_is_unrolled_has_its_modules_evenly_again() -> None:
    wrap = 0.9
    view = View((500.0, 100.0), (200.0, 0.0), (0.0, 50.0), (0.0, 50.0), 480, 480, wrap)

    ends = [view.place(480 * n / 8, 240)[0] - 500 for n in range(9)]

    assert [math.asin(end / 200 * math.sin(wrap)) for end in ends] == pytest.approx(
        [wrap * (n / 4 - 1) for n in range(9)]
    )


def test_bars_that_fan_out_are_shown_upright() -> None:
    patch = strip(0, 960, 0, 96)
    level = view_linear(patch, Lines(90.0, 0.0, 0.0))

    fanned = fan_out(level, [(-0.5, 85.0), (0.5, 95.0), (0.9, 170.0)])

    lean = [math.degrees(math.atan2(edge[1], edge[0])) for edge in (fanned.left, fanned.right)]
    assert lean == pytest.approx([80, 100], abs=0.1)
    assert fanned.left[1] == fanned.right[1] == pytest.approx(level.left[1])


def test_a_view_is_drawn_from_where_it_lies() -> None:
    scene = Image.new("L", (400, 300), 255)
    scene.paste(0, (200, 100, 300, 200))
    view = View((400.0, 300.0), (200.0, 0.0), (0.0, 100.0), (0.0, 100.0), 80, 40)

    flat = lay_flat(raster(scene), view.strips(2), view.width, view.height)

    assert flat.grey[20 * 80 + 20] == 255
    assert flat.grey[20 * 80 + 60] == 0


def test_blurred_bars_are_told_apart_again() -> None:
    sharp = draw_modules(60, 1)
    blurred = sharp.filter(ImageFilter.GaussianBlur(0.75 * MODULE_PX))

    def count_wrong(rows: Raster) -> int:
        middles = range(MODULE_PX // 2 + 2 * MODULE_PX, sharp.width - 2 * MODULE_PX, MODULE_PX)
        return sum((rows.grey[x] < 128) != (sharp.tobytes()[x] < 128) for x in middles)

    rows = average_rows(raster(blurred), 4)

    assert count_wrong(rows) > 0
    assert count_wrong(restore_rows(rows, 0.75 * MODULE_PX)) == 0


def test_a_shadow_over_a_matrix_is_taken_out() -> None:
    drawn = draw_modules(24, 24).resize((480, 480), Image.Resampling.NEAREST)
    shaded = drawn.copy()
    shaded.paste(drawn.crop((240, 0, 480, 480)).point([grey // 8 for grey in range(256)]), (240, 0))

    evened = even_out(raster(shaded), 3)

    middles = [(x, y) for x in range(10, 480, 20) for y in range(10, 480, 20) if abs(x - 240) > 20]
    wrong = [at for at in middles if (evened.grey[at[1] * 480 + at[0]] < 128) != (drawn.getpixel(at) < 128)]
    assert len(wrong) < len(middles) / 50
