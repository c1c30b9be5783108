"""Where and when a photo was taken: read from its metadata, and the place removed without touching a pixel.

Rule 1: to remove a place, what is not known to be free of one goes: XMP, IPTC, maker notes, vendor segments, and
        whatever is appended behind the picture (the film of a live photo carries its own place).
Rule 2: everything else stays where it was, so orientation, time and camera survive byte for byte.
Sources: Exif 2.32 (CIPA DC-008), JPEG (ITU T.81 annex B), PNG (W3C) section 5, WebP container (RFC 9649).
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from field_client.problems import MediaProblem

_EXIF_HEADER: Final = b"Exif\0\0"
EXIF_IFD: Final = 0x8769
GPS_IFD: Final = 0x8825
_MAKER_NOTE: Final = 0x927C
_TAKEN_AT: Final = 0x9003
_OFFSET: Final = 0x9011

_TYPE_BYTES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_TIFF_HEADER_BYTES: Final = 8
_IFDS_MAX: Final = 8
"""A photo has two (picture and thumbnail); a longer chain is a loop or an attack."""

_START_OF_SCAN: Final = 0xDA
_END_OF_IMAGE: Final = 0xD9
_APP: Final = range(0xE0, 0xF0)
_APP_KEPT: Final = ((0xE0, b"JFIF\0"), (0xE2, b"ICC_PROFILE\0"), (0xEE, b"Adobe"))
"""What a viewer needs to show the colours right."""

_MARKER_IN_SCAN: Final = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_PNG_SIGNATURE_BYTES: Final = 8
_PNG_TEXT: Final = frozenset({b"tEXt", b"zTXt", b"iTXt"})


def read_time(entries: Mapping[int, Any]) -> str | None:
    """Return when the shutter was pressed, ISO 8601, with an offset only where the camera wrote one.

    `entries` are those of the EXIF directory.
    """
    try:
        taken_at = datetime.strptime(str(entries.get(_TAKEN_AT, "")).strip("\0 "), "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007
    except ValueError:
        return None
    offset = str(entries.get(_OFFSET, "")).strip("\0 ")
    return taken_at.isoformat() + (offset if re.fullmatch(r"[+-]\d\d:\d\d", offset, re.ASCII) else "")


def read_location(entries: Mapping[int, Any]) -> tuple[str, str] | None:
    """Return latitude and longitude in degrees with six decimals (0.1 m), south and west negative.

    `entries` are those of the GPS directory.
    """
    try:
        north = _to_degrees(entries[2], negative=entries[1] == "S")
        east = _to_degrees(entries[4], negative=entries[3] == "W")
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    if not (abs(north) <= 90 and abs(east) <= 180):
        return None
    return f"{north:.6f}", f"{east:.6f}"


def remove_location(original: bytes, media_type: str) -> bytes:
    """Return the photo without its place; the coded pixels are the same bytes.

    Raises MediaProblem photo_truncated when the file's structure cannot be followed to its end.
    """
    remove = {"image/jpeg": _clean_jpeg, "image/png": _clean_png, "image/webp": _clean_webp}[media_type]
    try:
        return remove(original)
    except (IndexError, struct.error, ValueError) as error:
        raise MediaProblem("photo_truncated") from error


def _to_degrees(value: Any, *, negative: bool) -> float:
    degrees, minutes, seconds = (float(part) for part in value)
    total = degrees + minutes / 60 + seconds / 3600
    return -total if negative else total


def _clean_jpeg(data: bytes) -> bytes:
    kept, at = [data[:2]], 2
    while True:
        while data[at + 1] == 0xFF:  # a marker may be preceded by any number of fill bytes
            at += 1
        if data[at] != 0xFF:
            raise ValueError("no marker where one must be")
        marker = data[at + 1]
        if marker == _END_OF_IMAGE:
            kept.append(data[at : at + 2])
            return b"".join(kept)
        end = at + 2 + struct.unpack_from(">H", data, at + 2)[0]
        kept.append(_clean_segment(marker, data[at:end]))
        if marker == _START_OF_SCAN:
            found = _MARKER_IN_SCAN.search(data, end)
            if found is None:
                # Some cameras leave out the end marker; the decoder has taken the picture without it.
                kept.append(data[end:])
                return b"".join(kept)
            kept.append(data[end : found.start()])
            end = found.start()
        at = end


def _clean_segment(marker: int, segment: bytes) -> bytes:
    """Return a JPEG segment as it may stay: whole, with its EXIF cleaned, or not at all."""
    if marker not in _APP:
        return segment
    if marker == 0xE1 and segment[4:].startswith(_EXIF_HEADER):
        tiff = _clean_exif(segment[10:])
        return segment[:10] + tiff if tiff is not None else b""
    kept = any(marker == number and segment[4:].startswith(name) for number, name in _APP_KEPT)
    return segment if kept else b""


def _clean_png(data: bytes) -> bytes:
    kept, at = [data[:_PNG_SIGNATURE_BYTES]], _PNG_SIGNATURE_BYTES
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if kind == b"eXIf":
            tiff = _clean_exif(data[at + 8 : end - 4])
            if tiff is not None:
                body = kind + tiff
                kept.append(struct.pack(">I", length) + body + struct.pack(">I", zlib.crc32(body)))
        elif kind not in _PNG_TEXT:
            kept.append(data[at:end])
        at = end
    return b"".join(kept)


def _clean_webp(data: bytes) -> bytes:
    kept, at = [], 12
    riff_end = 8 + struct.unpack_from("<I", data, 4)[0]
    while at + 8 <= min(riff_end, len(data)):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + length % 2
        chunk = data[at:end]
        if kind == b"VP8X":
            chunk = chunk[:8] + bytes([chunk[8] & ~0x04]) + chunk[9:]  # the flag that says XMP follows
        if kind == b"EXIF":
            chunk = _clean_webp_exif(chunk, length)
        if kind != b"XMP ":
            kept.append(chunk)
        at = end
    body = b"WEBP" + b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _clean_webp_exif(chunk: bytes, length: int) -> bytes:
    content, padding = chunk[8 : 8 + length], chunk[8 + length :]
    header = _EXIF_HEADER if content.startswith(_EXIF_HEADER) else b""
    tiff = _clean_exif(content[len(header) :])
    # Zeros are no valid EXIF, so a viewer ignores them; removing the chunk would make its flag a lie.
    return chunk[:8] + (header + tiff if tiff is not None else bytes(length)) + padding


def _clean_exif(tiff: bytes) -> bytes | None:
    """Blank the place and the maker's note in place, so that no offset moves; None when it cannot be read."""
    data = bytearray(tiff)
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(data[:2])]
        at = struct.unpack_from(order + "I", data, 4)[0]
        if at < _TIFF_HEADER_BYTES:
            return None
        for _ in range(_IFDS_MAX):
            if at == 0:
                return bytes(data)
            for pointer in _find_values(data, order, at, EXIF_IFD):
                _drop_entries(data, order, pointer, _MAKER_NOTE)
            _drop_entries(data, order, at, GPS_IFD)
            count = struct.unpack_from(order + "H", data, at)[0]
            at = struct.unpack_from(order + "I", data, at + 2 + 12 * count)[0]
    except (KeyError, struct.error, ValueError):
        return None
    return None


