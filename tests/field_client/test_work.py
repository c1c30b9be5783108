"""The engineer's use cases, offline."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

import pytest
from PIL import Image

from field_client import work
from field_client.work_checks import check, skip
from field_client.work_create import create_order
from field_client.work_page import read_page, read_status
from field_client.work_parts import PartLabel, RemovedPart, fit_part
from field_client.work_photos import photograph
from field_client.work_scan import open_scanned, read_part_label
from field_client.work_signature import sign, sign_without
from scanning.scan import parse_typed
from schemas.problems import Refused
from sync import chain, openings
from sync.changeset import ChangeSet
from tests.field_client.office import Office
from tests.field_client.scope import (
    BATCH,
    CHECKLIST,
    CUSTOMER,
    ITEMS,
    MACHINE,
    MODEL,
    ORDER,
    ORDER_VALUES,
    OTHER_ORDER,
    PART,
    RECALLED,
    SITE,
    SUPPLIER,
    WEI,
    Tablet,
    uuid,
)

STROKES = [[[10, 20, 0], [12, 25, 16]], [[30, 30, 200]]]


@pytest.fixture
def started(tablet: Tablet) -> Tablet:
    """Wei's tablet with work begun on his order."""
    work.start(tablet.bench, "GD-1")
    return tablet


def last_set(tablet: Tablet) -> ChangeSet:
    *_, last = tablet.outbox.waiting()
    return openings.read(chain.Sealed(last.line))


def codes_of(done: Any) -> set[str]:
    return {notice.code for notice in done.notices}


def picture(**save: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (800, 600), "teal").save(out, "JPEG", **save)
    return out.getvalue()


def test_a_label_opens_the_order_of_its_machine(tablet: Tablet) -> None:
    scans = [parse_typed("https://id.example/01/06901234567892/21/HA0001", 2026)]

    opened = open_scanned(tablet.bench, scans)

    assert (opened.machine.id, opened.current) == (MACHINE, ORDER)
    assert work.find_order(tablet.bench).id == ORDER


def test_an_unknown_label_is_said(tablet: Tablet) -> None:
    with pytest.raises(Refused, match="machine_unknown"):
        open_scanned(tablet.bench, [parse_typed("HA4711", 2026)])
    with pytest.raises(Refused, match="order_not_open"):
        work.find_order(tablet.bench)


def test_of_several_orders_none_is_opened_silently(tablet: Tablet, office: Office) -> None:
    office.write("work_order", OTHER_ORDER, ORDER_VALUES | {"number": "GD-2"})
    tablet.pull_from(office)

    opened = work.open_machine(tablet.bench, "HA0001")

    assert opened.current is None
    assert {line.number for line in opened.orders} == {"GD-1", "GD-2"}


def test_start_notes_arrival_and_start_and_may_put_the_grade_right(tablet: Tablet) -> None:
    done = work.start(tablet.bench, "GD-1", grade="urgent")

    values = tablet.store.values_of(ORDER)
    assert values["status"] == "in_progress"
    assert values["arrived_at"] == values["started_at"]
    assert codes_of(done) == {"grade_changed"}
    (change,) = last_set(tablet).changes
    assert change.was == {"status": "assigned", "arrived_at": None, "started_at": None, "grade": "important"}
    assert last_set(tablet).intent == "order.start"


def test_the_life_cycle_is_kept(tablet: Tablet, office: Office) -> None:
    with pytest.raises(Refused, match="move_not_allowed"):
        work.finish(tablet.bench, "GD-1")
    office.write("work_order", ORDER, {"status": "closed"})
    tablet.pull_from(office)
    with pytest.raises(Refused, match="move_not_allowed"):
        work.start(tablet.bench, "GD-1")

    assert tablet.outbox.counts() == {}


def test_facts_carry_the_servers_time_and_sets_the_devices_own(tablet: Tablet) -> None:
    tablet.store.remember(offset_ms=3 * 86_400_000)
    tablet.clock.at_ms -= 3 * 86_400_000

    work.start(tablet.bench, "GD-1")

    assert tablet.store.values_of(ORDER)["started_at"].startswith("2026-11-21T02:15:59")
    assert last_set(tablet).captured_at.startswith("2026-11-18T02:15:59")
    assert last_set(tablet).offset_ms == 3 * 86_400_000


