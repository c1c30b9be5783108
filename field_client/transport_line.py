"""The line to the server: whom it trusts, how long it may be silent, and how much may wait in it unseen.

Rule 1: no wait is without an end: for a connection, for the next bytes, for the head of an answer, for a
        trickle to become an answer.
Rule 2: little waits in the system's send buffer, since what waits there is lost with the connection and would
        be sent again.
Rule 3: what goes wrong here is one of three codes: `server_unreachable`, `server_not_trusted` or, when
        something answers that is no HTTP server, `answer_not_understood`.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

from field_client.transport_tcp import LineFacts, await_room, read_facts, shorten_pauses
from schemas.problems import Refused

CONNECT_S: Final = 20.0
"""Five tries of TCP's handshake (0, 1, 3, 7 and 15 s), and a way back of four seconds."""

UNSENT_BYTES: Final = 16 * 1024
"""What may wait in the system's buffer unsent: 1.6 s of a 2G line."""

UNHEARD_LEAST_S: Final = 5.0
UNHEARD_ROUND_TRIPS: Final = 20
"""A connection whose bytes nobody has confirmed for so long is given up: TCP has tried four times or more by then.
A radio cell that forgot the connection says nothing, and a new one costs a round trip, so quickness pays."""

UNHEARD_LONGEST_S: Final = 240.0
"""On a line that loses a third and takes four seconds there and back, one request in ten takes over a minute. To give
its connection up means to send again what is under way."""

HEAD_SILENCES: Final = 2
"""The head of an answer is at most a few packets: it may take as long as this many silences, however it trickles."""

TRICKLE_BYTES_S: Final = 16
"""Slower than this over a whole silence is no line, and a body at that pace is not waited for."""

READ_BYTES: Final = 64 * 1024

Note = Callable[[LineFacts], None]

_ON_THE_WAY: Final = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


def open_pool(base_url: str, silence_s: float, note: Note = lambda _: None) -> urllib3.HTTPConnectionPool:
    """Return the connections to a server; at most one is kept. `silence_s` is how long nothing may come.

    `note` is told now and then how a connection does.
    """
    address = urlsplit(base_url)
    is_safe = address.scheme == "https"
    make = urllib3.HTTPSConnectionPool if is_safe else urllib3.HTTPConnectionPool
    timeout = urllib3.Timeout(connect=min(CONNECT_S, silence_s), read=silence_s)
    pool = make(
        address.hostname or "",
        address.port,
        timeout=timeout,
        maxsize=1,
        retries=False,
        socket_options=list(_options()),
    )
    line = partial(_SafeLine if is_safe else _PlainLine, silence_s=silence_s, note=note)
    pool.ConnectionCls = line  # type: ignore[assignment]
    return pool


@contextmanager
def telling_trouble() -> Iterator[None]:
    """Turn whatever goes wrong on the way into a refusal."""
    try:
        yield
    except _ON_THE_WAY as error:
        raise _name(error) from None


def read_body(answer: urllib3.BaseHTTPResponse, bytes_max: int, silence_s: float) -> bytes:
    """Return an answer's body as it was sent; raises Refused with `answer_not_understood` beyond `bytes_max`.

    A body that ends early, or trickles, is `server_unreachable`.
    """
    began, size = time.monotonic(), 0
    pieces: list[bytes] = []
    while piece := answer.read1(READ_BYTES, decode_content=False):
        pieces.append(piece)
        size += len(piece)
        took_s = time.monotonic() - began
        if took_s > silence_s and size < TRICKLE_BYTES_S * took_s:
            raise TimeoutError("the answer trickles")
        if size > bytes_max:
            raise Refused("answer_not_understood")
    return b"".join(pieces)


class _Line(HTTPConnection):
    """A connection whose waits all end."""

    def __init__(self, *arguments: Any, silence_s: float, note: Note, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._silence_s, self._note = silence_s, note

    def connect(self) -> None:
        super().connect()
        # Until an answer is awaited, urllib3 leaves the limit of the handshake on what is being sent.
        self.sock.settimeout(self._silence_s)
        _limit_unheard(self.sock, self._silence_s, self._note)

    def send(self, data: Any) -> None:
        if self.sock is not None:
            await_room(self.sock, self._silence_s)
        super().send(data)
        # A round trip grows as a slow line's queues fill.
        self.sock.settimeout(_limit_unheard(self.sock, self._silence_s, self._note))

    def getresponse(self) -> Any:
        line = self.sock
        self.timeout = _limit_unheard(line, self._silence_s, self._note)
        is_over = threading.Event()

        def give_up() -> None:
            is_over.set()
            _hang_up(line)

        end = threading.Timer(self.timeout * HEAD_SILENCES, give_up)
        end.daemon = True
        end.start()
        try:
            answer = super().getresponse()
        except _ON_THE_WAY:
            if is_over.is_set():
                raise TimeoutError("the head of the answer trickles") from None
            raise
        finally:
            end.cancel()
        if is_over.is_set():
            answer.close()
            raise TimeoutError("the head of the answer trickles")
        return answer


class _PlainLine(_Line):
    """A line that anybody on the way can read and alter."""


class _SafeLine(_Line, HTTPSConnection):
    """A line to a server whose certificate is checked against the system's authorities."""


def _hang_up(line: socket.socket) -> None:
    try:
        # Of a TLS line too only the connection below can be ended from another thread.
        socket.socket.shutdown(line, socket.SHUT_RDWR)
    except OSError:
        return


def _options() -> Iterator[tuple[int, int, int]]:
    """Yield the options of every connection that this system knows."""
    yield socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
    yield socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        yield socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES


def _limit_unheard(line: socket.socket, silence_s: float, note: Note) -> float:
    """Let a connection end by itself when the other side confirms nothing; return how long to wait for an answer.

    Both go by how long a round trip takes on it, as far as this system tells.
    """
    facts = read_facts(line)
    if facts is None:
        return silence_s
    note(facts)
    trips_s = min(UNHEARD_LONGEST_S, UNHEARD_ROUND_TRIPS * facts.round_trip_s)
    shorten_pauses(line, facts.round_trip_s)
    limit_s = max(trips_s, min(silence_s, UNHEARD_LEAST_S))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(limit_s * 1000))
    # While an answer is awaited nothing is under way; then probes find out.
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, max(1, round(limit_s / 2)))
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, max(1, round(limit_s / 4)))
    return silence_s + trips_s


def _name(error: Exception) -> Refused:
    causes = _unfold(error)
    for cause in causes:
        if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return Refused("server_not_trusted", detail=getattr(cause, "verify_message", "") or cause.reason or "TLS")
    cut_off = (ConnectionError, http.client.IncompleteRead)
    for cause in causes:
        if isinstance(cause, http.client.HTTPException) and not isinstance(cause, cut_off):
            return Refused("answer_not_understood")
    return Refused("server_unreachable", detail=type(error).__name__)


def _unfold(error: BaseException) -> Sequence[BaseException]:
    """Return an error and those it wraps: urllib3 keeps them in its arguments."""
    found = [error]
    for cause in found:
        inner = (*cause.args, getattr(cause, "reason", None))
        found += [item for item in inner if isinstance(item, BaseException) and item not in found]
    return found
