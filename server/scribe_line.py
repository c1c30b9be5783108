"""The line to the scribe, the one process of a server that takes change-sets in (`server/scribe.py`).

A request's thread reads and verifies its sets, sends them over a local socket and waits there for the receipts.
Rule 1: what is sent was examined here; the scribe believes it, and its receipts are believed. So both sides talk only
        with processes of their own user, as the system tells it (unix(7), SO_PEERCRED).
Rule 2: when nobody answers, or the line breaks, the sets are taken in here. Should the scribe have taken them in all
        the same, they are answered with their stored receipts.

A message is its length in four bytes, a JSON document and, after a line break, lines as they are.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections import deque
from typing import Any, Final

import orjson

from schemas.problems import Fault, Refused
from server.domain.arrival import Arrival
from server.intake import read_again
from server.reception import Batch, HandOn, Item, Unreadable

ADDRESS_VARIABLE: Final = "SCRIBE_SOCKET"
"""Tells the processes that answer requests where the scribe is; set by `gongdan-server serve`.

A name of Linux's abstract kind, beginning with `@` here: it needs no file and is gone with the process.
"""

ANSWER_LIMIT_S: Final = 60
"""Three runs of a transaction that each wait ten seconds for the database, and as long again for the group before."""

READ_BYTES: Final = 256 * 1024
_LENGTH: Final = struct.Struct("!I")
_CREDENTIALS: Final = struct.Struct("@3i")
_TIMEOUT: Final = struct.pack("@ll", ANSWER_LIMIT_S, 0)


class ScribeFailed(Exception):
    """The scribe met an error that it does not know; its event log says which."""


class Inbox:
    """Cuts what is received into messages."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._received = bytearray()

    def take(self, received: bytes) -> bytes | None:
        """Add bytes; return the message that they complete, if they do. Nobody sends a second before an answer."""
        self._received += received
        if len(self._received) < _LENGTH.size:
            return None
        end = _LENGTH.size + _LENGTH.unpack_from(self._received)[0]
        if len(self._received) < end:
            return None
        message = bytes(memoryview(self._received)[_LENGTH.size : end])
        self._received = bytearray()
        return message


class ScribeLine:
    """Hands batches on from the threads of one process."""

    def __init__(self, address: str) -> None:
        """Call the scribe at its address."""
        self._address = address
        self._idle: deque[socket.socket] = deque()

    def hand_on(self, organisation: str, batch: Batch) -> bool:
        """Let the scribe take in a batch; tell whether it has answered."""
        line = None
        try:
            line = self._open()
            line.sendall(_frame(write_batch(organisation, batch)))
            answer = _receive(line)
        except OSError:
            if line is not None:
                line.close()
            # What one line has met, the others will meet too.
            self.close()
            return False
        self._idle.append(line)
        read_answer(answer, batch)
        return True

    def close(self) -> None:
        """Close the lines that nobody uses at the moment."""
        with contextlib.suppress(IndexError):
            while True:
                self._idle.pop().close()

    def _open(self) -> socket.socket:
        with contextlib.suppress(IndexError):
            return self._idle.pop()
        line = socket.socket(socket.AF_UNIX)
        try:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TIMEOUT)
            line.connect(spell_address(self._address))
            if not is_ours(line):
                raise ConnectionRefusedError
        except OSError:
            line.close()
            raise
        return line


def find_scribe() -> HandOn | None:
    """Return how to hand batches on to this server's scribe, None where it has none."""
    address = os.environ.get(ADDRESS_VARIABLE)
    return ScribeLine(address).hand_on if address else None


def spell_address(name: str) -> str:
    """Return a name of the abstract kind as the system takes it; an environment variable holds no NUL."""
    return name.replace("@", "\0", 1)


def is_ours(line: socket.socket) -> bool:
    """Tell whether the process at the other end of a local line is one of this process's user."""
    told = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(told)[1] == os.getuid())


def write_batch(organisation: str, batch: Batch) -> bytes:
    """Return a batch as a message."""
    head = orjson.dumps([organisation, batch.sender, batch.trace_id, [_note(item) for item in batch.items]])
    lines = (item.line if isinstance(item, Unreadable) else item.sealed.line for item in batch.items)
    return b"\n".join([head, *lines])


def read_batch(message: bytes) -> tuple[str, Batch]:
    """Return organisation and batch of a message."""
    head, *lines = message.split(b"\n")
    organisation, sender, trace_id, notes = orjson.loads(head)
    return organisation, Batch(sender, list(map(_restore, notes, lines)), trace_id)


def write_answer(batch: Batch) -> bytes:
    """Return, framed, what became of a batch."""
    if batch.error is None:
        return _frame(b"\n".join([b"{}", *(answer.encode() for answer in batch.answers)]))
    if isinstance(batch.error, Refused):
        return _frame(orjson.dumps({"fault": _write_fault(batch.error.fault)}))
    return _frame(orjson.dumps({"failed": True}))


def read_answer(message: bytes, batch: Batch) -> None:
    """Tell a batch what became of it."""
    head, *lines = message.split(b"\n")
    outcome = orjson.loads(head)
    if "fault" in outcome:
        code, facts = outcome["fault"]
        batch.error = Refused(code, **facts)
    elif "failed" in outcome:
        batch.error = ScribeFailed()
    else:
        batch.answers = [line.decode() for line in lines]


def _frame(message: bytes) -> bytes:
    return _LENGTH.pack(len(message)) + message


def _receive(line: socket.socket) -> bytes:
    inbox = Inbox()
    while received := line.recv(READ_BYTES):
        message = inbox.take(received)
        if message is not None:
            return message
    raise ConnectionResetError


def _note(item: Item) -> list[Any]:
    if isinstance(item, Unreadable):
        return [item.received_at, *_write_fault(item.fault)]
    faults = [(index, *_write_fault(fault)) for index, fault in item.faults.items()]
    return [item.received_at, item.corrected_at, item.digest, faults]


def _restore(note: list[Any], line: bytes) -> Item:
    if len(note) == 3:
        received_at, code, facts = note
        return Unreadable(line, Fault(code, facts), received_at)
    received_at, corrected_at, digest, faults = note
    found = {index: Fault(code, facts) for index, code, facts in faults}
    arrival: Arrival = read_again(line, digest, found, received_at, corrected_at)
    return arrival


def _write_fault(fault: Fault) -> tuple[str, dict[str, Any]]:
    return fault.code, dict(fault.facts)
