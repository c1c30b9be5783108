"""The load generator reads any cut of an answer alike and keeps each client's order."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.load import AnswerParser, drive, encode_request

SIZED = b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n"
EMPTY = b"HTTP/1.1 304 Not Modified\r\nETag: 1\r\n\r\n"
TOO_LARGE_BYTES = 5_000_000  # more than a socket takes at once


class EchoServer(BaseHTTPRequestHandler):
    """Answers with the body it was sent; closes the connection after a body that says so."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.close_connection = body == b"close"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close" if self.close_connection else "keep-alive")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), EchoServer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("sent", "status", "body", "closes"),
    [(SIZED, 201, b"hello", True), (CHUNKED, 200, b"abcde", False), (EMPTY, 304, b"", False)],
)
@given(data=st.data())
def test_parser_gives_one_answer_however_its_bytes_are_cut(data, sent, status, body, closes):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(sent) - 1), max_size=8)))
    pieces = [sent[a:b] for a, b in zip([0, *cuts], [*cuts, len(sent)], strict=True)]
    parser = AnswerParser()

    early = [parser.feed(piece) for piece in pieces[:-1]]
    answer = parser.feed(pieces[-1])

    assert early == [None] * len(early)
    assert answer is not None
    assert (answer.status, answer.body, answer.closes) == (status, body, closes)
    assert answer.wire_bytes == len(sent)


@pytest.mark.parametrize("sent", [b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\nendless", b"x" * 70_000])
def test_parser_refuses_what_it_cannot_measure(sent):
    with pytest.raises(ValueError, match="answer"):
        AnswerParser().feed(sent)


def test_each_client_gets_the_answers_to_its_own_requests_in_order(port):
    clients = [[encode_request("POST", "/", f"{who}-{turn}".encode()) for turn in range(20)] for who in "abc"]

    driven = drive("127.0.0.1", port, clients)

    assert driven.bodies == [[f"{who}-{turn}".encode() for turn in range(20)] for who in "abc"]
    assert driven.statuses == [[200] * 20] * 3
    assert driven.answers == len(driven.all_latencies_s) == 60


def test_a_client_connects_again_after_an_answer_that_closes(port):
    requests = [encode_request("POST", "/", body) for body in (b"close", b"on")]

    driven = drive("127.0.0.1", port, [requests])

    assert driven.bodies == [[b"close", b"on"]]


def test_a_request_larger_than_the_socket_takes_arrives_whole(port):
    request = encode_request("POST", "/", b"x" * TOO_LARGE_BYTES)

    driven = drive("127.0.0.1", port, [[request]])

    assert len(driven.bodies[0][0]) == TOO_LARGE_BYTES
    assert driven.sent_bytes == len(request)


def test_no_request_starts_after_the_time_limit(port):
    driven = drive("127.0.0.1", port, [[encode_request("POST", "/", b"x")]], limit_s=0)

    assert driven.answers == 0
