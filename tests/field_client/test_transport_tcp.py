"""What waits in a connection is counted and bounded; nothing waits for a connection that is gone."""

from __future__ import annotations

import errno
import socket
import struct
import threading
from collections.abc import Iterator

import pytest

from field_client.transport_tcp import (
    TCP_RTO_MAX_MS,
    UNDER_WAY_LEAST_BYTES,
    LineFacts,
    await_room,
    count_under_way,
    read_facts,
    shorten_pauses,
)

LIMIT_S = 30.0
MUCH = bytes(4 * UNDER_WAY_LEAST_BYTES)


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection, of which the other takes little until it is read from."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname()) as ours:
            theirs, _ = listener.accept()
            with theirs:
                yield ours, theirs


def fill(line: socket.socket) -> None:
    """Hand over more than one lets be under way."""
    line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, len(MUCH))
    line.settimeout(LIMIT_S)
    line.sendall(MUCH)


def test_the_system_tells_of_a_connection(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    ours.sendall(b"x")
    assert theirs.recv(1) == b"x"

    facts = read_facts(ours)

    assert facts is not None and facts.is_open
    assert 0 < facts.least_round_trip_s <= facts.round_trip_s < LIMIT_S
    assert facts.repeated_share == 0


def test_a_longer_round_trip_is_taken_for_a_queue() -> None:
    calm = LineFacts(round_trip_s=0.1, least_round_trip_s=0.1, rate_bytes_s=1_000_000)
    queued = LineFacts(round_trip_s=10, least_round_trip_s=0.1, rate_bytes_s=1_000_000)

    assert calm.holds_bytes == pytest.approx(100_000)
    assert queued.holds_bytes == pytest.approx(140_000)


def test_more_waits_until_the_other_side_has_taken_what_is_under_way(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = ends
    fill(ours)
    assert count_under_way(ours) > UNDER_WAY_LEAST_BYTES
    waiting = threading.Thread(target=await_room, args=(ours, LIMIT_S))
    waiting.start()

    read = 0
    while read < len(MUCH):
        read += len(theirs.recv(len(MUCH)))
    waiting.join(LIMIT_S)

    assert not waiting.is_alive()
    assert count_under_way(ours) <= UNDER_WAY_LEAST_BYTES


def test_nobody_waits_longer_than_he_said(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = ends
    fill(ours)

    await_room(ours, 0.01)

    assert count_under_way(ours) > UNDER_WAY_LEAST_BYTES


def test_nobody_waits_for_a_connection_that_is_gone(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = ends
    fill(ours)
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()

    waiting = threading.Thread(target=await_room, args=(ours, 2 * LIMIT_S))
    waiting.start()
    waiting.join(LIMIT_S)

    assert not waiting.is_alive()
    facts = read_facts(ours)
    assert facts is not None and not facts.is_open


def test_tcp_waits_no_longer_between_two_tries_than_it_is_told(ends: tuple[socket.socket, socket.socket]) -> None:
    ours, _ = ends

    shorten_pauses(ours, 8.0)

    try:
        pause_ms = ours.getsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS)
    except OSError as unknown:
        # Before Linux 6.15; then TCP's own pauses hold.
        assert unknown.errno == errno.ENOPROTOOPT
    else:
        assert pause_ms == 10_000


def test_a_line_that_knows_no_such_option_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        shorten_pauses(ours, 8.0)
        ours.sendall(b"x")

        assert theirs.recv(1) == b"x"
