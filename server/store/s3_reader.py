"""Reading a stored object as a file: in windows, so that a large one takes no more memory than a small one."""

from __future__ import annotations

import io
from typing import BinaryIO, Final, cast

from schemas.problems import Refused
from server.store.s3_bucket import Bucket

FIRST_BYTES: Final = 64 * 1024
"""Asked for when an object is opened: a thumbnail is read whole, and a range of a large file wastes little."""

WINDOW_BYTES: Final = 2 * 1024 * 1024
"""Asked for from then on, and held: a photo is two or three requests."""


def open_object(bucket: Bucket, key: str) -> BinaryIO | None:
    """Open an object for reading, None when it is not there. Reading raises Refused as `Bucket` does."""
    found = bucket.read(key, 0, FIRST_BYTES)
    return cast(BinaryIO, _ObjectFile(bucket, key, *found)) if found else None


class _ObjectFile(io.RawIOBase):
    """An object that does not change while it is read: it is named by its hash."""

    def __init__(self, bucket: Bucket, key: str, window: bytes, size_bytes: int) -> None:
        super().__init__()
        self._bucket, self._key, self._size_bytes = bucket, key, size_bytes
        self._window, self._window_start, self._at = window, 0, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: bytearray) -> int:  # type: ignore[override]
        if self._at >= self._size_bytes:
            return 0
        if not self._window_start <= self._at < self._window_start + len(self._window):
            self._move_window()
        start = self._at - self._window_start
        piece = memoryview(self._window)[start : start + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def _move_window(self) -> None:
        found = self._bucket.read(self._key, self._at, min(self._at + WINDOW_BYTES, self._size_bytes))
        if found is None:
            raise Refused("blob_unknown")
        self._window, self._window_start = found[0], self._at
