"""Files on slow lines never hold every thread: sets get through, and who is one too many is told when to come again."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from schemas.problems import Refused
from server.web.file_lane import BUSY_S, FileLane
from sync.changeset import Change
from tests.server.blobs.tus import BYTES_TYPE, PREFIX, UPLOADS, Answer, Caller, Server, ask, hash_of, running_server

THREADS = 4
PLACES = 3
FILE = os.urandom(40_000)
HALF = len(FILE) // 2
PATIENCE_S = 60.0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with few threads."""
    with running_server(tmp_path / "data", threads=THREADS) as server:
        yield server


@pytest.fixture
def wei(server: Server) -> Caller:
    """Wei's device."""
    return server.caller("wei")


def fill(wei: Caller, stack: ExitStack) -> list[tuple[str, bytes, socket.socket]]:
    """Let as many files come slowly as the server takes at once; return path, bytes and line of each."""
    slow = []
    for _ in range(PLACES):
        data = os.urandom(len(FILE))
        path = wei.begin(data)
        line = stack.enter_context(wei.open_patch(path, 0, len(data)))
        line.sendall(data[:HALF])
        slow.append((path, data, line))
    paused = threading.Event()
    for _ in range(int(PATIENCE_S / 0.05)):
        if all(wei.head(path).offset for path, _, _ in slow):
            return slow
        paused.wait(0.05)
    raise AssertionError("the server reads no bodies")


def is_busy(answer: Answer) -> bool:
    return (answer.status, answer.headers.get("retry-after")) == (503, str(BUSY_S)) and answer.code == "server_busy"


def test_change_sets_get_through_while_files_come_slowly(server: Server, wei: Caller) -> None:
    device, order = server.devices["wei"], server.ours.order
    change = Change("work_order", order, "update", {"diagnosis": "轴承干磨"}, {"diagnosis": None})
    line = device.seal("order.note", change) + b"\n"

    with ExitStack() as stack:
        fill(wei, stack)
        headers = device.headers("POST", f"{PREFIX}/push", body=line)
        kind = {"Content-Type": "application/vnd.gongdan.change-sets"}
        answer = ask(server.port, "POST", f"{PREFIX}/push", line, headers | kind)

    assert answer.status == 200 and b'"verdict":"applied"' in answer.body


def test_one_file_too_many_is_told_when_to_come_again_and_goes_on_then(server: Server, wei: Caller) -> None:
    finished = wei.begin(FILE)
    assert wei.send(finished, 0, FILE).status == 204
    more = os.urandom(len(FILE))
    path = wei.begin(more)

    with ExitStack() as stack:
        slow = fill(wei, stack)
        late = wei.send(path, 0, more)
        new = wei.create(b"photo", Content_Type=BYTES_TYPE, Content_Length="5")
        fetched = wei.ask("GET", f"{PREFIX}/blobs/{hash_of(FILE)}")
        begun = wei.create(os.urandom(10))
        for _, data, line in slow:
            line.sendall(data[HALF:])
            assert line.recv(1000).startswith(b"HTTP/1.1 204")

    assert is_busy(late) and is_busy(new) and is_busy(fetched)
    assert begun.status == 201, "nothing is carried yet"
    assert wei.head(path).offset == 0
    assert wei.send(path, 0, more).status == 204
    assert set(wei.states(*(hash_of(data) for _, data, _ in slow), hash_of(more)).values()) == {"verified"}


def test_what_was_fetched_or_refused_holds_no_place(wei: Caller) -> None:
    finished = wei.begin(FILE)
    assert wei.send(finished, 0, FILE).status == 204

    for _ in range(2 * PLACES):
        assert wei.ask("GET", f"{PREFIX}/blobs/{hash_of(FILE)}").body == FILE
        assert wei.ask("HEAD", f"{PREFIX}/blobs/{hash_of(FILE)}").status == 200
        assert wei.ask("GET", f"{PREFIX}/blobs/{hash_of(FILE)}", Range="bytes=90000-").status == 416
        assert wei.ask("GET", f"{PREFIX}/blobs/{'0' * 64}").status == 404
        assert wei.send(f"{UPLOADS}/{'0' * 36}", 0, b"x").status == 404

    assert wei.ask("GET", f"{PREFIX}/blobs/{hash_of(FILE)}").status == 200


@pytest.mark.parametrize(("threads", "places"), [(1, 1), (2, 1), (4, 3), (32, 24)])
def test_some_threads_are_left_to_others(threads: int, places: int) -> None:
    lane = FileLane(threads)
    for _ in range(places):
        lane.enter()

    with pytest.raises(Refused, match="server_busy"):
        lane.enter()
    lane.leave()
    with lane.held():
        pass
