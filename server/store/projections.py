"""Read models written beside the records: catalogue, board, plans, requests, reviews, serials, files."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any, Final

from sqlalchemy import Connection, Table

from schemas import KINDS
from schemas.clocks import next_limit
from schemas.evidence import BLOB_FIELDS
from schemas.lifecycle import ENDED_STATES
from server.domain.catalogue import fold as fold_text
from server.domain.request_match import fold_email, fold_phone
from server.domain.times import spell
from server.domain.trace import comparable, fold
from server.store import catalogue, plan_rows, stock_rows
from server.store.bulk import delete_keys, select_among, upsert
from server.store.recall_tables import RecalledPartRow
from server.store.request_tables import RequestRow
from server.store.review_tables import InquiryRow, MachineSerial
from server.store.shown_rows import ShownRows
from server.store.stored_record import Record
from server.store.tables import Blob, BoardRow, ReviewRow, SignedOrder

Find = Callable[[str], Record | None]
Row = tuple[Any, ...]

_TABLES: Final[dict[str, Table]] = {
    "machines": MachineSerial.__table__,  # type: ignore[dict-item]
    "recalled": RecalledPartRow.__table__,  # type: ignore[dict-item]
    "requests": RequestRow.__table__,  # type: ignore[dict-item]
    "reviews": ReviewRow.__table__,  # type: ignore[dict-item]
    "inquiries": InquiryRow.__table__,  # type: ignore[dict-item]
    "signed": SignedOrder.__table__,  # type: ignore[dict-item]
    "blobs": Blob.__table__,  # type: ignore[dict-item]
}

_BOARD: Final[Table] = BoardRow.__table__  # type: ignore[assignment]

_FILE_FIELDS: Final = {
    name: tuple(field for field in BLOB_FIELDS if field in kind.fields) for name, kind in KINDS.items()
}
"""The fields of each kind that name files; another kind's field of the same name is any unknown value."""


_SEARCHED: Final = ("number", "contact", "phone", "customer_name", "machine_name", "site_address")
WORDS_MOST: Final = 400


def write(connection: Connection, organisation: str, records: Iterable[Record], find: Find) -> None:
    """Write the read models of the records that a transaction changed."""
    records = list(records)
    plan_rows.write(connection, organisation, records)
    catalogue.write(connection, organisation, records)
    stock_rows.write(connection, organisation, records)
    rows: dict[str, list[Row]] = {name: [] for name in _TABLES}
    board, deleted_machines = ShownRows(_BOARD), []
    for record in records:
        if record.kind == "work_order":
            shown = {} if record.deleted else {"": _board_row(organisation, record)}
            board.show(record, {"": (organisation, record.id)}, shown)
        elif record.kind == "machine" and record.deleted:
            deleted_machines.append((organisation, record.id))
        else:
            for name, row in _rows_of(organisation, record, find):
                rows[name].append(row)
        for name in _FILE_FIELDS.get(record.kind, ()):
            if sha256 := record.body.get(name):
                size_bytes = record.body.get("size_bytes") if name == "original_sha256" else None
                rows["blobs"].append((organisation, sha256, "expected", size_bytes, None, record.position))
    # What is named and struck out by one commit is struck out, whichever record was read first.
    recalled = sorted(rows["recalled"], key=lambda row: row[-1] is not None)
    rows["recalled"] = list({row[:2]: row for row in recalled}.values())
    rows["signed"] = _newest_signed(connection, organisation, rows["signed"], records)
    rows["blobs"] = list({row[:2]: row for row in rows["blobs"]}.values())
    for name, table in _TABLES.items():
        upsert(connection, table, rows[name], update=name != "blobs")
    erased = {
        sha256: (organisation, sha256, "erased", None, None, record.position)
        for record in sorted(records, key=lambda record: record.position)
        if record.kind == "erasure"
        for sha256 in record.body.get("files") or ()
    }
    upsert(connection, _TABLES["blobs"], list(erased.values()))
    board.write(connection)
    delete_keys(connection, _TABLES["machines"], deleted_machines)


def _rows_of(organisation: str, record: Record, find: Find) -> Iterator[tuple[str, Row]]:
    """Yield the rows of a record that exists, each with the name of its table."""
    body = record.body
    if record.kind == "machine":
        owner = (body.get("customer_id"), body.get("site_id"))
        use = (body.get("accepted_on"), body.get("state") == "retired")
        yield (
            "machines",
            (organisation, record.id, fold(body["serial"]), body["model_id"], *owner, body["serial"], *use),
        )
    elif record.kind == "recalled_part":
        yield "recalled", _recalled_row(organisation, record, None, find)
    elif record.kind == "recall_correction":
        if named := find(body["named_id"]):
            yield "recalled", _recalled_row(organisation, named, record.position, find)
    elif record.kind == "request":
        yield "requests", _request_row(organisation, record)
    elif record.kind in ("conflict", "exception"):
        yield "reviews", _review_row(organisation, record)
    elif record.kind == "inquiry":
        yield "inquiries", (organisation, record.id, body["review_id"], body["person_id"], body["state"])
    elif record.kind == "signature" and body["outcome"] == "signed":
        yield "signed", (organisation, body["order_id"], record.id, record.stamps[""][0])


def _newest_signed(
    connection: Connection, organisation: str, rows: Iterable[Row], records: Iterable[Record]
) -> list[Row]:
    """Return of each order the newest signature: an older one of which something was erased is none."""
    rows, known = sorted(rows, key=itemgetter(3)), {}
    if any(record.kind == "signature" and record.position != record.stamps[""][0] for record in records):
        columns, orders = ("order", "position"), {row[1] for row in rows}
        known = dict(map(tuple, select_among(connection, _TABLES["signed"], columns, "order", organisation, orders)))
    return list({row[:2]: row for row in rows if row[3] >= known.get(row[1], 0)}.values())


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
        *_next_clock(body),
        words_of_order(body),
        body.get("recall_id"),
    )


def _recalled_row(organisation: str, named: Record, corrected: int | None, find: Find) -> Row:
    body = named.body
    part = find(body["part_id"])
    gtin = part.body.get("gtin") if part else None
    return (organisation, named.id, body["recall_id"], body["part_id"], gtin, named.position, corrected)


def _next_clock(body: Mapping[str, Any]) -> tuple[str | None, str | None, str | None]:
    if body["status"] in ENDED_STATES:
        return None, None, None
    limit = next_limit(body)
    due_at = spell(datetime.fromisoformat(limit.due_at)) if limit else None
    return limit.clock if limit else None, due_at, body.get("paused_by")


def words_of_order(body: Mapping[str, Any]) -> str:
    """Return by what an order is found beside its customer, machine and engineer, folded."""
    said = " ".join(str(body[name]) for name in _SEARCHED if body.get(name))
    return "".join(fold_text(said).split("\0"))[:WORDS_MOST]


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
    case = body.get("order_id") or body["subject_id"]
    key = (organisation, record.id, record.kind, body["state"], body["subject_id"], what, opened, case)
    return (*key, record.position, body.get("later_until"), body.get("later_person"), body.get("later_at"))