@pytest.mark.parametrize(
    ("item", "value", "recorded", "verdict"),
    [
        ("clean", "是", "yes", "passed"),
        ("clean", "NO", "no", "failed"),
        ("level", "0.4", "0.4", "passed"),
        ("level", "-1", "-1", "passed"),
        ("level", "+.25 °", "0.25", "passed"),
        ("水平度", "1.0", "1.0", "passed"),
        ("noise", "65.5", "65.5", "passed"),
        ("noise", "65.500000001", "65.500000001", "failed"),
        ("colour", "灰", "灰", "noted"),
        ("remark", " 一切正常 ", "一切正常", "noted"),
    ],
)
def test_a_check_is_judged_by_its_item(started: Tablet, item: str, value: str, recorded: str, verdict: str) -> None:
    done = check(started.bench, item, value)

    assert (done.value, done.verdict) == (recorded, verdict)
    stored = work.latest_results(started.bench, work.find_order(started.bench))[done.item["key"]].values
    assert (stored["value"], stored["verdict"], stored["checklist_id"]) == (recorded, verdict, CHECKLIST)
    assert stored.get("unit") == done.item.get("unit")


@pytest.mark.parametrize(
    ("item", "value"),
    [("clean", "maybe"), ("level", "about 1"), ("level", "1,5"), ("level", "1e3"), ("colour", "红"), ("remark", "  ")],
)
def test_a_check_of_another_type_is_refused(started: Tablet, item: str, value: str) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        check(started.bench, item, value)


def test_a_blocking_limit_wants_a_reason(started: Tablet) -> None:
    with pytest.raises(Refused, match="limit_exceeded") as refused:
        check(started.bench, "level", "1.01")
    done = check(started.bench, "level", "1.01", reason="地面不平，已垫")

    assert refused.value.fault.facts == {"item": "水平度", "low": "-1", "high": "1", "unit": "°"}
    assert done.verdict == "failed"
    assert codes_of(done) == {"check_failed"}


def test_an_item_is_skipped_with_a_reason_only(started: Tablet) -> None:
    with pytest.raises(Refused, match="field_missing"):
        skip(started.bench, "noise", " ")

    assert skip(started.bench, "noise", "没有声级计").verdict == "skipped"
    with pytest.raises(Refused, match="not_found"):
        check(started.bench, "colour of sky", "1")


def test_a_check_shows_the_value_of_the_visit_before(started: Tablet, office: Office) -> None:
    before = {"order_id": OTHER_ORDER, "machine_id": MACHINE, "item": "level", "value": "0.1", "verdict": "passed"}
    office.write("check_result", uuid(30), before | {"checked_at": "2026-01-01T00:00:00Z"})
    started.pull_from(office)

    done = check(started.bench, "level", "0.2")

    assert done.previous is not None
    assert done.previous.values["value"] == "0.1"


def test_a_part_is_known_by_its_label_with_supplier_and_certificate(started: Tablet) -> None:
    scans = [parse_typed("(01)06901234000016(10)B2601(21)S-9", 2026)]

    done = fit_part(started.bench, read_part_label(started.bench, scans), removed=RemovedPart("S-1", None, "scrapped"))

    fitted, removed = last_set(started).changes
    assert (fitted.kind, removed.kind) == ("part_fitted", "part_removed")
    assert fitted.set["part_id"] == PART
    assert (fitted.set["batch_id"], fitted.set["supplier_id"]) == (BATCH, SUPPLIER)
    assert (fitted.set["serial"], fitted.set["batch"], fitted.set["part_name"]) == ("S-9", "B2601", "主轴电机")
    assert removed.set["fitted_id"] == fitted.id
    assert (removed.set["serial"], removed.set["destination"]) == ("S-1", "scrapped")
    assert done.supplier is not None and done.supplier.values["name"] == "精工轴承"
    assert codes_of(done) == {"batch_expired", "removed_unknown"}


