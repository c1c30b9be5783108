"""A dossier's ZIP file in its only spelling: stored, without times, comments or extra fields.

What a reader of ZIP files would pass over could be changed unseen. So nothing is passed over: the file is written again
from the names and contents found in it, and must come out byte for byte. Source: PKWARE APPNOTE 6.3.3.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_VERSION, _NO_TIME, _NO_DATE = 10, 0, 0x21


class NotCanonical(ValueError):
    """A file is no ZIP file in the only spelling."""


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP file with these files in this order."""
    parts, directory, offset = [], [], 0
    for name, content in files.items():
        spelled = name.encode("ascii")
        crc, size = zlib.crc32(content), len(content)
        shared = (_VERSION, 0, 0, _NO_TIME, _NO_DATE, crc, size, size, len(spelled), 0)
        local = _LOCAL.pack(b"PK\x03\x04", *shared) + spelled
        directory.append(_CENTRAL.pack(b"PK\x01\x02", _VERSION, *shared, 0, 0, 0, 0, offset) + spelled)
        parts += [local, content]
        offset += len(local) + size
    listed = b"".join(directory)
    end = _END.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), len(listed), offset, 0)
    return b"".join([*parts, listed, end])


def read_archive(data: bytes) -> dict[str, bytes]:
    """Return the files of a ZIP file, in order. Raises NotCanonical when any byte of it could be another."""
    files: dict[str, bytes] = {}
    at = 0
    while data[at : at + 4] == b"PK\x03\x04":
        if at + _LOCAL.size > len(data):
            raise NotCanonical("cut off")
        head = _LOCAL.unpack_from(data, at)
        begin = at + _LOCAL.size + head[9]
        try:
            name = data[at + _LOCAL.size : begin].decode("ascii")
        except UnicodeDecodeError:
            raise NotCanonical("a name is not ASCII") from None
        if name in files:
            raise NotCanonical(f"{name} is there twice")
        at = begin + head[8]
        files[name] = data[begin:at]
    if not files or write_archive(files) != data:
        raise NotCanonical("not as it was written")
    return files
