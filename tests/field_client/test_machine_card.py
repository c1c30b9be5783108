"""The machine's card, readiness before departure, and the customer's choice of part: all without a network."""

from __future__ import annotations

import pytest

from field_client import work
from field_client.work_choices import choose_part, find_choice, list_choices, list_components
from field_client.work_machine import MachineCard, find_parts_in, read_machine_of
from field_client.work_manuals import list_wanted_files
from field_client.work_parts import PartLabel, RemovedPart, fit_part
from field_client.work_readiness import ITEMS, Readiness, check_readiness
from field_client.work_withdraw import withdraw
from schemas.problems import Refused
from tests.field_client.office import Office
from tests.field_client.scope import CHECKLIST, MACHINE, MODEL, ORDER, PART, SITE, Tablet, uuid
from tests.field_client.test_work import codes_of
from tests.field_client.van import FUSE, GTIN, MANUAL, OTHER_PART, SPARE, WARRANTY, stock_van

MANUAL_VALUES = {"name": "MC-12 维修手册", "families": ["centrifuge"], "media_type": "application/pdf"}


@pytest.fixture
def stocked(tablet: Tablet, office: Office) -> Tablet:
    """Wei's tablet with his van and the machine's past on it."""
    stock_van(office)
    tablet.pull_from(office)
    work.open_order(tablet.bench, "GD-1")
    return tablet


def card(tablet: Tablet) -> MachineCard:
    return read_machine_of(tablet.bench, "GD-1")


def missing(tablet: Tablet) -> list[tuple[str, dict[str, object]]]:
    return [(item.code, item.facts) for item in check(tablet).missing]


def check(tablet: Tablet) -> Readiness:
    return check_readiness(tablet.bench, tablet.files, "GD-1")


def test_the_card_tells_warranty_past_and_parts(stocked: Tablet) -> None:
    found = card(stocked)

    assert (found.machine["serial"], found.model["name"], found.site["name"]) == ("HA0001", "MC-12", "检验科")
    assert (found.verdict.outcome, [reason.code for reason in found.verdict.reasons]) == (
        "in",
        ["machine_term"],
    )
    (visit,) = found.visits
    assert (visit.number, visit.diagnosis, visit.on, found.visits_in_all) == (
        "GD-0",
        "轴承磨损",
        "2026-05-01T08:00:00Z",
        1,
    )
    assert [part["serial"] for part in visit.fitted] == ["M-OLD"]
    (part,) = found.parts
    assert (part.serial, part.supplier, part.certificate, part.covered_until, part.order_number) == (
        "M-OLD",
        "精工轴承",
        "CC-12",
        "2029-05-01",
        "GD-0",
    )


def test_the_verdict_is_on_the_day_of_the_report_and_on_what_failed(stocked: Tablet, office: Office) -> None:
    office.write("work_order", ORDER, {"reported_at": "2027-03-01T00:00:00Z", "failed_component": "转子"})
    stocked.pull_from(office)
    late = card(stocked)
    office.write("work_order", ORDER, {"reported_at": "2027-02-01T00:00:00Z", "exclusion": "misuse"})
    stocked.pull_from(office)

    assert (late.judged_on, late.verdict.outcome) == ("2027-03-01", "out")
    assert [reason.code for reason in card(stocked).verdict.reasons] == ["excluded"]


def test_a_machine_without_a_warranty_is_in_doubt(stocked: Tablet, office: Office) -> None:
    office.withdraw(WARRANTY)
    stocked.pull_from(office)

    assert card(stocked).verdict.outcome == "doubtful"
    assert card(stocked).warranty is None


def test_what_is_in_the_machine_follows_fitting_removing_correcting_and_withdrawing(stocked: Tablet) -> None:
    def inside() -> list[str | None]:
        return [part.values.get("serial") for part in find_parts_in(stocked.bench, MACHINE)]

    new = fit_part(
        stocked.bench, PartLabel(gtin=GTIN, serial="M-1", batch="B2604"), removed=RemovedPart(serial="M-OLD")
    )
    swapped = inside()
    corrected = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-2", batch="B2601"), replaces=new.id)
    after_correction = inside()
    withdraw(stocked.bench, "没有装", corrected.id)

    assert (swapped, after_correction) == (["M-1"], ["M-2"])
    assert inside() == ["M-1"], "a correction that is withdrawn corrects nothing"


