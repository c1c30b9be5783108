"""Rows of files and of uploads: which files are expected or verified, and what is on its way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Table, and_, bindparam, case, delete, func, insert, select, text, update

from server.store import bulk, json_text
from server.store.blob_files import Place
from server.store.tables import Blob, RecordRow, Upload

_BLOBS: Table = Blob.__table__
_UPLOADS: Table = Upload.__table__
_RECORDS: Table = RecordRow.__table__

HASHES_AT_ONCE: Final = 500
"""Hashes asked for in one statement; both databases take several thousand parameters at most."""

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
_COLUMNS = [column for column in _UPLOADS.c if column.name != "finished_at"]
_FIND = select(*_COLUMNS).where(_IS_AT, _UPLOADS.c.device == bindparam("device"))
_FIND_BEGUN = (
    select(*_COLUMNS)
    .where(
        _IS_ALIVE_OF,
        _UPLOADS.c.sha256 == bindparam("sha256"),
        _UPLOADS.c.size_bytes == bindparam("size_bytes"),
    )
    .order_by(_UPLOADS.c.upload)
)
_IS_OURS = _UPLOADS.c.device == bindparam("device")
_COUNT_UNFINISHED = select(
    func.count(case((_IS_OURS, 1))),
    func.coalesce(func.sum(case((_IS_OURS, _UPLOADS.c.size_bytes))), 0),
    func.count(),
    func.coalesce(func.sum(_UPLOADS.c.size_bytes), 0),
).where(
    _UPLOADS.c.organisation == bindparam("organisation"),
    _UPLOADS.c.finished_at.is_(None),
    _UPLOADS.c.expires_at > bindparam("now"),
    ~select(_BLOBS.c.sha256).where(_IS_VERIFIED).exists(),
)
_INSERT = insert(_UPLOADS)
_CLOSE = (
    update(_UPLOADS)
    .where(_IS_AT)
    .values(
        sha256=bindparam("found_sha256"),
        expires_at=bindparam("new_expires_at"),
        finished_at=bindparam("new_finished_at"),
    )
)
# One statement, so that an erasure that is committed meanwhile is not written over.
_VERIFY = text(
    "INSERT INTO blobs (organisation, sha256, state, size_bytes, verified_at, position)"
    " VALUES (:organisation, :sha256, 'verified', :size_bytes, :now, NULL)"
    " ON CONFLICT (organisation, sha256) DO UPDATE SET state = excluded.state, size_bytes = excluded.size_bytes,"
    " verified_at = excluded.verified_at, position = NULL WHERE blobs.state <> 'erased'"
)
_ERASED = select(_BLOBS.c.sha256, _BLOBS.c.position).where(
    _BLOBS.c.organisation == bindparam("organisation"),
    _BLOBS.c.state == "erased",
    _BLOBS.c.sha256.in_(bindparam("hashes", expanding=True)),
)
_ACTS_AT = select(_RECORDS.c.position, _RECORDS.c.body).where(
    _RECORDS.c.organisation == bindparam("organisation"),
    _RECORDS.c.kind == "erasure",
    _RECORDS.c.position.in_(bindparam("positions", expanding=True)),
)
_DELETE = delete(_UPLOADS).where(_IS_AT)
_LIST_EXPIRED = select(_UPLOADS.c.organisation, _UPLOADS.c.upload).where(_UPLOADS.c.expires_at <= bindparam("now"))
_IS_KNOWN = select(_UPLOADS.c.upload).where(_IS_AT)


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


@dataclass(frozen=True, slots=True)
class Unfinished:
    """Unfinished uploads and the bytes they announced: of a device, and of its organisation."""

    device_uploads: int
    device_bytes: int
    organisation_uploads: int
    organisation_bytes: int


def insert_upload(connection: Connection, row: UploadRow) -> None:
    """Store an upload that begins."""
    values = (row.organisation, row.upload, row.device, row.sha256, row.size_bytes, row.expires_at)
    connection.execute(_INSERT, dict(zip((column.name for column in _COLUMNS), values, strict=True)))


def find_upload(connection: Connection, place: Place, device: str) -> UploadRow | None:
    """Return an upload of a device, or None."""
    row = connection.execute(_FIND, {**_at(place), "device": device}).first()
    return UploadRow(*row) if row else None


def find_begun(connection: Connection, row: UploadRow, now: str) -> UploadRow | None:
    """Return an earlier upload of the same file by the same device that has not expired, or None."""
    wanted = {"organisation": row.organisation, "device": row.device, "now": now}
    found = connection.execute(_FIND_BEGUN, {**wanted, "sha256": row.sha256, "size_bytes": row.size_bytes}).first()
    return UploadRow(*found) if found else None


def count_unfinished(connection: Connection, organisation: str, device: str, now: str) -> Unfinished:
    """Return what has begun, not expired, and not come to a verified file."""
    wanted = {"organisation": organisation, "device": device, "now": now}
    return Unfinished(*map(int, connection.execute(_COUNT_UNFINISHED, wanted).one()))


def find_uploads_of(connection: Connection, organisation: str, hashes: Sequence[str]) -> list[tuple[str, Place]]:
    """Return (sha256, place) of the uploads that name one of the hashes."""
    rows = bulk.select_among(connection, _UPLOADS, ("sha256", "upload"), "sha256", organisation, hashes)
    return [(row.sha256, Place(organisation, row.upload)) for row in rows]


def find_verified(connection: Connection, organisation: str, hashes: Sequence[str]) -> dict[str, int]:
    """Return the sizes of those files that are verified, by hash."""
    columns = ("sha256", "state", "size_bytes")
    rows = bulk.select_among(connection, _BLOBS, columns, "sha256", organisation, hashes)
    return {row.sha256: row.size_bytes for row in rows if row.state == "verified"}


def find_acts(connection: Connection, organisation: str, hashes: Iterable[str]) -> dict[str, int]:
    """Return where the log has the act that erased a file, for those files that were erased, by hash."""
    wanted, found = sorted(hashes), dict[str, int]()
    for begin in range(0, len(wanted), HASHES_AT_ONCE):
        some = wanted[begin : begin + HASHES_AT_ONCE]
        rows = connection.execute(_ERASED, {"organisation": organisation, "hashes": some})
        found |= {row.sha256: row.position for row in rows}
    return found


def find_erased(connection: Connection, organisation: str, hashes: Iterable[str]) -> dict[str, str]:
    """Return when those files were erased that were, by hash, as their acts say."""
    found = find_acts(connection, organisation, hashes)
    positions, said = sorted(set(found.values())), dict[int, str]()
    for begin in range(0, len(positions), HASHES_AT_ONCE):
        some = positions[begin : begin + HASHES_AT_ONCE]
        acts = connection.execute(_ACTS_AT, {"organisation": organisation, "positions": some})
        said |= {act.position: json_text.load(act.body)["erased_at"] for act in acts}
    return {sha256: said.get(position, "") for sha256, position in found.items()}


def list_erased(connection: Connection) -> dict[str, list[str]]:
    """Return the files that were erased, of all organisations."""
    found: dict[str, list[str]] = {}
    statement = select(_BLOBS.c.organisation, _BLOBS.c.sha256).where(_BLOBS.c.state == "erased")
    for row in connection.execute(statement.order_by(_BLOBS.c.organisation, _BLOBS.c.sha256)):
        found.setdefault(row.organisation, []).append(row.sha256)
    return found


def mark_verified(connection: Connection, row: UploadRow, sha256: str, now: str, expires_at: str) -> bool:
    """Record that the file of an upload is there, and until when the upload itself is remembered.

    Returns False, and records nothing, when the file was erased.
    """
    file = {"organisation": row.organisation, "sha256": sha256, "size_bytes": row.size_bytes, "now": now}
    if not connection.execute(_VERIFY, file).rowcount:
        return False
    closed = {"found_sha256": sha256, "new_expires_at": expires_at, "new_finished_at": now}
    connection.execute(_CLOSE, {**_at(row.place), **closed})
    return True


def delete_upload(connection: Connection, place: Place) -> None:
    """Forget an upload; nothing happens when it is unknown."""
    connection.execute(_DELETE, _at(place))


def is_known(connection: Connection, place: Place) -> bool:
    """Return whether an upload is known, of whatever device."""
    return connection.execute(_IS_KNOWN, _at(place)).first() is not None


def list_expired(connection: Connection, now: str) -> list[Place]:
    """Return the uploads of all organisations whose time is over."""
    return [Place(*row) for row in connection.execute(_LIST_EXPIRED, {"now": now})]


def _at(place: Place) -> dict[str, str]:
    return {"at_organisation": place.organisation, "at_upload": place.upload}
