"""Recalls on the device: it warns without a network, by batch and by serial number, wherever a part is seen."""

from __future__ import annotations

import pytest

from field_client import work
from field_client.work_label import read_label_typed
from field_client.work_machine import read_machine_of
from field_client.work_parts import PartLabel, fit_part
from field_client.work_stock import count_usable, list_stock
from tests.field_client.office import Office
from tests.field_client.scope import PART, Tablet, uuid
from tests.field_client.test_work import codes_of
from tests.field_client.van import FITTED, GTIN, SPARE, stock_van

RECALL, OTHER_RECALL = uuid(180), uuid(181)
VALUES = {
    "name": "电容",
    "reason": "可能失效",
    "action": "replace",
    "urgency": "urgent",
    "state": "open",
    "opened_at": "2026-11-20T00:00:00Z",
}


def open_recall(office: Office, recall: str, number: str, part: str = PART, **extent: str) -> None:
    """Let the office recall something."""
    office.write("recall", recall, {**VALUES, "number": number})
    named = {"recall_id": recall, "part_id": part, **extent}
    office.write("recalled_part", uuid(190 + (recall == OTHER_RECALL)), named)


@pytest.fixture
def stocked(tablet: Tablet, office: Office) -> Tablet:
    """Wei's tablet with his van on it, and work begun."""
    stock_van(office)
    tablet.pull_from(office)
    work.start(tablet.bench, "GD-1")
    return tablet


def test_a_range_of_serial_numbers_is_warned_of_wherever_the_part_is_seen(stocked: Tablet, office: Office) -> None:
    open_recall(office, RECALL, "RC260001", first_serial="M-1", last_serial="M-4")
    stocked.pull_from(office)

    lead = read_label_typed(stocked.bench, f"(01){GTIN}(21)M-1").sole
    done = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-1", batch="B2604"))

    assert lead is not None and [hit.recall.values["number"] for hit in lead.recalls] == ["RC260001"]
    assert codes_of(done) == {"part_recalled"}
    assert done.notices[0].sentence("zh") == "召回 RC260001 包含此件（更换）：可能失效"
    assert done.notices[0].sentence("en") == "Recall RC260001 covers this part (Replace): 可能失效"
    held = [part for part in read_machine_of(stocked.bench, "GD-1").parts if part.is_recalled]
    assert [(part.serial, part.recall and part.recall.recall.id) for part in held] == [("M-1", RECALL)]


def test_the_van_shows_what_is_recalled_and_what_cannot_be_excluded(stocked: Tablet, office: Office) -> None:
    before = count_usable(stocked.bench, PART)
    open_recall(office, RECALL, "RC260001", first_serial="M-1", last_serial="M-1")
    open_recall(office, OTHER_RECALL, "RC260002", SPARE, batch="A7")
    stocked.pull_from(office)

    lines = {(line.part["part_number"], line.serial): line for line in list_stock(stocked.bench)}

    sure, unclear, in_bulk = lines["P-77", "M-1"], lines["P-78", "A-1"], lines["P-77", ""]
    assert sure.is_recalled and not sure.is_usable
    assert unclear.recall is not None and not unclear.recall.is_sure and unclear.is_usable
    assert unclear.recall.notice.code == "recall_unclear"
    assert in_bulk.recall is not None and in_bulk.recall.covered.doubt == "no_serial"
    assert not lines["P-77", "M-2"].recall
    assert count_usable(stocked.bench, PART) == before - 1


def test_a_machine_that_holds_a_recalled_batch_says_so_until_the_recall_is_withdrawn(
    stocked: Tablet, office: Office
) -> None:
    open_recall(office, RECALL, "RC260001", batch="B2604")
    stocked.pull_from(office)
    (part,) = [part for part in read_machine_of(stocked.bench, "GD-1").parts if part.fitted_id == FITTED]
    assert part.is_recalled and part.recall is not None and part.recall.is_sure

    office.write("recall", RECALL, {"state": "closed"})
    stocked.pull_from(office)
    assert any(part.is_recalled for part in read_machine_of(stocked.bench, "GD-1").parts)
    office.write("recall", RECALL, {"state": "withdrawn"})
    stocked.pull_from(office)

    assert not any(part.recall for part in read_machine_of(stocked.bench, "GD-1").parts)


def test_a_batch_that_a_recall_names_and_marks_is_told_of_once(stocked: Tablet, office: Office) -> None:
    open_recall(office, RECALL, "RC260001", batch="B2602")
    stocked.pull_from(office)

    done = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-3", batch="B2602"))

    assert codes_of(done) == {"part_recalled"}


def test_what_is_added_is_warned_of_and_what_was_struck_out_no_more(stocked: Tablet, office: Office) -> None:
    open_recall(office, RECALL, "RC260001", batch="B0000")
    stocked.pull_from(office)
    assert not any(part.recall for part in read_machine_of(stocked.bench, "GD-1").parts)
    added = {"recall_id": RECALL, "part_id": PART, "batch": "B2604", "named_at": VALUES["opened_at"]}
    office.write("recalled_part", uuid(195), added | {"named_reason": "同一炉次"})

    stocked.pull_from(office)
    assert [part.fitted_id for part in read_machine_of(stocked.bench, "GD-1").parts if part.is_recalled] == [FITTED]
    said = {"recall_id": RECALL, "named_id": uuid(195), "correction_reason": "批号抄错"}
    office.write("recall_correction", uuid(196), said | {"corrected_at": VALUES["opened_at"]})
    stocked.pull_from(office)

    assert not any(part.recall for part in read_machine_of(stocked.bench, "GD-1").parts)
