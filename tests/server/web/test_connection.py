"""What only a real connection shows: a client that dies in the middle of sending."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from werkzeug.serving import BaseWSGIServer, make_server

from sync.changeset import Change
from sync.session import Cursor, PullSession
from tests.cast import Device
from tests.server.web.conftest import PREFIX, House

PATH = f"{PREFIX}/push"


@pytest.fixture
def listening(house: House) -> Iterator[BaseWSGIServer]:
    """The application behind a real socket."""
    server = make_server("127.0.0.1", 0, house.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def send(server: BaseWSGIServer, headers: dict[str, str], body: bytes) -> bytes:
    """Send a request and no more; return all that comes back."""
    lines = [f"POST {PATH} HTTP/1.1", "Host: localhost", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(("127.0.0.1", server.server_port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


def status_of(house: House, device: Device) -> object:
    """Return the order's status as the device pulls it."""
    _, ops = PullSession(Cursor()).receive(house.ask(device, "GET", "/pull?since=0&epoch=").data.splitlines())
    return next(op.values["status"] for op in ops if op.id == house.ours.order and op.values)


def test_a_push_cut_off_changes_nothing_and_sent_whole_is_taken_in(
    house: House, wei: Device, listening: BaseWSGIServer
) -> None:
    start = Change("work_order", house.ours.order, "update", {"status": "in_progress"}, {"status": "assigned"})
    hold = Change("work_order", house.ours.order, "update", {"status": "on_hold"}, {"status": "in_progress"})
    body = b"".join(wei.seal("work.step", change) + b"\n" for change in (start, hold))
    headers = {**wei.headers("POST", PATH, "", body), "Content-Length": str(len(body))}

    cuts = [send(listening, headers, body[:length]) for length in (0, 1, body.index(b"\n") + 1, len(body) - 1)]
    after_cuts = status_of(house, wei)
    whole = send(listening, headers, body)

    assert after_cuts == "assigned"
    assert all(answer.startswith(b"HTTP/1.1 400") and b'"malformed"' in answer for answer in cuts)
    assert whole.startswith(b"HTTP/1.1 200") and whole.count(b'"verdict":"applied"') >= 2
    assert status_of(house, wei) == "on_hold"


def test_a_body_longer_than_announced_is_cut_where_it_was_announced(
    house: House, wei: Device, listening: BaseWSGIServer
) -> None:
    start = Change("work_order", house.ours.order, "update", {"status": "in_progress"}, {"status": "assigned"})
    body = wei.seal("work.step", start) + b"\n"
    headers = {**wei.headers("POST", PATH, "", body), "Content-Length": str(len(body))}

    answer = send(listening, headers, body + b"more")

    assert b'"verdict":"applied"' in answer


def test_a_body_that_announces_too_much_is_refused_without_waiting(
    house: House, wei: Device, listening: BaseWSGIServer
) -> None:
    headers = {**wei.headers("POST", PATH, "", b""), "Content-Length": "99999999999"}

    answer = send(listening, headers, b"")

    assert b'"body_too_large"' in answer


@pytest.mark.parametrize(("size", "code"), [(1000, b'"malformed"'), (2_000_000, b'"body_too_large"')])
def test_a_body_that_does_not_announce_its_length_is_limited_too(
    house: House, wei: Device, listening: BaseWSGIServer, size: int, code: bytes
) -> None:
    body = b"0" * size
    headers = {**wei.headers("POST", PATH, "", body), "Transfer-Encoding": "chunked"}

    answer = send(listening, headers, b"%x\r\n%s\r\n0\r\n\r\n" % (size, body))

    assert code in answer
