"""Bytes in and out: reading a body whole and within limits, unpacking it, and answering in lines.

Rule 1: a body that ends before its announced length is refused whole; nothing of it takes effect.
Rule 2: nothing is unpacked beyond a limit given beforehand.
Rule 3: an answer is complete before its first byte goes out, so that a slow line never holds up the
        database; large ones wait in a temporary file.
"""

from __future__ import annotations

import tempfile
import zlib
from collections.abc import Iterable, Iterator
from typing import IO, Any, Final, Protocol

import zstandard
from flask import Response, request
from werkzeug.exceptions import ClientDisconnected

from schemas.problems import Refused

LINES_TYPE: Final = "application/x-ndjson"

PLAIN_BYTES_MAX: Final = 1024
"""An answer this small fits one network packet or two; packing it would only cost time."""

BLOCK_BYTES: Final = 64 * 1024
"""Lines are packed and sent in blocks of this size: more gains nothing, less costs a call each."""

SPOOL_BYTES_MAX: Final = 2 * 1024 * 1024
"""What a waiting answer may take of memory: a page of ordinary records packs to a fifth of this."""

ZSTD_LEVEL: Final = 6
"""Records pack a sixth smaller than at level 3 for twice its 2 ms per page; beyond 9 little is gained."""

GZIP_LEVEL: Final = 6
GZIP_WINDOW: Final = 31
"""zlib's way of saying: a gzip wrapper with the largest window."""


class Packer(Protocol):
    """What zlib and zstandard have in common."""

    def compress(self, data: bytes) -> bytes:
        """Take bytes in and return what is ready."""
        ...

    def flush(self) -> bytes:
        """Return the rest."""
        ...


def read_body() -> bytes:
    """Return the request's body as it was received; it can be asked for again.

    Raises Refused with `malformed` when the client stopped before the end, and HTTP 413 beyond the limit.
    """
    announced = request.content_length
    try:
        body = request.get_data()
    except ClientDisconnected:
        body = b""
    if announced is not None and len(body) != announced:
        raise Refused("malformed", detail="the body ended before its announced length")
    return body


def unpack(body: bytes, coding: str, bytes_max: int) -> bytes:
    """Return the content of a body with a `Content-Encoding`.

    A zstd body is one frame that states its content size, as one-shot compressors write it.
    Raises Refused with `decompression_bomb` beyond `bytes_max`, `malformed` when it cannot be unpacked.
    """
    if coding in ("", "identity"):
        return body
    if coding == "gzip":
        return _unpack_gzip(body, bytes_max)
    if coding == "zstd":
        return _unpack_zstd(body, bytes_max)
    raise Refused("malformed", detail="Content-Encoding is gzip, zstd or absent")


def answer_lines(lines: Iterable[bytes]) -> Response:
    """Return an answer of lines, each with its line break, packed as the client accepts when that is worth it."""
    source = iter(lines)
    start, size = [], 0
    for line in source:
        start.append(line)
        size += len(line)
        if size > PLAIN_BYTES_MAX:
            return _answer_spooled(b"".join(start), source)
    return Response(b"".join(start), mimetype=LINES_TYPE)


def _answer_spooled(start: bytes, source: Iterator[bytes]) -> Response:
    coding, packer = _choose_packer()
    spool = tempfile.SpooledTemporaryFile(SPOOL_BYTES_MAX)  # noqa: SIM115 - closed with the response
    try:
        for block in _join_blocks(start, source):
            spool.write(packer.compress(block) if packer else block)
        spool.write(packer.flush() if packer else b"")
        size = spool.tell()
        spool.seek(0)
    except BaseException:
        spool.close()
        raise
    response = Response(_read_blocks(spool), mimetype=LINES_TYPE)
    response.call_on_close(spool.close)
    response.headers["Content-Length"] = str(size)
    response.headers["Vary"] = "Accept-Encoding"
    if packer:
        response.headers["Content-Encoding"] = coding
    return response


def _choose_packer() -> tuple[str, Packer | None]:
    accepted = request.accept_encodings
    if accepted["zstd"]:
        return "zstd", zstandard.ZstdCompressor(ZSTD_LEVEL).compressobj()
    if accepted["gzip"]:
        return "gzip", zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, GZIP_WINDOW)
    return "identity", None


def _join_blocks(start: bytes, source: Iterator[bytes]) -> Iterator[bytes]:
    block = bytearray(start)
    for line in source:
        block += line
        if len(block) >= BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _read_blocks(file: IO[Any]) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _unpack_gzip(body: bytes, bytes_max: int) -> bytes:
    unpacker = zlib.decompressobj(GZIP_WINDOW)
    try:
        content = unpacker.decompress(body, bytes_max + 1)
    except zlib.error as error:
        raise Refused("malformed", detail=f"not a gzip body: {error}") from None
    if len(content) > bytes_max:
        raise Refused("decompression_bomb", limit=bytes_max)
    if not unpacker.eof or unpacker.unused_data:
        raise Refused("malformed", detail="not one whole gzip member")
    return content


def _unpack_zstd(body: bytes, bytes_max: int) -> bytes:
    try:
        size = zstandard.frame_content_size(body)
        if size > bytes_max:
            raise Refused("decompression_bomb", limit=bytes_max)
        if size < 0:
            raise Refused("malformed", detail="the zstd frame does not state its content size")
        return zstandard.ZstdDecompressor().decompress(body, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Refused("malformed", detail=f"not a zstd body: {error}") from None