def test_a_part_without_a_serial_number_is_taken_out_by_its_batch(stocked: Tablet) -> None:
    first = fit_part(stocked.bench, PartLabel(part_number="F-5", batch="FU1"))
    fit_part(stocked.bench, PartLabel(part_number="F-5", batch="FU2"), removed=RemovedPart(batch="FU1"))

    batches = [part.values.get("batch") for part in find_parts_in(stocked.bench, MACHINE)]

    assert first.fitted["serial"] is None
    assert batches == ["B2604", "FU2"]


def test_a_wrong_expired_recalled_or_doubled_part_is_warned_of_at_once(stocked: Tablet) -> None:
    wrong = fit_part(stocked.bench, PartLabel(part_number="X-1"))
    expired = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-2", batch="B2601"))
    recalled = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-3", batch="B2602"))
    here_already = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-OLD", batch="B2604"))
    elsewhere = fit_part(stocked.bench, PartLabel(gtin=GTIN, serial="M-7", batch="B2604"))
    of_another_maker = fit_part(stocked.bench, PartLabel(gtin="06901234000023", serial="M-7"))

    assert "part_not_for_model" in codes_of(wrong)
    assert "batch_expired" in codes_of(expired)
    assert "batch_recalled" in codes_of(recalled)
    assert "serial_in_use" in codes_of(here_already)
    assert [notice.facts for notice in elsewhere.notices if notice.code == "serial_elsewhere"] == [
        {"serial": "M-7", "machine": "HA0002"}
    ]
    assert "serial_elsewhere" not in codes_of(of_another_maker)


def test_the_customer_is_shown_what_would_do_with_price_and_warranty(stocked: Tablet) -> None:
    choices = list_choices(stocked.bench, "电机")

    assert [(c.part.values["part_number"], c.on_van, c.cover.outcome, c.price_cents) for c in choices] == [
        ("P-77", 3, "in", 0),
        ("P-78", 1, "in", 0),
    ]
    assert list_components(stocked.bench) == ["电机"]


def test_outside_the_warranty_it_costs_what_the_catalogue_says(stocked: Tablet, office: Office) -> None:
    office.write("work_order", ORDER, {"reported_at": "2031-03-01T00:00:00Z"})
    stocked.pull_from(office)

    assert [(choice.cover.outcome, choice.price_cents) for choice in list_choices(stocked.bench, "电机")] == [
        ("out", 68000),
        ("out", 30000),
    ]


def test_the_choice_is_recorded_with_all_that_was_shown(stocked: Tablet, office: Office) -> None:
    chosen = choose_part(stocked.bench, "电机", SPARE, " 陈敏 ")
    order = work.find_order(stocked.bench)
    fitted = fit_part(stocked.bench, PartLabel(gtin="06901234000023", serial="A-1"), choice=chosen.id)
    stocked.push_to(office)

    (recorded,) = office.rows_of("part_choice")
    assert (recorded["chosen_id"], recorded["chosen_by"], recorded["component"]) == (SPARE, "陈敏", "电机")
    assert [offer["part_number"] for offer in recorded["offered"]] == ["P-77", "P-78"]
    assert recorded["offered"][1] == {
        "part_id": SPARE,
        "part_number": "P-78",
        "name": "主轴电机（替代）",
        "grade": "alternative",
        "price_cents": 0,
        "warranty_months": 12,
        "cover": "in",
    }
    assert fitted.fitted["choice_id"] == chosen.id
    found = find_choice(stocked.bench, order, SPARE)
    assert found is not None and found.id == chosen.id
    assert find_choice(stocked.bench, order, PART) is None


