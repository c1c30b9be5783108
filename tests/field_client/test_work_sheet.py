"""The job sheet on the device: printed at once, told from what was changed since, bound to the log it had seen."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace

import pytest
import zxingcpp
from nacl.signing import SigningKey
from PIL import Image

from field_client import work
from field_client.store_feed import Feed
from field_client.work_checks import check
from field_client.work_parts import PartLabel, fit_part
from field_client.work_photos import photograph
from field_client.work_sheet import compose_draft, find_signed, label_change, print_sheet, read_sheet_state
from field_client.work_signature import sign, sign_without
from field_client.work_withdraw import withdraw
from printing.sheet_code import read_sheet_code
from schemas.problems import Refused
from sync.checkpoint import Checkpoint, write_checkpoint
from sync.session import PullSession, read_head, write_head
from tests.field_client.office import Office
from tests.field_client.scope import ORDER, ORGANISATION, Tablet
from tests.printing.test_job_sheet_form import flat, paint

STROKES = [[[0, 0, 0], [40, 12, 80], [90, 3, 160]], [[20, 30, 300]]]
OFFICE_KEY = SigningKey(bytes(range(32)))


@pytest.fixture
def started(tablet: Tablet) -> Tablet:
    """Wei's tablet, with his order begun."""
    work.start(tablet.bench, "GD-1")
    return tablet


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (800, 600), "teal").save(out, "JPEG")
    return out.getvalue()


def standing(tablet: Tablet) -> tuple[str, tuple[str, ...]]:
    found = read_sheet_state(tablet.bench, work.find_order(tablet.bench))
    return found.standing, found.changed


def sign_now(tablet: Tablet) -> None:
    sign(tablet.bench, tablet.files, STROKES, "陈主任", "设备科", diagnosis="轴承", result="solved")


def test_an_unsigned_order_has_a_draft_and_no_sheet(started: Tablet) -> None:
    draft = print_sheet(started.files, compose_draft(started.bench, diagnosis="轴承磨损"))

    assert "轴承磨损" in flat(draft) and "草稿" in flat(draft)
    assert standing(started) == ("unsigned", ())
    with pytest.raises(Refused, match="sheet_missing"):
        find_signed(started.bench)


def test_a_signed_sheet_is_printed_at_once_and_the_same_every_time(started: Tablet) -> None:
    check(started.bench, "level", "0.4")
    photograph(started.bench, started.files, picture(), "after", caption="换件后")
    sign_now(started)

    printed = print_sheet(started.files, find_signed(started.bench))

    assert printed == print_sheet(started.files, find_signed(started.bench, "GD-1"))
    said = flat(printed)
    assert all(text in said for text in ("GD-1", "华东医院", "魏工", "陈主任", "水平度", "换件后", "已解决 Solved"))
    assert "no preview" not in said
    (code,) = zxingcpp.read_barcodes(paint(printed))
    signed = find_signed(started.bench)
    read = read_sheet_code(code.text)
    assert (read.organisation, read.job_sheet) == (ORGANISATION, signed.job_sheet)
    assert read.sha256 == hashlib.sha256(signed.content.encode()).hexdigest()


def test_a_sheet_whose_files_are_elsewhere_is_not_printed_by_halves(started: Tablet) -> None:
    sign_now(started)
    (strokes,) = started.files.names()
    started.files.free(strokes)

    with pytest.raises(Refused, match="sheet_incomplete"):
        print_sheet(started.files, find_signed(started.bench))


def test_the_content_holds_all_that_printing_needs(started: Tablet, office: Office) -> None:
    content = json.loads(compose_draft(started.bench).content)

    assert content["organisation"] == ORGANISATION
    assert type(content["utc_offset_minutes"]) is int
    assert "checkpoint" not in content


def test_what_changes_a_signed_sheet_is_named(started: Tablet) -> None:
    check(started.bench, "level", "0.4")
    sign_now(started)
    assert standing(started) == ("signed", ())

    work.finish(started.bench, diagnosis="轴承", result="solved")
    assert standing(started) == ("signed", ())

    work.start(started.bench)
    work.finish(started.bench, diagnosis="电机", remedy="更换")
    assert standing(started) == ("changed", ("diagnosis", "remedy"))

    check(started.bench, "level", "0.6")
    fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="S-9"))
    assert standing(started) == ("changed", ("diagnosis", "remedy", "part_fitted", "check_result"))
    assert [label_change(name)[0] for name in standing(started)[1]] == ["故障原因", "处理措施", "装入备件", "检查结果"]


