"""Rows of files and of uploads: which files are expected or verified, and what is on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Table, and_, bindparam, delete, func, insert, select, update

from server.store import bulk
from server.store.blob_files import Place
from server.store.tables import Blob, Upload

_BLOBS: Table = Blob.__table__
_UPLOADS: Table = Upload.__table__

_IS_VERIFIED = and_(
    _BLOBS.c.organisation == _UPLOADS.c.organisation,
    _BLOBS.c.sha256 == _UPLOADS.c.sha256,
    _BLOBS.c.size_bytes == _UPLOADS.c.size_bytes,
    _BLOBS.c.state == "verified",
)


# Statements are made once: making one costs several times what the database takes to answer it.
_IS_AT = and_(_UPLOADS.c.organisation == bindparam("at_organisation"), _UPLOADS.c.upload == bindparam("at_upload"))
_IS_ALIVE_OF = and_(
    _UPLOADS.c.organisation == bindparam("organisation"),
    _UPLOADS.c.device == bindparam("device"),
    _UPLOADS.c.expires_at > bindparam("now"),
)
_FIND = select(_UPLOADS).where(_IS_AT, _UPLOADS.c.device == bindparam("device"))
_FIND_BEGUN = (
    select(_UPLOADS)
    .where(
        _IS_ALIVE_OF,
        _UPLOADS.c.sha256 == bindparam("sha256"),
        _UPLOADS.c.size_bytes == bindparam("size_bytes"),
    )
    .order_by(_UPLOADS.c.upload)
)
_COUNT_UNFINISHED = (
    select(func.count())
    .select_from(_UPLOADS)
    .where(_IS_ALIVE_OF, ~select(_BLOBS.c.sha256).where(_IS_VERIFIED).exists())
)
_INSERT = insert(_UPLOADS)
_CLOSE = update(_UPLOADS).where(_IS_AT).values(sha256=bindparam("found_sha256"), expires_at=bindparam("new_expires_at"))
_DELETE = delete(_UPLOADS).where(_IS_AT)
_LIST_EXPIRED = select(_UPLOADS.c.organisation, _UPLOADS.c.upload).where(_UPLOADS.c.expires_at <= bindparam("now"))


@dataclass(frozen=True, slots=True)
class UploadRow:
    """An upload as stored; `sha256` is the hash its bytes must have, or were found to have."""

    organisation: str
    upload: str
    device: str
    sha256: str | None
    size_bytes: int
    expires_at: str

    @property
    def place(self) -> Place:
        """Where its bytes are."""
        return Place(self.organisation, self.upload)


def insert_upload(connection: Connection, row: UploadRow) -> None:
    """Store an upload that begins."""
    values = (row.organisation, row.upload, row.device, row.sha256, row.size_bytes, row.expires_at)
    connection.execute(_INSERT, dict(zip(_UPLOADS.c.keys(), values, strict=True)))


def find_upload(connection: Connection, place: Place, device: str) -> UploadRow | None:
    """Return an upload of a device, or None."""
    row = connection.execute(_FIND, {**_at(place), "device": device}).first()
    return UploadRow(*row) if row else None


def find_begun(connection: Connection, row: UploadRow, now: str) -> UploadRow | None:
    """Return an earlier upload of the same file by the same device that has not expired, or None."""
    wanted = {"organisation": row.organisation, "device": row.device, "now": now}
    found = connection.execute(_FIND_BEGUN, {**wanted, "sha256": row.sha256, "size_bytes": row.size_bytes}).first()
    return UploadRow(*found) if found else None


def count_unfinished(connection: Connection, organisation: str, device: str, now: str) -> int:
    """Return how many uploads of a device have begun, not expired, and not come to a verified file."""
    wanted = {"organisation": organisation, "device": device, "now": now}
    return connection.execute(_COUNT_UNFINISHED, wanted).scalar_one()


def find_uploads_of(connection: Connection, organisation: str, hashes: Sequence[str]) -> list[tuple[str, Place]]:
    """Return (sha256, place) of the uploads that name one of the hashes."""
    rows = bulk.select_among(connection, _UPLOADS, ("sha256", "upload"), "sha256", organisation, hashes)
    return [(row.sha256, Place(organisation, row.upload)) for row in rows]


def find_verified(connection: Connection, organisation: str, hashes: Sequence[str]) -> dict[str, int]:
    """Return the sizes of those files that are verified, by hash."""
    columns = ("sha256", "state", "size_bytes")
    rows = bulk.select_among(connection, _BLOBS, columns, "sha256", organisation, hashes)
    return {row.sha256: row.size_bytes for row in rows if row.state == "verified"}


def mark_verified(connection: Connection, row: UploadRow, sha256: str, now: str, expires_at: str) -> None:
    """Record that the file of an upload is there, and until when the upload itself is remembered."""
    bulk.upsert(connection, _BLOBS, [(row.organisation, sha256, "verified", row.size_bytes, now, None)])
    connection.execute(_CLOSE, {**_at(row.place), "found_sha256": sha256, "new_expires_at": expires_at})


def delete_upload(connection: Connection, place: Place) -> None:
    """Forget an upload; nothing happens when it is unknown."""
    connection.execute(_DELETE, _at(place))


def list_expired(connection: Connection, now: str) -> list[Place]:
    """Return the uploads of all organisations whose time is over."""
    return [Place(*row) for row in connection.execute(_LIST_EXPIRED, {"now": now})]


def _at(place: Place) -> dict[str, str]:
    return {"at_organisation": place.organisation, "at_upload": place.upload}
