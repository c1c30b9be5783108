"""Striking out what was entered by mistake, offline: what counts, what is shown, what the office gets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from field_client import work
from field_client.work_album import remark_photo, show_photo
from field_client.work_checks import check, previous_results
from field_client.work_facts import find_standing
from field_client.work_page import read_page
from field_client.work_parts import PartLabel, RemovedPart, fit_part
from field_client.work_photos import photograph
from field_client.work_signature import compose, sign
from field_client.work_withdraw import bring_back, withdraw
from schemas.problems import Refused
from tests.field_client.office import Office
from tests.field_client.scope import MACHINE, ORDER, OTHER_ORDER, Tablet, uuid
from tests.field_client.test_work import STROKES, codes_of, last_set, picture

WRONG = "拍错了"


@pytest.fixture
def started(tablet: Tablet) -> Tablet:
    """Wei's tablet with work begun on his order."""
    work.start(tablet.bench, "GD-1")
    return tablet


def ids_of(tablet: Tablet, kind: str) -> list[str]:
    return [record.id for record in tablet.store.find_by(kind, "order_id", ORDER)]


def sheet_of(tablet: Tablet) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(compose(tablet.bench, work.find_order(tablet.bench)))
    return document


def test_a_withdrawn_check_leaves_the_sheet_and_is_shown_struck_out(started: Tablet, office: Office) -> None:
    check(started.bench, "level", "0.4")
    check(started.bench, "noise", "60")
    wrong, _ = ids_of(started, "check_result")

    withdraw(started.bench, WRONG, wrong)

    page = read_page(started.bench)
    assert [line.item["key"] for line in page.checks if line.result] == ["noise"]
    assert [(line.id, line.fact["value"], line.withdrawal["reason"]) for line in page.withdrawn] == [
        (wrong, "0.4", WRONG)
    ]
    assert [line["item"] for line in sheet_of(started)["checks"]] == ["noise"]
    started.push_to(office)
    (struck,) = office.rows_of("withdrawal")
    assert (struck["subject_kind"], struck["subject_id"], struck["machine_id"]) == ("check_result", wrong, MACHINE)
    assert wrong in office.rows


def test_a_photo_taken_by_mistake_leaves_page_and_sheet_and_comes_back_as_it_was_marked(started: Tablet) -> None:
    wrong = photograph(started.bench, started.files, picture(), "fault")
    right = photograph(started.bench, started.files, picture(quality=60), "fault")
    remark_photo(started.bench, wrong.id, caption="地板")

    withdraw(started.bench, WRONG, wrong.id)

    assert [line.photo["original_sha256"] for line in read_page(started.bench).photos] == [
        right.values["original_sha256"]
    ]
    assert [photo["original_sha256"] for photo in sheet_of(started)["photos"]] == [right.values["original_sha256"]]
    assert show_photo(started.bench, wrong.id).withdrawal is not None
    (again,) = bring_back(started.bench, wrong.id).facts
    assert show_photo(started.bench, again.id).caption == "地板"
    assert len(sheet_of(started)["photos"]) == 2


def test_a_withdrawn_check_is_open_again(started: Tablet, office: Office) -> None:
    check(started.bench, "level", "0.4")
    check(started.bench, "level", "0.9")
    first, second = ids_of(started, "check_result")
    before = {"order_id": OTHER_ORDER, "machine_id": MACHINE, "item": "level", "verdict": "passed"}
    for number, value in ((30, "0.1"), (31, "0.2")):
        office.write("check_result", uuid(number), before | {"value": value, "checked_at": "2026-01-01T00:00:00Z"})
    office.write(
        "withdrawal",
        uuid(32),
        {"order_id": OTHER_ORDER, "machine_id": MACHINE, "subject_kind": "check_result", "subject_id": uuid(31)}
        | {"reason": WRONG, "withdrawn_at": "2026-01-01T00:00:00Z"},
    )
    started.pull_from(office)
    order = work.find_order(started.bench)

    withdraw(started.bench, WRONG, second)
    assert work.latest_results(started.bench, order)["level"].values["value"] == "0.4"
    withdraw(started.bench, WRONG, first)

    assert work.latest_results(started.bench, order) == {}
    assert previous_results(started.bench, order)["level"].values["value"] == "0.1"


