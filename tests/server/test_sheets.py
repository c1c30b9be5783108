"""The office prints the sheet that the device printed, byte for byte, and tells a true code from a false one."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from printing.job_sheet_form import print_job_sheet
from printing.sheet_code import SheetCode, spell_sheet_code
from schemas.problems import Refused
from server.keys import OfficeKey, new_id
from server.services import devices, sheets
from server.services.blobs import BlobDesk, Owner
from server.services.sheets import CheckedCode
from server.settings import read_settings
from server.store.database import reading, writing
from server.store.file_storage import open_files
from sync.checkpoint import write_checkpoint
from tests.printing.sheets import FILES, STROKES_NAME, compose, sign
from tests.server.builders import Firm, create


@pytest.fixture
def blobs(engine: Engine, tmp_path: Path) -> BlobDesk:
    """Where files are taken in."""
    return BlobDesk(engine, open_files(read_settings({"GONGDAN_DATA": str(tmp_path)})), 1_000_000, 24)


def bring(firm: Firm, blobs: BlobDesk, *names: str) -> None:
    """Upload files as Wei's device does."""
    for name in names:
        owner = Owner(firm.id, firm.wei.id)
        upload = blobs.create(owner, len(FILES[name]), name).upload
        blobs.receive(owner, upload, 0, [FILES[name]], len(FILES[name]))


def hand_in(firm: Firm, content: str, **more: object) -> str:
    """Hand in a sheet and the signature under it as Wei's device; return the sheet's id."""
    sheet, digest = new_id(), hashlib.sha256(content.encode()).hexdigest()
    signature = {key: value for key, value in (sign(content).signature or {}).items() if value is not None}
    bound = {"order_id": firm.order, "job_sheet_id": sheet}
    answer = firm.send(
        firm.wei,
        create("job_sheet", sheet, order_id=firm.order, content=content, content_sha256=digest),
        create("signature", new_id(), **(signature | bound | more)),
    )
    assert answer.verdict == "applied", answer
    return sheet


def checkpoint_of(firm: Firm, key: OfficeKey) -> str:
    """Return the log as it stands, signed."""
    with reading(firm.engine) as connection:
        found = devices.read_checkpoint(connection, firm.id)
    return write_checkpoint(found, bytes.fromhex(key.public_key), key.sign)


def test_the_office_prints_the_devices_bytes_once_all_files_are_there(firm: Firm, blobs: BlobDesk) -> None:
    content = compose(organisation=firm.id)
    sheet = hand_in(firm, content)
    there, *coming = FILES
    bring(firm, blobs, there)
    with pytest.raises(Refused, match="sheet_incomplete") as refusal:
        sheets.print_sheet(blobs, firm.id, firm.order)
    assert refusal.value.fault.facts == {"count": 1}

    bring(firm, blobs, *coming)

    on_device = print_job_sheet(replace(sign(content), job_sheet=sheet), FILES)
    assert sheets.print_sheet(blobs, firm.id, firm.company.number).pdf == on_device
    assert sheets.print_sheet(blobs, firm.id, firm.order).number == firm.company.number


def test_the_newest_signature_is_the_one_printed(firm: Firm, blobs: BlobDesk) -> None:
    bring(firm, blobs, *FILES)
    hand_in(firm, compose(organisation=firm.id), outcome="declined", reason="有异议")
    sheet = hand_in(firm, content := compose(organisation=firm.id, engineer="魏工二"))

    printed = sheets.print_sheet(blobs, firm.id, firm.order)

    assert printed.pdf == print_job_sheet(replace(sign(content), job_sheet=sheet), FILES)


def test_an_order_without_a_sheet_has_none(firm: Firm, blobs: BlobDesk) -> None:
    with pytest.raises(Refused, match="sheet_missing"):
        sheets.print_sheet(blobs, firm.id, firm.order)
    with pytest.raises(Refused, match="not_found"):
        sheets.print_sheet(blobs, firm.id, "GD-0")


def test_content_that_is_no_sheet_is_told(firm: Firm, blobs: BlobDesk) -> None:
    hand_in(firm, "no sheet", strokes_sha256=STROKES_NAME)

    with pytest.raises(Refused, match="sheet_unreadable"):
        sheets.print_sheet(blobs, firm.id, firm.order)


def test_a_true_code_holds_however_far_the_log_has_grown(firm: Firm, office_key: OfficeKey) -> None:
    note = checkpoint_of(firm, office_key)
    content = compose(organisation=firm.id, checkpoint=note)
    sheet = hand_in(firm, content)
    position = len(firm.log())
    firm.add_order()

    found = sheets.check_code(firm.engine, office_key, firm.id, code_of(firm, content, sheet, note))

    assert found.holds and found.seen == "holds"
    assert (found.number, found.position, found.size) == (firm.company.number, position, position - 1)
    assert found.signature is not None and found.signature["signer_name"] == "陈主任"


def code_of(firm: Firm, content: str, sheet: str, note: str) -> str:
    return spell_sheet_code(SheetCode(firm.id, sheet, hashlib.sha256(content.encode()).hexdigest(), note))


def test_a_false_code_is_told_from_a_true_one(firm: Firm, office_key: OfficeKey) -> None:
    note = checkpoint_of(firm, office_key)
    content = compose(organisation=firm.id, checkpoint=note)
    sheet = hand_in(firm, content)
    later = checkpoint_of(firm, office_key)

    def check(text: str) -> CheckedCode:
        return sheets.check_code(firm.engine, office_key, firm.id, text)

    altered = check(code_of(firm, content + " ", sheet, note))
    elsewhere = check(code_of(firm, content, new_id(), note))
    unsigned = check(code_of(firm, content, sheet, note.replace("\n\n— ", "\n\n— x", 1)))
    antedated = check(code_of(firm, content, sheet, later))
    another = sheets.check_code(firm.engine, office_key, new_id(), code_of(firm, content, sheet, ""))

    assert (altered.is_known, elsewhere.is_known, another.is_known) == (False, False, False)
    assert (unsigned.is_known, unsigned.seen) == (True, "not_signed")
    assert (antedated.is_known, antedated.seen, antedated.position <= antedated.size) == (True, "holds", True)
    assert not any(found.holds for found in (altered, elsewhere, unsigned, antedated, another))
    assert check(code_of(firm, content, sheet, "")).holds


def test_a_code_shows_that_the_log_was_altered_or_cut(firm: Firm, office_key: OfficeKey) -> None:
    note = checkpoint_of(firm, office_key)
    content = compose(organisation=firm.id, checkpoint=note)
    code = code_of(firm, content, hand_in(firm, content), note)

    with writing(firm.engine) as connection:
        table, where = "UPDATE log SET receipt = receipt || ' '", "organisation = :o AND position = 2"
        connection.execute(text(f"{table} WHERE {where}"), {"o": firm.id})

    found = sheets.check_code(firm.engine, office_key, firm.id, code)

    assert found.seen == "not_in_log" and not found.holds
