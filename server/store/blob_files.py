"""The bytes of files: what has arrived of an upload, and finished files under their hash.

Rule 1: a file stands under its hash only after its bytes were found to have that hash and are on disk.
Rule 2: what is kept of an upload only grows, at its end; the size on disk is the offset.
Rule 3: every block is written under a lock and only where its writer believes the end to be. A request whose
        client is long gone therefore holds up nobody, and two requests for one upload cannot mix.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from schemas.base import SHA256_PATTERN, UUID_PATTERN
from schemas.problems import Refused

BLOCK_BYTES: Final = 1024 * 1024
"""Read from disk at a time: large enough that the hash, not the calls, takes the time."""

WRITE_OUT_BYTES: Final = 1024 * 1024
"""How much is gathered before the disk is set to work, while more comes: a quarter less time for a photo."""

SETTLE_TRIES: Final = 50
SETTLE_PAUSE_S: Final = 0.02
"""A second in all: by then the server has read what a connection that was closed had brought."""

NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""The disk, the user's share of it, or the largest file the process may write is used up."""

_UUID = re.compile(UUID_PATTERN)
_SHA256 = re.compile(SHA256_PATTERN)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an upload belongs."""

    organisation: str
    upload: str


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes of an upload from `offset` on; the whole of it has `size_bytes`."""

    place: Place
    offset: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a client says of one chunk: a name of hashlib and the digest."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What is on disk of an upload; `sha256` is known when one request brought all of it."""

    offset: int
    sha256: str | None = None


class BlobFiles(Protocol):
    """What any store of files can do. All raise Refused with `disk_full` when there is no room."""

    def begin(self, place: Place, note: str) -> None:
        """Prepare for an upload's bytes and keep a note beside it."""
        ...

    def note(self, place: Place) -> str:
        """Return the note, empty when none was kept."""
        ...

    def kept(self, place: Place) -> int:
        """Return how many bytes of an upload are there; none when it is unknown."""
        ...

    def settle(self, place: Place) -> None:
        """Wait a moment for requests that are still adding bytes; one whose client fell silent is not waited for."""
        ...

    def append(self, part: Part, blocks: Iterable[bytes], checksum: Checksum | None) -> Kept:
        """Add blocks at the end, also what came of a body that ends early.

        They are durable on return, or, when the upload is complete with them, after `finish`. Raises Refused
        with `upload_offset_differs` when `offset` is not the end, and `blob_hash_differs` when the checksum
        does not fit: nothing is added then.
        """
        ...

    def finish(self, place: Place, size_bytes: int, named: str | None, known: str | None) -> str | None:
        """Put the upload under its hash and return it; None when its `size_bytes` bytes are not there.

        `named` is the hash it must have, `known` the one already computed while its bytes came.
        Raises Refused with `blob_hash_differs`; the bytes are deleted then.
        """
        ...

    def delete(self, place: Place) -> None:
        """Forget an upload's note and unfinished bytes; nothing happens when there are none."""
        ...

    def size(self, organisation: str, sha256: str) -> int | None:
        """Return the size of a finished file, None when it is not there."""
        ...

    def open(self, organisation: str, sha256: str) -> BinaryIO | None:
        """Open a finished file for reading, None when it is not there."""
        ...


