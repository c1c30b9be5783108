"""What stands between a device and its server on a plant's network: never mistaken for the server, told in plain words.

Each stranger is a real socket server that says what such a thing says, byte for byte. While it stands there nothing
is settled and nothing lost; when it is gone the next run brings everything over.
"""

from __future__ import annotations

import select
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from field_client import work
from field_client.patience import Patience
from field_client.runner import SyncReport, SyncRun
from field_client.transport import Caller, Transport
from schemas.problems import PROBLEMS
from tests.field_client.door import open_door
from tests.field_client.office import Office, serving
from tests.field_client.scope import DEVICE, ORGANISATION, Tablet

SILENCE_S = 0.5
LINES = "application/x-ndjson"
PAGE = b"<html><body>Welcome to the guest network. Please sign in.</body></html>"

Say = Callable[[socket.socket], None]


def answer(status: str, kind: str, body: bytes = b"", **headers: str) -> Say:
    """Return a stranger who answers every request like this and hangs up."""
    fields = {"Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return say(f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body)


def say(words: bytes) -> Say:
    """Return a stranger who says this and hangs up."""
    return lambda line: line.sendall(words)


def repeat(words: bytes, pause_s: float = 0.0) -> Say:
    """Return a stranger who says the same for ever."""

    def speak(line: socket.socket) -> None:
        while True:
            line.sendall(words)
            if pause_s and select.select([], [], [], pause_s) != ([], [], []):
                return

    return speak


def follow(head: bytes, rest: Say) -> Say:
    """Return a stranger who says a head and then goes on as another."""

    def speak(line: socket.socket) -> None:
        line.sendall(head)
        rest(line)

    return speak


def keep_silent(line: socket.socket) -> None:
    """Take the request and never say a word, until the caller hangs up."""
    while line.recv(65536):
        pass


def reset(line: socket.socket) -> None:
    """Begin an answer and break the connection hard."""
    line.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {LINES}\r\nContent-Length: 9000\r\n\r\n{{".encode())
    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


HEAD = f"HTTP/1.1 200 OK\r\nContent-Type: {LINES}\r\nContent-Length: 100000\r\n\r\n".encode()
HOSTILE = b'{"code":"database_busy","self":1,"args":[],"status":{},"title":[],"seconds":[1]}'

STRANGERS: dict[str, tuple[Say, str]] = {
    "sign-in page": (answer("200 OK", "text/html; charset=utf-8", PAGE), "network_sign_in"),
    "redirect": (answer("302 Found", "text/html", Location="http://10.0.0.1/login"), "network_sign_in"),
    "redirect for ever": (answer("307 Temporary Redirect", "text/plain", Location="/api/v1/push"), "network_sign_in"),
    "511": (answer("511 Network Authentication Required", "text/html", PAGE), "network_sign_in"),
    "gateway page": (answer("502 Bad Gateway", "text/html", PAGE), "server_unreachable"),
    "gateway failure": (answer("500 Internal Server Error", "text/html", PAGE), "server_unreachable"),
    "busy gateway": (answer("503 Service Unavailable", "text/html", PAGE, Retry_After="7"), "server_busy"),
    "busy until a date": (answer("503 Slow", "text/html", PAGE, Retry_After="Fri, 1 Jan 2027"), "server_busy"),
    "too many": (answer("429 Too Many Requests", "text/html", PAGE, Retry_After="99999999"), "server_busy"),
    "another's page": (answer("404 Not Found", "text/html", PAGE), "answer_not_understood"),
    "other type": (answer("200 OK", "text/plain", b"ok"), "answer_not_understood"),
    "half a receipt": (answer("200 OK", LINES, b'{"changes":[],"device":'), "answer_not_understood"),
    "other receipts": (answer("200 OK", LINES, b'{"verdict":"applied"}\n'), "answer_not_understood"),
    "gzip garbage": (answer("200 OK", LINES, PAGE, Content_Encoding="gzip"), "answer_not_understood"),
    "zstd garbage": (answer("200 OK", LINES, PAGE, Content_Encoding="zstd"), "answer_not_understood"),
    "unknown coding": (answer("200 OK", LINES, PAGE, Content_Encoding="br"), "answer_not_understood"),
    "gzip bomb": (
        answer("200 OK", LINES, zlib.compress(bytes(80_000_000), wbits=31), Content_Encoding="gzip"),
        "answer_not_understood",
    ),
    "problem of tomorrow": (answer("400 Bad", "application/problem+json", b'{"code":"x"}'), "answer_not_understood"),
    "hostile problem": (answer("503 Busy", "application/problem+json", HOSTILE), "database_busy"),
    "not HTTP": (say(b"SSH-2.0-OpenSSH_9.2\r\n"), "answer_not_understood"),
    "TLS alert": (say(b"\x15\x03\x01\x00\x02\x02\x46"), "answer_not_understood"),
    "hangs up": (say(b""), "server_unreachable"),
    "reset": (reset, "server_unreachable"),
    "cut short": (say(HEAD + b"{"), "server_unreachable"),
    "silence": (keep_silent, "server_unreachable"),
    "100 for ever": (repeat(b"HTTP/1.1 100 Continue\r\n\r\n", 0.02), "server_unreachable"),
    "head that trickles": (repeat(b"H", 0.1), "server_unreachable"),
    "headers that trickle": (follow(b"HTTP/1.1 200 OK\r\nA: ", repeat(b"a", 0.1)), "server_unreachable"),
    "body that trickles": (follow(HEAD, repeat(b"{", 0.1)), "server_unreachable"),
}


@contextmanager
def standing_there(speak: Say) -> Iterator[str]:
    """Take every connection on a port of this machine with one stranger, and yield its address."""

    def take(line: socket.socket) -> None:
        with line, suppress(OSError):
            while b"\r\n\r\n" not in line.recv(65536):
                pass
            speak(line)

    with open_door(take) as port:
        yield f"http://127.0.0.1:{port}"


def sync(tablet: Tablet, url: str) -> SyncReport:
    caller = Caller(ORGANISATION, DEVICE, tablet.keyring.sign)
    transport = Transport(url, caller, tablet.clock, timeout_s=SILENCE_S, patience=Patience(0))
    return SyncRun(tablet.store, tablet.outbox, transport, tablet.files).run()


@pytest.mark.parametrize("stranger", STRANGERS)
def test_a_stranger_settles_nothing_and_is_named_and_the_next_run_goes_on(
    tablet: Tablet, office: Office, stranger: str
) -> None:
    speak, code = STRANGERS[stranger]
    work.start(tablet.bench, "GD-1")
    seen = tablet.store.values_of(
        tablet.bench.store.recall("open_order") or next(tablet.store.of_kind("work_order")).id
    )

    with standing_there(speak) as url:
        report = sync(tablet, url)
    between = tablet.outbox.counts()

    assert report.fault is not None and report.fault.code == code
    assert (report.settled, report.records, between) == (0, 0, {"sealed": 1})
    assert seen["status"] == "in_progress"
    for language in ("zh", "en"):
        assert "?" not in report.fault.sentence(language)
    with serving(office) as url:
        assert sync(tablet, url).fault is None
    assert tablet.outbox.counts() == {"settled": 1}


@pytest.mark.parametrize(("stranger", "seconds"), [("busy gateway", 7), ("busy until a date", 30), ("too many", 3600)])
def test_a_busy_gateway_says_how_long(tablet: Tablet, stranger: str, seconds: int) -> None:
    work.start(tablet.bench, "GD-1")

    with standing_there(STRANGERS[stranger][0]) as url:
        report = sync(tablet, url)

    assert report.fault is not None
    assert report.fault.facts["seconds"] == seconds
    assert str(seconds) in report.fault.sentence("zh")


def test_each_stranger_has_a_code_that_says_what_to_do() -> None:
    codes = {code for _, code in STRANGERS.values()}

    assert codes <= PROBLEMS.keys()
    assert {PROBLEMS[code].retry for code in codes} <= {"later", "ask_person"}


def test_plain_words_on_a_safe_line_are_not_trusted_and_get_nothing(tablet: Tablet) -> None:
    work.start(tablet.bench, "GD-1")
    heard: list[bytes] = []

    def answer_in_plain(line: socket.socket) -> None:
        with line:
            heard.append(line.recv(65536))
            line.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as door:
        taker = threading.Thread(target=lambda: answer_in_plain(door.accept()[0]))
        taker.start()
        report = sync(tablet, f"https://127.0.0.1:{door.getsockname()[1]}")
        taker.join()

    assert report.fault is not None and report.fault.code == "server_not_trusted"
    assert b"POST" not in b"".join(heard)
    assert tablet.outbox.counts() == {"sealed": 1}