def _find_values(data: bytearray, order: str, ifd_at: int, tag: int) -> list[int]:
    """Return the values, or offsets to them, of the directory's entries with this tag."""
    count = struct.unpack_from(order + "H", data, ifd_at)[0]
    entries = [struct.unpack_from(order + "HHII", data, ifd_at + 2 + 12 * i) for i in range(count)]
    return [value for found, _, _, value in entries if found == tag]


def _drop_entries(data: bytearray, order: str, ifd_at: int, tag: int) -> None:
    """Blank what entries with this tag point at, and close the gap they leave in the directory."""
    count = struct.unpack_from(order + "H", data, ifd_at)[0]
    end = ifd_at + 2 + 12 * count + 4  # behind the offset of the next directory
    for index in reversed(range(count)):
        entry_at = ifd_at + 2 + 12 * index
        found, kind, length, value = struct.unpack_from(order + "HHII", data, entry_at)
        if found != tag:
            continue
        if tag == GPS_IFD:
            _blank_ifd(data, order, value)
        elif _TYPE_BYTES.get(kind, 1) * length > 4:
            _blank(data, value, _TYPE_BYTES.get(kind, 1) * length)
        data[entry_at:end] = data[entry_at + 12 : end] + bytes(12)
        count -= 1
        struct.pack_into(order + "H", data, ifd_at, count)


def _blank_ifd(data: bytearray, order: str, at: int) -> None:
    count = struct.unpack_from(order + "H", data, at)[0]
    for index in range(count):
        _, kind, length, value = struct.unpack_from(order + "HHII", data, at + 2 + 12 * index)
        size = _TYPE_BYTES.get(kind, 1) * length
        if size > 4:
            _blank(data, value, size)
    _blank(data, at, 2 + 12 * count)


def _blank(data: bytearray, at: int, size: int) -> None:
    if at < _TIFF_HEADER_BYTES or at + size > len(data):
        raise ValueError("an entry points outside the metadata")
    data[at : at + size] = bytes(size)
