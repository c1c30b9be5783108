"""Photos, signatures and other files on the device: enciphered, named by the SHA-256 of their plain bytes.

Rule 1: a file is there whole or not at all. It is written beside, forced to disk, renamed, and the folder forced.
Rule 2: a file's name is proven when its end is read: the last chunk is bound to the hash.
Rule 3: chunks are enciphered one by one, so that an interrupted upload resumes at its byte without reading the rest.

A file is a header (magic, nonce, media type), then chunks of `CHUNK_BYTES`, each longer by its tag; all chunks are
bound to the header. Only the last may be shorter.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from field_client.durable import make_folder, sync_folder
from field_client.keys import CHUNK_OVERHEAD_BYTES, FILE_NONCE_BYTES, Keyring
from field_client.problems import MediaProblem

CHUNK_BYTES: Final = 128 * 1024
"""Large enough that tags and calls cost nothing, small enough to resume in the middle of a 4 MB photo."""

FILE_BYTES_MAX: Final = 2 * 1024**3
"""A film of some minutes; chunk numbers would allow far more, the device's disk does not."""

MEDIA_TYPE_BYTES_MAX: Final = 127
"""RFC 6838 section 4.2."""

_MAGIC: Final = b"GDE1"
_HEADER_FIXED_BYTES: Final = len(_MAGIC) + FILE_NONCE_BYTES + 1
_SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + CHUNK_OVERHEAD_BYTES
_INCOMING: Final = "incoming"
_NAME: Final = re.compile(r"[0-9a-f]{64}\Z")
_DISK_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file that the device holds; `size_bytes` is that of the plain bytes."""

    sha256: str
    media_type: str
    size_bytes: int


class EvidenceFolder:
    """The folder of enciphered files. Several processes may use it at once."""

    def __init__(self, root: Path, keyring: Keyring) -> None:
        """Open the folder, making it where there is none, and clear away what interrupted writes left behind."""
        self._root = root
        self._keyring = keyring
        self._incoming = root / _INCOMING
        make_folder(root)
        make_folder(self._incoming)
        self._clear_leftovers()

    def keep(self, data: bytes | IO[bytes], media_type: str) -> str:
        """Store bytes, or a stream read to its end, durably; return their SHA-256 in hexadecimal.

        Keeping the same bytes again is harmless. Raises MediaProblem: disk_full, blob_too_large; then nothing of
        it is kept.
        """
        source = io.BytesIO(data) if isinstance(data, bytes) else data
        with _reporting_full_disk(), self._writing() as (file, path):
            sha256 = self._encipher(source, file, media_type)
            file.flush()
            os.fsync(file.fileno())
            path.replace(self._root / sha256)
            sync_folder(self._root)
        return sha256

    def open(self, sha256: str) -> EvidenceReader:
        """Return a stream of the plain bytes; see `read_from`."""
        return self.read_from(sha256, 0)

    def read_from(self, sha256: str, offset: int) -> EvidenceReader:
        """Return a stream of the plain bytes from `offset` on; it must be closed.

        Reading raises MediaProblem evidence_damaged where the file was altered, and at the end of a file that is
        not the one named. Raises MediaProblem blob_unknown when the device does not hold it.
        """
        return EvidenceReader(self._open_file(sha256), sha256, self._keyring, offset)

    def size(self, sha256: str) -> int:
        """Return the number of plain bytes. Raises MediaProblem blob_unknown."""
        return self.describe(sha256).size_bytes

    def describe(self, sha256: str) -> StoredFile:
        """Return media type and size. Raises MediaProblem: blob_unknown, evidence_damaged."""
        with self._open_file(sha256) as file:
            header = _read_header(file, sha256)
            return StoredFile(sha256, header.media_type, header.size_bytes)

    def holds(self, sha256: str) -> bool:
        """Return whether the device holds the file."""
        return (self._root / _check_name(sha256)).is_file()

    def free(self, sha256: str) -> None:
        """Remove a file; one that is not there is already free."""
        (self._root / _check_name(sha256)).unlink(missing_ok=True)
        sync_folder(self._root)

    def stored(self) -> list[StoredFile]:
        """Return what the device holds, by name."""
        return [self.describe(name) for name in sorted(self.names())]

    def names(self) -> set[str]:
        """Return the names of the files that the device holds."""
        return {name for name in os.listdir(self._root) if _NAME.match(name)}

    def _open_file(self, sha256: str) -> IO[bytes]:
        try:
            return (self._root / _check_name(sha256)).open("rb")
        except FileNotFoundError:
            raise MediaProblem("blob_unknown", sha256=sha256) from None

    def _encipher(self, source: IO[bytes], file: IO[bytes], media_type: str) -> str:
        kind = media_type.encode("ascii")
        assert len(kind) <= MEDIA_TYPE_BYTES_MAX
        nonce = os.urandom(FILE_NONCE_BYTES)
        header = _MAGIC + nonce + bytes([len(kind)]) + kind
        file.write(header)
        digest, number = hashlib.sha256(), 0
        chunk = _read_whole(source, CHUNK_BYTES)
        while True:
            digest.update(chunk)
            following = _read_whole(source, CHUNK_BYTES)
            last = not following
            bound = header + digest.digest() if last else header
            file.write(self._keyring.seal_chunk(nonce, number, last, chunk, bound))
            if last:
                return digest.hexdigest()
            chunk, number = following, number + 1
            if number * CHUNK_BYTES >= FILE_BYTES_MAX:
                raise MediaProblem("blob_too_large", limit=FILE_BYTES_MAX)

    @contextmanager
    def _writing(self) -> Iterator[tuple[IO[bytes], Path]]:
        """Open a file beside, locked, so that nobody takes it for a leftover; remove it unless it was renamed."""
        while True:
            path = self._incoming / secrets.token_hex(16)
            with path.open("xb") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if os.fstat(file.fileno()).st_nlink == 0:
                    continue  # somebody cleared it away before it was locked
                try:
                    yield file, path
                finally:
                    path.unlink(missing_ok=True)
                return

    def _clear_leftovers(self) -> None:
        """Remove what a killed process left; a file that is being written is locked and stays."""
        for name in os.listdir(self._incoming):
            path = self._incoming / name
            try:
                with path.open("rb") as file:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
            except (BlockingIOError, FileNotFoundError):
                continue


class EvidenceReader(io.RawIOBase):
    """A stream of a file's plain bytes, deciphered chunk by chunk as they are read."""

    def __init__(self, file: IO[bytes], sha256: str, keyring: Keyring, offset: int) -> None:
        """Begin at `offset` of the plain bytes; the stream owns the file."""
        self._file = file
        self._sha256 = sha256
        self._keyring = keyring
        try:
            self._header = _read_header(file, sha256)
        except MediaProblem:
            file.close()
            raise
        # Whoever reads from the beginning gets the hash of all he read checked, not only the last chunk's.
        self._digest = hashlib.sha256() if offset == 0 else None
        self._next = min(offset, self._header.size_bytes) // CHUNK_BYTES
        self._next = min(self._next, self._header.last)
        self._skip = offset - self._next * CHUNK_BYTES
        self._plain = memoryview(b"")
        file.seek(self._header.length + self._next * _SEALED_CHUNK_BYTES)

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        """Fill the buffer with the next bytes; 0 at the end."""
        while not self._plain and self._next <= self._header.last:
            self._plain = memoryview(self._decipher_next())[self._skip :]
            self._skip = 0
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()

    def _decipher_next(self) -> bytes:
        header, number = self._header, self._next
        last = number == header.last
        bound = header.raw + bytes.fromhex(self._sha256) if last else header.raw
        try:
            sealed = self._file.read(_SEALED_CHUNK_BYTES)
            plain = self._keyring.open_chunk(header.nonce, number, last, sealed, bound)
        except ValueError as error:
            raise MediaProblem("evidence_damaged", sha256=self._sha256) from error
        self._next += 1
        if self._digest:
            self._digest.update(plain)
            if last and self._digest.hexdigest() != self._sha256:
                raise MediaProblem("evidence_damaged", sha256=self._sha256)
        return plain


