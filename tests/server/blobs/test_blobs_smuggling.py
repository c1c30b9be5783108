"""One request has one reading: the web server refuses what it and a proxy might read in two ways."""

from __future__ import annotations

import socket

import pytest

from tests.server.blobs.tus import Server

HIDDEN = b"GET /api/v1/health/live HTTP/1.1\r\nHost: a\r\n\r\n"


def exchange(server: Server, request: bytes) -> list[bytes]:
    """Send bytes and return the status lines of all answers until the server closes."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as line:
        line.sendall(request)
        line.shutdown(socket.SHUT_WR)
        answer = b""
        while block := line.recv(65536):
            answer += block
    return [part for part in answer.split(b"\r\n") if part.startswith(b"HTTP/1.")]


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 0\r\nContent-Length: %d\r\n" % len(HIDDEN),
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % len(HIDDEN),
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        b"Transfer-Encoding: x, chunked, identity\r\n",
        b"Content-Length: +%d\r\n" % len(HIDDEN),
        b"Content-Length: 0x10\r\n",
        b"Content-Length : %d\r\n" % len(HIDDEN),
    ],
)
def test_a_request_with_two_lengths_is_not_read_twice(server: Server, headers: bytes) -> None:
    request = b"POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n" + headers + b"\r\n"

    statuses = exchange(server, request + b"0\r\n\r\n" + HIDDEN)

    assert len(statuses) <= 1, statuses
    assert not any(b" 200 " in status for status in statuses)


@pytest.mark.parametrize("name", [b"X-A: b\r\n folded: c", b"X-A: b\nX-B: c", b"X\x00A: b", b"X A: b", b": b"])
def test_a_header_that_is_none_is_refused(server: Server, name: bytes) -> None:
    statuses = exchange(server, b"GET /api/v1/orders HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + name + b"\r\n\r\n")

    assert not any(b" 200 " in status for status in statuses)
    assert len(statuses) <= 1
