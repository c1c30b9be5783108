"""Sending files with tus 1.0, going on at the byte where the last attempt was cut off.

Rule 1: where to go on is what the server says, never what the device believes to have sent.
Rule 2: no byte is sent that the server may have: after trouble its offset is asked for before anything goes.
Rule 3: a request carries what the line takes in some seconds, since a gateway on the way may hand on a
        request only when it has come whole, and forget it when it has not.
Rule 4: attempts that bring nothing are few, and the file waits for the next sync.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from copy import copy
from dataclasses import dataclass
from typing import Final

from field_client.evidence import CHUNK_BYTES, EvidenceFolder
from field_client.patience import Pace
from field_client.store import Store
from field_client.store_erasing import note_erased
from field_client.transport import BLOCK_BYTES, Transport
from field_client.upload_lanes import Turn, is_strained
from schemas.problems import Refused
from sync.blobs import BlobState, LocalBlob, plan_uploads

FRUITLESS_MAX: Final = 5
"""Attempts in a row that bring nothing, before the link is taken to be down."""

STATES_AT_ONCE: Final = 200
"""Hashes asked about in one request: about 13 KB."""

PIECE_S: Final = 15.0
"""What a request should take: long beside its round trip, short beside the time between two dead spots."""

PIECE_FIRST_BYTES: Final = 256 * 1024
PIECE_LEAST_BYTES: Final = 16 * 1024
PIECE_MOST_BYTES: Final = 64 * 1024 * 1024

RATE_SUPPOSED_BYTES_S: Final = 4000.0
"""What a 2G line carries."""

TOKEN_SHARE: Final = 0.8
"""A token is replaced when this much of its life is over: one that ends under way costs the whole request."""

Sent = Callable[[int], None]
"""called with how many more bytes are on their way"""

_BYTES_TYPE: Final = "application/offset+octet-stream"
_TOKEN_WORN: Final = ("token_invalid", "request_expired", "request_not_signed", "not_signed_in")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an upload is, and how much of it the server has."""

    url: str
    offset: int


