"""Files in a folder of this machine's disk: the default.

Rule 1: the size on disk is the offset.
Rule 2: every block is written under a lock and only where its writer believes the end to be. A request whose
        client is long gone therefore holds up nobody, and two requests for one upload cannot mix.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Final

from schemas.problems import Refused
from server.durable import make_folder, sync_folder
from server.store.blob_files import (
    Checksum,
    Kept,
    Part,
    Place,
    read_blocks,
    receive_checked,
    refusing_without_room,
    require_names,
)

WRITE_OUT_BYTES: Final = 1024 * 1024
"""How much is gathered before the disk is set to work, while more comes: a quarter less time for a photo."""

SETTLE_TRIES: Final = 50
SETTLE_PAUSE_S: Final = 0.02
"""A second in all: by then the server has read what a connection that was closed had brought."""

_DURABLE: Final[set[Path]] = set()
"""Folders of which this process knows that they are on disk: a few hundred for each organisation."""


class DiskFiles:
    """Files in a folder: ``<organisation>/uploads/<upload>`` and ``<organisation>/<aa>/<sha256>``."""

    def __init__(self, root: Path) -> None:
        """Keep files below `root`, which is made when first needed."""
        self.root = root

    def begin(self, place: Place, note: str) -> None:
        """Prepare for an upload's bytes and keep a note beside it."""
        path = self._path_of(place)
        with refusing_without_room():
            self._make_folder(path.parent)
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
        self._make_folder(path.parent)
        with (
            refusing_without_room(),
            path.with_suffix(".busy").open("ab") as busy,
            os.fdopen(os.open(path, flags, 0o600), "wb", buffering=0) as file,
        ):
            # Shared: it only tells `settle` that somebody is writing, it keeps nobody from writing.
            fcntl.flock(busy, fcntl.LOCK_SH)
            _refuse_elsewhere(file, part.offset)
            if checksum is None:
                return _append(path, file, part, blocks)
            with tempfile.TemporaryFile(dir=path.parent) as checked:
                receive_checked(checked, blocks, checksum)
                return _append(path, file, part, read_blocks(checked))

    def finish(self, place: Place, size_bytes: int, named: str | None, known: str | None) -> str | None:
        """Put the upload under its hash and return it. Raises as the port says."""
        path = self._path_of(place)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        with file, refusing_without_room():
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

    def secure(self, organisation: str, sha256: str) -> None:
        """Make sure that a finished file is there after a power cut, though whoever finished it was killed then."""
        folder = self._path_under(organisation, sha256).parent
        self._make_folder(folder)
        sync_folder(folder)

    def size(self, organisation: str, sha256: str) -> int | None:
        """Return the size of a finished file, None when it is not there."""
        return _size_of(self._path_under(organisation, sha256))

    def open(self, organisation: str, sha256: str) -> BinaryIO | None:
        """Open a finished file for reading, None when it is not there."""
        try:
            return self._path_under(organisation, sha256).open("rb")
        except FileNotFoundError:
            return None

    def sizes(self, organisation: str, hashes: Sequence[str]) -> dict[str, int]:
        """Return the sizes of those finished files that are there."""
        sizes = {sha256: self.size(organisation, sha256) for sha256 in hashes}
        return {sha256: size_bytes for sha256, size_bytes in sizes.items() if size_bytes is not None}

    def remove(self, organisation: str, sha256: str) -> None:
        """Delete a finished file for good; nothing happens when it is not there."""
        path = self._path_under(organisation, sha256)
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
            sync_folder(path.parent)

    def check(self) -> None:
        """Raise Refused with `disk_full` when nothing can be written; OSError when the folder cannot be."""
        with refusing_without_room():
            self._make_folder(self.root)
            with tempfile.TemporaryFile(dir=self.root) as file:
                file.write(b"ready")
                file.flush()

    def list_uploads(self, before_s: float) -> Iterator[Place]:
        """Yield the uploads of which something is there, all of it written before a moment (Unix time)."""
        for folder in self.root.glob("*/uploads"):
            newest: dict[str, float] = {}
            for path in folder.iterdir():
                with contextlib.suppress(FileNotFoundError):
                    upload = path.name.partition(".")[0]
                    newest[upload] = max(newest.get(upload, 0), path.stat().st_mtime)
            yield from (Place(folder.parent.name, upload) for upload, at_s in newest.items() if at_s < before_s)

    def clear_incomplete(self, before_s: float) -> int:
        """Do nothing and return 0: the disk keeps nothing of a write that was not completed."""
        return 0

    def _make_folder(self, folder: Path) -> None:
        """Make a folder that is there after a power cut, though whoever made it were killed before he saw to that."""
        if folder in _DURABLE and folder.exists():
            return
        if folder != self.root:
            self._make_folder(folder.parent)
        make_folder(folder)
        _DURABLE.add(folder)

    def _rename(self, source: Path, target: Path) -> None:
        self._make_folder(target.parent)
        source.replace(target)
        sync_folder(target.parent)

    def _path_of(self, place: Place) -> Path:
        require_names(place.organisation, upload=place.upload)
        return self._folder_of(place.organisation) / "uploads" / place.upload

    def _path_under(self, organisation: str, sha256: str) -> Path:
        require_names(organisation, sha256=sha256)
        return self._folder_of(organisation) / sha256[:2] / sha256

    def _folder_of(self, organisation: str) -> Path:
        return self.root / organisation


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
            sync_folder(path.parent)
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


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
