"""How many photographed labels are read: three kinds of code, each taken in eight ways, from a gallery and live.

`python -m benchmarks label_corpus` prints the table. Every photograph is made from its seed, at 12 megapixels; a
person can read the letters printed below the code on each. "From a photo" is one photograph with the whole cascade;
"live" is one that is held before the camera for two seconds, twelve frames of 1280 pixels.

Beside the ways, labels are photographed anyhow: far or near, skewed, turned, blurred, dim, noisy and round a pipe, all
at once and as it comes. Of these count those that a person can read (`is_legible`), however fine the modules are; those
whose modules he can tell apart as well (`is_told_apart`); and those that hold the code at all (`label_oracle`).
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from PIL import Image
from zxingcpp import BarcodeFormat

from benchmarks.label_oracle import find_box, is_readable
from benchmarks.measure import Figure, Options
from field_client.codes import Code, read_frame, read_photo
from tests.pictures import (
    LABEL_EDGE,
    MACHINE_URI,
    PART_LABEL,
    Shot,
    draw_label,
    draw_qr,
    draw_symbol,
    encode_jpeg,
    photograph,
)

SHOTS: Final = 6
"""Photographs of each code in each way: 144 in all, some two minutes of CPU."""

FRAME_SIZE: Final = (1280, 960)
FRAMES: Final = 12

MEASURE: Final = "labels read {how}, %"

Span = tuple[float, float]


@dataclass(frozen=True)
class Way:
    """How a label is photographed: each value is drawn evenly from its span."""

    name: str
    label_px: Span = (1100, 1700)
    slant: Span = (0.0, 0.12)
    turn_degrees: Span = (-7.0, 7.0)
    blur_px: Span = (0.0, 1.6)
    shade: Span = (0.55, 1.0)
    noise: Span = (4, 12)
    curve_degrees: Span = (0.0, 0.0)

    def draw(self, chance: random.Random, scale: float, seed: int) -> Shot:
        """Return one shot; a linear code needs a label `scale` times as wide for bars of the same width."""

        def among(span: Span) -> float:
            return chance.uniform(*span)

        return Shot(
            label_px=min(2800, round(among(self.label_px) * scale)),
            slant=among(self.slant),
            turn_degrees=among(self.turn_degrees),
            blur_px=among(self.blur_px),
            shade=among(self.shade),
            noise=round(among(self.noise)),
            seed=seed,
            curve_degrees=among(self.curve_degrees),
        )


WAYS: Final = (
    Way("held well"),
    Way("aslant", slant=(0.15, 0.35)),
    Way("turned", turn_degrees=(-180, 180)),
    Way("out of focus", blur_px=(2.5, 4.0)),
    Way("dim", shade=(0.15, 0.3), noise=(18, 28)),
    Way("round a pipe", curve_degrees=(50, 100)),
    Way("far off", label_px=(650, 900)),
    Way("several at once", slant=(0.1, 0.2), blur_px=(1.5, 2.5), shade=(0.3, 0.5), curve_degrees=(20, 50)),
)

ANYHOW: Final = Way(
    "anyhow",
    label_px=(320, 1800),
    slant=(0.0, 0.5),
    turn_degrees=(-180, 180),
    blur_px=(0.0, 6.0),
    shade=(0.1, 1.0),
    noise=(2, 30),
    curve_degrees=(0.0, 140.0),
)
SHOTS_ANYHOW: Final = 25
"""Photographs of each code whose letters a person can read."""

LETTERS: Final = "a person can read the letters"
MODULES: Final = "he can tell the modules apart too"
TOLD: Final = "a reader told all about the photo reads it"
ANYHOW_MEASURE: Final = "labels read from a photo taken anyhow, % of those where {of}"

FALSE_MEASURE: Final = "codes read where there is none"
NO_CODES: Final = ("letters", "bars", "modules")
SHOTS_FALSE: Final = 10

PRINTED: Final = ("GONGDAN FIELD SERVICE", "SN00417  LOT B2024-07")

CAPITAL_EM: Final = 0.7 * 48 / LABEL_EDGE
"""The height of a capital of the printed letters, as a share of the label's edge."""

CAPITAL_PX_MIN: Final = 9.0
"""The height of a capital below which people guess: five pixels make a letter apart from others, nine one in a blur."""
LETTER_PX_MIN: Final = 4.0
"""The width of a letter where the label turns away round a pipe."""
CAPITAL_IN_BLURS_MIN: Final = 4.0
"""A capital in widths (sigma) of the blur: its three strokes are then still apart."""
CONTRAST_MIN: Final = 24.0
"""Between ink and paper, of 255."""
CONTRAST_IN_NOISE_MIN: Final = 1.5
"""In deviations of the noise of one pixel; over the pixels of a stroke it averages out."""

SYMBOL_MODULE_PX: Final = 8
"""Of the symbols as they are drawn."""

INK_ON_PAPER: Final = 228
LETTERS_END: Final = 0.44
"""How far from the middle of the label the printed letters go, as a share of its edge."""

CODES: Final[dict[str, tuple[Callable[[], Image.Image], bytes, float]]] = {
    # name: how it is drawn, what it holds, how much wider its label is
    "QR": (lambda: draw_qr(MACHINE_URI), MACHINE_URI.encode(), 1.0),
    "DataMatrix": (
        lambda: draw_symbol(PART_LABEL, BarcodeFormat.DataMatrix),
        b"010952123454321310B2024-07\x1d1728063021SN00417",
        1.0,
    ),
    "Code 128": (
        lambda: draw_symbol("(01)09521234543213(21)SN00417", BarcodeFormat.Code128),
        b"010952123454321321SN00417",
        1.5,
    ),
}


