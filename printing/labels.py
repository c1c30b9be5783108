"""Labels with QR codes: a machine's, and a device's enrolment; on paper as PNG, on a terminal as text.

Source: GS1 Digital Link URI Syntax 1.3 (sections 4.3 and 4.9) and GS1 General Specifications (AI 01, AI 21,
figure 7.11-1: the 82 characters a serial number may have).
"""

from __future__ import annotations

import io
import re
from typing import Final
from urllib.parse import quote, urlsplit

import qrcode
from PIL import Image, ImageDraw, ImageFont
from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.main import QRCode

DOTS_PER_INCH: Final = 300
"""What label printers print; a module of 8 dots is then 0.68 mm, legible to a phone at arm's length."""

MODULE_DOTS: Final = 8
QUIET_MODULES: Final = 4
"""The quiet zone of ISO/IEC 18004 section 6.3.8."""

SEAL: Final = "s"
"""The parameter of a Digital Link that holds its seal."""

TEXT_WIDTH_DOTS: Final = 520
LINE_CHARACTERS_MAX: Final = 30
"""Fits the printed width beside the code; a longer line is cut, since the code holds the whole."""

_SERIAL_OF_GS1 = re.compile(r"""[!"%&'()*+,\-./0-9:;<=>?A-Z_a-z]{1,20}\Z""").match
_GTIN = re.compile(r"\d{14}\Z").match


def machine_text(base_url: str, gtin: str | None, serial: str) -> str:
    """Return what a machine's code holds: a GS1 Digital Link, or the bare serial number.

    A link needs a GTIN and a serial number that GS1 allows; `base_url` gives its host.
    """
    if gtin is None or _GTIN(gtin) is None or _SERIAL_OF_GS1(serial) is None:
        return serial
    return f"https://{urlsplit(base_url).netloc}/01/{gtin}/21/{quote(serial, safe='')}"


def part_text(base_url: str, gtin: str | None, part_number: str, batch: str | None = None) -> str:
    """Return what a part's code holds: a GS1 Digital Link with the batch where there is one, or the part number."""
    if gtin is None or _GTIN(gtin) is None:
        return part_number
    of_batch = f"/10/{quote(batch, safe='')}" if batch and _SERIAL_OF_GS1(batch) else ""
    return f"https://{urlsplit(base_url).netloc}/01/{gtin}{of_batch}"


def seal_text(text: str, seal: str) -> str:
    """Return a Digital Link with a seal, as a parameter that is no application identifier; other texts as they are.

    Source: GS1 Digital Link URI Syntax 1.3 section 4.10 (keys of more than digits are the maker's own).
    """
    return f"{text}?{SEAL}={seal}" if text.startswith("https://") else text


def draw_label(text: str, title: str, lines: tuple[str, ...]) -> bytes:
    """Return a label as PNG: the code of `text`, and beside it a title and lines in Latin letters.

    The code survives a quarter of its area being dirty or scratched (error correction level Q).
    """
    code = _paint(_encode(text, ERROR_CORRECT_Q))
    label = Image.new("L", (code.width + TEXT_WIDTH_DOTS, code.height), 255)
    label.paste(code, (0, 0))
    pen = ImageDraw.Draw(label)
    left, top = code.width, QUIET_MODULES * MODULE_DOTS
    pen.text((left, top), title[:LINE_CHARACTERS_MAX], fill=0, font=ImageFont.load_default(36))
    for number, line in enumerate(lines):
        place = (left, top + 60 + 42 * number)
        pen.text(place, line[:LINE_CHARACTERS_MAX], fill=0, font=ImageFont.load_default(28))
    return _to_png(label)


def draw_code(text: str) -> bytes:
    """Return the code of `text` alone as PNG, to be shown on a screen."""
    return _to_png(_paint(_encode(text, ERROR_CORRECT_M)))


def spell_code(text: str) -> str:
    """Return the code of `text` as lines of block characters, light on dark, for a dark terminal."""
    out = io.StringIO()
    _encode(text, ERROR_CORRECT_M).print_ascii(out=out, invert=True)
    return out.getvalue()


def _encode(text: str, correction: int) -> QRCode[Image.Image]:
    code: QRCode[Image.Image] = qrcode.QRCode(error_correction=correction, box_size=MODULE_DOTS, border=QUIET_MODULES)
    code.add_data(text)
    code.make(fit=True)
    return code


def _paint(code: QRCode[Image.Image]) -> Image.Image:
    modules = code.get_matrix()
    picture = Image.new("L", (len(modules), len(modules)), 255)
    picture.putdata([0 if dark else 255 for row in modules for dark in row])
    size = len(modules) * MODULE_DOTS
    return picture.resize((size, size), Image.Resampling.NEAREST)


def _to_png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, format="PNG", dpi=(DOTS_PER_INCH, DOTS_PER_INCH))
    return out.getvalue()
