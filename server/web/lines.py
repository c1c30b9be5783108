"""Looking after the lines: quick tries on those that lose much, an end to those that have fallen silent.

A vanished client must not keep a thread waiting for its body, nor an answer that was lost a client for minutes.

Rule 1: silent is a line on which neither side has sent anything for `silence_s`. Nothing that works is so quiet: a
        request is answered within seconds, and a client that waits for its next request simply connects again.
Rule 2: what came of a body before the silence is kept; the thread that read it sees the body end.
Rule 3: one look hangs up on no more lines than there are threads, the longest silent first. When silent clients hold
        every thread, others wait behind them just as silently, and are answered before the next look.
Rule 4: only lines that were accepted on the server's own port are hung up on, and never one that is just being used.

The server under us waits for the next bytes of a body without an end, and knows no timeout for it. Linux can tell of
each connection when it last carried data (tcp(7), TCP_INFO), whichever WSGI server has opened it.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import struct
import threading
import time
from typing import Final

TCP_RTO_MAX_MS: Final = 44
TRY_LONGEST_MS: Final = 5000
"""TCP doubles its pause at each try, to two minutes. On a line with a round trip of four seconds that loses a third,
every third answer came after half a minute. Linux knows the limit since 6.15; earlier ones keep their pauses."""

LOOK_EVERY_S: Final = 10
"""A look costs some ten microseconds for each open connection."""

NOT_SILENT_S: Final = 0.0
ESTABLISHED: Final = 1
DESCRIPTORS: Final = "/proc/self/fd"

INFO_BYTES: Final = 104
LAST_SENT_AT: Final = 44
"""struct tcp_info of linux/tcp.h: a byte of state, and here last_data_sent, last_ack_sent, last_data_recv in ms."""


def watch_lines(port: int, silence_s: float, threads: int) -> None:
    """Look at this process's lines from now on, in a thread of its own, where the system tells of silence."""
    if not hasattr(socket, "TCP_INFO") or not os.path.isdir(DESCRIPTORS):
        return
    every_s = min(LOOK_EVERY_S, silence_s / 2)

    def watch() -> None:
        while True:
            shorten_pauses(port)
            time.sleep(every_s)
            hang_up_silent(port, silence_s, threads)

    threading.Thread(target=watch, name="lines", daemon=True).start()


def shorten_pauses(port: int) -> int:
    """Let TCP wait little between two tries on every line that will be accepted on `port`; return on how many sockets.

    An accepted socket is as its listener was.
    """
    return sum(_shorten_pauses_of(int(name), port) for name in os.listdir(DESCRIPTORS))


def _shorten_pauses_of(descriptor: int, port: int) -> bool:
    with contextlib.suppress(OSError), _borrow(descriptor) as line:
        is_ours = line.family in (socket.AF_INET, socket.AF_INET6) and line.getsockname()[1] == port
        if is_ours and line.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
            line.setsockopt(socket.IPPROTO_TCP, TCP_RTO_MAX_MS, TRY_LONGEST_MS)
            return True
    return False


def hang_up_silent(port: int, silence_s: float, at_most: int) -> int:
    """End the longest silent of the connections accepted on `port`, of those silent for so long; return how many."""
    silences = ((_read_silence(int(name), port), int(name)) for name in os.listdir(DESCRIPTORS))
    longest_first = sorted((-silent_s, descriptor) for silent_s, descriptor in silences if silent_s > silence_s)
    return sum(_hang_up(descriptor, port, silence_s) for _, descriptor in longest_first[:at_most])


def _hang_up(descriptor: int, port: int, silence_s: float) -> bool:
    with contextlib.suppress(OSError), _borrow(descriptor) as line:
        if _silence_of(line, port) > silence_s:
            line.shutdown(socket.SHUT_RDWR)
            return True
    return False


def _read_silence(descriptor: int, port: int) -> float:
    with contextlib.suppress(OSError), _borrow(descriptor) as line:
        return _silence_of(line, port)
    return NOT_SILENT_S


def _borrow(descriptor: int) -> socket.socket:
    """Return a socket of our own for a descriptor, whose number may come to mean another file at any moment.

    Raises OSError when it is no socket. No other file is ever copied and closed: closing any descriptor of a file
    takes all of this process's locks on it away (fcntl(2)), and SQLite's hold its database together. Should the
    number have come to mean a file since it was looked at, the copy stays open.
    """
    if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
        raise OSError(errno.ENOTSOCK, os.strerror(errno.ENOTSOCK))
    return socket.socket(fileno=os.dup(descriptor))


def _silence_of(line: socket.socket, port: int) -> float:
    """Return for how many seconds neither side has sent data on an open connection accepted on `port`."""
    if line.family not in (socket.AF_INET, socket.AF_INET6) or line.getsockname()[1] != port:
        return NOT_SILENT_S
    info = line.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, INFO_BYTES)
    (state,) = struct.unpack_from("=B", info, 0)
    last_sent_ms, _, last_received_ms = struct.unpack_from("=3I", info, LAST_SENT_AT)
    return min(last_sent_ms, last_received_ms) / 1000 if state == ESTABLISHED else NOT_SILENT_S