def test_a_part_is_withdrawn_with_what_came_out_for_it(started: Tablet) -> None:
    label = PartLabel(part_number="P-77", batch="B2601", serial="S-9")
    fit_part(started.bench, label, removed=RemovedPart("S-1"))

    done = withdraw(started.bench, "装在别的设备上", *ids_of(started, "part_fitted"), *ids_of(started, "part_removed"))

    assert [fact.kind for fact in done.facts] == ["part_fitted", "part_removed"]
    assert [change.kind for change in last_set(started).changes] == ["withdrawal", "withdrawal"]
    assert sheet_of(started)["parts_fitted"] == sheet_of(started)["parts_removed"] == []
    assert "serial_in_use" not in codes_of(fit_part(started.bench, label))


def test_a_part_written_down_wrongly_is_corrected_by_another(started: Tablet) -> None:
    fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="S-8"))
    (wrong,) = ids_of(started, "part_fitted")

    done = fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="S-9"), replaces=wrong)

    assert done.fitted["fitted_at"] == started.store.values_of(wrong)["fitted_at"]
    assert [part["serial"] for part in read_page(started.bench).fitted] == ["S-9"]
    assert [part["serial"] for part in sheet_of(started)["parts_fitted"]] == ["S-9"]
    with pytest.raises(Refused, match="not_found"):
        fit_part(started.bench, PartLabel(part_number="P-77", serial="S-7"), replaces=wrong)
    again = fit_part(
        started.bench, PartLabel(part_number="P-77", batch="B2602", serial="S-8"), replaces=last_id(started)
    )
    assert "serial_in_use" not in codes_of(again)
    withdraw(started.bench, WRONG, last_id(started))
    assert [part["serial"] for part in read_page(started.bench).fitted] == ["S-9"]


def last_id(tablet: Tablet) -> str:
    return ids_of(tablet, "part_fitted")[-1]


def test_what_was_withdrawn_comes_back_as_a_further_fact(started: Tablet) -> None:
    fit_part(started.bench, PartLabel(part_number="P-77", batch="B2601", serial="S-9"), removed=RemovedPart("S-1"))
    (part,), (out,) = ids_of(started, "part_fitted"), ids_of(started, "part_removed")
    withdraw(started.bench, WRONG, part, out)

    back = bring_back(started.bench, part, out)

    (again,) = find_standing(started.store, "part_fitted", "order_id", ORDER)
    (out_again,) = find_standing(started.store, "part_removed", "order_id", ORDER)
    assert (again.id, out_again.id) == tuple(fact.id for fact in back.facts)
    assert again.id != part and again.values == started.store.values_of(part)
    assert out_again.values["fitted_id"] == again.id
    with pytest.raises(Refused, match="not_found"):
        bring_back(started.bench, again.id)
    with pytest.raises(Refused, match="not_found"):
        bring_back(started.bench, uuid(999))


def test_what_may_not_be_withdrawn_is_refused_with_nothing_stored(started: Tablet) -> None:
    check(started.bench, "level", "0.4")
    (fact,) = ids_of(started, "check_result")
    sign(started.bench, started.files, STROKES, "陈主任", "")
    (signature,) = ids_of(started, "signature")

    with pytest.raises(Refused, match="field_missing"):
        withdraw(started.bench, "  ", fact)
    with pytest.raises(Refused, match="not_found"):
        withdraw(started.bench, WRONG, fact, uuid(999))
    with pytest.raises(Refused, match="not_withdrawable"):
        withdraw(started.bench, WRONG, fact, signature)
    assert ids_of(started, "withdrawal") == []
    assert codes_of(withdraw(started.bench, WRONG, fact)) == {"changed_after_signature"}
    with pytest.raises(Refused, match="already_withdrawn"):
        withdraw(started.bench, WRONG, fact)
