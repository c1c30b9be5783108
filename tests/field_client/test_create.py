"""Orders made on site, offline: for machines and customers nobody has a record of, follow-ups, returns, trainings."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from field_client import work
from field_client.work_checks import check, skip
from field_client.work_create import (
    NewMachine,
    NewOrder,
    create,
    follow_up,
    list_follow_ups,
    list_handed_in,
    suggest_symptom,
)
from field_client.work_return import PACKING, packing_of, return_to_factory
from field_client.work_training import list_trainings, record_training, sign_training, sign_training_without
from field_client.work_withdraw import withdraw
from schemas.problems import Refused
from sync import canonical
from tests.field_client.office import Office
from tests.field_client.scope import CUSTOMER, MACHINE, MODEL, ORDER, SITE, WEI, Tablet, uuid
from tests.field_client.test_work import STROKES, codes_of, last_set


@pytest.fixture
def started(tablet: Tablet) -> Tablet:
    """Wei's tablet with work begun on his order."""
    work.start(tablet.bench, "GD-1")
    return tablet


def test_an_order_begins_at_once_at_a_machine_known_here(tablet: Tablet) -> None:
    done = create(tablet.bench, NewOrder("repair", "urgent", " 冒烟 ", machine_id=MACHINE, alarms=["E5"]))

    values = done.order.values
    assert (values["status"], values["engineer_id"], values["symptom"]) == ("in_progress", WEI, "冒烟")
    assert (values["customer_id"], values["site_id"], values["alarms"]) == (CUSTOMER, SITE, ["E5"])
    assert work.find_order(tablet.bench).id == done.order.id


def test_an_unknown_machine_is_registered_with_the_order(tablet: Tablet, office: Office) -> None:
    new = NewMachine(MODEL, " HA9 ", "二楼")

    done = create(tablet.bench, NewOrder("repair", "general", "异响", "planned", machine=new, customer_id=CUSTOMER))

    machine, order = last_set(tablet).changes
    assert (machine.kind, machine.set["serial"], machine.set["customer_id"]) == ("machine", "HA9", CUSTOMER)
    assert order.set["machine_id"] == machine.id
    assert (done.order.values["status"], done.order.values["engineer_id"]) == ("assigned", WEI)
    assert work.open_machine(tablet.bench, "HA9").current == done.order.id
    again = create(tablet.bench, NewOrder("advice", "general", "咨询", machine=NewMachine(MODEL, "HA9")))
    assert codes_of(again) == {"machine_known"}
    assert again.order.values["machine_id"] == machine.id
    tablet.push_to(office)
    assert len([row for row in office.rows_of("machine") if row["serial"] == "HA9"]) == 1


def test_a_request_needs_no_record_of_customer_or_machine(tablet: Tablet) -> None:
    told = {
        "customer_name": "新安诊所",
        "machine_name": "进口离心机",
        "contact": "吴",
        "phone": "139",
        "site_address": "镇上",
    }

    done = create(tablet.bench, NewOrder("advice", "general", "想买配件", "office", **told))

    values = done.order.values
    assert (values["status"], values["channel"]) == ("received", "engineer")
    assert "engineer_id" not in values and "customer_id" not in values and "arrived_at" not in values
    assert {name: values[name] for name in told} == told
    assert last_set(tablet).intent == "request.create"
    with pytest.raises(Refused, match="order_not_open"):
        work.find_order(tablet.bench)


def test_what_was_handed_in_stays_in_sight(tablet: Tablet, office: Office) -> None:
    create(tablet.bench, NewOrder("advice", "general", "一", "office", customer_name="甲"))
    tablet.push_to(office)
    create(tablet.bench, NewOrder("advice", "general", "二", "office", customer_name="乙"))
    create(tablet.bench, NewOrder("advice", "general", "三", "planned", customer_name="丙"))

    found = list_handed_in(tablet.bench)

    assert [(one.order["symptom"], one.state) for one in found] == [("二", "sealed"), ("一", "settled")]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"symptom": " ", "customer_name": "甲"}, "field_missing"),
        ({"customer_name": ""}, "field_missing"),
        ({"machine": NewMachine(MODEL, "X")}, "field_missing"),
        ({"machine": NewMachine(MODEL, " "), "customer_name": "甲"}, "field_missing"),
        ({"machine": NewMachine("", "X"), "customer_name": "甲"}, "field_missing"),
        ({"machine_id": uuid(999)}, "not_found"),
        ({"machine_id": CUSTOMER}, "not_found"),
        ({"service": "magic", "customer_name": "甲"}, "value_invalid"),
        ({"taker": "nobody", "customer_name": "甲"}, "value_invalid"),
    ],
)
def test_what_makes_no_order_is_refused_with_nothing_stored(tablet: Tablet, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Refused, match=code):
        create(tablet.bench, NewOrder(**{"service": "repair", "grade": "general", "symptom": "异响"} | given))

    assert tablet.outbox.counts() == {}


