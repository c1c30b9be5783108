"""Uploads and finished files in a bucket, for any number of server processes on any number of machines.

Rule 1: nothing about an upload is remembered in a process but the bytes of the request under way; every answer is
        worked out from the objects there are. So any process can go on where another was killed.
Rule 2: a file is put under its hash in one step that either happens or does not, and only with bytes that were found
        to have that hash on their way there.
Rule 3: segments are deleted after the object that holds their bytes is there, never before.

The layout is that of the folder on disk: ``<organisation>/<aa>/<sha256>`` and ``<organisation>/uploads/<upload>/``.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import IO, BinaryIO, Final, cast

from schemas.problems import Refused
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
from server.store.s3_bucket import Bucket
from server.store.s3_gathering import SEGMENT_BYTES, Gathering
from server.store.s3_incomplete import IncompleteParts
from server.store.s3_reader import open_object
from server.store.s3_segments import (
    SEGMENTS_MAX,
    Segment,
    choose_mergeable,
    find_end,
    find_run,
    read_segment,
)

SETTLE_S: Final = 1.0
"""By then the server has read what a connection that was closed had brought."""

NOTE: Final = "note"


class S3Files:
    """Files in a bucket. Every method also raises Refused as `Bucket` does."""

    def __init__(self, bucket: Bucket, incomplete: IncompleteParts) -> None:
        """Keep files in `bucket`; `incomplete` clears what writes of killed processes leave in it."""
        self._bucket = bucket
        self._incomplete = incomplete
        self._gatherings: dict[Place, set[Gathering]] = {}
        self._lock = threading.Lock()

    def begin(self, place: Place, note: str) -> None:
        """Keep a note beside the upload; an upload without one begins with its first bytes."""
        if note:
            self._bucket.put(f"{_folder_of(place)}/{NOTE}", [note.encode()])

    def note(self, place: Place) -> str:
        """Return the note, empty when none was kept."""
        found = self._bucket.read(f"{_folder_of(place)}/{NOTE}", 0, SEGMENT_BYTES)
        return found[0].decode() if found else ""

    def kept(self, place: Place) -> int:
        """Return how many bytes of an upload are there; none when it is unknown."""
        return find_end(self._find_run(place))

    def settle(self, place: Place) -> None:
        """Wait a moment for requests that are still adding bytes, then write what they hold."""
        with self._lock:
            under_way = list(self._gatherings.get(place, ()))
        until_s = time.monotonic() + SETTLE_S
        for gathering in under_way:
            if not gathering.wait(max(0.0, until_s - time.monotonic())):
                gathering.flush()

    def append(self, part: Part, blocks: Iterable[bytes], checksum: Checksum | None) -> Kept:
        """Add blocks at the end. Raises as the port says; a file that one request brings whole is put in place."""
        # From the beginning bytes may come again whatever is there, so nothing need be asked first.
        run = self._find_run(part.place) if part.offset else []
        if find_end(run) != part.offset:
            raise Refused("upload_offset_differs", offset=find_end(run))
        if len(run) >= SEGMENTS_MAX:
            self._merge(part.place, run)
        if checksum is None:
            return self._gather(part, blocks)
        with refusing_without_room(), tempfile.SpooledTemporaryFile(max_size=SEGMENT_BYTES) as checked:
            receive_checked(cast(IO[bytes], checked), blocks, checksum)
            return self._gather(part, read_blocks(cast(IO[bytes], checked)))

    def finish(self, place: Place, size_bytes: int, named: str | None, known: str | None) -> str | None:
        """Put the upload under its hash and return it. Raises as the port says."""
        if known:
            return known
        run = self._find_run(place)
        if find_end(run) != size_bytes:
            return None
        try:
            sha256 = self._put_together(place, run, named)
        except _GoneError:
            # Another process put segments together or finished the upload; whoever asks next sees what came of it.
            return None
        except Refused as refused:
            if refused.code == "blob_hash_differs":
                self.delete(place)
            raise
        with contextlib.suppress(Refused):
            # What stays behind when the bucket fails just here is deleted when the upload is forgotten.
            self._bucket.delete([_key_of(place, segment) for segment in self._list_segments(place)])
        return sha256

    def delete(self, place: Place) -> None:
        """Forget an upload's note and unfinished bytes; nothing happens when there are none."""
        self._bucket.delete([found.key for found in self._bucket.list(_folder_of(place))])

    def secure(self, organisation: str, sha256: str) -> None:
        """Do nothing: a bucket that shows a file keeps it."""

    def size(self, organisation: str, sha256: str) -> int | None:
        """Return the size of a finished file, None when it is not there."""
        return self.sizes(organisation, [sha256]).get(sha256)

    def sizes(self, organisation: str, hashes: Sequence[str]) -> dict[str, int]:
        """Return the sizes of those finished files that are there."""
        keys = {_key_under(organisation, sha256): sha256 for sha256 in hashes}
        return {keys[key]: size_bytes for key, size_bytes in self._bucket.sizes(list(keys)).items()}

    def open(self, organisation: str, sha256: str) -> BinaryIO | None:
        """Open a finished file for reading, None when it is not there."""
        return open_object(self._bucket, _key_under(organisation, sha256))

    def remove(self, organisation: str, sha256: str) -> None:
        """Delete a finished file for good; nothing happens when it is not there."""
        self._bucket.delete([_key_under(organisation, sha256)])

    def check(self) -> None:
        """Raise Refused when files can be neither stored nor read."""
        self._bucket.check()

    def list_uploads(self, before_s: float) -> Iterator[Place]:
        """Yield the uploads of which something is there, all of it written before a moment (Unix time)."""
        for organisation in self._bucket.list_folders():
            for upload in self._bucket.list_folders(f"{organisation}/uploads"):
                found = self._bucket.list(f"{organisation}/uploads/{upload}")
                if all(item.written_s < before_s for item in found):
                    yield Place(organisation, upload)

    def clear_incomplete(self, before_s: float) -> int:
        """Abort the multipart uploads that were begun before a moment and not completed; return how many."""
        return self._incomplete.abort(before_s)

    def _gather(self, part: Part, blocks: Iterable[bytes]) -> Kept:
        digest = hashlib.sha256()
        with self._gathering(part) as gathering:
            try:
                for block in blocks:
                    gathering.add(block)
                    if not part.offset:
                        digest.update(block)
            except Refused:
                # More bytes than announced, or the bucket is away: what came counts where it can.
                with contextlib.suppress(Refused):
                    gathering.flush()
                raise
            sha256 = digest.hexdigest()
            is_whole = not part.offset and gathering.end == part.size_bytes and part.named in (None, sha256)
            if is_whole and (whole := gathering.take()) is not None:
                self._bucket.put(_key_under(part.place.organisation, sha256), whole)
                return Kept(gathering.end, sha256)
            gathering.flush()
            return Kept(gathering.end)

    @contextlib.contextmanager
    def _gathering(self, part: Part) -> Iterator[Gathering]:
        place = part.place

        def write(start: int, blocks: Sequence[bytes]) -> None:
            self._bucket.put(_key_of(place, Segment(start, start + sum(map(len, blocks)))), blocks)

        with Gathering(part.offset, write) as gathering:
            with self._lock:
                self._gatherings.setdefault(place, set()).add(gathering)
            try:
                yield gathering
            finally:
                with self._lock:
                    self._gatherings[place].discard(gathering)
                    if not self._gatherings[place]:
                        del self._gatherings[place]

    def _merge(self, place: Place, run: Sequence[Segment]) -> None:
        """Put the small segments at the end of a run together."""
        chosen = choose_mergeable(run, SEGMENT_BYTES)
        try:
            blocks = list(self._read_run(place, chosen))
        except _GoneError:
            # Another process has put them together.
            return
        if chosen:
            self._bucket.put(_key_of(place, Segment(chosen[0].start, chosen[-1].end)), blocks)
            self._bucket.delete([_key_of(place, segment) for segment in chosen])

    def _put_together(self, place: Place, run: Sequence[Segment], named: str | None) -> str:
        """Put the bytes of a run under their hash and return it.

        Raises Refused with `blob_hash_differs` when that is not `named`, and then puts nothing; _GoneError.
        """
        if find_end(run) <= SEGMENT_BYTES:
            blocks = list(self._read_run(place, run))
            sha256 = _hash(blocks, named)
            self._bucket.put(_key_under(place.organisation, sha256), blocks)
            return sha256
        sha256 = named or _hash(self._read_run(place, run), None)
        self._bucket.put_parts(_key_under(place.organisation, sha256), self._read_checked(place, run, sha256))
        return sha256

    def _read_run(self, place: Place, run: Sequence[Segment]) -> Iterator[bytes]:
        """Yield the bytes of a run, a segment at a time and each byte once."""
        reached = run[0].start if run else 0
        for segment in run:
            found = self._bucket.read(_key_of(place, segment), reached - segment.start, segment.size_bytes)
            if found is None:
                raise _GoneError
            yield found[0]
            reached = segment.end

    async def _read_checked(self, place: Place, run: Sequence[Segment], sha256: str) -> AsyncIterator[bytes]:
        """Yield the bytes of a run; raises Refused at its end, before the object comes to be, when they differ."""
        digest, reached = hashlib.sha256(), 0
        for segment in run:
            block = await self._bucket.read_whole(_key_of(place, segment))
            if block is None:
                raise _GoneError
            block = block[reached - segment.start :]
            digest.update(block)
            reached = segment.end
            yield block
        if digest.hexdigest() != sha256:
            raise Refused("blob_hash_differs")

    def _find_run(self, place: Place) -> list[Segment]:
        return find_run(self._list_segments(place))

    def _list_segments(self, place: Place) -> list[Segment]:
        found = self._bucket.list(_folder_of(place))
        named = (read_segment(item.key.rpartition("/")[2], item.size_bytes) for item in found)
        return [segment for segment in named if segment]


class _GoneError(Exception):
    """A segment is not there any more: another process has put its bytes into another object."""


def _hash(blocks: Iterable[bytes], named: str | None) -> str:
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block)
    if named not in (None, digest.hexdigest()):
        raise Refused("blob_hash_differs")
    return digest.hexdigest()


def _folder_of(place: Place) -> str:
    require_names(place.organisation, upload=place.upload)
    return f"{place.organisation}/uploads/{place.upload}"


def _key_of(place: Place, segment: Segment) -> str:
    return f"{_folder_of(place)}/{segment.name}"


def _key_under(organisation: str, sha256: str) -> str:
    require_names(organisation, sha256=sha256)
    return f"{organisation}/{sha256[:2]}/{sha256}"
