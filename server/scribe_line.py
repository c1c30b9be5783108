"""The line to the scribe, the one process of a server that takes change-sets in (`server/scribe.py`).

A request's thread reads and verifies its sets. Those that wait in one process go over a local socket together, and
their receipts come back together: a message for each would wake a thread for each, to wait for its interpreter's lock.
Rule 1: what is sent was examined here; the scribe believes it, and its receipts are believed. So both sides talk only
        with processes of their own user, as the system tells it (unix(7), SO_PEERCRED).
Rule 2: when nobody answers, or the line breaks, the sets are taken in here. Should the scribe have taken them in all
        the same, they are answered with their stored receipts.

A message is its length in four bytes, a JSON document and, after a line break, lines as they are, for all batches.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from collections import deque
from collections.abc import Sequence
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
_TAKEN_IN: Final = ""
_FAILED: Final = "failed"
"""Outcomes beside the codes of problems."""
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

    def hand_on(self, organisation: str, group: Sequence[Batch]) -> bool:
        """Let the scribe take in batches; tell whether it has answered."""
        line = None
        try:
            line = self._open()
            line.sendall(_frame(write_batches(organisation, group)))
            answer = _receive(line)
        except OSError:
            if line is not None:
                line.close()
            # What one line has met, the others will meet too.
            self.close()
            return False
        self._idle.append(line)
        read_answers(answer, group)
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


def write_batches(organisation: str, group: Sequence[Batch]) -> bytes:
    """Return batches as a message."""
    notes = [[batch.sender, batch.trace_id, [_note(item) for item in batch.items]] for batch in group]
    items = (item for batch in group for item in batch.items)
    lines = (item.line if isinstance(item, Unreadable) else item.sealed.line for item in items)
    return b"\n".join([orjson.dumps([organisation, notes]), *lines])


def read_batches(message: bytes) -> tuple[str, list[Batch]]:
    """Return organisation and batches of a message."""
    head, *rest = message.split(b"\n")
    organisation, group = orjson.loads(head)
    lines = iter(rest)
    return organisation, [
        Batch(sender, [_restore(note, next(lines)) for note in notes], trace_id) for sender, trace_id, notes in group
    ]


def write_answers(group: Sequence[Batch]) -> bytes:
    """Return, framed, what became of batches."""
    told = [_outcome(batch) for batch in group]
    receipts = (answer.encode() for batch in group if batch.error is None for answer in batch.answers)
    return _frame(b"\n".join([orjson.dumps(told), *receipts]))


def read_answers(message: bytes, group: Sequence[Batch]) -> None:
    """Tell batches what became of them."""
    head, *rest = message.split(b"\n")
    receipts = iter(rest)
    for batch, (outcome, facts) in zip(group, orjson.loads(head), strict=True):
        if outcome == _TAKEN_IN:
            batch.answers = [next(receipts).decode() for _ in batch.items]
        else:
            batch.error = ScribeFailed() if outcome == _FAILED else Refused(outcome, **facts)


def _outcome(batch: Batch) -> tuple[str, dict[str, Any]]:
    """Return what is told of a batch: that it was taken in, that it failed, or its fault."""
    if batch.error is None:
        return _TAKEN_IN, {}
    return _write_fault(batch.error.fault) if isinstance(batch.error, Refused) else (_FAILED, {})


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
