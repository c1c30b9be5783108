"""What can be done about an exception: each choice is one change-set, offered where it makes sense, and undone."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.services.decisions import Desk, undo
from server.services.inbox import Entry, read_inbox
from server.services.proofs import replay
from server.services.remedies import apply_remedy, move_left_orders
from server.services.trace import trace_number
from server.store.database import reading
from server.store.inbox import Choice
from tests.server.builders import Firm, create, fitted, handset, photo, removed, update
from tests.server.test_intake_exceptions import at, codes, sign, two_machines


@pytest.fixture
def desk(firm: Firm) -> Desk:
    """Dana at her desk."""
    return Desk(firm.office, firm.id, firm.company.dana)


def waiting(firm: Firm, **which: Any) -> list[Entry]:
    """Return the exceptions that wait."""
    with reading(firm.engine) as connection:
        return read_inbox(connection, firm.id, Choice(kind="exception", **which), firm.company.dana).entries


def choices(entry: Entry) -> tuple[str, ...]:
    assert entry.options is not None
    return entry.options.remedies


def two_places(firm: Firm) -> tuple[Entry, str, str]:
    """Let one serial number be fitted into two machines; return the exception and both machines."""
    first_order, first, second_order, second = two_machines(firm)
    firm.send(firm.wei, fitted(first_order, first, "S1", at(8)))
    firm.send(firm.wei, fitted(second_order, second, "S1", at(10)))
    (entry,) = waiting(firm)
    return entry, first, second


def places_of(firm: Firm) -> list[tuple[str, bool, bool]]:
    """Return machine, whether it is still in, and whether it is in two places, of each span of S1."""
    with reading(firm.engine) as connection:
        told = trace_number(connection, firm.id, "S1")["spans"]
    return [
        (span["machine"]["id"], span["removed"] is None, span["elsewhere"]) for span in told if not span["withdrawn"]
    ]


def test_a_removal_that_nobody_wrote_down_is_recorded_and_taken_back(firm: Firm, desk: Desk) -> None:
    entry, first, second = two_places(firm)
    assert choices(entry) == ("record_removal", "withdraw_fact", "suspect_counterfeit", "keep")
    assert entry.options is not None and entry.options.removal is not None
    assert (entry.options.removal.machine, entry.options.removal.at) == (first, at(10))

    apply_remedy(desk, entry.id, "record_removal", "魏工电话：上午已拆下", {})

    settled = firm.body(entry.id)
    assert (settled["state"], settled["settled_as"]) == ("settled", "record_removal")
    assert sorted(places_of(firm)) == sorted([(first, False, False), (second, True, False)])
    assert waiting(firm) == [], "what settles one exception raises no other"
    undo(desk, entry.id)
    assert sorted(places_of(firm)) == sorted([(first, True, True), (second, True, True)])
    assert [found.id for found in waiting(firm)] == [entry.id]


def test_a_fact_written_by_mistake_is_struck_out_for_good(firm: Firm, desk: Desk) -> None:
    entry, first, _ = two_places(firm)

    apply_remedy(desk, entry.id, "withdraw_fact", "标签读错", {})

    assert places_of(firm) == [(first, True, False)]
    with pytest.raises(Refused, match="decision_final"):
        undo(desk, entry.id)


def test_a_suspicion_is_marked_and_a_note_is_demanded(firm: Firm, desk: Desk) -> None:
    entry, *_ = two_places(firm)

    with pytest.raises(Refused, match="note_missing"):
        apply_remedy(desk, entry.id, "suspect_counterfeit", " ", {})
    apply_remedy(desk, entry.id, "suspect_counterfeit", "防伪码不符", {})

    assert firm.body(entry.id)["settled_as"] == "suspect_counterfeit"
    with pytest.raises(Refused, match="conflict_settled"):
        apply_remedy(desk, entry.id, "keep", "又一次", {})
    undo(desk, entry.id)
    assert firm.body(entry.id)["settled_as"] is None


def test_a_part_removed_where_nobody_knew_it_was(firm: Firm, desk: Desk) -> None:
    first_order, first, second_order, second = two_machines(firm)
    firm.send(firm.wei, fitted(first_order, first, "S1", at(8)))
    firm.send(firm.wei, removed(second_order, second, "S1", at(10)))
    (entry,) = waiting(firm)

    apply_remedy(desk, entry.id, "record_removal", "借用", {})

    assert [is_in for machine, is_in, _ in places_of(firm) if machine == first] == [False]


def test_work_on_a_cancelled_order_opens_it_again(firm: Firm, desk: Desk) -> None:
    firm.ensure(update("work_order", firm.order, status=("assigned", "cancelled")))
    firm.send(firm.wei, photo(firm.order))
    (entry,) = waiting(firm)
    assert choices(entry) == ("reopen_order", "withdraw_fact", "keep")

    apply_remedy(desk, entry.id, "reopen_order", "客户仍要修", {})

    device = handset(firm, firm.wei.person)
    device.sync()
    assert firm.body(firm.order)["status"] == "assigned" and firm.order in device.held
    undo(desk, entry.id)
    assert firm.body(firm.order)["status"] == "cancelled"


def test_a_remedy_that_does_not_fit_is_refused(firm: Firm, desk: Desk) -> None:
    firm.ensure(update("work_order", firm.order, status=("assigned", "cancelled")))
    firm.send(firm.wei, photo(firm.order))
    (entry,) = waiting(firm)
    firm.ensure(update("work_order", firm.order, status=("cancelled", "assigned")), actor=firm.company.dana)

    for remedy in ("reopen_order", "count_stock", "no_such"):
        with pytest.raises(Refused, match="remedy_unfit"):
            apply_remedy(desk, entry.id, remedy, "说明", {})


def test_a_new_signature_is_asked_for(firm: Firm, desk: Desk) -> None:
    firm.send(firm.wei, update("work_order", firm.order, status=("assigned", "in_progress")))
    firm.send(firm.wei, *sign(firm.order))
    firm.send(
        firm.wei, update("work_order", firm.order, status=("in_progress", "finished"), diagnosis=(None, "另有原因"))
    )
    (entry,) = waiting(firm)

    apply_remedy(desk, entry.id, "renew_signature", "改了诊断", {})

    device = handset(firm, firm.wei.person)
    device.sync()
    (asked,) = [body for kind, body in device.held.values() if kind == "inquiry"]
    assert "签字" in asked["question"] and "改了诊断" in asked["question"]
    assert firm.body(firm.order)["status"] == "sent_back"
    assert waiting(firm) == [] and [found.id for found in waiting(firm, put_off=True)] == [entry.id]


def test_a_recalled_part_gets_an_order_to_replace_it(firm: Firm, desk: Desk) -> None:
    part, supplier, batch = new_id(), new_id(), new_id()
    firm.ensure(
        create("supplier", supplier, name="轴承厂"),
        create("part", part, part_number="P1", name="轴承"),
        create("batch", batch, part_id=part, supplier_id=supplier, number="L1", recalled_on="2026-11-19"),
    )
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "S1", batch_id=batch))
    (entry,) = waiting(firm)

    apply_remedy(desk, entry.id, "follow_up", "尽快更换", {})

    (order,) = [body for body in firm.bodies("work_order") if body["id"] != firm.order]
    assert (order["parent_id"], order["machine_id"], order["status"]) == (firm.order, firm.company.machine, "received")
    assert "尽快更换" in order["symptom"] and "L1" in order["symptom"]
    undo(desk, entry.id)
    assert firm.body(order["id"])["status"] == "cancelled"


@pytest.mark.parametrize(("counted", "moved"), [(0, 2), (5, 7), (-1, None), ("3", None)])
def test_stock_below_zero_is_corrected_by_a_count(firm: Firm, desk: Desk, counted: Any, moved: int | None) -> None:
    part, van = new_id(), new_id()
    firm.ensure(
        create("part", part, part_number="P-1", name="密封圈"),
        create("van", van, name="魏工车", person_id=firm.wei.person),
    )
    firm.catch_up(firm.wei)
    used = {"from_place": "van", "from_van_id": van, "to_place": "machine", "moved_at": at(9)}
    firm.send(firm.wei, create("stock_move", new_id(), part_id=part, quantity=2, order_id=firm.order, **used))
    (entry,) = waiting(firm)
    assert entry.options is not None and entry.options.balance == -2

    if moved is None:
        with pytest.raises(Refused, match="value_invalid"):
            apply_remedy(desk, entry.id, "count_stock", "盘点", {"counted": counted})
        return
    apply_remedy(desk, entry.id, "count_stock", "盘点", {"counted": counted})

    (move,) = [body for body in firm.bodies("stock_move") if body["from_place"] == "difference"]
    assert (move["quantity"], move["to_van_id"], move["reason"]) == (moved, van, "盘点")
    undo(desk, entry.id)
    assert len(firm.bodies("stock_move")) == 3, "a move is put right by one in the other direction"


def register(firm: Firm, serial: str, **more: Any) -> str:
    """Let Lin register a machine on site; return its id."""
    machine = new_id()
    values = {"model_id": firm.bodies("model")[0]["id"], "serial": serial, "customer_id": firm.company.chen, **more}
    answer = firm.send(firm.lin, create("machine", machine, **values))
    assert answer.verdict == "applied", answer
    return machine


@pytest.mark.parametrize("serial", ["MC12-0007", "mc12-0007", "ＭＣ12－0007", "MC12 - 0007"])
def test_one_machine_registered_twice_is_found_and_made_one(firm: Firm, desk: Desk, serial: str, tmp_path: Any) -> None:
    twin = register(firm, serial)
    order = firm.add_order(firm.lin.person, twin)
    (entry,) = waiting(firm)
    assert (entry.field, choices(entry)) == ("machine_registered_twice", ("merge_machines", "keep"))
    assert entry.options is not None and entry.options.twins == (firm.company.machine,)

    apply_remedy(desk, entry.id, "merge_machines", "同一台", {"keep": firm.company.machine})

    assert firm.body(twin)["same_as_id"] == firm.company.machine
    assert firm.body(order)["machine_id"] == firm.company.machine
    register(firm, serial)
    assert len(waiting(firm)) == 1, "the one that counts is found again, the other is not"
    undo(desk, entry.id)
    assert (firm.body(twin)["same_as_id"], firm.body(order)["machine_id"]) == (None, twin)
    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies == ()


def test_no_order_is_left_behind_however_many_there_are(
    firm: Firm, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.services.remedies.MOVED_ORDERS_MAX", 2)
    twin = register(firm, "mc12-0007")
    orders = [firm.add_order(firm.lin.person, twin) for _ in range(5)]
    (entry,) = waiting(firm)

    apply_remedy(desk, entry.id, "merge_machines", "同一台", {"keep": firm.company.machine})
    left = move_left_orders(desk, entry.id)

    assert (left, move_left_orders(desk, entry.id)) == (3, 0)
    assert {firm.body(order)["machine_id"] for order in orders} == {firm.company.machine}


def test_machines_of_other_makers_or_numbers_are_others(firm: Firm) -> None:
    other = new_id()
    firm.ensure(create("model", other, manufacturer="别家", name="X", family="mini_centrifuge"))
    firm.catch_up(firm.lin)

    register(firm, "MC12-0007", model_id=other)
    register(firm, "MC12-0008")

    assert codes(firm) == []


def test_two_registered_in_one_set_are_found(firm: Firm) -> None:
    values = {"model_id": firm.bodies("model")[0]["id"], "serial": "MC12-0009", "customer_id": firm.company.chen}

    firm.send(firm.lin, *(create("machine", new_id(), **values) for _ in range(2)))

    assert codes(firm) == ["machine_registered_twice"]


def test_only_the_records_in_question_are_made_one(firm: Firm, desk: Desk) -> None:
    register(firm, "MC12-0007")
    (entry,) = waiting(firm)

    with pytest.raises(Refused, match="value_invalid"):
        apply_remedy(desk, entry.id, "merge_machines", "同一台", {"keep": firm.company.chen})
