"""Job sheets at the office: printed again as the device printed them, and checked by the code on the paper."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import Any, Literal

from sqlalchemy import Connection, Engine

from printing.job_sheet_form import FILE_BYTES_MAX, SignedSheet, files_of, print_job_sheet
from printing.sheet_code import SheetCode, read_sheet_code
from schemas.problems import Refused
from server.keys import OfficeKey, verify_signature
from server.services.blobs import BlobDesk
from server.services.devices import read_checkpoint
from server.services.log_tree import root_at
from server.services.orders_read import find_order
from server.store import board, records
from server.store.blobs import find_erased
from server.store.database import reading
from sync.checkpoint import read_checkpoint as read_note
from sync.openings import is_stand_in

Seen = Literal["none", "holds", "not_signed", "not_in_log"]
"""What is to be said of a code's checkpoint: it has none, the log holds it, we did not sign it, our log is another."""


@dataclass(frozen=True, slots=True)
class PrintedSheet:
    """A job sheet as PDF, and the number of its order."""

    number: str
    pdf: bytes


@dataclass(frozen=True, slots=True)
class CheckedCode:
    """What the log says of a code on paper.

    `is_known` tells whether the log holds a sheet with this hash, its content unaltered; the rest describes it.
    `position` is where it stands in the log, which is behind the checkpoint it names.
    """

    is_known: bool
    seen: Seen
    size: int
    number: str = ""
    position: int = 0
    signature: dict[str, Any] | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the paper."""
        return self.is_known and self.seen in ("none", "holds") and self.position > self.size


def find_signed(connection: Connection, organisation: str, order: str) -> tuple[str, SignedSheet]:
    """Return the number of an order, by id or number, and its job sheet under the newest signature.

    Raises Refused with `not_found`, `sheet_missing` or `sheet_erased`.
    """
    order_id, values = find_order(connection, organisation, order)
    number = values["number"]
    signature = board.find_newest_follower(connection, organisation, order_id, "signature")
    sheet_id = signature["job_sheet_id"] if signature else ""
    found = records.body_of(connection, organisation, sheet_id)
    if signature is None or found is None or found[0] != "job_sheet":
        raise Refused("sheet_missing", order=number)
    if is_stand_in(found[1]["content"]):
        raise Refused("sheet_erased", order=number)
    return number, SignedSheet(found[1]["content"], sheet_id, signature)


def print_sheet(blobs: BlobDesk, organisation: str, order: str) -> PrintedSheet:
    """Return the signed job sheet of an order as PDF, the same bytes as on the device that took the signature.

    Raises Refused with `not_found`, `sheet_missing`, `sheet_erased`, `sheet_unreadable`, or `sheet_incomplete` while
    a file that it shows has not come: without it the bytes would be others.
    """
    with reading(blobs.engine) as connection:
        number, sheet = find_signed(connection, organisation, order)
        sheet = replace(sheet, erased=find_erased(connection, organisation, files_of(sheet)))
    names = set(files_of(sheet))
    files = {name: data for name in names if (data := _read(blobs, organisation, name)) is not None}
    if len(files) < len(names):
        raise Refused("sheet_incomplete", count=len(names) - len(files))
    return PrintedSheet(number, print_job_sheet(sheet, files))


def check_code(engine: Engine, key: OfficeKey, organisation: str, text: str) -> CheckedCode:
    """Check the text of a code on paper against the log. Raises Refused with `code_invalid`."""
    code = read_sheet_code(text)
    with reading(engine) as connection:
        seen, size = _check_checkpoint(connection, key, organisation, code)
        found = records.body_of(connection, organisation, code.job_sheet)
        if code.organisation != organisation or not _is_as_signed(found, code):
            return CheckedCode(False, seen, size)
        assert found is not None
        order = records.body_of(connection, organisation, found[1]["order_id"])
        signatures = board.list_followers_of_kind(connection, organisation, found[1]["order_id"], "signature")
        said = [signature for signature in signatures if signature["job_sheet_id"] == code.job_sheet]
        position = records.position_of(connection, organisation, code.job_sheet)
    number = order[1]["number"] if order else ""
    return CheckedCode(True, seen, size, number, position, said[-1] if said else None)


def _check_checkpoint(connection: Connection, key: OfficeKey, organisation: str, code: SheetCode) -> tuple[Seen, int]:
    if not code.checkpoint:
        return "none", 0
    note = read_note(code.checkpoint, organisation, bytes.fromhex(key.public_key), verify_signature)
    if note is None:
        return "not_signed", 0
    standing = read_checkpoint(connection, organisation)
    if note.size > standing.size or root_at(connection, organisation, note.size) != note.root:
        return "not_in_log", note.size
    return "holds", note.size


def _is_as_signed(found: tuple[str, dict[str, Any]] | None, code: SheetCode) -> bool:
    if found is None or found[0] != "job_sheet":
        return False
    content = found[1]["content"]
    if is_stand_in(content):
        # What it said was erased; which hash it had was signed.
        return bool(found[1]["content_sha256"] == code.sha256)
    return hashlib.sha256(content.encode("utf-8")).hexdigest() == code.sha256


def _read(blobs: BlobDesk, organisation: str, name: str) -> bytes | None:
    """Return a file, of one too large to be shown only as much as tells that; None when it has not come."""
    try:
        found = blobs.open(organisation, name)
    except Refused as refused:
        if refused.code not in ("blob_unknown", "file_erased"):
            raise
        return None
    with found.file as file:
        return file.read(FILE_BYTES_MAX + 1)