class DiskFiles:
    """Files in a folder: ``<organisation>/uploads/<upload>`` and ``<organisation>/<aa>/<sha256>``."""

    def __init__(self, root: Path) -> None:
        """Keep files below `root`, which is made when first needed."""
        self.root = root

    def begin(self, place: Place, note: str) -> None:
        """Prepare for an upload's bytes and keep a note beside it."""
        path = self._path_of(place)
        with _refusing_without_room():
            _make_folder(path.parent)
            path.touch(mode=0o600)
            if note:
                with path.with_suffix(".note").open("w", encoding="utf-8") as file:
                    file.write(note)
                    file.flush()
                    os.fsync(file.fileno())

    def note(self, place: Place) -> str:
        """Return the note, empty when none was kept."""
        path = self._path_of(place).with_suffix(".note")
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def kept(self, place: Place) -> int:
        """Return how many bytes of an upload are there; none when it is unknown."""
        return _size_of(self._path_of(place)) or 0

    def settle(self, place: Place) -> None:
        """Wait a moment for requests that are still adding bytes."""
        with contextlib.suppress(FileNotFoundError), self._path_of(place).with_suffix(".busy").open("rb") as busy:
            for _ in range(SETTLE_TRIES):
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(busy, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    return
                time.sleep(SETTLE_PAUSE_S)

    def append(self, part: Part, blocks: Iterable[bytes], checksum: Checksum | None) -> Kept:
        """Add blocks at the end. Raises as the port says."""
        path = self._path_of(part.place)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        _make_folder(path.parent)
        with (
            _refusing_without_room(),
            path.with_suffix(".busy").open("ab") as busy,
            os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file,
        ):
            # Shared: it only tells `settle` that somebody is writing, it keeps nobody from writing.
            fcntl.flock(busy, fcntl.LOCK_SH)
            _refuse_elsewhere(file, part.offset)
            if checksum is None:
                return _append(path, file, part, blocks)
            with tempfile.TemporaryFile(dir=path.parent) as checked:
                _receive_checked(checked, blocks, checksum)
                return _append(path, file, part, _read_blocks(checked))

    def finish(self, place: Place, size_bytes: int, named: str | None, known: str | None) -> str | None:
        """Put the upload under its hash and return it. Raises as the port says."""
        path = self._path_of(place)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        with file, _refusing_without_room():
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_size != size_bytes or not path.exists():
                # Another request was quicker: it finished this upload or deleted it.
                return None
            sha256 = known or hashlib.file_digest(file, "sha256").hexdigest()
            if named not in (None, sha256):
                self.delete(place)
                raise Refused("blob_hash_differs")
            os.fsync(file.fileno())
            self._rename(path, self._path_under(place.organisation, sha256))
        path.with_suffix(".busy").unlink(missing_ok=True)
        return sha256

    def delete(self, place: Place) -> None:
        """Forget an upload's note and unfinished bytes; nothing happens when there are none."""
        path = self._path_of(place)
        for part in (path, path.with_suffix(".note"), path.with_suffix(".busy")):
            part.unlink(missing_ok=True)

    def size(self, organisation: str, sha256: str) -> int | None:
        """Return the size of a finished file, None when it is not there."""
        return _size_of(self._path_under(organisation, sha256))

    def open(self, organisation: str, sha256: str) -> BinaryIO | None:
        """Open a finished file for reading, None when it is not there."""
        try:
            return self._path_under(organisation, sha256).open("rb")
        except FileNotFoundError:
            return None

    def _rename(self, source: Path, target: Path) -> None:
        _make_folder(target.parent)
        source.replace(target)
        _sync_folder(target.parent)

    def _path_of(self, place: Place) -> Path:
        _require(_UUID, place.upload)
        return self._folder_of(place.organisation) / "uploads" / place.upload

    def _path_under(self, organisation: str, sha256: str) -> Path:
        _require(_SHA256, sha256)
        return self._folder_of(organisation) / sha256[:2] / sha256

    def _folder_of(self, organisation: str) -> Path:
        _require(_UUID, organisation)
        return self.root / organisation


def _require(pattern: re.Pattern[str], name: str) -> None:
    """Let no name become part of a path that could lead elsewhere; callers have checked what users send."""
    if not pattern.match(name):
        raise ValueError(f"not a name of a file: {name!r}")


def _append(path: Path, file: BinaryIO, part: Part, blocks: Iterable[bytes]) -> Kept:
    offset, written_out, digest = part.offset, part.offset, hashlib.sha256()
    try:
        for block in blocks:
            offset = _write_block(file, offset, block)
            if offset - written_out >= WRITE_OUT_BYTES:
                # Linux begins to write to disk what it is told will not be needed; the fsync then waits less.
                os.posix_fadvise(file.fileno(), written_out, offset - written_out, os.POSIX_FADV_DONTNEED)
                written_out = offset
            if not part.offset:
                digest.update(block)
    finally:
        # Also when the disk is full or another request took over: what is reported later must be durable.
        # A complete upload is not reported before `finish`, which sees to that itself.
        if offset < part.size_bytes:
            os.fsync(file.fileno())
            _sync_folder(path.parent)
    return Kept(offset, None if part.offset else digest.hexdigest())


def _write_block(file: BinaryIO, offset: int, block: bytes) -> int:
    """Write a block at the end of the file, which is at `offset`; return where the end is after it."""
    fcntl.flock(file, fcntl.LOCK_EX)
    try:
        _refuse_elsewhere(file, offset)
        left = memoryview(block)
        while left:
            left = left[file.write(left) :]
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
    return offset + len(block)


def _refuse_elsewhere(file: BinaryIO, offset: int) -> None:
    end = os.fstat(file.fileno()).st_size
    if end != offset:
        raise Refused("upload_offset_differs", offset=end)


def _receive_checked(file: BinaryIO, blocks: Iterable[bytes], checksum: Checksum) -> None:
    """Receive a chunk apart from the rest, since nothing of it counts unless all of it is right."""
    digest = hashlib.new(checksum.algorithm)
    for block in blocks:
        digest.update(block)
        file.write(block)
    if digest.digest() != checksum.digest:
        raise Refused("blob_hash_differs")
    file.seek(0)


def _read_blocks(file: BinaryIO) -> Iterator[bytes]:
    while block := file.read(BLOCK_BYTES):
        yield block


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None


def _make_folder(folder: Path) -> None:
    """Make a folder that is still there after a power cut."""
    if folder.exists():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _refusing_without_room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise Refused("disk_full") from error
        raise