def test_nobody_chooses_what_was_not_shown_or_without_a_name(stocked: Tablet) -> None:
    with pytest.raises(Refused, match="part_not_known"):
        choose_part(stocked.bench, "电机", OTHER_PART, "陈敏")
    with pytest.raises(Refused, match="field_missing"):
        choose_part(stocked.bench, "电机", SPARE, " ")


def test_what_is_missing_before_departure_is_named(stocked: Tablet, office: Office) -> None:
    needed = [{"part_id": PART, "quantity": 4}, {"part_id": FUSE, "quantity": 10}]
    office.write("work_order", ORDER, {"needed_parts": needed})
    office.write("manual", MANUAL, MANUAL_VALUES | {"file_sha256": "ab" * 32, "size_bytes": 3})
    stocked.pull_from(office)

    found = check(stocked)

    assert missing(stocked) == [
        ("manual_file_missing", {"name": "MC-12 维修手册"}),
        ("part_missing", {"name": "主轴电机", "quantity": 1}),
        ("conditions_missing", {}),
    ]
    assert {item.code for item in found.items} >= {"history", "checklist", "part"}
    assert not found.is_ready
    assert all(item.sentence(language) for item in found.items for language in ("zh", "en"))


def test_who_has_everything_is_ready(stocked: Tablet, office: Office) -> None:
    sha256 = stocked.files.keep(b"pdf", "application/pdf")
    office.write("manual", MANUAL, MANUAL_VALUES | {"file_sha256": sha256})
    office.write("site", SITE, {"conditions": "独立接地"})
    stocked.pull_from(office)

    assert missing(stocked) == []
    assert check(stocked).is_ready


def test_without_a_checklist_or_a_manual_one_is_told(stocked: Tablet, office: Office) -> None:
    office.withdraw(CHECKLIST)
    stocked.pull_from(office)

    assert [code for code, _ in missing(stocked)] == ["checklist_missing", "manual_missing", "conditions_missing"]


def test_a_machine_that_is_not_here_has_no_history(stocked: Tablet, office: Office) -> None:
    office.withdraw(MACHINE)
    stocked.pull_from(office)

    assert missing(stocked)[0] == ("history_missing", {})


def test_the_files_to_fetch_are_the_manuals_of_open_orders(stocked: Tablet, office: Office) -> None:
    files = {"file_sha256": "ab" * 32, "size_bytes": 900}
    office.write("manual", MANUAL, MANUAL_VALUES | files)
    office.write("manual", uuid(73), {"name": "车床手册", "families": ["lathe"], "file_sha256": "cd" * 32})
    office.write(
        "manual", uuid(74), {"name": "快速指南", "model_id": MODEL, "file_sha256": "ef" * 32, "size_bytes": 20}
    )
    stocked.pull_from(office)
    wanted = list_wanted_files(stocked.store)
    office.write("work_order", ORDER, {"status": "closed"})
    stocked.pull_from(office)

    assert [(file.sha256[:2], file.size_bytes, file.media_type) for file in wanted] == [
        ("ef", 20, "application/octet-stream"),
        ("ab", 900, "application/pdf"),
    ]
    assert list_wanted_files(stocked.store) == []


def test_every_item_of_readiness_is_said_in_two_languages() -> None:
    assert all(zh and en for zh, en in ITEMS.values())


def test_what_the_office_says_to_take_along_is_told_and_is_never_missing(stocked: Tablet, office: Office) -> None:
    before = [item.code for item in check(stocked).missing]
    gauge = {"what": "tool", "label": "千分表", "label_en": "Dial gauge", "quantity": 2}
    listed = [{"what": "call", "label": "先打电话"}, gauge, {"what": "part", "label": "电机"}]
    office.write("work_order", ORDER, {"preparation": [*listed, {"what": "kit", "label": "新类别"}]})
    stocked.pull_from(office)

    reminders = [item for item in check(stocked).items if item.is_reminder]

    assert [item.sentence("zh") for item in reminders] == ["出发前：先打电话", "工具：千分表 × 2"]
    assert reminders[1].sentence("en") == "Tool: Dial gauge × 2"
    assert [item.code for item in check(stocked).missing] == before
