"""What may not be made at all: each refusal with its code, and what is kept although it looks odd."""

from __future__ import annotations

from typing import Any

import pytest

from server.keys import new_id
from sync.changeset import Change
from tests.server.builders import Firm, create, delete, faults_of, photo, update

NOBODY = "00000000-0000-7000-8000-0000000000ff"


def test_an_unknown_kind_is_refused(firm: Firm) -> None:
    assert faults_of(firm.send(firm.wei, create("spaceship", new_id(), name="X"))) == ["kind_unknown"]


def test_an_unknown_field_is_kept_and_merged(firm: Firm) -> None:
    first = firm.send(firm.wei, update("work_order", firm.order, mood=(None, {"face": ["smiling"]})))
    second = firm.write(update("work_order", firm.order, mood=("never so", "sad")))

    assert (first.verdict, second.verdict) == ("applied", "contested")
    assert firm.body(firm.order)["mood"] == {"face": ["smiling"]}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("symptom", 5),
        ("symptom", "x" * 4001),
        ("grade", "deadly"),
        ("appointment_at", "tomorrow"),
        ("appointment_at", "2026-11-21T10:00:00+08:00"),
        ("alarms", "E1"),
        ("alarms", ["E1", 2]),
        ("alarms", ["E"] * 501),
        ("machine_id", "no id"),
        ("number", None),
        ("number", ""),
    ],
)
def test_a_wrong_value_is_refused_and_says_of_which_field(firm: Firm, name: str, value: Any) -> None:
    answer = firm.send(firm.dana, Change("work_order", firm.order, "update", {name: value}, {name: None}))

    assert faults_of(answer) == ["value_invalid"]
    fault = answer.changes[0].fault
    assert fault and fault.facts["field"] == name and fault.facts["detail"]


@pytest.mark.parametrize("quantity", [0, 10_001, True, "3"])
def test_a_number_out_of_range_is_refused(firm: Firm, quantity: Any) -> None:
    values = {"order_id": firm.order, "machine_id": firm.company.machine, "part_name": "轴承"}

    answer = firm.send(
        firm.wei, create("part_fitted", new_id(), **values, fitted_at="2026-11-20T08:00:00Z", quantity=quantity)
    )

    assert faults_of(answer) == ["value_invalid"]


def test_a_required_field_must_be_there(firm: Firm) -> None:
    answer = firm.send(firm.wei, create("photo", new_id(), order_id=firm.order))

    assert faults_of(answer) == ["field_missing"]


@pytest.mark.parametrize(
    ("device", "before", "after", "fault"),
    [
        ("wei", "assigned", "in_progress", None),
        ("wei", "assigned", "closed", "move_not_allowed"),
        ("wei", "assigned", "cancelled", "move_not_allowed"),
        ("dana", "assigned", "cancelled", None),
        ("dana", "assigned", "in_progress", "move_not_allowed"),
        ("wei", "closed", "in_progress", "move_not_allowed"),
    ],
)
def test_an_order_moves_as_the_life_cycle_allows(
    firm: Firm, device: str, before: str, after: str, fault: str | None
) -> None:
    answer = firm.send(getattr(firm, device), update("work_order", firm.order, status=(before, after)))

    assert faults_of(answer) == [fault]
    assert firm.body(firm.order)["status"] == ("assigned" if fault else after)


@pytest.mark.parametrize("status", ["finished", "closed"])
def test_an_order_begins_at_its_beginning(firm: Firm, status: str) -> None:
    body = {"number": "N", "status": status, "service": "repair", "grade": "general"}

    answer = firm.write(create("work_order", new_id(), **body, customer_id=firm.company.chen))

    assert faults_of(answer) == ["move_not_allowed"]


def test_a_reference_to_a_missing_record_is_refused(firm: Firm) -> None:
    answer = firm.write(update("work_order", firm.order, site_id=(None, NOBODY)))

    assert faults_of(answer) == ["record_missing"]


def test_a_reference_to_another_kind_is_refused(firm: Firm) -> None:
    answer = firm.write(update("work_order", firm.order, site_id=(None, firm.company.chen)))

    assert faults_of(answer) == ["kind_mismatch"]


def test_a_set_may_refer_to_what_it_creates_before(firm: Firm) -> None:
    site, machine, model = new_id(), new_id(), firm.bodies("model")[0]["id"]
    site_first = create("site", site, name="三号楼", customer_id=firm.company.chen)
    on_it = create("machine", machine, model_id=model, serial="S9", site_id=site)

    backwards = firm.write(on_it, site_first)
    forwards = firm.write(site_first, on_it)

    assert faults_of(backwards) == ["record_missing", "set_refused"]
    assert forwards.verdict == "applied"


