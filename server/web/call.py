"""One request of a device as signing, push and pull see it, whether it came through Flask or past it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl

from flask import request

from schemas.problems import Refused
from server.web.bodies import CUT_OFF, read_body

LENGTH_DIGITS_MAX: Final = 15
"""More than any disk holds; int() refuses thousands of digits."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request. `path` is the one its sender signed; `query` is as it was sent, without its question mark."""

    method: str
    path: str
    query: str
    header: Callable[[str], str]
    """name -> value, empty when there is none"""
    body: Callable[[], bytes]
    """Return the body whole; raises as `bodies.read_body` does."""

    def arguments(self) -> dict[str, str]:
        """Return the first value of each name in the query."""
        return dict(reversed(parse_qsl(self.query, keep_blank_values=True)))


def flask_call() -> Call:
    """Return the request that Flask answers."""
    query = request.query_string.decode("latin-1")
    headers = request.headers
    return Call(request.method, request.root_path + request.path, query, lambda name: headers.get(name, ""), read_body)


def has_known_length(environ: Mapping[str, Any], bytes_max: int) -> bool:
    """Tell whether a request says how long its body is, and that is not too long."""
    announced = environ.get("CONTENT_LENGTH") or "0"
    # The digits of other scripts are digits too, and int() refuses some of them.
    is_whole = announced.isascii() and announced.isdigit() and len(announced) <= LENGTH_DIGITS_MAX
    return "HTTP_TRANSFER_ENCODING" not in environ and is_whole and int(announced) <= bytes_max


def wsgi_call(environ: Mapping[str, Any]) -> Call:
    """Return a request that Flask has not seen; its length is known."""

    def find_header(name: str) -> str:
        value: str = environ.get("HTTP_" + name.upper().replace("-", "_"), "")
        return value

    announced = int(environ.get("CONTENT_LENGTH") or 0)
    body = _read_bytes(environ["wsgi.input"].read, announced)

    def whole_body() -> bytes:
        if len(body) != announced:
            raise Refused("malformed", detail=CUT_OFF)
        return body

    path, query = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"], environ.get("QUERY_STRING", "")
    return Call(environ["REQUEST_METHOD"], path, query, find_header, whole_body)


def _read_bytes(read: Callable[[int], bytes], size: int) -> bytes:
    """Return `size` bytes, or fewer when the sender stops before the end."""
    blocks = []
    try:
        while size > 0 and (block := read(size)):
            blocks.append(block)
            size -= len(block)
    except (OSError, ValueError):
        # What a server's input raises when the connection breaks.
        return b"".join(blocks)
    return b"".join(blocks)
