"""Targets on the device: codes that are scanned or typed, photos, and files that are handed to it."""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Final

from PIL import Image

from field_client import codes, imaging
from field_client.bundle import import_receipts
from scanning import scan
from scanning.element_strings import READINGS_MAX, is_gtin
from tests.field_client.scope import Tablet
from tests.hostile.mutation import mend_png
from tests.hostile.target import Target, expect
from tests.pictures import EXIF_TAKEN_AT, MACHINE_URI, PART_LABEL, SUZHOU, draw_qr

SYMBOLOGIES: Final = (None, "]C1", "]d2", "]Q3", "]Q1", "]E0", "]E4", "]C0")
THIS_YEAR: Final = 2026
PHOTO_PROBLEMS: Final = "photo_not_an_image photo_heic photo_truncated photo_too_large"


def feed_scan(data: bytes) -> None:
    """Read what a symbol held; its first byte chooses the symbology."""
    symbology, raw = SYMBOLOGIES[data[0] % len(SYMBOLOGIES)] if data else None, data[1:]
    read = expect("code_invalid code_ambiguous", scan.parse, raw, symbology, THIS_YEAR)
    if read is not None:
        assert read.raw == raw
        assert 1 <= len(read.candidates) <= 2 * READINGS_MAX + 2
        for candidate in read.candidates:
            assert candidate.gtin is None or is_gtin(candidate.gtin)
            assert candidate.kind in ("gs1", "digital_link", "enrolment", "plain")
        assert scan.parse(raw, symbology, THIS_YEAR) == read
    expect("code_invalid code_ambiguous", scan.parse_typed, raw.decode("utf-8", "replace"), THIS_YEAR)


def seed_scan() -> Iterable[bytes]:
    """Yield labels of every sort."""
    yield b"\x00" + PART_LABEL.encode()
    yield b"\x00" + MACHINE_URI.encode()
    yield b"\x00" + b"https://a.example/01/09521234543213?17=280630;21=A%2F1"
    yield b"\x00" + b"gongdan-enrol:https://gongdan.example.com#ABCDEFGHIJKLMNOPQRST"
    yield b"\x02" + b"010952123454321310B2024-07\x1d1728063021SN00417"
    yield b"\x07" + b"010952123454321310B2024-071728063021SN00417"
    yield b"\x05" + b"4006381333931"
    yield b"\x00" + "（01）09521234543213（21）序号".encode("gb18030")


def feed_image(data: bytes) -> None:
    """Take a photo in with and without its place, and look for codes in it."""
    kept = expect(PHOTO_PROBLEMS, imaging.take_in, data, True)
    cleaned = expect(PHOTO_PROBLEMS, imaging.take_in, data, False)
    if kept is not None:
        assert kept.original == data
        for picture, edge in ((kept.preview, imaging.PREVIEW_EDGE_PX), (kept.thumbnail, imaging.THUMBNAIL_EDGE_PX)):
            with Image.open(io.BytesIO(picture)) as shown:
                assert shown.format == "JPEG" and max(shown.size) <= edge
                assert not shown.getexif()
    if cleaned is not None:
        assert cleaned.location is None and len(cleaned.original) <= len(data) + 1
        again = imaging.take_in(cleaned.original, True)
        assert again.location is None, again.location
        # Metadata too damaged to be cleaned goes as a whole, and with it which way is up.
        assert sorted((again.width, again.height)) == sorted((cleaned.width, cleaned.height))
    raster = expect(PHOTO_PROBLEMS, imaging.load_grey, data, 1)
    if raster is not None:
        assert len(raster.grey) == raster.width * raster.height
        assert all(code.raw for code in codes.read_codes(raster))


def seed_image() -> Iterable[bytes]:
    """Yield small photos of each format, with a place in them, and one with a code."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif.get_ifd(0x8769).update({0x9003: EXIF_TAKEN_AT, 0x927C: b"note" * 3})
    exif.get_ifd(0x8825).update({1: "N", 2: SUZHOU[0], 3: "E", 4: SUZHOU[1]})
    picture = Image.linear_gradient("L").resize((24, 16))
    for kind, mode in (("JPEG", "RGB"), ("PNG", "RGBA"), ("WEBP", "RGB"), ("PNG", "I;16"), ("JPEG", "CMYK")):
        out = io.BytesIO()
        made = Image.new("I;16", (4, 4), 300) if mode == "I;16" else picture.convert(mode)
        made.save(out, kind, exif=exif)
        yield out.getvalue()
    out = io.BytesIO()
    picture.save(out, "JPEG", progressive=True, quality=40)
    yield out.getvalue()
    out = io.BytesIO()
    draw_qr("A").save(out, "PNG")
    yield out.getvalue()


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="gongdan-hostile-"))


@cache
def _tablet() -> Tablet:
    return Tablet(_folder() / "device.sqlite", bytes(32))


def feed_receipts(data: bytes) -> None:
    """Import a file of receipts that somebody brought."""
    path = _folder() / f"receipts-{os.getpid()}"
    path.write_bytes(data)
    settled = expect("bundle_invalid", import_receipts, path, _tablet().outbox)
    assert settled in (None, 0)


def seed_receipts() -> Iterable[bytes]:
    """Yield receipts alone, and in bundles, packed and not."""
    line = (
        '{"changes":[],"device":"d","digest":"' + "ab" * 32 + '","fault":null,"position":1,'
        '"received_at":"2026-11-21T02:16:04.500Z","seq":1,"set_id":"s","verdict":"applied"}\n'
    )
    yield line.encode()
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", packing) as bundle:
            bundle.writestr(zipfile.ZipInfo("receipts"), line * 2, packing)
        yield out.getvalue()


SCAN = Target(feed_scan, seed_scan, 512, 5_000)
IMAGE = Target(feed_image, seed_image, 4096, 1_000, mend=mend_png)
RECEIPTS = Target(feed_receipts, seed_receipts, 4096, 1_000)
