"""The threads that files on their way may hold, so that change-sets always find one.

A request that brings or fetches a file lasts as long as its line is slow, and holds its thread meanwhile. Change-sets
are short and must never wait for photos; whoever finds the lane full comes again some seconds later.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final

from schemas.problems import Refused

SHARE: Final = 0.75
"""Of 32 threads 8 are left: change-sets take milliseconds each."""

BUSY_S: Final = 5
"""About as long as a piece of a file takes on a middling line."""


class PassingFile(io.RawIOBase):
    """A file that is being fetched; it gives its place back when it is closed, which may happen more than once."""

    def __init__(self, file: BinaryIO, leave: Callable[[], None]) -> None:
        """Own an open file and its place."""
        self._file, self._leave = file, leave

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes, all that is left when it is negative."""
        return self._file.read(size)

    def seekable(self) -> bool:
        """Return whether one may begin in the middle."""
        return self._file.seekable()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place."""
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._file.tell()

    def close(self) -> None:
        """Close the file and give the place back."""
        if not self.closed:
            self._file.close()
            self._leave()
        super().close()


class FileLane:
    """How many files may be on their way through one server process at once."""

    def __init__(self, threads: int) -> None:
        """Leave some of a process's request threads to others; the only one is not left."""
        self._free = threading.BoundedSemaphore(max(1, int(threads * SHARE)))

    def enter(self) -> None:
        """Take a place. Raises Refused with `server_busy` when none is free."""
        if not self._free.acquire(blocking=False):
            raise Refused("server_busy", seconds=BUSY_S)

    def leave(self) -> None:
        """Give the place back."""
        self._free.release()

    def pass_file(self, file: BinaryIO) -> PassingFile:
        """Return a file that holds a place until it is closed. Raises as `enter` does; the file is closed then."""
        try:
            self.enter()
        except Refused:
            file.close()
            raise
        return PassingFile(file, self.leave)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold a place meanwhile. Raises as `enter` does."""
        self.enter()
        try:
            yield
        finally:
            self.leave()
