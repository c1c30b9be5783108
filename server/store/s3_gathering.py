"""Bytes of one request on their way to the bucket: gathered in memory, written in pieces worth a request.

Rule 1: no more is held than SEGMENT_BYTES, nor for longer than HELD_S, and nothing once the sender falls silent: what
        a broken link or a killed process loses is sent again over a thin line.
Rule 2: a piece is written where the one before it ended, by whoever finds it is time: the request that reads the
        bytes, a request that asks how far the upload is, or the watch kept over a silent sender.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final

from schemas.problems import Refused

SEGMENT_BYTES: Final = 8 * 1024 * 1024
"""Most held in memory for a request, and so the largest file that goes to its place in one write: most photos."""

SILENT_S: Final = 2.0
"""A sender that says nothing for so long may be gone; its next request can come to another server."""

HELD_S: Final = 10.0
"""At 20 kB/s, a bad line, a killed process then costs 200 kB."""

Write = Callable[[int, Sequence[bytes]], None]
"""writes blocks that begin at an offset of the file; raises Refused"""


class Gathering:
    """The bytes of one request that are not in the bucket yet. Use as a context; leaving it writes nothing."""

    def __init__(self, offset: int, write: Write) -> None:
        """Gather bytes of a file from `offset` on."""
        self._lock = threading.Lock()
        self._blocks: list[bytes] = []
        self._first = self._start = self._end = offset
        self._begun_s = self._heard_s = 0.0
        self._write = write
        self._ended = threading.Event()

    def __enter__(self) -> Gathering:
        """Keep watch over a sender that falls silent."""
        threading.Thread(target=self._watch, name="gathering", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the watch; whoever waits for the request goes on."""
        self._ended.set()

    @property
    def end(self) -> int:
        """The offset up to which bytes have come."""
        return self._end

    def add(self, block: bytes) -> None:
        """Take a block; raises Refused when it was time to write and the bucket could not."""
        with self._lock:
            self._heard_s = time.monotonic()
            if not self._blocks:
                self._begun_s = self._heard_s
            self._blocks.append(block)
            self._end += len(block)
            if self._end - self._start >= SEGMENT_BYTES:
                self._write_out()

    def flush(self) -> None:
        """Write what is held. Raises Refused when the bucket cannot; it is held on then."""
        with self._lock:
            self._write_out()

    def take(self) -> Sequence[bytes] | None:
        """Return all blocks and hold them no more; None when some have been written."""
        with self._lock:
            if self._start != self._first:
                return None
            blocks, self._blocks = self._blocks, []
            return blocks

    def wait(self, timeout_s: float) -> bool:
        """Wait for the request to end; tell whether it did."""
        return self._ended.wait(timeout_s)

    def _write_out(self) -> None:
        if self._blocks:
            self._write(self._start, self._blocks)
            self._blocks, self._start = [], self._end

    def _watch(self) -> None:
        while not self._ended.wait(SILENT_S):
            now = time.monotonic()
            with self._lock, contextlib.suppress(Refused):
                if now - self._heard_s >= SILENT_S or now - self._begun_s >= HELD_S:
                    self._write_out()