def test_a_part_is_typed_and_doubts_are_told(started: Tablet) -> None:
    recalled = fit_part(started.bench, PartLabel(part_number="P-77", batch="B2602"))
    unknown = fit_part(started.bench, PartLabel(part_number="X-1", batch="B9", serial="1"))

    assert codes_of(recalled) == {"batch_recalled", "serial_missing"}
    assert recalled.fitted["batch_id"] == RECALLED
    assert codes_of(unknown) == {"part_unknown", "batch_unknown"}
    assert unknown.fitted["part_name"] == "X-1"
    namesake = fit_part(started.bench, PartLabel(part_number="X-1", batch="B2601", serial="2"))
    assert codes_of(namesake) == {"part_unknown", "batch_unknown"}
    assert (namesake.fitted["part_name"], namesake.fitted["batch_id"]) == ("X-1", None)
    with pytest.raises(Refused, match="field_missing"):
        fit_part(started.bench, PartLabel(serial="2"))


def test_a_part_taken_out_is_known_from_when_it_was_put_in(started: Tablet) -> None:
    fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="A"))
    again = fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="A"))

    out = fit_part(started.bench, PartLabel(part_number="X", serial="B"), removed=RemovedPart("A"))

    assert "serial_in_use" in codes_of(again)
    assert "removed_unknown" not in codes_of(out)
    assert out.removed is not None
    assert (out.removed["part_id"], out.removed["batch"]) == (PART, "B2601")


def test_a_photo_is_three_files_and_one_record(started: Tablet) -> None:
    kept = photograph(started.bench, started.files, picture(), "fault", caption="轴承座")

    names = [kept.values[f"{name}_sha256"] for name in ("original", "preview", "thumbnail")]
    assert all(started.files.holds(name) for name in names)
    rows = started.store.rows("SELECT sha256, rank, state FROM blobs ORDER BY rank")
    assert list(rows) == [(names[2], 0, "kept"), (names[1], 1, "kept"), (names[0], 2, "kept")]
    assert hashlib.sha256(picture()).hexdigest() == names[0]
    assert (kept.values["width"], kept.values["media_type"]) == (800, "image/jpeg")
    with pytest.raises(Refused, match="photo_not_an_image"):
        photograph(started.bench, started.files, b"GIF89a", "fault")


def test_a_photo_of_an_unknown_purpose_leaves_no_record(started: Tablet) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        photograph(started.bench, started.files, picture(), "selfie")

    assert started.store.row("SELECT count(*) FROM blobs") == (0,)


def test_a_signature_is_bound_to_the_exact_sheet(started: Tablet) -> None:
    check(started.bench, "level", "0.4")
    fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="S-9"))

    signed = sign(started.bench, started.files, STROKES, "陈主任", "设备科", diagnosis="轴承磨损", remedy="更换电机")

    order, sheet, signature = last_set(started).changes
    assert (order.kind, sheet.kind, signature.kind) == ("work_order", "job_sheet", "signature")
    digest = hashlib.sha256(sheet.set["content"].encode()).hexdigest()
    assert sheet.set["content_sha256"] == signature.set["job_sheet_sha256"] == digest == signed.content_sha256
    assert signature.set["job_sheet_id"] == sheet.id
    document = json.loads(signed.content)
    assert document["work"]["diagnosis"] == "轴承磨损"
    assert document["checks"][0]["value"] == "0.4"
    assert document["parts_fitted"][0]["supplier"] == "精工轴承"
    assert document["engineer"] == "魏工"
    with started.files.open(signature.set["strokes_sha256"]) as stream:
        assert json.loads(stream.read())["strokes"] == STROKES


@pytest.mark.parametrize("strokes", [[], [[]], [[[1, 2]]], [[[1, 2, 3.5]]], [[["1", 2, 3]]], [[[0, 0, 0]] * 20_001]])
def test_what_is_no_signature_is_refused(started: Tablet, strokes: Any) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        sign(started.bench, started.files, strokes, "陈", "")