class Uploads:
    """The file lane of one sync run."""

    def __init__(
        self,
        store: Store,
        transport: Transport,
        files: EvidenceFolder,
        sent: Sent,
        between: Callable[[], None] = lambda: None,
        turn: Turn | None = None,
    ) -> None:
        """Send those of `files` that are named in `store`; `between` is called after each request that carried bytes.

        What `between` raises as Refused ends or delays the file as trouble with the file itself would. Where several
        send from one store, each does so in its `turn`.
        """
        self._store = store
        self._transport = transport
        self._files = files
        self._sent = sent
        self._between = between
        self._turn = turn or Turn()
        self.rate_bytes_s = RATE_SUPPOSED_BYTES_S
        """At which bytes went lately, the last counting half; one slow piece may have met a cut."""
        self._clock = transport.patience.clock
        self._pace = Pace(PIECE_FIRST_BYTES, PIECE_LEAST_BYTES, PIECE_MOST_BYTES, PIECE_S, self._clock)
        self._token = ""
        self._token_until = math.inf

    @property
    def is_strained(self) -> bool:
        """Whether the last bytes went over a line that carries more connections than this one."""
        return is_strained(self._transport.line, self.rate_bytes_s)

    def beside(self) -> Uploads:
        """Return another lane over a connection of its own, which begins with what this one knows of the line."""
        other = copy(self)
        other._transport, other._pace, other._between = self._transport.beside(), copy(self._pace), lambda: None
        return other

    def plan(self) -> list[LocalBlob]:
        """Ask the server what it has and return the files to send, in order; what it has verified is noted."""
        sql = "SELECT sha256, size_bytes, rank FROM blobs WHERE state = 'kept'"
        local = [LocalBlob(*row) for row in self._store.rows(sql)]
        states: dict[str, BlobState] = {}
        for start in range(0, len(local), STATES_AT_ONCE):
            names = [blob.sha256 for blob in local[start : start + STATES_AT_ONCE]]
            states |= self._transport.ask("/blobs/states", {"sha256": names}, {"states": dict})["states"]
        self._note_verified([name for name, state in states.items() if state == "verified"])
        note_erased(self._store, {name: "" for name, state in states.items() if state == "erased"})
        return plan_uploads(local, states)

    def send(self, blob: LocalBlob) -> None:
        """Send one file to its end.

        Raises Refused with `server_unreachable` when the link stays down, or with the server's refusal.
        """
        place: _Place | None = None
        fruitless, reached = 0, -1
        while True:
            try:
                place = place or self._find_place(blob)
                if place is not None and place.offset > reached:
                    fruitless, reached = 0, place.offset
                if place is not None and place.offset == blob.size_bytes:
                    return
                place = self._send_piece(blob, place)
                self._between()
            except Refused as refusal:
                if refusal.code == "server_busy":
                    # It took nothing, and has no fault but to have much to do: what is known of the file holds.
                    self._wait(refusal)
                    continue
                place = None
                self._bear(refusal)
            fruitless += 1
            if fruitless > FRUITLESS_MAX:
                raise Refused("server_unreachable")

    def _bear(self, refusal: Refused) -> None:
        if refusal.code in _TOKEN_WORN:
            self._token = ""
            return
        self._pace.shrink()
        self._wait(refusal)

    def _wait(self, refusal: Refused) -> None:
        with self._turn.away():
            self._transport.patience.bear(refusal)

    def _find_place(self, blob: LocalBlob) -> _Place | None:
        """Return the upload as the server has it; None when the server cannot have begun one."""
        found = self._store.row("SELECT upload_url FROM blobs WHERE sha256 = ?", blob.sha256)
        url = found[0] if found is not None else None
        if url:
            status, headers = self._transport.upload("HEAD", url, self._authorise())
            if status in (200, 204):
                return _Place(url, _whole(headers.get("Upload-Offset")))
            # Known there no more, but perhaps the file is.
            url = ""
        return None if url is None else self._create(blob, 0)

    def _send_piece(self, blob: LocalBlob, place: _Place | None) -> _Place | None:
        """Send the next bytes, of an upload that is begun with them where there is none; return where it then is.

        None means that the server must be asked.
        """
        size = min(self._pace.size, blob.size_bytes - (place.offset if place else 0))
        self._pace.begin()
        if place is None:
            # Noted first: whatever becomes of this request, the next asks before it sends.
            self._note_offset(blob, "", 0)
            place = self._create(blob, size)
        else:
            place = self._append(blob, place, size)
        if place is not None:
            self.rate_bytes_s = (self.rate_bytes_s + size / max(self._pace.took_s, 0.001)) / 2
            self._pace.note(size, self._transport.line.round_trip_s)
        return place

    def _create(self, blob: LocalBlob, size: int) -> _Place:
        """Begin an upload with its first `size` bytes, or return the one that this device has begun."""
        name = base64.b64encode(blob.sha256.encode("ascii")).decode("ascii")
        headers = {"Upload-Length": str(blob.size_bytes), "Upload-Metadata": f"sha256 {name}"}
        headers |= {"Content-Length": str(size)} | ({"Content-Type": _BYTES_TYPE} if size else {})
        pieces = self._report(read_pieces(self._files, blob.sha256), size)
        status, answer = self._transport.upload("POST", "blobs/uploads", self._authorise() | headers, pieces)
        url = answer.get("Location")
        if status != 201 or not url:
            raise Refused("answer_not_understood")
        place = _Place(url, _whole(answer.get("Upload-Offset", "0")))
        self._note_offset(blob, url, place.offset)
        return place

    def _append(self, blob: LocalBlob, place: _Place, size: int) -> _Place | None:
        headers = {"Upload-Offset": str(place.offset), "Content-Type": _BYTES_TYPE, "Content-Length": str(size)}
        pieces = self._report(read_pieces(self._files, blob.sha256, place.offset), size)
        status, answer = self._transport.upload("PATCH", place.url, self._authorise() | headers, pieces)
        if status == 460:
            # The bytes did not survive the way: this upload is of no use, the next attempt begins another.
            self._note_offset(blob, None, 0)
        if status not in (200, 204):
            return None
        place = _Place(place.url, _whole(answer.get("Upload-Offset")))
        self._note_offset(blob, place.url, place.offset)
        return place

    def _report(self, pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
        """Pass on the first `size` bytes in blocks that the line takes in a moment, counting them."""
        left = size
        while left and (piece := next(pieces, b"")):
            for start in range(0, min(left, len(piece)), BLOCK_BYTES):
                block = piece[start : start + min(BLOCK_BYTES, left)]
                left -= len(block)
                self._transport.traffic.add(sent=len(block))
                with self._turn:
                    self._sent(len(block))
                yield block

    def _authorise(self) -> dict[str, str]:
        if not self._token or self._clock() > self._token_until:
            answer = self._transport.ask("/token", {}, {"token": str, "expires_in_s": int})
            self._token = answer["token"]
            self._token_until = self._clock() + TOKEN_SHARE * answer["expires_in_s"]
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
