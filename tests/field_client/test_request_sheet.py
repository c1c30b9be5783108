"""What a customer told and sent before the visit is with the engineer, who has no network."""

from __future__ import annotations

import hashlib

import pytest

from field_client.work_manuals import list_wanted_files
from field_client.work_request import find_note, list_requests
from schemas.problems import Refused
from tests.field_client.office import Office
from tests.field_client.scope import ORDER, Tablet, uuid

PHOTO = b"\xff\xd8\xffphoto"
NAME = hashlib.sha256(PHOTO).hexdigest()
AT = "2026-11-20T02:00:00Z"


def tell(office: Office) -> None:
    """Let a customer's request become the order, with a photo, a word, and a word that was set aside."""
    told = {"number": "RQ260001", "state": "ordered", "channel": "qr", "reported_at": AT, "order_id": ORDER}
    office.write("request", uuid(800), told | {"symptom": "异响", "special_needs": "请带防护服"})
    note = {"request_id": uuid(800), "order_id": ORDER, "author": "customer", "added_at": AT}
    photo = {"file_sha256": NAME, "file_name": "故障.jpg", "media_type": "image/jpeg", "size_bytes": len(PHOTO)}
    office.write("request_note", uuid(801), note | photo)
    office.write("request_note", uuid(802), note | {"words": "还在响"})
    office.write("request_note", uuid(803), note | {"words": "别人的照片", "set_aside_reason": "不是这台设备"})


def test_the_sheet_and_its_files_come_with_the_order(tablet: Tablet, office: Office) -> None:
    tell(office)
    tablet.pull_from(office)

    wanted = [file.sha256 for file in list_wanted_files(tablet.store)]
    (sheet,) = list_requests(tablet.bench, tablet.files, ORDER)

    assert NAME in wanted
    assert sheet.values["special_needs"] == "请带防护服"
    assert [(note.values.get("file_name"), note.values.get("words"), note.is_here) for note in sheet.notes] == [
        *(("故障.jpg", None, False), (None, "还在响", False)),
    ]
    assert find_note(tablet.bench, uuid(801))["file_sha256"] == NAME
    for nothing in (uuid(802), ORDER, uuid(999)):
        with pytest.raises(Refused):
            find_note(tablet.bench, nothing)