def run(options: Options) -> list[Figure]:
    """Photograph and read the corpus."""
    figures = []
    for way in WAYS:
        for name in CODES:
            from_photo, live = read_shots(name, way, options.seed)
            figures.append(Figure(MEASURE.format(how="from a photo"), f"{name}, {way.name}", from_photo))
            figures.append(Figure(MEASURE.format(how="live"), f"{name}, {way.name}", live))
    for name in CODES:
        figures += [Figure(ANYHOW_MEASURE.format(of=of), name, share) for of, share in read_anyhow(name, options.seed)]
    figures.append(Figure(FALSE_MEASURE, "labels without a code", count_false(options.seed), f"of {3 * SHOTS_FALSE}"))
    return figures


def is_legible(shot: Shot) -> bool:
    """Tell whether a person can read the letters that are printed on a label, by the limits above."""
    capital = CAPITAL_EM * shot.label_px * (1 - shot.slant)
    letter = 0.6 * capital * math.cos(math.radians(shot.curve_degrees) * LETTERS_END)
    is_large = capital >= max(CAPITAL_PX_MIN, CAPITAL_IN_BLURS_MIN * shot.blur_px) and letter >= LETTER_PX_MIN
    return is_large and _stands_out(shot, 1.0)


def is_told_apart(shot: Shot, code: Image.Image) -> bool:
    """Tell whether a person can tell the finest modules of a code apart: what the blur leaves of them stands out."""
    module_px = find_box(code)[2] * shot.label_px * SYMBOL_MODULE_PX / code.width
    # A slant shortens the far edge by all of it, the middle by half; round a pipe the code's own ends turn away.
    module_px *= (1 - shot.slant / 2) * math.cos(math.radians(shot.curve_degrees) * LETTERS_END)
    # What a Gaussian blur leaves of a pattern whose period is two modules.
    return _stands_out(shot, math.exp(-((math.pi * shot.blur_px / module_px) ** 2) / 2))


def _stands_out(shot: Shot, left: float) -> bool:
    # Light falls off from one corner to the other; the label lies in the middle.
    contrast = left * INK_ON_PAPER * (1 + shot.shade) / 2
    return contrast >= max(CONTRAST_MIN, CONTRAST_IN_NOISE_MIN * 2 * shot.noise / math.sqrt(12))


def read_anyhow(name: str, seed: int, shots: int = SHOTS_ANYHOW) -> list[tuple[str, float]]:
    """Return how many percent of the photographs of one code, taken anyhow, are read: of which, and the share.

    Of those whose letters a person can read; of those whose modules he can tell apart as well; and of those that a
    reader reads that is told how each was taken. What is read without being told counts as readable.
    """
    draw, raw, scale = CODES[name]
    code = draw()
    label = draw_label(code, PRINTED)
    read: dict[str, list[bool]] = {LETTERS: [], MODULES: [], TOLD: []}
    number = 0
    while len(read[LETTERS]) < shots:
        shot = ANYHOW.draw(random.Random(f"{seed} {name} anyhow {number}"), scale, seed=number)
        number += 1
        if is_legible(shot):
            photo = encode_jpeg(photograph(label, shot))
            found = is_read(read_photo(photo), raw)
            read[LETTERS].append(found)
            if is_told_apart(shot, code):
                read[MODULES].append(found)
            if found or is_readable(photo, shot, code, raw):
                read[TOLD].append(found)
    return [(of, 100 * sum(found) / max(1, len(found))) for of, found in read.items()]


def count_false(seed: int, shots: int = SHOTS_FALSE) -> int:
    """Return on how many labels without a code one was read: letters alone, bars and modules of no meaning."""
    count = 0
    for kind in NO_CODES:
        for number in range(shots):
            chance = random.Random(f"{seed} {kind} {number}")
            label = draw_label(draw_no_code(kind, chance), PRINTED)
            shot = ANYHOW.draw(chance, 1.5 if kind == "bars" else 1.0, seed=number)
            count += bool(read_photo(encode_jpeg(photograph(label, shot))))
    return count


def draw_no_code(kind: str, chance: random.Random) -> Image.Image:
    """Draw what looks like a code and is none: `bars` as wide as those of a linear one, or square `modules`."""
    columns, rows = {"letters": (24, 0), "bars": (220, 1), "modules": (24, 24)}[kind]
    small = Image.new("L", (columns, max(1, rows)), 255)
    small.putdata([255 * chance.randrange(2) for _ in range(columns * rows)] or [255] * columns)
    edge = 8 * columns
    return small.resize((edge, edge // 5 if kind == "bars" else edge), Image.Resampling.NEAREST)


def read_shots(name: str, way: Way, seed: int, shots: int = SHOTS) -> tuple[float, float]:
    """Return how many percent of the shots of one code in one way are read, from a photo and live."""
    draw, raw, scale = CODES[name]
    label = draw_label(draw(), PRINTED)
    from_photo = live = 0
    for number in range(shots):
        # Named by its place, so that one way left out changes nothing of the others.
        chance = random.Random(f"{seed} {name} {way.name} {number}")
        scene = photograph(label, way.draw(chance, scale, seed=number))
        from_photo += is_read(read_photo(encode_jpeg(scene)), raw)
        frame = encode_jpeg(scene.resize(FRAME_SIZE, Image.Resampling.LANCZOS), quality=80)
        live += any(is_read(read_frame(frame, turn).codes, raw) for turn in range(FRAMES))
    return 100 * from_photo / shots, 100 * live / shots


def is_read(codes: list[Code], raw: bytes) -> bool:
    """Tell whether the code was read; a wrong reading is worse than none and stops the run."""
    assert all(code.raw == raw for code in codes), codes
    return bool(codes)
