"""What an engineer makes on site reaches the server whole: machines, requests, returns, trainings, steps taken back."""

from __future__ import annotations

import pytest

from server.keys import new_id
from server.services.proofs import verify_log
from tests.server.builders import NOON, Firm, create, faults_of, handset, update
from tests.server.test_training_record import training


def order_values(number: str, /, **more: object) -> dict[str, object]:
    """Return the values of an order an engineer takes down."""
    values = {"number": number, "status": "received", "service": "repair", "grade": "general", "channel": "engineer"}
    return {**values, "symptom": "异响", "reported_at": NOON, **more}


def test_a_machine_and_its_order_come_in_one_set(firm: Firm) -> None:
    machine, order = new_id(), new_id()
    model = firm.bodies("model")[0]["id"]
    registered = create("machine", machine, model_id=model, serial="HA-NEW", customer_id=firm.company.chen)
    mine = {"status": "in_progress", "engineer_id": firm.wei.person, "machine_id": machine}
    taken = create("work_order", order, **order_values("F1", **mine, customer_id=firm.company.chen))

    answer = firm.send(firm.wei, registered, taken)
    device = handset(firm, firm.wei.person)
    device.sync()

    assert answer.verdict == "applied"
    assert {machine, order} <= device.held.keys()


def test_a_request_of_an_unknown_customer_waits_at_the_office(firm: Firm) -> None:
    order = new_id()
    told = {"customer_name": "新安诊所", "machine_name": "进口离心机", "site_address": "镇上"}

    answer = firm.send(firm.wei, create("work_order", order, **order_values("F2", **told)))
    device = handset(firm, firm.wei.person)
    device.sync()
    linked = firm.write(update("work_order", order, customer_id=(None, firm.company.chen)))

    assert (answer.verdict, linked.verdict) == ("applied", "applied")
    assert order not in device.held
    assert firm.body(order)["customer_id"] == firm.company.chen


def test_a_return_names_the_workshop_order_of_its_set(firm: Firm) -> None:
    workshop, parcel = new_id(), new_id()
    same = {"parent_id": firm.order, "machine_id": firm.company.machine, "customer_id": firm.company.chen}
    raised = create("work_order", workshop, **order_values("F3", **same) | {"service": "workshop"})
    packed = {"order_id": firm.order, "machine_id": firm.company.machine, "workshop_order_id": workshop}
    items = [{"name": "主机", "serial": "HA0001", "condition": "有划痕"}]
    sent = create("factory_return", parcel, **packed, items=items, packed_at=NOON)

    answer = firm.send(firm.wei, raised, sent, update("work_order", firm.order, result=(None, "needs_workshop")))
    empty = firm.send(firm.wei, create("factory_return", new_id(), **packed, packed_at=NOON))

    assert answer.verdict == "applied" and faults_of(empty) == ["field_missing"]
    assert firm.body(parcel)["items"] == items
    assert verify_log(firm.engine, firm.id).holds


def test_attendees_sign_the_training_each_with_a_file_of_his_own(firm: Firm) -> None:
    record_id, values = training(firm)
    signed = {"order_id": firm.order, "training_id": record_id, "training_sha256": "ab" * 32, "signed_at": NOON}
    told = [
        create("training_signature", new_id(), **signed, attendee="陈敏", outcome="signed", strokes_sha256="cd" * 32),
        create("training_signature", new_id(), **signed, attendee="周洁", outcome="absent", reason="提前离开"),
    ]

    answer = firm.send(firm.wei, create("training_record", record_id, **values), *told)

    assert answer.verdict == "applied"
    assert sorted(body["attendee"] for body in firm.bodies("training_signature")) == ["周洁", "陈敏"]


@pytest.mark.parametrize("wrong", ["on_site", "in_progress"])
def test_a_wrong_step_is_taken_back_by_the_engineer_alone(firm: Firm, wrong: str) -> None:
    before = firm.body(firm.order)["status"]
    firm.send(firm.wei, update("work_order", firm.order, status=(before, wrong)))

    by_office = firm.write(update("work_order", firm.order, status=(wrong, "assigned")), actor=firm.company.dana)
    by_wei = firm.send(firm.wei, update("work_order", firm.order, status=(wrong, "assigned")))

    assert faults_of(by_office) == ["move_not_allowed"]
    assert by_wei.verdict == "applied"
    assert firm.body(firm.order)["status"] == "assigned"
