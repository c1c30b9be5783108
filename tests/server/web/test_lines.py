"""The server as it runs: a client that falls silent in the middle of a body holds nobody up for ever."""

from __future__ import annotations

import errno
import os
import select
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from server.web.lines import TCP_RTO_MAX_MS, TRY_LONGEST_MS, hang_up_silent, shorten_pauses
from tests.network.probe import await_server

PROGRAM = Path(sys.executable).parent / "gongdan-server"
LIMIT_S = 60
THREADS = 2
SILENCE_S = 2
HEAD_DEFAULT_S = 30
"""What the web server under ours gives a head when nobody says otherwise."""


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """A server with two request threads that gives a silent line two seconds."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    chosen = {"DATA": str(tmp_path), "BIND": f"127.0.0.1:{port}", "THREADS": str(THREADS), "SILENCE_S": str(SILENCE_S)}
    environment = os.environ | {f"GONGDAN_{name}": value for name, value in chosen.items()}
    subprocess.run([PROGRAM, "migrate"], env=environment, check=True, capture_output=True)
    server = subprocess.Popen([PROGRAM, "serve"], env=environment, stdout=subprocess.DEVNULL)
    await_server("127.0.0.1", port)
    yield port
    server.terminate()
    server.wait(LIMIT_S)


def begin_push(port: int) -> socket.socket:
    """Announce a body and send the first of it."""
    line = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
    head = "POST /api/v1/session HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 4000\r\n\r\n"
    line.sendall(head.encode() + b"{")
    return line


def test_clients_that_fall_silent_are_hung_up_on_and_others_are_answered(port: int) -> None:
    with ExitStack() as lines:
        silent = [lines.enter_context(begin_push(port)) for _ in range(THREADS)]

        # It waits for a thread as silently as they do for nothing.
        other = lines.enter_context(socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S))
        other.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        answer = other.recv(100)
        ends = [line.recv(100) for line in silent]

    assert answer.startswith(b"HTTP/1.1 200")
    assert ends == [b""] * THREADS


def test_a_head_may_take_as_long_as_a_silence_and_no_longer(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S) as line:
        began = time.monotonic()
        line.sendall(b"GET /api/v1/openapi.json HTTP/1.1\r\nHost: a\r\nX-Slow: ")
        while not select.select([line], [], [], SILENCE_S / 8)[0]:
            line.sendall(b"x")
            assert time.monotonic() - began < LIMIT_S
        took_s = time.monotonic() - began

    assert 0.9 * SILENCE_S < took_s < HEAD_DEFAULT_S


def test_what_is_accepted_is_tried_again_soon() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.create_server(("127.0.0.1", 0)) as other:
        port = listener.getsockname()[1]
        try:
            listener.getsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS)
        except OSError as unknown:
            # Before Linux 6.15: then nothing is changed, and nothing fails.
            assert unknown.errno == errno.ENOPROTOOPT and shorten_pauses(port) == 0
            return

        assert shorten_pauses(port) == 1

        with socket.create_connection(("127.0.0.1", port)), listener.accept()[0] as line:
            assert line.getsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS) == TRY_LONGEST_MS
        assert other.getsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS) > TRY_LONGEST_MS


def test_a_look_takes_no_lock_of_any_file_away(tmp_path: Path) -> None:
    database = tmp_path / "locked.sqlite"
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE mark (id INTEGER)")
        hang_up_silent(1, 0.1, 1)

        # Whoever believes to be the last to use the database removes its log, also from under those who still do.
        visit = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('SELECT * FROM mark'); c.close()"
        subprocess.run([sys.executable, "-c", visit, str(database)], check=True)

        assert database.with_name(f"{database.name}-wal").exists()
