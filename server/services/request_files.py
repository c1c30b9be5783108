"""Files that customers send: stored before any record names them, and what of them is taken."""

from __future__ import annotations

import hashlib
from typing import Final

from sqlalchemy import Engine

from schemas.evidence import is_heic
from schemas.problems import Refused
from server.services.blobs import BlobDesk, Owner, media_type_of
from server.services.requests import NewNote
from server.store.database import reading
from server.store.devices import read_organisation

PHOTO_BYTES_MAX: Final = 12 * 1024 * 1024
"""A telephone's photo has 3 to 8 MB."""

PHOTOS_MAX: Final = 5
"""With one report; more can be added afterwards."""

PHOTO_TYPES: Final = ("image/jpeg", "image/png", "image/webp")


def keep_bytes(engine: Engine, desk: BlobDesk, organisation: str, data: bytes) -> str:
    """Store a file in the office's name and return its SHA-256. Raises Refused as the store of files does."""
    with reading(engine) as connection:
        owner = Owner(organisation, read_organisation(connection, organisation).office_device)
    sha256 = hashlib.sha256(data).hexdigest()
    begun = desk.create(owner, len(data), sha256)
    if not begun.is_finished:
        desk.receive(owner, begun.upload, begun.offset, [data[begun.offset :]], len(data) - begun.offset)
    return sha256


def keep_photo(engine: Engine, desk: BlobDesk, organisation: str, name: str, data: bytes) -> NewNote:
    """Store a photo that somebody sent without signing in. Raises Refused with `file_not_accepted` or `photo_heic`.

    It is judged by its bytes: a browser says of a file's type what its name does.
    """
    kind = media_type_of(data[:12])
    shown = "".join(sign for sign in name.replace("\\", "/").rpartition("/")[2] if sign.isprintable())[-100:]
    if is_heic(data[:12]):
        raise Refused("photo_heic")
    if kind not in PHOTO_TYPES or len(data) > PHOTO_BYTES_MAX:
        raise Refused("file_not_accepted", name=shown, limit=PHOTO_BYTES_MAX // (1024 * 1024))
    sha256 = keep_bytes(engine, desk, organisation, data)
    return NewNote(file_sha256=sha256, file_name=shown or "photo", media_type=kind, size_bytes=len(data))
