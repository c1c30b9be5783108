"""Recalls that are added to and corrected, and what leads to and from them. On both databases."""

from __future__ import annotations

from email.header import decode_header, make_header
from typing import Any

import pytest

from schemas.problems import Refused
from schemas.recall import Extent
from server.keys import new_id
from server.services import recall_letters, recalls, recalls_read, stock, stock_recalls
from server.services.decisions import Desk
from server.services.proofs import replay
from server.services.remedies import apply_remedy
from server.store.database import reading
from tests.server.builders import create, handset, update
from tests.server.counter import CHEN, Counter
from tests.server.recall_plant import Plant, finish, found_plant, plant
from tests.server.test_intake_exceptions import at, codes

__all__ = ["plant"]


def test_what_is_added_is_told_first_and_raises_orders_once_more_only_where_it_must(plant: Plant) -> None:
    firm = plant.firm
    done, going, fresh = plant.fit("S1", "B1"), plant.fit("S2", "B1"), plant.fit("S3", "B9")
    for machine, serial in ((done, "S4"), (going, "S5")):
        plant.fit(serial, "B9", machine=machine)
    recall = plant.open()
    plant.raise_orders(recall)
    orders = {body["machine_id"]: body for body in firm.bodies("work_order") if body.get("recall_id") == recall}
    finish(firm, orders[done]["id"])
    added = Extent(plant.part, "B9")
    with reading(firm.engine) as connection:
        known = recalls_read.find_recall(connection, firm.id, recall)
        would_add, standing = recalls_read.find_added(connection, firm.id, known, [added, Extent(plant.part, "B1")])
    assert {line.fitting.serial for line in would_add.lines} == {"S3", "S4", "S5"} and len(standing.lines) == 2

    with pytest.raises(Refused, match="field_missing"):
        recalls.extend_recall(firm.office, plant.author, recall, [added], " ")
    assert recalls.extend_recall(firm.office, plant.author, recall, [added, Extent(plant.part, "B1")], "同一炉次") == 1
    with pytest.raises(Refused, match="recall_names_it"):
        recalls.extend_recall(firm.office, plant.author, recall, [added], "又来一次")

    states = {line.fitting.serial: line.state for line in plant.affected(recall).lines}
    assert states == {"S1": "still_in", "S2": "ordered", "S3": "open", "S4": "open", "S5": "ordered"}
    raised, again = plant.raise_orders(recall), plant.raise_orders(recall)
    assert (len(raised.numbers), raised.completed, again.numbers, again.completed) == (
        2, [orders[going]["number"]], [], []
    )  # fmt: skip
    told = firm.body(orders[going]["id"])
    assert "S5 B9" in told["instructions"] and told["needed_parts"] == [{"part_id": plant.part, "quantity": 2}]
    assert {line.state for line in plant.affected(recall).lines} == {"ordered"}
    assert fresh in plant.states(recall)
    named = [body for body in firm.bodies("recalled_part") if body.get("named_reason")]
    assert [(body["batch"], body["named_by"], body["named_reason"]) for body in named] == [("B9", plant.xu, "同一炉次")]


def test_what_was_named_by_mistake_is_struck_out_and_what_was_raised_for_it_stays(plant: Plant, tmp_path: Any) -> None:
    firm = plant.firm
    right, wrong = plant.fit("S1", "B1"), plant.fit("S2", "B9")
    recall = plant.open(Extent(plant.part, "B1"), Extent(plant.part, "B9"))
    lin = handset(firm, firm.lin.person)
    lin.sync()
    plant.raise_orders(recall)
    with reading(firm.engine) as connection:
        named = {one.extent.batch: one for one in recalls_read.find_recall(connection, firm.id, recall).named}

    with pytest.raises(Refused, match="field_missing"):
        recalls.correct_recall(firm.office, plant.author, recall, named["B9"].id, "")
    recalls.correct_recall(firm.office, plant.author, recall, named["B9"].id, "供应商更正批号")
    with pytest.raises(Refused, match="already_withdrawn"):
        recalls.correct_recall(firm.office, plant.author, recall, named["B9"].id, "x")
    with pytest.raises(Refused, match="recall_names_nothing"):
        recalls.correct_recall(firm.office, plant.author, recall, named["B1"].id, "x")

    assert set(plant.states(recall)) == {right} and firm.body(plant.batch)["recalled_on"]
    before = codes(firm)
    plant.fit("S3", "B9")
    assert codes(firm) == before, "what is struck out covers nothing"
    with reading(firm.engine) as connection:
        known = recalls_read.find_recall(connection, firm.id, recall)
        (stranded,) = recalls_read.list_stranded(connection, firm.id, recall, plant.affected(recall))
    struck = [one.correction for one in known.named if one.correction]
    assert [(one["corrected_by"], one["correction_reason"]) for one in struck] == [(plant.xu, "供应商更正批号")]
    assert (stranded[0].status, stranded[1]) == ("received", wrong)
    lin.sync()
    assert [body["named_id"] for kind, body in lin.held.values() if kind == "recall_correction"] == [named["B9"].id]
    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").holds