def test_a_missing_signature_has_a_reason(started: Tablet) -> None:
    with pytest.raises(Refused, match="field_missing"):
        sign_without(started.bench, "absent", "")
    with pytest.raises(Refused, match="field_missing"):
        sign(started.bench, started.files, STROKES, " ", "")

    signed = sign_without(started.bench, "declined", "要求先试机", name="陈主任")

    assert (signed.signature["outcome"], signed.signature["reason"]) == ("declined", "要求先试机")


def test_finish_tells_what_is_missing(started: Tablet) -> None:
    check(started.bench, "clean", "yes")

    done = work.finish(started.bench, diagnosis="轴承", result="solved")

    assert codes_of(done) == {"checks_missing", "signature_missing"}
    values = started.store.values_of(ORDER)
    assert (values["status"], values["result"], values["diagnosis"]) == ("finished", "solved", "轴承")


def test_finish_tells_what_changes_after_the_signature(started: Tablet) -> None:
    sign(started.bench, started.files, STROKES, "陈主任", "", diagnosis="轴承", result="solved")

    same = work.finish(started.bench, diagnosis="轴承")
    work.start(started.bench)
    other = work.finish(started.bench, diagnosis="电机")

    assert codes_of(same) == {"checks_missing"}
    assert codes_of(other) == {"checks_missing", "changed_after_signature"}


def test_an_order_is_taken_down_on_site(tablet: Tablet, office: Office) -> None:
    done = create_order(tablet.bench, "HA0001", "repair", "urgent", "冒烟")

    values = done.order.values
    assert (values["status"], values["machine_id"], values["engineer_id"]) == ("in_progress", MACHINE, WEI)
    assert work.find_order(tablet.bench).id == done.order.id
    tablet.push_to(office)
    assert office.rows[done.order.id].values["symptom"] == "冒烟"


def test_the_page_of_an_order_shows_all_that_is_known(started: Tablet, office: Office) -> None:
    check(started.bench, "level", "0.4")
    kept = photograph(started.bench, started.files, picture(), "after")
    office.write("conflict", uuid(40), conflict_values("open"))
    started.pull_from(office)

    page = read_page(started.bench)

    assert page.line.is_local
    assert [line.item["key"] for line in page.checks] == [item["key"] for item in ITEMS]
    assert page.checks[1].result is not None and page.checks[1].result["value"] == "0.4"
    assert [(line.state, line.percent) for line in page.photos] == [("on_device", 0)]
    assert page.photos[0].photo["original_sha256"] == kept.values["original_sha256"]
    (conflict,) = page.conflicts
    assert (conflict.base, conflict.standing, conflict.incoming) == ("important", "general", "urgent")
    assert page.signature is None
    assert (page.model["name"], page.site["name"], page.customer["name"]) == ("MC-12", "检验科", "华东医院")
    assert {MODEL, SITE, CUSTOMER} == {page.machine["model_id"], page.machine["site_id"], page.order["customer_id"]}


def conflict_values(state: str) -> dict[str, Any]:
    return {
        "subject_kind": "work_order",
        "subject_id": ORDER,
        "order_id": ORDER,
        "field": "grade",
        "base": "important",
        "office": "general",
        "incoming": "urgent",
        "state": state,
    }


def test_status_keeps_a_conflict_in_sight_until_it_is_settled(tablet: Tablet, office: Office) -> None:
    office.contested.add("grade")
    work.start(tablet.bench, "GD-1", grade="urgent")
    waiting = read_status(tablet.bench)
    tablet.push_to(office)
    unexplained = read_status(tablet.bench)
    office.write("conflict", uuid(40), conflict_values("open"))
    tablet.pull_from(office)
    tablet.outbox.close_disputes()

    disputed = read_status(tablet.bench)
    office.write("conflict", uuid(40), {"state": "settled", "settled_value": "urgent"})
    tablet.pull_from(office)
    tablet.outbox.close_disputes()

    assert (waiting.waiting_sets, waiting.synced_at) == (1, None)
    assert [lines for _, lines in unexplained.contested] == [()]
    assert disputed.waiting_sets == 0
    ((sent, lines),) = disputed.contested
    assert sent.intent == "order.start"
    assert [line.standing for line in lines] == ["general"]
    assert read_status(tablet.bench).contested == ()
    assert tablet.outbox.counts() == {"settled": 1}
