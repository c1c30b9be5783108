"""Read models written beside the records: catalogue, board, plans, requests, reviews, files, trace, signatures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Table

from schemas import KINDS
from schemas.evidence import BLOB_FIELDS
from server.domain.request_match import fold_email, fold_phone
from server.domain.trace import comparable, fold
from server.store import catalogue, plan_rows
from server.store.bulk import delete_keys, upsert
from server.store.request_tables import RequestRow
from server.store.stored_record import Record
from server.store.tables import Blob, BoardRow, ReviewRow, SignedOrder, TraceFact

Find = Callable[[str], Record | None]
Row = tuple[Any, ...]

_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]
_REVIEWS: Table = ReviewRow.__table__  # type: ignore[assignment]
_SIGNED: Table = SignedOrder.__table__  # type: ignore[assignment]
_TRACE: Table = TraceFact.__table__  # type: ignore[assignment]
_BLOBS: Table = Blob.__table__  # type: ignore[assignment]
_REQUESTS: Table = RequestRow.__table__  # type: ignore[assignment]

_FILE_FIELDS: Final = {
    name: tuple(field for field in BLOB_FIELDS if field in kind.fields) for name, kind in KINDS.items()
}
"""The fields of each kind that name files; another kind's field of the same name is any unknown value."""


def write(connection: Connection, organisation: str, records: Iterable[Record], find: Find) -> None:
    """Write the read models of the records that a transaction changed."""
    records = list(records)
    plan_rows.write(connection, organisation, records)
    catalogue.write(connection, organisation, records)
    rows: dict[str, list[Row]] = {"board": [], "reviews": [], "signed": [], "trace": [], "blobs": [], "requests": []}
    deleted: list[Row] = []
    for record in records:
        if record.kind == "work_order":
            if record.deleted:
                deleted.append((organisation, record.id))
            else:
                rows["board"].append(_board_row(organisation, record))
        elif record.kind == "request":
            rows["requests"].append(_request_row(organisation, record))
        elif record.kind in ("conflict", "exception"):
            rows["reviews"].append(_review_row(organisation, record))
        elif record.kind == "signature" and record.body["outcome"] == "signed":
            rows["signed"].append((organisation, record.body["order_id"], record.id, record.position))
        elif record.kind in ("part_fitted", "part_removed"):
            rows["trace"].append(_trace_row(organisation, record, find))
        elif record.kind == "withdrawal" and record.body["subject_kind"] in ("part_fitted", "part_removed"):
            rows["trace"].append(_struck_row(organisation, record, find))
        for name in _FILE_FIELDS.get(record.kind, ()):
            if sha256 := record.body.get(name):
                size_bytes = record.body.get("size_bytes") if name == "original_sha256" else None
                rows["blobs"].append((organisation, sha256, "expected", size_bytes, None, record.position))
    upsert(connection, _BOARD, rows["board"])
    upsert(connection, _REVIEWS, rows["reviews"])
    upsert(connection, _REQUESTS, rows["requests"])
    upsert(connection, _SIGNED, list({row[:2]: row for row in rows["signed"]}.values()))
    upsert(connection, _TRACE, rows["trace"])
    upsert(connection, _BLOBS, list({row[:2]: row for row in rows["blobs"]}.values()), update=False)
    delete_keys(connection, _BOARD, deleted)


def identify(body: Mapping[str, Any], find: Find) -> tuple[str, str | None]:
    """Return what identifies a part: its GTIN or its maker's name, and its serial number, byte by byte."""
    part = find(body["part_id"]) if body.get("part_id") else None
    catalogue = part.body if part else {}
    maker = body.get("gtin") or catalogue.get("gtin") or catalogue.get("manufacturer") or ""
    return maker, body.get("serial")


def _trace_row(organisation: str, record: Record, find: Find) -> Row:
    body = record.body
    maker, serial = identify(body, find)
    batch = body.get("batch")
    if batch is None and body.get("batch_id"):
        known = find(body["batch_id"])
        batch = known.body.get("number") if known else None
    fitted = record.kind == "part_fitted"
    return (
        organisation,
        record.id,
        "fitted" if fitted else "removed",
        maker,
        serial,
        fold(serial) if serial else None,
        fold(batch) if batch else None,
        body["machine_id"],
        body["order_id"],
        body["fitted_at"] if fitted else body["removed_at"],
        record.position,
        body.get("replaces_id"),
    )


def _struck_row(organisation: str, record: Record, find: Find) -> Row:
    """Return the row of a withdrawal: found by what its subject is found by."""
    subject = find(record.body["subject_id"])
    assert subject is not None, "only a fact that is there is withdrawn"
    of_subject = _trace_row(organisation, subject, find)[3:9]
    at, position = record.body["withdrawn_at"], record.position
    return (organisation, record.id, "struck", *of_subject, at, position, subject.id)


def _board_row(organisation: str, record: Record) -> Row:
    body = record.body
    return (
        organisation,
        record.id,
        body["number"],
        body["status"],
        body["grade"],
        body.get("engineer_id"),
        body.get("customer_id"),
        body.get("machine_id"),
        body.get("solved_due_at") or body.get("appointment_at"),
    )


def _request_row(organisation: str, record: Record) -> Row:
    body = record.body
    serial = body.get("machine_serial")
    return (
        organisation,
        record.id,
        body["number"],
        body["state"],
        body.get("grade"),
        body["channel"],
        body.get("customer_id"),
        body.get("machine_id"),
        body.get("order_id"),
        fold(serial) if serial else None,
        fold_phone(body["phone"]) if body.get("phone") else None,
        fold_email(body["email"]) if body.get("email") else None,
        comparable(body["reported_at"]),
        record.stamps[""][0],
    )


def _review_row(organisation: str, record: Record) -> Row:
    body = record.body
    opened = record.stamps[""][0]
    what = body["field"] if record.kind == "conflict" else body["code"]
    return (organisation, record.id, record.kind, body["state"], body["subject_id"], what, opened)
