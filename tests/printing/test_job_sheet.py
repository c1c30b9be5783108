"""The job sheet as a document: complete, readable by itself, and the same bytes for the same records."""

import json

from hypothesis import given
from hypothesis import strategies as st

from printing.job_sheet import FORMAT, JobSheetSource, compose_job_sheet
from schemas.job_sheet import JOB_SHEET_CHARACTERS_MAX
from sync import canonical

ORDER = {
    "number": "GD-1",
    "service": "repair",
    "grade": "urgent",
    "symptom": "振动",
    "diagnosis": "轴承磨损",
    "remedy": None,
    "engineer_id": "x",
}
ITEMS = [
    {"key": "level", "label": "水平度", "low": "-1", "high": "1", "type": "number"},
    {"key": "noise", "label": "噪声", "type": "number"},
    {"key": "clean", "label": "清洁", "type": "yes_no"},
]
CHECKS = [
    {"item": "clean", "value": "yes", "verdict": "passed"},
    {"item": "level", "value": "3", "unit": "°", "verdict": "failed"},
    {"item": "gone", "value": "1", "verdict": "noted"},
    {"item": "level", "value": "0.4", "unit": "°", "verdict": "passed"},
]


def compose(**more: object) -> str:
    return compose_job_sheet(JobSheetSource(ORDER, "2026-11-21T08:00:00.000Z", "魏工", **more))  # type: ignore[arg-type]


def test_what_the_customer_reads_is_all_in_the_document() -> None:
    fitted = {"part_name": "电机", "serial": "S-9", "batch": "B1", "order_id": "x"}

    sheet = json.loads(
        compose(
            customer={"name": "华东医院", "phone": "021"},
            machine={"serial": "HA0001"},
            model={"name": "MC-12"},
            parts=[(fitted, "精工轴承"), (fitted, None)],
            removed=[{"part_name": "电机", "serial": "S-1"}],
            photos=[{"purpose": "fault", "original_sha256": "ab" * 32, "preview_sha256": "cd" * 32}],
        )
    )

    assert sheet["format"] == FORMAT
    assert sheet["engineer"] == "魏工"
    assert sheet["order"] == {"number": "GD-1", "service": "repair", "grade": "urgent", "symptom": "振动"}
    assert sheet["work"] == {"diagnosis": "轴承磨损"}
    assert sheet["customer"] == {"name": "华东医院"}
    assert sheet["machine"] == {"serial": "HA0001", "model": {"name": "MC-12"}}
    assert [part.get("supplier") for part in sheet["parts_fitted"]] == ["精工轴承", None]
    assert sheet["parts_removed"] == [{"part_name": "电机", "serial": "S-1"}]
    assert sheet["photos"] == [{"purpose": "fault", "original_sha256": "ab" * 32}]


def test_checks_stand_in_the_checklists_order_and_the_last_answer_counts() -> None:
    sheet = json.loads(compose(items=ITEMS, checks=CHECKS))

    assert [(check["item"], check["value"]) for check in sheet["checks"]] == [
        ("level", "0.4"),
        ("clean", "yes"),
        ("gone", "1"),
    ]
    assert sheet["checks"][0]["label"] == "水平度"
    assert (sheet["checks"][0]["low"], sheet["checks"][0]["high"]) == ("-1", "1")


@given(st.dictionaries(st.sampled_from([*ORDER, "phone", "result"]), st.none() | st.text(max_size=40)))
def test_the_spelling_is_the_canonical_one(order: dict[str, str | None]) -> None:
    first = compose_job_sheet(JobSheetSource(order, "t", "e", items=ITEMS, checks=CHECKS))
    again = compose_job_sheet(JobSheetSource(dict(reversed(order.items())), "t", "e", items=ITEMS, checks=CHECKS))

    assert first == again == canonical.dump(canonical.load(first))


def test_the_largest_visit_fits() -> None:
    checks = [
        {
            "item": f"i{turn}",
            "value": "12.345",
            "unit": "MΩ",
            "verdict": "passed",
            "checked_at": "2026-11-21T08:00:00.000Z",
        }
        for turn in range(200)
    ]
    part = {
        "part_name": "主轴电机",
        "gtin": "0" * 14,
        "serial": "S" * 20,
        "batch": "B" * 20,
        "fitted_at": "2026-11-21T08:00:00Z",
    }

    assert len(compose(checks=checks, parts=[(part, "精工轴承")] * 50)) < JOB_SHEET_CHARACTERS_MAX
