"""Fetching files that should be on the device, going on at the byte where the last attempt was cut off.

Rule 1: pieces are kept in the database as they come; a cut costs the piece under way and nothing else.
Rule 2: a file is there once all its bytes have the hash it is named by, and never before.
Rule 3: what nobody wants any more is not gone on with.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Final

from field_client.evidence import EvidenceFolder
from field_client.patience import Pace
from field_client.store import Store
from field_client.transport import Transport
from field_client.work_manuals import WantedFile, list_wanted_files
from schemas.problems import Refused

FILE_BYTES_MAX: Final = 256 * 1024 * 1024
"""The thickest service manuals have some 100 MB; more would fill a phone."""

PIECE_S: Final = 10.0
PIECE_FIRST_BYTES: Final = 256 * 1024
PIECE_LEAST_BYTES: Final = 16 * 1024
PIECE_MOST_BYTES: Final = 4 * 1024 * 1024
"""A piece is in memory whole, and is one row of the database."""

Took = Callable[[int], None]
"""called with how many more bytes have come"""


class Downloads:
    """The lane of files that come, in one sync run."""

    def __init__(
        self,
        store: Store,
        transport: Transport,
        files: EvidenceFolder,
        took: Took = lambda _: None,
        between: Callable[[], None] = lambda: None,
    ) -> None:
        """Fetch into `files` what `store` says is wanted; `between` is called after each request."""
        self._store, self._transport, self._files = store, transport, files
        self._took, self._between = took, between
        clock = transport.patience.clock
        self._pace = Pace(PIECE_FIRST_BYTES, PIECE_LEAST_BYTES, PIECE_MOST_BYTES, PIECE_S, clock)

    def plan(self) -> list[WantedFile]:
        """Return the files to fetch, in order, and throw away pieces of others."""
        wanted = list_wanted_files(self._store)
        begun = {name for (name,) in self._store.rows("SELECT DISTINCT sha256 FROM downloads")}
        for name in begun - {file.sha256 for file in wanted if not self._files.holds(file.sha256)}:
            self._forget(name)
        return [file for file in wanted if not self._files.holds(file.sha256)]

    def fetch(self, file: WantedFile) -> None:
        """Fetch one file to its end.

        Raises Refused with `server_unreachable` when the link stays down, `blob_unknown` when the server has no such
        file yet, `blob_too_large`, `blob_hash_differs`, `disk_full`, or as every request does.
        """
        offset, total = self._reached(file.sha256), file.size_bytes
        while total is None or offset < total:
            if total is not None and total > FILE_BYTES_MAX:
                raise Refused("blob_too_large", limit=FILE_BYTES_MAX)
            self._pace.begin()
            try:
                piece, total = self._transport.download(file.sha256, offset, self._pace.size)
            except Refused as refusal:
                self._pace.shrink()
                self._transport.patience.bear(refusal)
                continue
            self._pace.note(len(piece))
            self._keep(file.sha256, offset, piece)
            offset += len(piece)
            self._took(len(piece))
            self._between()
        self._take_in(file)

    def _reached(self, sha256: str) -> int:
        found = self._store.row("SELECT max(offset + length(piece)) FROM downloads WHERE sha256 = ?", sha256)
        return (found[0] if found else None) or 0

    def _keep(self, sha256: str, offset: int, piece: bytes) -> None:
        with self._store.transaction():
            self._store.db.execute("INSERT OR REPLACE INTO downloads VALUES (?, ?, ?)", (sha256, offset, piece))

    def _take_in(self, file: WantedFile) -> None:
        """Move a whole file from its pieces into the folder, if it is the file it is named for."""
        digest = hashlib.sha256()
        for piece in self._pieces(file.sha256):
            digest.update(piece)
        if digest.hexdigest() != file.sha256:
            self._forget(file.sha256)
            raise Refused("blob_hash_differs")
        with io.BufferedReader(_Joined(self._pieces(file.sha256))) as stream:
            self._files.keep(stream, file.media_type)
        self._forget(file.sha256)

    def _pieces(self, sha256: str) -> Iterator[bytes]:
        sql = "SELECT offset FROM downloads WHERE sha256 = ? ORDER BY offset"
        for (offset,) in list(self._store.rows(sql, sha256)):
            found = self._store.row("SELECT piece FROM downloads WHERE sha256 = ? AND offset = ?", sha256, offset)
            assert found is not None, "nobody else touches the pieces of a run"
            yield found[0]

    def _forget(self, sha256: str) -> None:
        with self._store.transaction():
            self._store.db.execute("DELETE FROM downloads WHERE sha256 = ?", (sha256,))


class _Joined(io.RawIOBase):
    """Pieces read as one stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]
        self._left = self._left or next(self._pieces, b"")
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
