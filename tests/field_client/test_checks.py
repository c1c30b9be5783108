"""Checklist items beyond single values, offline: series of readings, photos, and what was there the last time."""

from __future__ import annotations

from typing import Any

import pytest

from field_client import work
from field_client.work_checks import check, record_photo, record_readings, skip
from field_client.work_photos import photograph
from field_client.work_readings import judge_series
from field_client.work_withdraw import withdraw
from schemas.job_sheet import POINTS_MAX
from schemas.problems import Refused
from tests.field_client.office import Office
from tests.field_client.scope import CHECKLIST, ITEMS, MACHINE, ORDER, OTHER_ORDER, Tablet, uuid
from tests.field_client.test_work import codes_of, picture

RUN: dict[str, Any] = {
    "key": "no_load_run",
    "label": "空载运行",
    "type": "series",
    "beyond_limit": "block",
    "channels": [
        {"key": "current", "label": "电流", "unit": "A", "high": "0.8"},
        {"key": "voltage", "label": "电压", "unit": "V", "low": "209", "high": "231"},
        {"key": "speed", "label": "转速", "unit": "r/min"},
    ],
}
GOOD = {
    "current": [("30", "0.52"), ("0", "+.79"), ("60", " ")],
    "voltage": [("0", "220"), ("30", "219.5 V")],
    "speed": [("0", "11800"), ("30", "12010")],
}


@pytest.fixture
def started(tablet: Tablet, office: Office) -> Tablet:
    """Wei's tablet with work begun on an order whose checklist has a series and a photo."""
    plate = {"key": "plate", "label": "铭牌照片", "type": "photo"}
    office.write("checklist", CHECKLIST, {"items": [*ITEMS, RUN, plate]})
    tablet.pull_from(office)
    work.start(tablet.bench, "GD-1")
    return tablet


def test_a_series_is_one_fact_in_order_of_time(started: Tablet, office: Office) -> None:
    done = record_readings(started.bench, "no_load_run", GOOD)

    assert (done.verdict, done.value) == ("passed", "电流 0.52–0.79 A；电压 219.5–220 V；转速 11800–12010 r/min")
    started.push_to(office)
    (stored,) = office.rows_of("check_result")
    assert stored["readings"][0] == {
        "channel": "current",
        "points": [{"t_s": "0", "value": "0.79"}, {"t_s": "30", "value": "0.52"}],
    }
    assert [series["channel"] for series in stored["readings"]] == ["current", "voltage", "speed"]


def test_each_channel_has_its_own_limits(started: Tablet) -> None:
    low = GOOD | {"voltage": [("0", "220"), ("10", "208.9")]}

    with pytest.raises(Refused, match="limit_exceeded") as refused:
        record_readings(started.bench, "no_load_run", low)
    done = record_readings(started.bench, "no_load_run", low, reason="厂房电压偏低")

    assert refused.value.fault.facts == {"item": "空载运行 · 电压", "low": "209", "high": "231", "unit": "V"}
    assert (done.verdict, codes_of(done)) == ("failed", {"check_failed"})


def test_a_channel_left_out_wants_a_reason(started: Tablet) -> None:
    without = {"current": GOOD["current"], "voltage": [("0", "")]}

    with pytest.raises(Refused, match="field_missing") as refused:
        record_readings(started.bench, "no_load_run", without)

    assert refused.value.fault.facts == {"field": "电压、转速"}
    assert record_readings(started.bench, "no_load_run", without, reason="没有转速表").verdict == "passed"


def test_readings_without_limits_are_noted() -> None:
    assert judge_series(RUN, {"speed": [("0", "12000")]}).verdict == "noted"


@pytest.mark.parametrize(
    "readings",
    [
        {},
        {"current": []},
        {"current": [("0", " ")]},
        {"torque": [("0", "1")]},
        {"current": [("0", "much")]},
        {"current": [("later", "1")]},
        {"current": [("1", "1"), ("1.0", "2")]},
        {"current": [(str(second), "1") for second in range(POINTS_MAX + 1)]},
    ],
    ids=["nothing", "no points", "blank", "no such channel", "no number", "no time", "twice", "too many"],
)
def test_what_is_no_series_is_refused(started: Tablet, readings: dict[str, list[tuple[str, str]]]) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        record_readings(started.bench, "no_load_run", readings, reason="x")

    assert list(started.store.find_by("check_result", "order_id", ORDER)) == []


def test_the_longest_series_fits_a_change_set(started: Tablet) -> None:
    points = [(f"{second}.123456789", f"{second + 1}12345678.123456789") for second in range(POINTS_MAX)]

    done = record_readings(
        started.bench, "no_load_run", {"speed": points, "current": points, "voltage": points}, reason="-"
    )

    assert done.set_id is not None


def test_a_photo_answers_an_item(started: Tablet) -> None:
    kept = photograph(started.bench, started.files, picture(), "name_plate", caption="MC-12")
    other = photograph(started.bench, started.files, picture(quality=50), "name_plate")
    withdraw(started.bench, "看不清", other.id)

    done = record_photo(started.bench, "plate", kept.id)

    assert (done.verdict, done.value) == ("noted", "MC-12")
    results = work.latest_results(started.bench, work.find_order(started.bench))
    assert results["plate"].values["photo_id"] == kept.id
    for missing in (other.id, uuid(999), ORDER):
        with pytest.raises(Refused, match="not_found"):
            record_photo(started.bench, "plate", missing)


@pytest.mark.parametrize("item", ["plate", "no_load_run"])
def test_words_answer_neither_a_photo_nor_a_series(started: Tablet, item: str) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        check(started.bench, item, "ok")
    with pytest.raises(Refused, match="value_invalid"):
        record_readings(started.bench, "level", GOOD)
    with pytest.raises(Refused, match="value_invalid"):
        record_photo(started.bench, "level", uuid(999))
    assert skip(started.bench, item, "没有时间").verdict == "skipped"


def test_what_was_left_out_the_last_time_is_no_previous_value(started: Tablet, office: Office) -> None:
    before = {"order_id": OTHER_ORDER, "machine_id": MACHINE, "item": "level", "checked_at": "2026-01-01T00:00:00Z"}
    office.write("check_result", uuid(30), before | {"value": "0.1", "verdict": "passed"})
    office.write("check_result", uuid(31), before | {"verdict": "skipped", "reason": "没有水平仪"})
    started.pull_from(office)

    done = check(started.bench, "level", "0.2")

    assert done.previous is not None and done.previous.values["value"] == "0.1"