def test_a_fact_withdrawn_after_the_signature_is_a_change(started: Tablet) -> None:
    fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="S-9"))
    sign_now(started)
    assert standing(started) == ("signed", ())

    (fitted,) = started.store.find_by("part_fitted", "order_id", ORDER)
    withdraw(started.bench, "扫错了", fitted.id)

    assert standing(started) == ("changed", ("part_fitted",))


def test_a_further_signature_covers_what_was_changed(started: Tablet) -> None:
    sign_now(started)
    work.finish(started.bench, diagnosis="电机")

    sign(started.bench, started.files, STROKES, "陈主任", "设备科")

    assert standing(started) == ("signed", ())
    assert "电机" in flat(print_sheet(started.files, find_signed(started.bench)))


def test_names_put_right_at_the_office_change_nothing_that_was_signed(started: Tablet, office: Office) -> None:
    fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="S-9"))
    sign_now(started)
    started.push_to(office)
    for kind in ("supplier", "customer"):
        (name,) = [record_id for record_id, row in office.rows.items() if row.kind == kind]
        office.write(kind, name, {"name": "改名"})

    started.pull_from(office)

    assert standing(started) == ("signed", ())


@pytest.mark.parametrize("outcome", ["declined", "absent"])
def test_without_a_signature_nothing_can_differ_from_what_was_signed(started: Tablet, outcome: str) -> None:
    sign_without(started.bench, outcome, "已下班")

    work.finish(started.bench, diagnosis="电机")

    assert standing(started) == (outcome, ())
    assert "已下班" in flat(print_sheet(started.files, find_signed(started.bench)))


def meet_log(tablet: Tablet, office: Office, note: str | None) -> None:
    """Take in a page that brings a checkpoint."""
    office.write("work_order", ORDER, {"phone": str(office.position)})
    feed = Feed(tablet.store)
    session = PullSession(feed.cursor)
    head, *lines = office.page(session.next_query() or {})
    feed.stage(session, [write_head(replace(read_head(head), checkpoint=note)), *lines])


def sign_note(size: int, root: bytes, organisation: str = ORGANISATION, key: SigningKey = OFFICE_KEY) -> str:
    checkpoint = Checkpoint(organisation, size, root)
    return write_checkpoint(checkpoint, bytes(key.verify_key), lambda text: key.sign(text).signature)


@pytest.fixture
def knowing(started: Tablet) -> Tablet:
    """Wei's tablet, which knows the office's key."""
    started.store.remember(organisation=ORGANISATION, server_key=bytes(OFFICE_KEY.verify_key).hex())
    return started


def test_the_sheet_carries_the_newest_signed_checkpoint(knowing: Tablet, office: Office) -> None:
    note = sign_note(office.position + 1, bytes.fromhex("ab" * 32))

    meet_log(knowing, office, note)
    meet_log(knowing, office, None)
    sign_now(knowing)

    assert json.loads(find_signed(knowing.bench).content)["checkpoint"] == note
    (code,) = zxingcpp.read_barcodes(paint(print_sheet(knowing.files, find_signed(knowing.bench))))
    assert read_sheet_code(code.text).checkpoint == note


@pytest.mark.parametrize("fault", ["key", "root", "size", "organisation", "text"])
def test_a_checkpoint_that_is_not_the_offices_is_not_kept(knowing: Tablet, office: Office, fault: str) -> None:
    size, root = office.position + 1, bytes.fromhex("ab" * 32)
    note = {
        "key": sign_note(size, root, key=SigningKey(bytes(32))),
        "root": sign_note(size, bytes(32)),
        "size": sign_note(size + 1, root),
        "organisation": sign_note(size, root, organisation=ORDER),
        "text": "checkpoint",
    }[fault]

    meet_log(knowing, office, note)

    assert knowing.store.recall("checkpoint") is None
    assert knowing.store.recall("witness") == f"{size} {'ab' * 32}"