@dataclass(frozen=True, slots=True)
class _Header:
    raw: bytes
    nonce: bytes
    media_type: str
    size_bytes: int

    @property
    def length(self) -> int:
        return len(self.raw)

    @property
    def last(self) -> int:
        """The number of the last chunk; an empty file has one, empty chunk."""
        return max(0, self.size_bytes - 1) // CHUNK_BYTES


def _read_header(file: IO[bytes], sha256: str) -> _Header:
    fixed = file.read(_HEADER_FIXED_BYTES)
    kind = file.read(fixed[-1]) if len(fixed) == _HEADER_FIXED_BYTES else b""
    raw = fixed + kind
    sealed_bytes = os.fstat(file.fileno()).st_size - len(raw)
    chunks = -(-sealed_bytes // _SEALED_CHUNK_BYTES)
    size_bytes = sealed_bytes - chunks * CHUNK_OVERHEAD_BYTES
    if not fixed.startswith(_MAGIC) or chunks < 1 or size_bytes < 0 or not kind.isascii():
        raise MediaProblem("evidence_damaged", sha256=sha256)
    return _Header(raw, fixed[len(_MAGIC) : -1], kind.decode("ascii"), size_bytes)


def _read_whole(source: IO[bytes], size: int) -> bytes:
    """Read `size` bytes, fewer only at the end; a raw stream may give less at a time."""
    parts, missing = [], size
    while missing and (part := source.read(missing)):
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _check_name(sha256: str) -> str:
    if not _NAME.match(sha256):
        raise MediaProblem("blob_unknown", sha256=sha256)
    return sha256


@contextmanager
def _reporting_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise MediaProblem("disk_full") from error
