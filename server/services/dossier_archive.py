"""A dossier's ZIP file in its only spelling: stored, without times, comments or extra fields. Source: APPNOTE 6.3.3.

The verifier writes the file again from what it finds in it and compares every byte; so there is no byte that a reader
passes over. The same names and contents give the same file on every machine.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from typing import Final

_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")

_VERSION: Final = 10
_FIRST_DAY: Final = 0x21
"""1 January 1980, the first day that the format has."""


def write_archive(files: Mapping[str, bytes]) -> bytes:
    """Return a ZIP file with these files in this order; names are ASCII."""
    parts: list[bytes] = []
    directory: list[bytes] = []
    offset = 0
    for name, content in files.items():
        spelled = name.encode("ascii")
        head = (_VERSION, 0, 0, 0, _FIRST_DAY, zlib.crc32(content), len(content), len(content), len(spelled), 0)
        local = _LOCAL.pack(b"PK\x03\x04", *head) + spelled
        directory.append(_CENTRAL.pack(b"PK\x01\x02", _VERSION, *head, 0, 0, 0, 0, offset) + spelled)
        parts += [local, content]
        offset += len(local) + len(content)
    listed = b"".join(directory)
    end = _END.pack(b"PK\x05\x06", 0, 0, len(directory), len(directory), len(listed), offset, 0)
    return b"".join([*parts, listed, end])