def test_a_closed_recall_that_is_added_to_is_open_again_and_devices_have_it_when_they_have_all_of_it(
    plant: Plant,
) -> None:
    firm = plant.firm
    recall = plant.open()
    with reading(firm.engine) as connection:
        before = recalls_read.find_recall(connection, firm.id, recall)
    recalls.end_recall(firm.office, plant.author, recall, "closed", "")
    recalls.extend_recall(firm.office, plant.author, recall, [Extent(plant.part, None, "SN1", "SN5")], "补充通知")

    with reading(firm.engine) as connection:
        known = recalls_read.find_recall(connection, firm.id, recall)
    assert (known.body["state"], known.body["closed_at"], known.added_at is not None) == ("open", None, True)
    assert before.end < known.end <= len(firm.log())
    recalls.end_recall(firm.office, plant.author, recall, "withdrawn", "误开")
    with pytest.raises(Refused, match="recall_ended"):
        recalls.extend_recall(firm.office, plant.author, recall, [Extent(plant.part)], "x")
    with pytest.raises(Refused, match="recall_ended"):
        recalls.correct_recall(firm.office, plant.author, recall, known.named[0].id, "x")


def test_an_order_made_from_the_inbox_for_a_recalled_part_is_one_of_the_recall(plant: Plant) -> None:
    firm = plant.firm
    recall = plant.open()
    machine = plant.fit("S1", "B1")
    (entry,) = [body for body in firm.bodies("exception") if body["code"] == "recalled_batch"]
    assert plant.states(recall) == {machine: "open"}

    apply_remedy(Desk(firm.office, firm.id, firm.company.dana), entry["id"], "follow_up", "换下", {})

    assert plant.states(recall) == {machine: "ordered"}
    assert plant.raise_orders(recall).had == 1


def test_what_lies_in_stock_and_the_lot_itself_tell_which_recalls_name_them(plant: Plant) -> None:
    firm = plant.firm
    move = {"part_id": plant.part, "quantity": 1, "moved_at": at(7), "from_place": "supplier", "to_place": "van"}
    for serial in ("SN01", "SN05", "SN09"):
        firm.ensure(create("stock_move", new_id(), **move, batch="B7", serial=serial, to_van_id=plant.van))
    firm.ensure(create("stock_move", new_id(), **move, batch="B1", to_van_id=plant.van))
    ranged = plant.open(Extent(plant.part, None, "SN04", "SN09"), name="序列号")
    whole = plant.open(Extent(plant.part, "B1"), name="批次")

    def listed() -> tuple[set[str], int]:
        with reading(firm.engine) as connection:
            page = stock.list_balances(connection, firm.id, "2026-11-21", state="recalled")
            count = stock.count_states(connection, firm.id, "2026-11-21")["recalled"]
        return {line.serial or line.batch for line in page.lines}, count

    assert listed() == ({"SN05", "SN09", "B1"}, 3)
    with reading(firm.engine) as connection:
        lots = {(plant.part, "B1"), (plant.part, "B7")}
        named = stock_recalls.find_recalls_of_lots(connection, firm.id, lots)
    assert [(one.id, one.is_whole) for one in named[plant.part, "B1"]] == [(whole, True)]
    assert named[plant.part, "B7"] == [], "serial numbers alone name no lot"
    recalls.end_recall(firm.office, plant.author, ranged, "withdrawn", "误开")
    assert listed() == ({"B1"}, 1)


def test_customers_are_told_by_mail_once_and_again_of_what_was_added(counter: Counter) -> None:
    firm, postbox = counter.firm, counter.postbox
    plant = found_plant(firm)
    silent = new_id()
    firm.ensure(update("customer", firm.company.chen, email=(None, CHEN)), create("customer", silent, name="无邮箱"))
    first, second = plant.fit("S1", "B1"), plant.fit("S2", "B9")
    plant.fit("S3", "B1", machine=firm.add_machine(customer_id=silent))
    recall = plant.open(instructions="先断电")

    done = recall_letters.write_letters(firm.engine, firm.id, recall)
    again = recall_letters.write_letters(firm.engine, firm.id, recall)
    counter.tell()
    recalls.extend_recall(firm.office, plant.author, recall, [Extent(plant.part, "B9")], "同一炉次")
    more = recall_letters.write_letters(firm.engine, firm.id, recall)
    counter.tell()

    assert [(one.letters, one.unreachable) for one in (done, again, more)] == [(1, 1), (0, 1), (1, 1)]
    told = postbox.mails_to(CHEN)
    texts = [str(mail.get_payload(decode=True), "utf-8") for mail in told]
    serials = [firm.body(machine)["serial"] for machine in (first, second)]
    assert [[serial in text for serial in serials] for text in texts] == [[True, False], [False, True]]
    number = firm.body(recall)["number"]
    assert all(number in str(make_header(decode_header(mail["Subject"]))) for mail in told)
    assert "先断电" in texts[0] and told[0]["Auto-Submitted"] == "auto-generated"
    with reading(firm.engine) as connection:
        letters = recall_letters.list_letters(connection, firm.id, recall)
    assert {address: letter.state for address, letter in letters.items()} == {CHEN: "sent"}