def test_a_failed_check_raises_a_follow_up(started: Tablet, office: Office) -> None:
    check(started.bench, "level", "1.4", reason="地面沉降")
    skip(started.bench, "noise", "没有声级计")
    check(started.bench, "clean", "no")

    symptom = suggest_symptom(started.bench, "level", "zh")
    done = follow_up(started.bench, symptom, service="repair", grade="general")

    assert symptom == "工单 GD-1 检查“水平度”不合格：1.4，允许 -1 至 1 °。 地面沉降"
    assert suggest_symptom(started.bench, "noise", "en") == "Order GD-1, check '噪声' was not done. 没有声级计"
    assert suggest_symptom(started.bench, "clean", "en") == "Order GD-1, check '外观清洁' failed: No."
    values = done.order.values
    assert (values["parent_id"], values["machine_id"], values["customer_id"]) == (ORDER, MACHINE, CUSTOMER)
    assert [found.id for found in list_follow_ups(started.bench, work.find_order(started.bench))] == [done.order.id]
    with pytest.raises(Refused, match="not_found"):
        suggest_symptom(started.bench, "remark", "zh")


def test_a_return_is_packed_and_raises_the_workshop_order(started: Tablet, office: Office) -> None:
    items = [
        {"name": "主机", "serial": "HA0001", "quantity": 1, "condition": "外壳有划痕"},
        {"name": "转子", "condition": "完好", "serial": ""},
    ]
    order = work.find_order(started.bench)

    done = return_to_factory(
        started.bench, items, packing=packing_of(started.bench, order, "zh"), carrier="顺丰", tracking_number="SF1"
    )
    started.push_to(office)

    (sent,) = office.rows_of("factory_return")
    workshop = office.rows[done.workshop_order_id].values
    assert [item["name"] for item in sent["items"]] == ["主机", "转子"] and "serial" not in sent["items"][1]
    assert sent["packing"] == list(PACKING["zh"])
    assert sent["workshop_order_id"] == done.workshop_order_id
    assert (workshop["service"], workshop["status"], workshop["parent_id"]) == ("workshop", "received", ORDER)
    assert workshop["symptom"] == sent["fault"] == "离心机振动大"
    assert done.order.values["result"] == "needs_workshop"


def test_the_model_tells_how_it_is_packed(started: Tablet, office: Office) -> None:
    office.write("model", MODEL, {"packing": ["锁住转子"]})
    started.pull_from(office)

    assert packing_of(started.bench, work.find_order(started.bench), "en") == ("锁住转子",)


@pytest.mark.parametrize("items", [[], [{"name": "主机"}], [{"condition": "好"}], [{"name": " ", "condition": "好"}]])
def test_a_return_says_what_is_in_the_box_and_how_it_is(started: Tablet, items: list[dict[str, Any]]) -> None:
    with pytest.raises(Refused, match="field_missing"):
        return_to_factory(started.bench, items)


def test_each_attendee_signs_the_training_he_read(started: Tablet, office: Office) -> None:
    training = record_training(started.bench, ["操作规程", " "], ["陈敏", "周洁", "吴明"])

    sign_training(started.bench, started.files, training.id, "陈敏", STROKES)
    after = sign_training_without(started.bench, training.id, "吴明", "absent", "提前离开")

    assert after.unsigned == ("周洁",)
    started.push_to(office)
    signed, absent = office.rows_of("training_signature")
    record = office.rows[training.id].values
    assert signed["training_sha256"] == hashlib.sha256(canonical.dump(record).encode()).hexdigest()
    with started.files.open(signed["strokes_sha256"]) as stream:
        assert json.loads(stream.read())["strokes"] == STROKES
    assert (absent["outcome"], absent["reason"]) == ("absent", "提前离开")
    (listed,) = list_trainings(started.bench, work.find_order(started.bench))
    assert (listed.id, listed.unsigned) == (training.id, ("周洁",))
    withdraw(started.bench, "录错", training.id)
    assert list_trainings(started.bench, work.find_order(started.bench)) == []


def test_what_is_no_training_is_refused(started: Tablet) -> None:
    bench, files = started.bench, started.files
    for topics, names, code in (
        ([], ["陈"], "field_missing"),
        (["a"], [" "], "field_missing"),
        (["a"], ["陈", "陈"], "value_invalid"),
    ):
        with pytest.raises(Refused, match=code):
            record_training(bench, topics, names)
    training = record_training(bench, ["安全"], ["陈敏"])

    for training_id, name, code in (
        (training.id, "周洁", "not_found"),
        (uuid(999), "陈敏", "not_found"),
        (ORDER, "陈敏", "not_found"),
    ):
        with pytest.raises(Refused, match=code):
            sign_training(bench, files, training_id, name, STROKES)
    with pytest.raises(Refused, match="value_invalid"):
        sign_training(bench, files, training.id, "陈敏", [])
    with pytest.raises(Refused, match="field_missing"):
        sign_training_without(bench, training.id, "陈敏", "declined", " ")
    sign_training(bench, files, training.id, "陈敏", STROKES)
    with pytest.raises(Refused, match="already_signed"):
        sign_training_without(bench, training.id, "陈敏", "declined", "不愿意")
