"""Recalls: what they hit, what became of it, their orders, and what comes in late. On both databases."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import Engine, event

from schemas.problems import Refused
from schemas.recall import Extent
from server.keys import new_id
from server.services import recalls
from server.services.proofs import replay
from server.services.recalls import Author
from server.store.contacts import ContactRow, write_contacts
from server.store.database import reading, writing
from server.store.recall_spans import list_fittings
from server.store.recalls import note_receipts, read_receipts
from tests.server.builders import create, handset, removed, update
from tests.server.recall_plant import Plant, finish, plant
from tests.server.test_intake_exceptions import at, codes

__all__ = ["plant"]


def test_a_recall_tells_machines_owners_stock_and_what_cannot_be_excluded(plant: Plant) -> None:
    hit, gone, by_gtin = plant.fit("S1", "B1"), plant.fit("S2", "B1"), plant.fit("S3", None, batch_id=plant.batch)
    other, unknown, alike = plant.fit("S4", "B2"), plant.fit("S5", None), plant.fit("S6", "b1")
    order = plant.firm.add_order(plant.firm.wei.person, gone)
    plant.firm.catch_up(plant.firm.wei)
    plant.firm.send(plant.firm.wei, removed(order, gone, "S2", at(9), part_id=plant.part, destination="customer"))
    move = {"part_id": plant.part, "quantity": 2, "moved_at": at(7), "from_place": "supplier", "to_place": "van"}
    for batch in ("B1", "B2"):
        plant.firm.ensure(create("stock_move", new_id(), **move, batch=batch, to_van_id=plant.van))

    recall = plant.open()

    assert plant.states(recall) == {
        hit: "open", by_gtin: "open", gone: "removed", unknown: "unclear", alike: "unclear"
    }  # fmt: skip
    found = plant.affected(recall)
    assert other not in {line.fitting.machine for line in found.lines}
    assert {line.covered.doubt for line in found.lines if line.state == "unclear"} == {"no_batch", "batch_alike"}
    assert found.customers == {plant.firm.company.chen}
    assert [(hit.place, hit.batch, hit.quantity) for hit in found.stock] == [(plant.van, "B1", 2)]
    assert (found.progress.machines, found.progress.waiting, found.progress.stock, found.progress.share) == (5, 5, 2, 0)


def test_a_range_of_serial_numbers_is_followed_however_late_a_part_is_told_of(plant: Plant) -> None:
    early = plant.fit("SN0098", "B7")
    recall = plant.open(Extent(plant.part, None, "SN0090", "SN0110"))
    before = codes(plant.firm)
    late, outside = plant.fit("SN0110", None), plant.fit("SN0111", None)

    assert plant.states(recall) == {early: "open", late: "open"}
    assert codes(plant.firm) == [*before, "recalled_batch"]
    (told,) = [body["detail"] for body in plant.firm.bodies("exception") if body["code"] == "recalled_batch"]
    assert told == f"{plant.firm.body(recall)['number']} (SN0110): 可能失效"
    assert outside not in plant.states(recall)


@pytest.mark.parametrize(
    "extent", [Extent("p", "b1"), Extent("p", None, "S10", "S19"), Extent("p", "b1", "S10", "S19")]
)
def test_of_a_part_only_what_may_be_recalled_is_read(engine: Engine, extent: Extent) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    plans: list[str] = []
    with writing(engine) as connection:
        event.listen(connection, "before_cursor_execute", listen)
        list_fittings(connection, new_id(), "p", "09506000134352", [extent])
        event.remove(connection, "before_cursor_execute", listen)
        explain = "EXPLAIN QUERY PLAN"
        if engine.dialect.name == "postgresql":
            # So little is known of an empty table that any other way would do.
            for way in ("seqscan", "bitmapscan"):
                connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            explain = "EXPLAIN"
        for statement, given in asked:
            plans.append(str(connection.exec_driver_sql(f"{explain} {statement}", given).all()))

    for plan in plans:
        found_by = plan[plan.index("spans_by_") :].split(" m ")[0]
        assert extent.batch is None or re.search(r"batch_folded(=|\)::text = | = | IS NULL)", found_by), plan
        # SQLite names in a plan what leads to the first row, and tells the others by the index too.
        assert engine.dialect.name == "sqlite" or extent.first is None or "serial_folded" in found_by, plan
    assert len(plans) == (8 if extent.batch and extent.first else 4)


def test_orders_are_raised_once_for_each_machine_and_lines_follow_them(plant: Plant) -> None:
    first, second, unknown = plant.fit("S1", "B1"), plant.fit("S2", "B1"), plant.fit("S3", None)
    plant.fit("S4", "B1", machine=first)
    recall = plant.open(instructions="断电后更换")

    raised = plant.raise_orders(recall)
    again = plant.raise_orders(recall)
    chosen = plant.raise_orders(recall, unknown, first)

    assert (len(raised.numbers), raised.had, raised.left) == (2, 0, 0)
    assert (again.numbers, again.had) == ([], 2)
    assert (len(chosen.numbers), chosen.had) == (1, 1)
    orders = {body["machine_id"]: body for body in plant.firm.bodies("work_order") if body.get("recall_id") == recall}
    assert set(orders) == {first, second, unknown}
    assert (orders[first]["grade"], orders[first]["service"], orders[first]["customer_id"]) == (
        "urgent", "repair", plant.firm.company.chen
    )  # fmt: skip
    assert orders[first]["needed_parts"] == [{"part_id": plant.part, "quantity": 2}]
    assert orders[first]["instructions"] == "断电后更换" and "S1 B1; S4 B1" in orders[first]["symptom"]
    assert set(plant.states(recall).values()) == {"ordered"}
    firm = plant.firm
    firm.ensure(update("work_order", orders[second]["id"], status=("received", "cancelled")))
    assert plant.states(recall)[second] == "open", "a cancelled order is none"
    assert len(plant.raise_orders(recall).numbers) == 1


def test_a_part_that_comes_back_settles_its_line_and_one_left_behind_does_not(plant: Plant) -> None:
    returned, stays, found = plant.fit("S1", "B1"), plant.fit("S2", "B1"), plant.fit("S3", "B1")
    recall = plant.open()
    plant.raise_orders(recall)
    firm = plant.firm
    for machine, serial, destination in ((returned, "S1", "returned"), (found, "S3", "unknown")):
        order = firm.add_order(firm.wei.person, machine)
        firm.catch_up(firm.wei)
        firm.send(
            firm.wei, removed(order, machine, serial, at(9), part_id=plant.part, destination=destination, batch="B1")
        )
    (order,) = [body for body in firm.bodies("work_order") if body.get("recall_id") and body["machine_id"] == stays]
    finish(firm, order["id"])

    assert plant.states(recall) == {returned: "back", stays: "still_in", found: "removed"}
    move = {"part_id": plant.part, "serial": "S3", "batch": "B1", "quantity": 1, "moved_at": at(10)}
    firm.ensure(create("stock_move", new_id(), **move, from_place="machine", to_place="van", to_van_id=plant.van))
    assert plant.states(recall)[found] == "back"


def test_closing_with_something_left_says_why_and_a_mistake_is_withdrawn(plant: Plant) -> None:
    plant.fit("S1", "B1")
    recall, firm = plant.open(), plant.firm
    assert firm.body(plant.batch)["recalled_on"]

    with pytest.raises(Refused, match="field_missing"):
        recalls.end_recall(firm.office, plant.author, recall, "closed", " ")
    recalls.end_recall(firm.office, plant.author, recall, "closed", "客户自行更换")
    assert firm.body(recall)["close_reason"] == "客户自行更换"
    with pytest.raises(Refused, match="recall_ended"):
        plant.raise_orders(recall)
    before = codes(firm)
    plant.fit("S9", "B1")
    assert codes(firm) == [*before, "recalled_batch"], "what turns up later is as faulty as the rest"
    recalls.end_recall(firm.office, plant.author, recall, "open", "")
    assert firm.body(recall)["close_reason"] is None
    recalls.end_recall(firm.office, plant.author, recall, "withdrawn", "批号抄错")

    assert firm.body(plant.batch)["recalled_on"] is None
    before = codes(firm)
    plant.fit("S10", "B1")
    assert codes(firm) == before
    with pytest.raises(Refused, match="recall_ended"):
        recalls.end_recall(firm.office, plant.author, recall, "open", "")


def test_what_is_no_range_or_names_nothing_opens_no_recall(plant: Plant) -> None:
    for extents, code in (([], "field_missing"), ([Extent(plant.part, None, "SN9", "SN10")], "serial_range_invalid")):
        with pytest.raises(Refused, match=code):
            recalls.expect_extents(extents)
    with pytest.raises(Refused, match="writer_not_allowed"):
        said = {"name": "x", "reason": "x", "action": "inspect", "urgency": "general"}
        aud = Author(plant.firm.id, plant.firm.company.aud)
        recalls.open_recall(plant.firm.engine, plant.firm.office, aud, said, [Extent(plant.part)])


def test_every_device_holds_a_recall_and_the_log_rebuilds_it(plant: Plant, tmp_path: Any) -> None:
    plant.fit("S1", "B1")
    recall = plant.open(Extent(plant.part, "B1"), Extent(plant.part, None, "SN1", "SN5"))
    lin = handset(plant.firm, plant.firm.lin.person)

    lin.sync()

    assert lin.held[recall][1]["state"] == "open"
    named = [body for kind, body in lin.held.values() if kind == "recalled_part"]
    assert {(body.get("batch"), body.get("first_serial")) for body in named} == {("B1", None), (None, "SN1")}
    assert replay(plant.firm.engine, plant.firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").holds


def test_since_when_a_device_has_a_recall_is_noted_when_it_tells_so(plant: Plant) -> None:
    firm = plant.firm

    def hear(position: int, when: str) -> None:
        row = ContactRow(firm.id, firm.wei.id, when, synced_at=when, position=position)
        with writing(firm.engine) as connection:
            note_receipts(connection, [row])
            write_contacts(connection, [row])

    hear(len(firm.log()), "2026-11-20T08:00:00Z")
    recall = plant.open()
    end = len(firm.log())
    hear(end - 1, "2026-11-20T09:00:00Z")
    with reading(firm.engine) as connection:
        assert read_receipts(connection, firm.id, recall) == {}
    hear(end, "2026-11-20T10:00:00Z")
    hear(end + 5, "2026-11-20T11:00:00Z")

    with reading(firm.engine) as connection:
        assert read_receipts(connection, firm.id, recall) == {firm.wei.id: (end, "2026-11-20T10:00:00Z")}
