"""One bucket of S3-compatible storage: the only module that calls obstore.

Rule 1: trouble with the bucket is Refused: `file_storage_away` when it does not answer, `file_storage_refused` when
        it says no (key, bucket, rights), `disk_full` when its quota is used up. An object that is not there is None.
Rule 2: while the bucket is away one request at a time asks it, and all others are refused at once: a bucket that
        hangs must not hold every thread of the server.
Rule 3: what the bucket says goes to the log, never to a device; keys go nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import obstore
from obstore.exceptions import BaseError
from obstore.store import S3Store

from schemas.problems import Refused
from server.settings import BucketAddress

PART_BYTES: Final = 8 * 1024 * 1024
"""A part of a multipart upload: above the 5 MiB that S3 demands, and 10,000 parts make 80 GB."""

PARTS_AT_ONCE: Final = 2
"""Parts under way beside each other: the link stays full, and a large file needs three parts of memory."""

ASKED_AT_ONCE: Final = 32
"""Questions about single objects under way beside each other."""

RETRIES: Final = 3
RETRY_S: Final = 10
CONNECT_S: Final = 5
"""A pause of the bucket is waited for in the request; a device waits half a minute for an answer."""

TOLD_CHARACTERS_MAX: Final = 500
"""Of what the bucket says, this much goes to the log: the code and the request's number are in it."""

CHECK_S: Final = 1.0
"""How long the question whether a server is ready may take: who asks it asks every two seconds or so."""

_STATUS: Final = re.compile(r"status code: (\d{3})")
_NO_ROOM: Final = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage")
_LOG: Final = logging.getLogger("gongdan.files")


@dataclass(frozen=True, slots=True)
class Found:
    """An object: its key below the prefix, its size, when it was written (Unix time, seconds)."""

    key: str
    size_bytes: int
    written_s: float


class Bucket:
    """Objects below one prefix of one bucket. Every method raises Refused as rule 1 says."""

    def __init__(self, address: BucketAddress) -> None:
        """Talk to the bucket at an address; nothing is asked of it yet."""
        endpoint = address.endpoint
        self._store = S3Store(
            address.bucket,
            prefix=address.prefix or None,
            region=address.region,
            access_key_id=address.key_id,
            secret_access_key=address.secret,
            virtual_hosted_style_request=address.is_virtual_hosted,
            **({"endpoint": endpoint} if endpoint else {}),
            client_options={
                "allow_http": endpoint.startswith("http://"),
                "connect_timeout": timedelta(seconds=min(CONNECT_S, address.timeout_s)),
                "timeout": timedelta(seconds=address.timeout_s),
            },
            retry_config={"max_retries": RETRIES, "retry_timeout": timedelta(seconds=min(RETRY_S, address.timeout_s))},
        )
        self._is_away = False
        self._trial = threading.Lock()

    def put(self, key: str, blocks: Sequence[bytes]) -> None:
        """Store an object in one request; it is there whole or not at all."""
        with self._asking():
            obstore.put(self._store, key, iter(blocks), use_multipart=False)

    def put_parts(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        """Store an object of any size part by part; when `blocks` raises, nothing is there and nothing is left."""
        with self._asking():
            asyncio.run(self._put_parts(key, blocks))

    async def _put_parts(self, key: str, blocks: AsyncIterator[bytes]) -> None:
        await obstore.put_async(self._store, key, blocks, chunk_size=PART_BYTES, max_concurrency=PARTS_AT_ONCE)

    def read(self, key: str, start: int, end: int) -> tuple[bytes, int] | None:
        """Return bytes from `start` to before `end` and the object's size; None when there is no such object."""
        with self._asking(), contextlib.suppress(FileNotFoundError):
            found = obstore.get(self._store, key, options={"range": (start, end)})
            return bytes(found.bytes()), found.meta["size"]
        return None

    async def read_whole(self, key: str) -> bytes | None:
        """Return an object's bytes, for the blocks of `put_parts`; None when there is no such object."""
        with contextlib.suppress(FileNotFoundError):
            return bytes(await (await obstore.get_async(self._store, key)).bytes_async())
        return None

    def sizes(self, keys: Sequence[str]) -> dict[str, int]:
        """Return the sizes of those objects that are there."""
        if len(keys) == 1:
            with self._asking(), contextlib.suppress(FileNotFoundError):
                return {keys[0]: obstore.head(self._store, keys[0])["size"]}
            return {}
        with self._asking():
            return asyncio.run(self._sizes(keys))

    async def _sizes(self, keys: Sequence[str]) -> dict[str, int]:
        turn = asyncio.Semaphore(ASKED_AT_ONCE)

        async def ask(key: str) -> tuple[str, int] | None:
            async with turn:
                with contextlib.suppress(FileNotFoundError):
                    return key, (await obstore.head_async(self._store, key))["size"]
            return None

        return dict(filter(None, await asyncio.gather(*map(ask, keys))))

    def list(self, folder: str) -> list[Found]:
        """Return the objects of a folder, not those of the folders in it."""
        with self._asking():
            objects = obstore.list_with_delimiter(self._store, folder)["objects"]
        return [Found(item["path"], item["size"], item["last_modified"].timestamp()) for item in objects]

    def list_folders(self, folder: str | None = None) -> list[str]:
        """Return the names of the folders in a folder."""
        with self._asking():
            folders = obstore.list_with_delimiter(self._store, folder)["common_prefixes"]
        return [path.rstrip("/").rpartition("/")[2] for path in folders]

    def delete(self, keys: Sequence[str]) -> None:
        """Delete objects; nothing happens for those that are not there."""
        if keys:
            with self._asking():
                obstore.delete(self._store, keys)

    def check(self) -> None:
        """Raise Refused when the bucket does not answer, and at once, or says no."""
        try:
            with self._asking():
                asyncio.run(asyncio.wait_for(self._list("check"), CHECK_S))
        except TimeoutError:
            raise Refused("file_storage_away") from None

    async def _list(self, folder: str) -> None:
        await obstore.list_with_delimiter_async(self._store, folder)

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Ask the bucket something, and tell what came of it as rules 1 and 2 say."""
        is_trial = self._is_away
        if is_trial and not self._trial.acquire(blocking=False):
            raise Refused("file_storage_away")
        try:
            yield
            self._is_away = False
        except (BaseError, FileNotFoundError) as error:
            # What may be missing is looked for by the caller; otherwise it is the bucket that is not there.
            refused = _judge(error)
            self._is_away = refused.code == "file_storage_away"
            raise refused from None
        finally:
            if is_trial:
                self._trial.release()


def _judge(error: BaseError | FileNotFoundError) -> Refused:
    """Return what an error of the bucket means, and note it in the log without the library's inner details."""
    told = str(error).partition("\n\nDebug source")[0].strip()
    found = _STATUS.search(told)
    status = int(found[1]) if found else 0
    if status == 507 or any(word in told for word in _NO_ROOM):
        code = "disk_full"
    elif 300 <= status < 500 and status != 429:
        code = "file_storage_refused"
    else:
        code = "file_storage_away"
    _LOG.warning(code, extra={"facts": {"told": told[:TOLD_CHARACTERS_MAX]}})
    return Refused(code)
