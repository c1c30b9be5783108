"""Taking files in piece by piece, and handing them out: what tus 1.0 asks for, without its headers.

Rule 1: a file counts once its bytes were found to have the hash they are stored under, and never before.
Rule 2: the offset of an upload is what the store of files has; rows only say whose upload it is.
Rule 3: rows come before bytes and go after them, so that a crash leaves no bytes nobody knows of. What a
        crash leaves undone at the end of an upload is done by whoever asks for the upload next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import BinaryIO, Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.clock import spell_instant, unix_ms
from server.keys import new_id
from server.settings import UploadQuotas, read_settings
from server.store import blobs
from server.store.blob_files import BlobFiles, Checksum, Part, Place
from server.store.blobs import Unfinished, UploadRow
from server.store.database import glimpsing, reading, transact
from sync.blobs import BlobState

REMEMBERED_HOURS: Final = 24
"""How long a finished upload answers for itself: a client that lost the last answer asks within a day."""

ABANDONED_HOURS: Final = 24
"""How old traces of writes are before they count as abandoned: no request lives nearly as long."""

_HOUR_MS: Final = 3_600_000


@dataclass(frozen=True, slots=True)
class Owner:
    """The device that uploads."""

    organisation: str
    device: str


@dataclass(frozen=True, slots=True)
class UploadState:
    """An upload as it stands; `sha256` is what its bytes must have or were found to have."""

    upload: str
    size_bytes: int
    offset: int
    sha256: str | None
    expires_at: str

    @property
    def is_finished(self) -> bool:
        """Whether the file is there and verified."""
        return self.offset == self.size_bytes


@dataclass(frozen=True, slots=True)
class OpenBlob:
    """A file to be sent; the receiver closes it."""

    file: BinaryIO
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class BlobDesk:
    """The use cases of uploads and files of one server."""

    engine: Engine
    files: BlobFiles
    bytes_max: int
    upload_hours: int
    read_ms: Callable[[], int] = unix_ms
    quotas: UploadQuotas = read_settings({}).upload_quotas

    def create(self, owner: Owner, size_bytes: int, sha256: str | None, note: str = "") -> UploadState:
        """Begin an upload, or return the one this device has begun for the same file.

        The offset is the size when the file is there already. Raises Refused with `blob_too_large`,
        `blob_hash_differs` when the file is there with another size, `upload_quota_reached` or
        `organisation_quota_reached`, `file_erased`. Devices that begin at the same moment can pass a quota by one
        upload each.
        """
        if size_bytes > self.bytes_max:
            raise Refused("blob_too_large", limit=self.bytes_max)
        there = self.files.size(owner.organisation, sha256) if sha256 else None
        if there not in (None, size_bytes):
            raise Refused("blob_hash_differs")
        if sha256:
            self._refuse_erased(owner.organisation, sha256)
        expires_at = self._instant_in(self.upload_hours)
        row = UploadRow(owner.organisation, new_id(), owner.device, sha256, size_bytes, expires_at)
        begun = self._insert(row, needs_room=there is None)
        self.files.begin(begun.place, note)
        if begun is row and there is None and size_bytes:
            return _state_of(row, 0)
        self.files.settle(begun.place)
        return self._bring_up_to_date(begun)

    def find(self, owner: Owner, upload: str) -> UploadState:
        """Return an upload of this device. Raises Refused with `upload_unknown`."""
        row = self._find(owner, upload)
        self.files.settle(row.place)
        return self._bring_up_to_date(row)

    def find_note(self, owner: Owner, upload: str) -> str:
        """Return the note given when the upload was created."""
        return self.files.note(Place(owner.organisation, upload))

    def receive(
        self,
        owner: Owner,
        upload: str,
        offset: int,
        blocks: Iterable[bytes],
        length: int | None,
        checksum: Checksum | None = None,
    ) -> UploadState:
        """Add bytes to an upload; `length` is how many are announced, None when nobody knows.

        What came of a body that ends early is kept. Raises Refused with `upload_unknown`,
        `upload_offset_differs`, `blob_too_large` beyond the upload's size, `blob_hash_differs` (of the chunk:
        the chunk is dropped; of the file: the upload is), or as the store of files does.
        """
        row = self._find(owner, upload)
        state = self._bring_up_to_date(row)
        if offset != state.offset:
            raise Refused("upload_offset_differs", offset=state.offset)
        if offset + (length or 0) > row.size_bytes:
            raise Refused("blob_too_large", limit=row.size_bytes)
        if state.is_finished:
            return state
        kept = self.files.append(
            Part(row.place, offset, row.size_bytes, row.sha256), _limit(blocks, offset, row.size_bytes), checksum
        )
        if kept.offset < row.size_bytes:
            return replace(state, offset=kept.offset)
        return self._finish(row, kept.sha256)

    def terminate(self, owner: Owner, upload: str) -> None:
        """Forget an upload; a finished file stays. Raises Refused with `upload_unknown`."""
        self._forget(self._find(owner, upload))

    def read_states(self, organisation: str, hashes: Sequence[str]) -> dict[str, BlobState]:
        """Return what the server has of each file; `verified` only when its bytes are there to be read."""
        with reading(self.engine) as connection:
            verified = blobs.find_verified(connection, organisation, hashes)
            uploads = blobs.find_uploads_of(connection, organisation, hashes)
            erased = blobs.find_erased(connection, organisation, set(hashes) - verified.keys())
        states: dict[str, BlobState] = dict.fromkeys(hashes, "missing")
        states |= {sha256: "received" for sha256, place in uploads if self.files.kept(place)}
        there = self.files.sizes(organisation, list(verified))
        states |= {sha256: "verified" for sha256, size in there.items() if size == verified[sha256]}
        return states | dict.fromkeys(erased, "erased")

    def open(self, organisation: str, sha256: str) -> OpenBlob:
        """Open a verified file. Raises Refused with `blob_unknown`, or `file_erased` when it was."""
        with glimpsing(self.engine) as connection:
            size_bytes = blobs.find_verified(connection, organisation, [sha256]).get(sha256)
        file = self.files.open(organisation, sha256) if size_bytes is not None else None
        if file is None or size_bytes is None:
            self._refuse_erased(organisation, sha256)
            raise Refused("blob_unknown")
        head = file.read(12)
        file.seek(0)
        return OpenBlob(file, size_bytes, media_type_of(head))

    def _insert(self, row: UploadRow, needs_room: bool) -> UploadRow:
        """Store the row and return it, or the one of the same upload that the same device has begun."""
        now = self._instant_in(0)

        def work(connection: Connection) -> UploadRow:
            begun = blobs.find_begun(connection, row, now) if row.sha256 else None
            if begun is None:
                if needs_room:
                    unfinished = blobs.count_unfinished(connection, row.organisation, row.device, now)
                    self._refuse_beyond(unfinished, row.size_bytes)
                blobs.insert_upload(connection, row)
            return begun or row

        return transact(self.engine, work)

    def _refuse_beyond(self, unfinished: Unfinished, size_bytes: int) -> None:
        quotas = self.quotas
        for code, uploads, uploads_max, total, bytes_max in (
            (
                "upload_quota_reached",
                unfinished.device_uploads,
                quotas.device_uploads,
                unfinished.device_bytes,
                quotas.device_bytes,
            ),
            (
                "organisation_quota_reached",
                unfinished.organisation_uploads,
                quotas.organisation_uploads,
                unfinished.organisation_bytes,
                quotas.organisation_bytes,
            ),
        ):
            if uploads >= uploads_max:
                raise Refused(code, limit=uploads_max)
            if total + size_bytes > bytes_max:
                raise Refused(code, limit=f"{bytes_max} B")

    def _find(self, owner: Owner, upload: str) -> UploadRow:
        with glimpsing(self.engine) as connection:
            row = blobs.find_upload(connection, Place(owner.organisation, upload), owner.device)
        if row is None or row.expires_at <= self._instant_in(0):
            raise Refused("upload_unknown")
        return row

    def _bring_up_to_date(self, row: UploadRow) -> UploadState:
        """Return how an upload stands, doing first what a crash may have left undone."""
        if row.sha256 and self.files.size(row.organisation, row.sha256) == row.size_bytes:
            with glimpsing(self.engine) as connection:
                verified = blobs.find_verified(connection, row.organisation, [row.sha256])
            if row.sha256 in verified:
                return _state_of(row, row.size_bytes)
            self.files.secure(row.organisation, row.sha256)
            return self._mark_verified(row, row.sha256)
        kept = self.files.kept(row.place)
        return self._finish(row, None) if kept == row.size_bytes else _state_of(row, kept)

    def _finish(self, row: UploadRow, known: str | None) -> UploadState:
        try:
            sha256 = self.files.finish(row.place, row.size_bytes, row.sha256, known)
        except Refused as refused:
            if refused.code == "blob_hash_differs":
                self._forget(row)
            raise
        if sha256 is None:
            # Another request for the same upload has just finished or deleted it, or is about to.
            found = self._find(Owner(row.organisation, row.device), row.upload)
            is_there = found.sha256 and self.files.size(row.organisation, found.sha256) == row.size_bytes
            return _state_of(found, row.size_bytes if is_there else self.files.kept(row.place))
        return self._mark_verified(row, sha256)

    def _mark_verified(self, row: UploadRow, sha256: str) -> UploadState:
        remembered_until = self._instant_in(REMEMBERED_HOURS)
        now = self._instant_in(0)

        def work(connection: Connection) -> bool:
            return blobs.mark_verified(connection, row, sha256, now, remembered_until)

        if not transact(self.engine, work, is_repeatable=True):
            self.files.remove(row.organisation, sha256)
            self._forget(row)
            self._refuse_erased(row.organisation, sha256)
            raise Refused("upload_unknown")
        return _state_of(replace(row, sha256=sha256, expires_at=remembered_until), row.size_bytes)

    def _refuse_erased(self, organisation: str, sha256: str) -> None:
        with glimpsing(self.engine) as connection:
            erased_at = blobs.find_erased(connection, organisation, [sha256]).get(sha256)
        if erased_at is not None:
            raise Refused("file_erased", at=erased_at[:10])

    def _forget(self, row: UploadRow) -> None:
        self.files.delete(row.place)
        transact(self.engine, partial(blobs.delete_upload, place=row.place), is_repeatable=True)

    def _instant_in(self, hours: int) -> str:
        return spell_instant(self.read_ms() + hours * _HOUR_MS)


@dataclass(frozen=True, slots=True)
class Cleared:
    """What was removed: uploads whose time was over, uploads nobody knows of, writes that were never completed."""

    expired: int
    unknown: int
    incomplete: int


def clear_uploads(engine: Engine, files: BlobFiles, now_ms: int) -> Cleared:
    """Remove what uploads of all organisations have left behind. Raises Refused as the store of files does.

    A write that was under way when its upload was removed can arrive after it, and a server that was killed
    completes nothing: both leave bytes that no row names.
    """
    abandoned_s = (now_ms - ABANDONED_HOURS * _HOUR_MS) / 1000
    expired = remove_expired(engine, files, spell_instant(now_ms))
    unknown = 0
    for place in files.list_uploads(abandoned_s):
        with glimpsing(engine) as connection:
            is_known = blobs.is_known(connection, place)
        if not is_known:
            files.delete(place)
            unknown += 1
    return Cleared(expired, unknown, files.clear_incomplete(abandoned_s))


def remove_expired(engine: Engine, files: BlobFiles, now: str) -> int:
    """Delete the uploads whose time was over at `now`, of all organisations; return how many."""
    with glimpsing(engine) as connection:
        expired = blobs.list_expired(connection, now)
    for place in expired:
        files.delete(place)
        transact(engine, partial(blobs.delete_upload, place=place), is_repeatable=True)
    return len(expired)


def remove_erased(engine: Engine, files: BlobFiles) -> int:
    """Delete whatever is left, or has come back, of files that were erased, of all organisations; return how many.

    The act is committed before any byte goes: whoever is cut off between the two is finished here, and so is a copy
    of the files that was put back, or what a process wrote that had begun before the act.
    """
    with glimpsing(engine) as connection:
        erased = blobs.list_erased(connection)
    removed = 0
    for organisation, hashes in erased.items():
        for begin in range(0, len(hashes), blobs.HASHES_AT_ONCE):
            some = hashes[begin : begin + blobs.HASHES_AT_ONCE]
            for sha256 in files.sizes(organisation, some):
                files.remove(organisation, sha256)
                removed += 1
            with glimpsing(engine) as connection:
                uploads = blobs.find_uploads_of(connection, organisation, some)
            for _, place in uploads:
                files.delete(place)
                transact(engine, partial(blobs.delete_upload, place=place), is_repeatable=True)
    return removed


def media_type_of(head: bytes) -> str:
    """Return the type of an image from its first twelve bytes; anything else is just bytes to a browser."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"


def _state_of(row: UploadRow, offset: int) -> UploadState:
    return UploadState(row.upload, row.size_bytes, offset, row.sha256, row.expires_at)


def _limit(blocks: Iterable[bytes], offset: int, size_bytes: int) -> Iterator[bytes]:
    """Pass blocks on up to the upload's size. Raises Refused with `blob_too_large` when there are more."""
    for block in blocks:
        if offset + len(block) > size_bytes:
            raise Refused("blob_too_large", limit=size_bytes)
        offset += len(block)
        yield block
