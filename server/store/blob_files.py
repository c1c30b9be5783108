"""What any store of files can do: take in the bytes of uploads, and keep finished files under their hash.

Rule 1: a file stands under its hash only after its bytes were found to have that hash and are safely stored.
Rule 2: what is kept of an upload only grows, at its end.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, BinaryIO, Final, Protocol

from schemas.base import SHA256_PATTERN, UUID_PATTERN
from schemas.problems import Refused

BLOCK_BYTES: Final = 1024 * 1024
"""Read from disk at a time: large enough that the hash, not the calls, takes the time."""

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
    """Bytes of an upload from `offset` on; the whole of it has `size_bytes` and, where one is named, a hash."""

    place: Place
    offset: int
    size_bytes: int
    named: str | None = None


@dataclass(frozen=True, slots=True)
class Checksum:
    """What a client says of one chunk: a name of hashlib and the digest."""

    algorithm: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What is there of an upload; `sha256` is known when one request brought all of it."""

    offset: int
    sha256: str | None = None


class BlobFiles(Protocol):
    """What any store of files can do.

    All raise Refused: `disk_full` when there is no room, `file_storage_away` and `file_storage_refused` when the files
    are kept elsewhere and that place does not answer or says no.
    """

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

        `named` is the hash it must have, `known` the one that `append` returned.
        Raises Refused with `blob_hash_differs`; the bytes are deleted then.
        """
        ...

    def delete(self, place: Place) -> None:
        """Forget an upload's note and unfinished bytes; nothing happens when there are none."""
        ...

    def secure(self, organisation: str, sha256: str) -> None:
        """Make sure that a finished file is there after a power cut, though whoever finished it was killed then."""
        ...

    def size(self, organisation: str, sha256: str) -> int | None:
        """Return the size of a finished file, None when it is not there."""
        ...

    def sizes(self, organisation: str, hashes: Sequence[str]) -> dict[str, int]:
        """Return the sizes of those finished files that are there."""
        ...

    def open(self, organisation: str, sha256: str) -> BinaryIO | None:
        """Open a finished file for reading, None when it is not there."""
        ...

    def remove(self, organisation: str, sha256: str) -> None:
        """Delete a finished file for good; nothing happens when it is not there."""
        ...

    def check(self) -> None:
        """Return when files can be read and stored; raises Refused otherwise."""
        ...

    def list_uploads(self, before_s: float) -> Iterable[Place]:
        """Yield the uploads of which something is there, all of it written before a moment (Unix time)."""
        ...

    def clear_incomplete(self, before_s: float) -> int:
        """Remove what writes begun before a moment (Unix time) and never completed have left; return how many."""
        ...


def require_names(organisation: str, *, upload: str | None = None, sha256: str | None = None) -> None:
    """Let no name become part of a path that could lead elsewhere; callers have checked what users send.

    Raises ValueError.
    """
    for pattern, name in ((_UUID, organisation), (_UUID, upload), (_SHA256, sha256)):
        if name is not None and not pattern.match(name):
            raise ValueError(f"not a name of a file: {name!r}")


def receive_checked(file: IO[bytes], blocks: Iterable[bytes], checksum: Checksum) -> None:
    """Receive a chunk apart from the rest, since nothing of it counts unless all of it is right.

    Raises Refused with `blob_hash_differs`.
    """
    digest = hashlib.new(checksum.algorithm)
    for block in blocks:
        digest.update(block)
        file.write(block)
    if digest.digest() != checksum.digest:
        raise Refused("blob_hash_differs")
    file.seek(0)


def read_blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield what is left of a file, a block at a time."""
    while block := file.read(BLOCK_BYTES):
        yield block


@contextlib.contextmanager
def refusing_without_room() -> Iterator[None]:
    """Turn what the system says of a full disk into Refused with `disk_full`."""
    try:
        yield
    except OSError as error:
        if error.errno in NO_ROOM:
            raise Refused("disk_full") from error
        raise
