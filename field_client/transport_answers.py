"""What an answer means: the server's own, or something that stands between it and the device.

Rule 1: only what says itself that it is the server's counts: its media types, its problem documents, or for
        uploads its header. All else is named for what it most likely is, and changes nothing here.
Rule 2: nothing is unpacked beyond a limit, and never more than a little at a time.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.problems import PROBLEMS, Refused
from sync import canonical, zstd

CHANGE_SETS: Final = "application/vnd.gongdan.change-sets"
LINES: Final = "application/x-ndjson"
JSON: Final = "application/json"
PROBLEM: Final = "application/problem+json"

DOCUMENT_BYTES_MAX: Final = 4 * 1024 * 1024
"""The largest plain answer is the list of digests of some buckets: about 80 bytes a record."""

PAGE_BYTES_MAX: Final = 64 * 1024 * 1024
"""A page holds at most 2,000 records of at most 256 KiB, in practice 2.5 MB; more is not a page."""

FILE: Final = "application/octet-stream"
FILE_KINDS: Final = (FILE, "image/jpeg", "image/png", "image/webp")
"""As what the server sends a file: it trusts no other name for bytes that somebody uploaded."""

FILE_PIECE_BYTES_MAX: Final = 8 * 1024 * 1024
"""Files are asked for in pieces of half of this at most."""

BYTES_MAX: Final = {LINES: PAGE_BYTES_MAX, JSON: DOCUMENT_BYTES_MAX, PROBLEM: DOCUMENT_BYTES_MAX} | dict.fromkeys(
    FILE_KINDS, FILE_PIECE_BYTES_MAX
)
"""media type of the server's answers -> how much such an answer may hold, packed or unpacked"""

PIECE_BYTES: Final = 64 * 1024

BUSY_S: Final = 30
"""How long a gateway that says nothing else wants to be left alone."""

BUSY_LONGEST_S: Final = 3600
"""A gateway that asks for longer has no say in when an engineer may sync."""

UPLOAD_STATUSES: Final = frozenset({404, 409, 410, 460})
"""Refusals from which an upload goes on by itself."""

_RANGE: Final = re.compile(r"bytes ([0-9]{1,12})-([0-9]{1,12})/([0-9]{1,12})\Z").match
_OWN_MEMBERS: Final = frozenset({"type", "status", "title", "title_zh", "code", "self"})


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, read to its end; the body is as it was sent, and empty when it is not of the server's types."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def kind(self) -> str:
        """The media type."""
        return kind_of(self.headers)


def kind_of(headers: Mapping[str, str]) -> str:
    """Return the media type that headers name."""
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def check_answer(answer: Answer, kind: str) -> None:
    """Raise Refused unless the server says that it did what it was asked, in the media type `kind`."""
    if answer.kind == PROBLEM and answer.status >= 400:
        raise _read_problem(answer)
    is_kind = answer.kind in FILE_KINDS if kind == FILE else answer.kind == kind
    if not is_kind or answer.status not in range(200, 300):
        raise _name_stranger(answer)


def check_upload(answer: Answer) -> None:
    """Raise Refused unless the answer is the server's, and one from which an upload goes on."""
    is_ours = "Tus-Resumable" in answer.headers
    if is_ours and (answer.status in range(200, 300) or answer.status in UPLOAD_STATUSES):
        return
    if answer.kind == PROBLEM and answer.status >= 400:
        raise _read_problem(answer)
    raise _name_stranger(answer)


def read_piece(answer: Answer, offset: int) -> tuple[bytes, int]:
    """Return the bytes of a file from `offset` on that an answer brings, and the size of the whole file.

    Raises Refused with `answer_not_understood` when it brings another range, or bytes that were altered on the way.
    """
    found = _RANGE(answer.headers.get("Content-Range", ""))
    body = b"".join(unpack(answer))
    if answer.status != 206 or found is None:
        raise Refused("answer_not_understood")
    first, last, total = (int(number) for number in found.groups())
    if first != offset or not body or last - first + 1 != len(body) or last >= total:
        raise Refused("answer_not_understood")
    return body, total


def read_document(answer: Answer) -> dict[str, Any]:
    """Return the JSON document of an answer. Raises Refused with `answer_not_understood`."""
    try:
        document = canonical.load(b"".join(unpack(answer)))
    except ValueError:
        raise Refused("answer_not_understood") from None
    if not isinstance(document, dict):
        raise Refused("answer_not_understood")
    return document


def read_lines(answer: Answer) -> Iterator[bytes]:
    """Yield the lines of an answer, with their line breaks. Raises Refused with `answer_not_understood`."""
    rest = b""
    for piece in unpack(answer):
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"
    if rest:
        yield rest


def unpack(answer: Answer) -> Iterator[bytes]:
    """Yield an answer's content piece by piece. Raises Refused with `answer_not_understood`."""
    size, bytes_max = 0, BYTES_MAX[answer.kind]
    try:
        for piece in _unpack(answer.headers.get("Content-Encoding", "identity"), answer.body):
            size += len(piece)
            if size > bytes_max:
                raise Refused("answer_not_understood")
            yield piece
    except (zlib.error, zstd.ZstdError):
        raise Refused("answer_not_understood") from None


def _unpack(encoding: str, body: bytes) -> Iterator[bytes]:
    if encoding == "identity":
        yield body
    elif encoding == "zstd":
        unpacker = zstd.ZstdDecompressor()
        piece = unpacker.decompress(body, PIECE_BYTES)
        while piece:
            yield piece
            piece = b"" if unpacker.eof else unpacker.decompress(b"", PIECE_BYTES)
    elif encoding == "gzip":
        unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
        while body and not unpacker.eof:
            yield unpacker.decompress(body, PIECE_BYTES)
            body = unpacker.unconsumed_tail
    else:
        raise Refused("answer_not_understood")


def _read_problem(answer: Answer) -> Refused:
    document = read_document(answer)
    code = document.get("code")
    if not isinstance(code, str) or code not in PROBLEMS:
        return Refused("answer_not_understood")
    return Refused(code, **{name: value for name, value in document.items() if name not in _OWN_MEMBERS})


def _name_stranger(answer: Answer) -> Refused:
    """Return what to tell of an answer that is not the server's."""
    is_page = answer.kind == "text/html" and answer.status in range(200, 300)
    if answer.status == 511 or answer.status in range(300, 400) or is_page:
        return Refused("network_sign_in")
    if answer.status in (429, 503):
        return Refused("server_busy", seconds=_read_seconds(answer.headers.get("Retry-After", "")))
    if answer.status >= 500:
        return Refused("server_unreachable", detail=str(answer.status))
    return Refused("answer_not_understood")


def _read_seconds(spelling: str) -> int:
    """Return the seconds of a Retry-After header; a date in it is taken for no statement."""
    is_whole = spelling.isascii() and spelling.isdigit() and len(spelling) < 10
    return min(int(spelling), BUSY_LONGEST_S) if is_whole else BUSY_S
