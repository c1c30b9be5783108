"""Rows of files and of uploads: which files are expected or verified, and what is on its way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, func, insert, select, update

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
    connection.execute(insert(_UPLOADS), dict(zip(_UPLOADS.c.keys(), values, strict=True)))


def find_upload(connection: Connection, place: Place, device: str) -> UploadRow | None:
    """Return an upload of a device, or None."""
    row = connection.execute(select(_UPLOADS).where(_is_at(place), _UPLOADS.c.device == device)).first()
    return UploadRow(*row) if row else None


def find_begun(connection: Connection, row: UploadRow, now: str) -> UploadRow | None:
    """Return an earlier upload of the same file by the same device that has not expired, or None."""
    where = (
        _UPLOADS.c.organisation == row.organisation,
        _UPLOADS.c.device == row.device,
        _UPLOADS.c.sha256 == row.sha256,
        _UPLOADS.c.size_bytes == row.size_bytes,
        _UPLOADS.c.expires_at > now,
    )
    found = connection.execute(select(_UPLOADS).where(*where).order_by(_UPLOADS.c.upload)).first()
    return UploadRow(*found) if found else None


def count_unfinished(connection: Connection, organisation: str, device: str, now: str) -> int:
    """Return how many uploads of a device have begun, not expired, and not come to a verified file."""
    where = (_UPLOADS.c.organisation == organisation, _UPLOADS.c.device == device, _UPLOADS.c.expires_at > now)
    unverified = ~select(_BLOBS.c.sha256).where(_IS_VERIFIED).exists()
    return connection.execute(select(func.count()).select_from(_UPLOADS).where(*where, unverified)).scalar_one()


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
    bulk.upsert(connection, _BLOBS, [(row.organisation, sha256, "verified", row.size_bytes, now)])
    values = {"sha256": sha256, "expires_at": expires_at}
    connection.execute(update(_UPLOADS).where(_is_at(row.place)).values(values))


def delete_upload(connection: Connection, place: Place) -> None:
    """Forget an upload; nothing happens when it is unknown."""
    connection.execute(delete(_UPLOADS).where(_is_at(place)))


def list_expired(connection: Connection, now: str) -> list[Place]:
    """Return the uploads of all organisations whose time is over."""
    columns = (_UPLOADS.c.organisation, _UPLOADS.c.upload)
    return [Place(*row) for row in connection.execute(select(*columns).where(_UPLOADS.c.expires_at <= now))]


def _is_at(place: Place) -> ColumnElement[bool]:
    return and_(_UPLOADS.c.organisation == place.organisation, _UPLOADS.c.upload == place.upload)
