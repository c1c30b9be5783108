"""Filing a manual: its file first, then the record that names it, so that no device asks for what is not there."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from server.keys import new_id
from server.services.blobs import BlobDesk, Owner
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store.database import reading
from server.store.devices import read_organisation
from sync.changeset import Change

MEDIA_TYPES: Final = {".pdf": "application/pdf", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png"}
"""By the ending of the file's name; any other is bytes that a browser saves and does not open."""

BLOCK_BYTES: Final = 256 * 1024


def file_manual(
    engine: Engine,
    office: Office,
    desk: BlobDesk,
    organisation: str,
    actor: str,
    path: Path,
    values: Mapping[str, Any],
    manual_id: str | None = None,
) -> str:
    """Store a file and write the manual's record with `values`; return the record's id.

    Raises Refused with `blob_too_large`, `writer_not_allowed`, `value_invalid`, or as the store of files does; OSError
    when the file cannot be read.
    """
    sha256, size_bytes = _keep_file(engine, desk, organisation, path)
    manual_id = manual_id or new_id()
    named = {
        "file_sha256": sha256,
        "size_bytes": size_bytes,
        "media_type": MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream"),
    }
    given = {name: value for name, value in values.items() if value is not None}
    change = Change("manual", manual_id, "create", given | named, {})
    expect_taken_in(office.write(organisation, actor, "manual.file", [change]))
    return manual_id


def _keep_file(engine: Engine, desk: BlobDesk, organisation: str, path: Path) -> tuple[str, int]:
    with reading(engine) as connection:
        owner = Owner(organisation, read_organisation(connection, organisation).office_device)
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    sha256, size_bytes = digest.hexdigest(), path.stat().st_size
    begun = desk.create(owner, size_bytes, sha256)
    if not begun.is_finished:
        blocks = _blocks(path, begun.offset)
        desk.receive(owner, begun.upload, begun.offset, blocks, size_bytes - begun.offset)
    return sha256, size_bytes


def _blocks(path: Path, offset: int = 0) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(offset)
        while block := file.read(BLOCK_BYTES):
            yield block
