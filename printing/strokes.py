"""A signature as it was drawn: strokes of points, kept as a file and drawn again as lines."""

from __future__ import annotations

import json
from typing import Final

STROKES_FORMAT: Final = "gongdan-strokes/1"

POINTS_MAX: Final = 20_000
"""A long signature of half a minute at the 240 points a second of a fast screen has 7,200."""

STROKES_BYTES_MAX: Final = 1024 * 1024
"""As many points of three numbers with six digits, and room."""

Strokes = list[list[tuple[float, float]]]


def read_strokes(data: bytes) -> Strokes | None:
    """Return the strokes of a file, each point as x, y with y downwards; None for what is no such file."""
    if len(data) > STROKES_BYTES_MAX:
        return None
    try:
        document = json.loads(data)
        if document["format"] != STROKES_FORMAT:
            return None
        strokes = [[(float(x), float(y)) for x, y, _ in stroke] for stroke in document["strokes"] if stroke]
    except (ValueError, TypeError, KeyError, RecursionError, OverflowError):
        return None
    points = sum(map(len, strokes))
    fits = all(abs(number) < 1e9 for stroke in strokes for point in stroke for number in point)
    return strokes if 0 < points <= POINTS_MAX and fits else None


def fit_strokes(strokes: Strokes, x: float, y: float, width: float, height: float) -> Strokes:
    """Return the strokes as large as they fit into a box, in its middle, their shape unchanged."""
    across = [point[0] for stroke in strokes for point in stroke]
    down = [point[1] for stroke in strokes for point in stroke]
    wide, high = max(across) - min(across), max(down) - min(down)
    scale = min(width / max(wide, 1.0), height / max(high, 1.0))
    left = x + (width - wide * scale) / 2 - min(across) * scale
    top = y + (height - high * scale) / 2 - min(down) * scale
    return [[(left + point[0] * scale, top + point[1] * scale) for point in stroke] for stroke in strokes]
