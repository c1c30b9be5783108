"""A camera for the browser: one real picture of a label, shown as a film.

Chromium takes the frames of its fake camera from a file of JPEGs, one behind the other (``.mjpeg``).
"""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from tests.pictures import Shot, draw_label, draw_qr, photograph

FILM_SIZE = (1280, 960)
FRAMES = 5


def film_label(text: str, path: Path, shot: Shot | None = None) -> Path:
    """Film a label with a QR code, lying aslant on a machine's cover."""
    label = draw_label(draw_qr(text), ("GONGDAN", text[-24:]))
    return film(photograph(label, shot or Shot(label_px=1300, turn_degrees=9.0)), path)


def film(scene: Image.Image, path: Path) -> Path:
    """Film a scene that does not move."""
    frame = io.BytesIO()
    scene.convert("RGB").resize(FILM_SIZE).save(frame, "JPEG", quality=88)
    path.write_bytes(frame.getvalue() * FRAMES)
    return path
