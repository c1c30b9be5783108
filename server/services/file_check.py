"""Whether the files that records name are still what their names say, byte by byte."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Set
from typing import BinaryIO, Final

from sqlalchemy import Table, select

from schemas.problems import Refused
from server.services.blobs import BlobDesk
from server.services.log_check import Discrepancy
from server.store.database import reading
from server.store.tables import Blob

BLOCK_BYTES: Final = 1024 * 1024

_BLOBS: Table = Blob.__table__  # type: ignore[assignment]


def check_files(blobs: BlobDesk, organisation: str, erased: Set[str]) -> Iterator[Discrepancy]:
    """Read every file that was once verified, and yield those that are gone or are others by now.

    `erased` are those that the log says to be erased: they must be gone, and no others may be said to be.

    Raises Refused as the store of files does when it is away.
    """
    where = (_BLOBS.c.organisation == organisation, _BLOBS.c.state.in_(("verified", "erased")))
    with reading(blobs.engine) as connection:
        statement = select(_BLOBS.c.sha256, _BLOBS.c.state).where(*where).order_by(_BLOBS.c.sha256)
        rows = connection.execute(statement).all()
    for name, state in rows:
        if name in erased:
            if state != "erased" or blobs.files.size(organisation, name) is not None:
                yield Discrepancy(
                    f"file {name}", "is still there, and an act says that it is erased", "file_not_erased"
                )
            continue
        if state == "erased":
            yield Discrepancy(f"file {name}", "is called erased, and no act says so", "file_missing")
            continue
        try:
            found = blobs.open(organisation, name)
        except Refused as refused:
            if refused.code not in ("blob_unknown", "file_erased"):
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