def test_a_change_of_a_missing_record_is_refused(firm: Firm) -> None:
    answer = firm.write(update("site", NOBODY, name=("a", "b")), delete("customer", NOBODY))

    assert faults_of(answer) == ["record_missing", "record_missing"]


def test_a_record_is_created_once(firm: Firm) -> None:
    customer = create("customer", firm.company.chen, name="again")
    twice = create("customer", new_id(), name="new")

    assert faults_of(firm.write(customer)) == ["record_exists"]
    assert faults_of(firm.write(twice, twice)) == ["set_refused", "record_exists"]


def test_a_change_names_the_kind_the_record_has(firm: Firm) -> None:
    assert faults_of(firm.write(update("site", firm.company.chen, name=("陈氏实验室", "b")))) == ["kind_mismatch"]


def test_who_and_what_wrote_something_is_never_deleted(firm: Firm) -> None:
    person = firm.write(delete("person", firm.company.wei, name="魏工"))
    device = firm.write(delete("device", firm.wei.id, state="active"), actor=firm.company.system)

    assert (faults_of(person), faults_of(device)) == (["never_deleted"], ["never_deleted"])
    assert firm.send(firm.wei, photo(firm.order)).verdict == "applied"


def test_a_fact_is_final(firm: Firm) -> None:
    taken = photo(firm.order)
    firm.send(firm.wei, taken)

    edited = firm.send(firm.wei, update("photo", taken.id, purpose=("fault", "after")))
    removed = firm.send(firm.wei, delete("photo", taken.id))

    assert (faults_of(edited), faults_of(removed)) == (["fact_is_final"], ["fact_is_final"])
    assert firm.body(taken.id)["purpose"] == "fault"


def test_work_on_an_order_whose_machine_was_deleted_is_kept(firm: Firm) -> None:
    machine = firm.add_machine()
    order = firm.add_order(firm.company.wei, machine)
    late = firm.add_order(None, machine)
    firm.ensure(delete("machine", machine))
    firm.ensure(update("work_order", late, engineer_id=(None, firm.company.lin)))

    known = firm.send(firm.wei, photo(order, machine_id=machine))
    never_held = firm.send(firm.lin, photo(late, machine_id=machine))
    guessed = firm.send(firm.lin, update("machine", machine, place=(None, "guess")))

    assert (known.verdict, never_held.verdict, faults_of(guessed)) == ("applied", "applied", ["out_of_scope"])


def test_a_guessed_id_is_refused(firm: Firm) -> None:
    edited = firm.send(firm.lin, update("work_order", firm.order, diagnosis=(None, "guess")))
    added = firm.send(firm.lin, photo(firm.order))

    assert (faults_of(edited), faults_of(added)) == (["out_of_scope"], ["out_of_scope"])


def test_work_on_an_order_taken_away_while_offline_is_kept(firm: Firm) -> None:
    firm.ensure(update("work_order", firm.order, engineer_id=(firm.wei.person, firm.lin.person)))
    taken = photo(firm.order)

    answer = firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "worn")), taken)

    assert answer.verdict == "merged"
    assert firm.body(firm.order)["diagnosis"] == "worn"
    assert firm.has(taken.id)


@pytest.mark.parametrize("change", ["person", "device", "model", "conflict"])
def test_an_engineer_writes_only_what_his_role_may(firm: Firm, change: str) -> None:
    wishes = {
        "person": update("person", firm.wei.person, roles=(["engineer"], ["engineer", "admin"])),
        "device": update("device", firm.lin.id, state=("active", "revoked")),
        "model": create("model", new_id(), manufacturer="X", name="Y", family="z"),
        "conflict": create(
            "conflict", new_id(), subject_kind="site", subject_id=firm.order, field="name", state="open"
        ),
    }

    assert faults_of(firm.send(firm.wei, wishes[change])) == ["writer_not_allowed"]


def test_whoever_left_the_company_writes_nothing(firm: Firm) -> None:
    firm.ensure(update("person", firm.wei.person, active=(None, False)))

    answer = firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "worn")))

    assert faults_of(answer) == ["writer_not_allowed"]


def test_an_auditor_reads_only(firm: Firm) -> None:
    answer = firm.write(update("work_order", firm.order, symptom=("离心机异响", "fine")), actor=firm.company.aud)

    assert answer.verdict == "refused"
    assert firm.body(firm.order)["symptom"] == "离心机异响"


def test_nobody_of_the_field_writes_through_the_office(firm: Firm) -> None:
    answer = firm.write(update("work_order", firm.order, symptom=("离心机异响", "fine")), actor=firm.wei.person)

    assert faults_of(answer) == ["wrong_actor"]
