"""Whether the files that records name are still what their names say, byte by byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO, Final

from sqlalchemy import Table, select

from schemas.problems import Refused
from server.services.blobs import BlobDesk
from server.services.log_check import Discrepancy
from server.store.database import reading
from server.store.tables import Blob

BLOCK_BYTES: Final = 1024 * 1024

_BLOBS: Table = Blob.__table__  # type: ignore[assignment]


def check_files(blobs: BlobDesk, organisation: str) -> Iterator[Discrepancy]:
    """Read every file that was once verified, and yield those that are gone or are others by now.

    Raises Refused as the store of files does when it is away.
    """
    where = (_BLOBS.c.organisation == organisation, _BLOBS.c.state == "verified")
    with reading(blobs.engine) as connection:
        names = list(connection.execute(select(_BLOBS.c.sha256).where(*where).order_by(_BLOBS.c.sha256)).scalars())
    for name in names:
        try:
            found = blobs.open(organisation, name)
        except Refused as refused:
            if refused.code != "blob_unknown":
                raise
            yield Discrepancy(f"file {name}", "is not there any more", "file_missing")
            continue
        with found.file as file:
            if _hash(file) != name:
                yield Discrepancy(f"file {name}", "has other bytes than when it came", "file_differs")


def _hash(file: BinaryIO) -> str:
    digest = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        digest.update(block)
    return digest.hexdigest()
