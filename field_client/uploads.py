"""Sending files with tus 1.0, going on at the byte where the last attempt was cut off.

Rule 1: where to go on is what the server says (HEAD), never what the device believes to have sent.
Rule 2: an attempt that brought the server further may be followed by another at once; attempts that bring
        nothing are few, and the file waits for the next sync.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Final

from field_client.evidence import CHUNK_BYTES, EvidenceFolder
from field_client.store import Store
from field_client.transport import Transport
from schemas.problems import Refused
from sync.blobs import BlobState, LocalBlob, plan_uploads

FRUITLESS_MAX: Final = 3
"""Attempts in a row that bring nothing, before the link is taken to be down."""

STATES_AT_ONCE: Final = 200
"""Hashes asked about in one request: about 13 KB."""

Sent = Callable[[int], None]
"""called with how many more bytes are on their way"""

_TOKEN_WORN: Final = ("token_invalid", "request_expired", "request_not_signed", "not_signed_in")


class Uploads:
    """The file lane of one sync run."""

    def __init__(self, store: Store, transport: Transport, files: EvidenceFolder, sent: Sent) -> None:
        """Send those of `files` that are named in `store`."""
        self._store = store
        self._transport = transport
        self._files = files
        self._sent = sent
        self._token = ""

    def plan(self) -> list[LocalBlob]:
        """Ask the server what it has and return the files to send, in order; what it has verified is noted."""
        sql = "SELECT sha256, size_bytes, rank FROM blobs WHERE state = 'kept'"
        local = [LocalBlob(*row) for row in self._store.rows(sql)]
        states: dict[str, BlobState] = {}
        for start in range(0, len(local), STATES_AT_ONCE):
            names = [blob.sha256 for blob in local[start : start + STATES_AT_ONCE]]
            states |= self._transport.ask("/blobs/states", {"sha256": names}, {"states": dict})["states"]
        self._note_verified([name for name, state in states.items() if state == "verified"])
        return plan_uploads(local, states)

    def send(self, blob: LocalBlob) -> None:
        """Send one file to its end.

        Raises Refused with `server_unreachable` when the link stays down, or with the server's refusal.
        """
        fruitless, reached = 0, -1
        while True:
            try:
                url, offset = self._find_offset(blob)
                if offset > reached:
                    fruitless, reached = 0, offset
                if offset == blob.size_bytes or self._send_rest(blob, url, offset):
                    break
            except Refused as refusal:
                if refusal.code not in ("server_unreachable", *_TOKEN_WORN):
                    raise
                self._token = "" if refusal.code in _TOKEN_WORN else self._token
                if fruitless >= FRUITLESS_MAX:
                    raise
            fruitless += 1
            if fruitless > FRUITLESS_MAX:
                raise Refused("server_unreachable")

    def _find_offset(self, blob: LocalBlob) -> tuple[str, int]:
        """Return the address of the upload and how much of it the server has, beginning one where there is none."""
        found = self._store.row("SELECT upload_url FROM blobs WHERE sha256 = ?", blob.sha256)
        if found is not None and found[0]:
            status, headers = self._transport.upload("HEAD", found[0], self._authorise())
            if status in (200, 204):
                return found[0], _whole(headers.get("Upload-Offset"))
        name = base64.b64encode(blob.sha256.encode("ascii")).decode("ascii")
        headers = {"Upload-Length": str(blob.size_bytes), "Upload-Metadata": f"sha256 {name}", "Content-Length": "0"}
        status, answer = self._transport.upload("POST", "blobs/uploads", self._authorise() | headers)
        url = answer.get("Location")
        if status != 201 or not url:
            raise Refused("answer_not_understood")
        self._note_offset(blob, url, _whole(answer.get("Upload-Offset", "0")))
        return url, _whole(answer.get("Upload-Offset", "0"))

    def _send_rest(self, blob: LocalBlob, url: str, offset: int) -> bool:
        """Send everything from `offset` in one request; tell whether the server then has it all."""
        headers = {
            "Upload-Offset": str(offset),
            "Content-Type": "application/offset+octet-stream",
            "Content-Length": str(blob.size_bytes - offset),
        }
        pieces = self._report(read_pieces(self._files, blob.sha256, offset))
        status, answer = self._transport.upload("PATCH", url, self._authorise() | headers, pieces)
        if status == 460:
            # The bytes did not survive the way: this upload is of no use, the next attempt begins another.
            self._note_offset(blob, None, 0)
            return False
        if status not in (200, 204):
            return False
        reached = _whole(answer.get("Upload-Offset"))
        self._note_offset(blob, url, reached)
        return reached == blob.size_bytes

    def _report(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            self._transport.traffic.sent += len(piece)
            self._sent(len(piece))

    def _authorise(self) -> dict[str, str]:
        if not self._token:
            self._token = self._transport.ask("/token", {}, {"token": str})["token"]
        return {"Authorization": f"Bearer {self._token}"}

    def _note_offset(self, blob: LocalBlob, url: str | None, offset: int) -> None:
        with self._store.transaction():
            sql = "UPDATE blobs SET upload_url = ?, offset = ? WHERE sha256 = ?"
            self._store.db.execute(sql, (url, offset, blob.sha256))

    def _note_verified(self, names: list[str]) -> None:
        with self._store.transaction():
            sql = "UPDATE blobs SET state = 'verified', upload_url = NULL, offset = size_bytes WHERE sha256 = ?"
            self._store.db.executemany(sql, [(name,) for name in names])


def read_pieces(files: EvidenceFolder, sha256: str, offset: int = 0) -> Iterator[bytes]:
    """Yield the plain bytes of a file from `offset` on, a chunk at a time; raises Refused as the folder does."""
    with files.read_from(sha256, offset) as stream:
        while piece := stream.read(CHUNK_BYTES):
            yield piece


def _whole(spelling: str | None) -> int:
    if spelling is None or not spelling.isdigit():
        raise Refused("answer_not_understood")
    return int(spelling)
