"""What Linux tells of a TCP connection, and what may be asked of it; other systems tell nothing and are left alone.

Sources: tcp(7), tcp_info in linux/tcp.h.
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
import termios
import time
from dataclasses import dataclass
from typing import Final

INFO_BYTES: Final = 168
"""As much of struct tcp_info as is read here; Linux 4.9 fills it."""

ESTABLISHED: Final = 1
ROUND_TRIP_AT, REPEATED_AT, LEAST_ROUND_TRIP_AT, SENT_AT, RATE_AT = 68, 100, 148, 156, 160
"""Microseconds, segments, microseconds, segments, bytes a second."""

TRY_LONGEST_S: Final = 3.0
TCP_RTO_MAX_MS: Final = 44
"""Since Linux 6.15, and known to no version of Python yet."""

UNDER_WAY_LEAST_BYTES: Final = 24 * 1024
"""Less than two blocks would leave a line idle; on a 2G line this is two seconds and a half."""

UNDER_WAY_ROUND_TRIPS: Final = 1.25
"""A quarter more than the line holds, so that its rate is found when it rises."""

QUEUED_SHARE_MAX: Final = 1.4
"""A round trip may be so much longer than the shortest; what is longer is taken for a queue, and not filled."""

WAIT_LEAST_S, WAIT_MOST_S = 0.001, 0.05


@dataclass(frozen=True, slots=True)
class LineFacts:
    """How a connection has done so far."""

    round_trip_s: float = 0.0
    least_round_trip_s: float = 0.0
    rate_bytes_s: int = 0
    """At which the other side has confirmed bytes lately."""
    repeated_share: float = 0.0
    """How many of the segments sent were sent before."""
    is_open: bool = True
    """Whether both sides are there, as far as this one knows."""

    @property
    def holds_bytes(self) -> float:
        """How much is under way when the line is full and nothing waits in it."""
        return self.rate_bytes_s * min(self.round_trip_s, QUEUED_SHARE_MAX * self.least_round_trip_s)


def read_facts(line: socket.socket) -> LineFacts | None:
    """Return what the system knows of a connection, None where it tells nothing."""
    if not hasattr(socket, "TCP_INFO"):
        return None
    info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
    if len(info) < INFO_BYTES:
        return None
    at = {place: struct.unpack_from("=I", info, place)[0] for place in (ROUND_TRIP_AT, LEAST_ROUND_TRIP_AT)}
    (repeated,), (sent,) = struct.unpack_from("=I", info, REPEATED_AT), struct.unpack_from("=I", info, SENT_AT)
    (rate,) = struct.unpack_from("=Q", info, RATE_AT)
    return LineFacts(
        round_trip_s=at[ROUND_TRIP_AT] / 1e6,
        least_round_trip_s=at[LEAST_ROUND_TRIP_AT] / 1e6,
        rate_bytes_s=rate,
        repeated_share=repeated / sent if sent else 0.0,
        is_open=info[0] == ESTABLISHED,
    )


def await_room(line: socket.socket, limit_s: float) -> None:
    """Wait until little more is under way than the line holds, or the time is over.

    What the system has taken and the other side has not confirmed is sent again when the connection dies. Left to
    itself TCP fills every buffer on the way.
    """
    until = time.monotonic() + limit_s
    while (facts := read_facts(line)) is not None and facts.is_open and time.monotonic() < until:
        if count_under_way(line) <= max(UNDER_WAY_LEAST_BYTES, UNDER_WAY_ROUND_TRIPS * facts.holds_bytes):
            return
        time.sleep(min(WAIT_MOST_S, max(WAIT_LEAST_S, facts.least_round_trip_s / 8)))


def count_under_way(line: socket.socket) -> int:
    """Return how many bytes the system has taken and the other side has not confirmed."""
    (count,) = struct.unpack("=i", fcntl.ioctl(line.fileno(), termios.TIOCOUTQ, bytes(4)))
    return int(count)


def shorten_pauses(line: socket.socket, round_trip_s: float) -> None:
    """Let TCP wait no longer between two tries than the line's delay asks for.

    It doubles its pause at each try, to two minutes: a line that was gone for ten seconds is tried seconds later.
    """
    pause_s = max(TRY_LONGEST_S, 1.25 * round_trip_s)
    with contextlib.suppress(OSError):
        line.setsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS, round(pause_s * 1000))
