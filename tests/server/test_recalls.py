"""Recalls: what they hit, what became of it, their orders, and what comes in late. On both databases."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from schemas.problems import Refused
from schemas.recall import Extent
from server.domain.recall import LineState
from server.keys import new_id
from server.services import recall_orders, recalls, recalls_read, stock, stock_recalls
from server.services.decisions import Desk
from server.services.proofs import replay
from server.services.recalls import Author
from server.services.recalls_read import Affected
from server.services.remedies import apply_remedy
from server.store.contacts import ContactRow, write_contacts
from server.store.database import reading, writing
from server.store.recalls import note_receipts, read_receipts
from sync.changeset import Change
from tests.server.builders import GTIN, Firm, create, fitted, handset, removed, update
from tests.server.test_intake_exceptions import at, codes

Lines = dict[str, LineState]


@dataclass
class Plant:
    """A firm with a part of two batches, a van, and somebody who keeps the stock."""

    firm: Firm
    part: str
    batch: str
    van: str
    xu: str

    @property
    def author(self) -> Author:
        """Who opens recalls."""
        return Author(self.firm.id, self.xu)

    @property
    def dana(self) -> Author:
        """Who raises orders."""
        return Author(self.firm.id, self.firm.company.dana)

    def fit(self, serial: str | None, batch: str | None, machine: str | None = None, **more: Any) -> str:
        """Let Wei fit a part into a machine, one of its own where none is named; return the machine."""
        machine = machine or self.firm.add_machine()
        order = self.firm.add_order(self.firm.wei.person, machine)
        self.firm.catch_up(self.firm.wei)
        named = {"part_id": self.part, "gtin": None, "batch": batch, "serial": serial, **more}
        change = fitted(order, machine, "", at(8))
        values = {name: value for name, value in {**change.set, **named}.items() if value is not None}
        answer = self.firm.send(self.firm.wei, Change(change.kind, change.id, "create", values, {}))
        assert answer.verdict == "applied", answer
        return machine

    def open(self, *extents: Extent, **more: Any) -> str:
        """Open a recall and return its id."""
        said = {"name": "电容", "reason": "可能失效", "action": "replace", "urgency": "urgent", **more}
        named = extents or (Extent(self.part, "B1"),)
        return recalls.open_recall(self.firm.engine, self.firm.office, self.author, said, named)[0]

    def affected(self, recall: str) -> Affected:
        """Return what a recall is about."""
        with reading(self.firm.engine) as connection:
            known = recalls_read.find_recall(connection, self.firm.id, recall)
            return recalls_read.read_affected(connection, self.firm.id, known)

    def states(self, recall: str) -> Lines:
        """Return what became of the part of each machine."""
        return {line.fitting.machine: line.state for line in self.affected(recall).lines}

    def raise_orders(self, recall: str, *machines: str) -> recall_orders.Raised:
        """Raise the orders of some machines, or of all."""
        return recall_orders.raise_orders(self.firm.engine, self.firm.office, self.dana, recall, machines or None)


def finish(firm: Firm, order: str) -> None:
    """Let Wei take an order and finish it."""
    engineer = {"status": ("received", "assigned"), "engineer_id": (None, firm.wei.person)}
    firm.ensure(update("work_order", order, **engineer))
    firm.catch_up(firm.wei)
    for before, after in (("assigned", "in_progress"), ("in_progress", "finished")):
        firm.send(firm.wei, update("work_order", order, status=(before, after)))


@pytest.fixture
def plant(firm: Firm) -> Plant:
    """A firm with a part that may be recalled."""
    part, batch, supplier, van, xu = (new_id() for _ in range(5))
    firm.ensure(
        create("person", xu, name="徐库管", roles=["stock_keeper"]),
        create("supplier", supplier, name="宏达电子"),
        create("part", part, part_number="P-1", name="驱动器", gtin=GTIN),
        create("batch", batch, part_id=part, supplier_id=supplier, number="B1"),
        create("van", van, name="魏工车", person_id=firm.wei.person),
    )
    return Plant(firm, part, batch, van, xu)


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
