"""A stock keeper's books on both databases: deliveries, moves, levels, counts, consumables; all of it from the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine

from schemas.problems import Refused
from schemas.stock import StockKey
from server.clock import telling, unix_ms
from server.domain.stock import Level
from server.domain.times import spell
from server.keys import new_id
from server.services import consumables, stock, stock_acts, stock_counts, stock_levels
from server.services.decisions import Desk
from server.services.proofs import replay
from server.services.stock_acts import Delivery, Line, Lot, spell_end
from server.store.database import reading, writing
from server.store.stock_tables import BatchRow, MoveRow
from sync.changeset import Change
from tests.server.builders import GTIN, Firm, create, fitted, handset

TODAY = "2026-11-21"


@dataclass
class Depot:
    """A centre with Wei's and Lin's vans, a supplier, and a seal that expires."""

    firm: Firm
    desk: Desk
    centre: str
    wei: str
    lin: str
    supplier: str
    part: str

    def receive(self, number: str, quantity: int = 0, /, *serials: str, note: str = "DN-1", **papers: Any) -> None:
        """Take a lot in."""
        lot = Lot(self.part, number, self.supplier, papers)
        stock_acts.receive(self.desk, Delivery(lot, self.centre, quantity, serials, note))

    def move(self, start: str, end: str, *lines: Line) -> None:
        """Move lines; places are ``centre``, ``wei``, ``lin`` or words."""
        stock_acts.move(self.desk, lines, self.end("from", start) | self.end("to", end), "test")

    def end(self, side: str, place: str) -> dict[str, Any]:
        """Return one end of a move."""
        kind = "van" if place in ("wei", "lin") else place
        return spell_end(side, kind, getattr(self, place, None))

    def line(self, batch: str, quantity: int = 1, serial: str = "") -> Line:
        """Return a line of the seal."""
        return Line(self.part, batch, serial, quantity)

    def at(self, place: str, **wanted: Any) -> list[tuple[str, str, int]]:
        """Return what is at a place."""
        with reading(self.firm.engine) as connection:
            page = stock.list_balances(connection, self.firm.id, TODAY, place=place, **wanted)
        return [(line.batch, line.serial, line.quantity) for line in page.lines]

    def draw_on_device(self, device: Any, batch: str, quantity: int, at: str) -> Change:
        """Return an engineer's draw from the centre, as his device tells it."""
        van = self.wei if device is self.firm.wei else self.lin
        values = {"part_id": self.part, "batch": batch, "quantity": quantity, "moved_at": at}
        ends = spell_end("from", "centre", self.centre) | spell_end("to", "van", van)
        return create("stock_move", new_id(), **values, **ends)


@pytest.fixture
def depot(firm: Firm) -> Depot:
    """A centre with nothing in it, and empty vans."""
    centre, wei, lin, supplier, part, keeper = (new_id() for _ in range(6))
    firm.ensure(
        create("person", keeper, name="Xu", roles=["stock_keeper"]),
        create("service_centre", centre, name="浦东网点", tier="outlet"),
        create("supplier", supplier, name="瑞丰"),
        create("part", part, part_number="P-1", name="密封圈", gtin=GTIN, component="密封圈", families=["centrifuge"]),
        create("van", wei, name="魏工车", person_id=firm.wei.person, centre_id=centre),
        create("van", lin, name="林工车", person_id=firm.lin.person, centre_id=centre),
    )
    firm.catch_up(firm.wei, firm.lin)
    return Depot(firm, Desk(firm.office, firm.id, keeper), centre, wei, lin, supplier, part)


def test_a_delivery_is_one_change_set_and_a_batch_is_completed_never_changed(depot: Depot) -> None:
    before = len(depot.firm.log())
    depot.receive("L1", 5, produced_on="2026-10-01", expires_on="2027-01-31")
    depot.receive("L1", 0, "S1", "S2", certificate="CC-1")

    assert len(depot.firm.log()) == before + 2
    (batch,) = depot.firm.bodies("batch")
    assert (batch["expires_on"], batch["certificate"]) == ("2027-01-31", "CC-1")
    assert depot.at(depot.centre) == [("L1", "", 5), ("L1", "S1", 1), ("L1", "S2", 1)]
    assert {move["delivery_note"] for move in depot.firm.bodies("stock_move")} == {"DN-1"}
    with pytest.raises(Refused, match="batch_differs"):
        depot.receive("L1", 1, expires_on="2028-01-31")
    with pytest.raises(Refused, match="serial_there"):
        depot.receive("L2", 0, "S1")
    assert len(depot.firm.log()) == before + 2


def test_what_needs_somebody_is_found_by_state_word_and_number(depot: Depot) -> None:
    depot.receive("SOON", 2, expires_on="2026-12-01", certificate="CC-1")
    depot.receive("OLD", 1, expires_on="2026-11-01", certificate="CC-1")
    depot.receive("BAD", 3, certificate="CC-1")
    depot.receive("BARE", 4)
    batch = next(body["id"] for body in depot.firm.bodies("batch") if body["number"] == "BAD")
    depot.firm.ensure(Change("batch", batch, "update", {"recalled_on": TODAY}, {"recalled_on": None}))
    depot.move("wei", "scrapped", depot.line("BARE"))

    with reading(depot.firm.engine) as connection:
        counts = stock.count_states(connection, depot.firm.id, TODAY)
        (code,) = stock.read_code(connection, depot.firm.id, f"(01){GTIN}(10)SOON", depot.centre, TODAY)
        choices = stock.read_code(connection, depot.firm.id, "p-1", depot.centre, TODAY)
        named = stock.read_code(connection, depot.firm.id, "密封", None, TODAY)
        fresh = stock.read_code(connection, depot.firm.id, f"01{GTIN}10NEW\x1d17271231", None, TODAY)
        with pytest.raises(Refused, match="part_not_known"):
            stock.read_code(connection, depot.firm.id, "nothing", None, TODAY)
    assert counts == {"below": 1, "recalled": 1, "expired": 1, "expiring": 1, "uncertified": 1}
    assert depot.at(depot.centre, state="expiring") == [("SOON", "", 2)]
    assert depot.at(depot.wei, state="below") == [("BARE", "", -1)]
    assert depot.at(depot.centre, query="bar") == [("BARE", "", 4)]
    assert len(depot.at(depot.centre, query="密封")) == 4 and depot.at(depot.centre, query="no%e") == []
    assert (code.batch, code.held, code.expires_on) == ("SOON", 2, "2026-12-01")
    assert {choice.batch for choice in choices} == {"SOON", "OLD", "BAD", "BARE"}
    assert [choice.part for choice in named] == [depot.part]
    assert [(choice.batch, choice.expires_on) for choice in fresh] == [("NEW", "2027-12-31")]


def test_what_comes_back_refurbished_is_a_batch_of_its_own(depot: Depot) -> None:
    depot.receive("L1", 0, "S1")
    depot.move("centre", "returned", depot.line("L1", 1, "S1"))
    lot = Lot(depot.part, "L1-R", None, {"inspection_report": "IR-9"})
    stock_acts.refurbish(depot.desk, depot.line("L1", 1, "S1"), lot, depot.centre)

    made = next(body for body in depot.firm.bodies("batch") if body["number"] == "L1-R")
    origin = next(body for body in depot.firm.bodies("batch") if body["number"] == "L1")
    assert (made["condition"], made["made_from_id"], made["supplier_id"]) == (
        "refurbished",
        origin["id"],
        depot.supplier,
    )
    assert depot.at(depot.centre) == [("L1-R", "S1", 1)]


def test_a_wrong_move_is_put_right_once(depot: Depot) -> None:
    depot.receive("L1", 5)
    depot.move("centre", "wei", depot.line("L1", 2))
    with reading(depot.firm.engine) as connection:
        wrong = stock.read_history(connection, depot.firm.id, depot.part, depot.wei)[0]
    assert wrong.may_be_reversed and wrong.actor == depot.desk.person
    stock_acts.reverse(depot.desk, wrong.id, "wrong van")

    assert (depot.at(depot.centre), depot.at(depot.wei)) == ([("L1", "", 5)], [])
    with pytest.raises(Refused, match="move_reversed"):
        stock_acts.reverse(depot.desk, wrong.id, "again")
    with pytest.raises(Refused, match="same_place"):
        depot.move("centre", "centre", depot.line("L1"))


def test_a_van_is_made_up_with_what_expires_first_and_its_device_knows_the_list(depot: Depot) -> None:
    firm = depot.firm
    depot.receive("LATER", 3, expires_on="2027-12-31")
    depot.receive("FIRST", 2, expires_on="2027-01-31")
    stock_levels.set_levels(depot.desk, {"van_id": depot.wei}, [Level(depot.part, 1, 4)])
    stock_levels.set_levels(depot.desk, {"centre_id": depot.centre}, [Level(depot.part, 3, 6)])
    depot.move("centre", "wei", depot.line("FIRST", 2))
    depot.move("wei", "machine", depot.line("FIRST", 1))

    with reading(firm.engine) as connection:
        (proposal,) = stock_levels.propose(connection, firm.id, depot.wei, TODAY)
    assert (proposal.standing.usable, proposal.used, proposal.standing.gap, proposal.lacks) == (1, 1, 3, 0)
    lines = [Line(depot.part, pick.batch, pick.serial, pick.quantity) for pick in proposal.picks]
    assert lines == [depot.line("LATER", 3)]
    stock_levels.load_van(depot.desk, depot.wei, depot.centre, lines)

    assert depot.at(depot.wei) == [("FIRST", "", 1), ("LATER", "", 3)]
    with reading(firm.engine) as connection:
        standings = {row.place: row for row in stock_levels.list_levels(connection, firm.id, TODAY)}
    assert (standings[depot.centre].order, standings[depot.wei].gap) == (6, 0)
    wei, lin = handset(firm, firm.wei.person), handset(firm, firm.lin.person)
    for device in (wei, lin):
        device.sync()
    level = stock_levels.level_id(firm.id, depot.wei, depot.part)
    assert level in wei.held and level not in lin.held
    with pytest.raises(Refused, match="level_upside_down"):
        stock_levels.set_levels(depot.desk, {"van_id": depot.wei}, [Level(depot.part, 5, 4)])


def instant(minutes: int) -> str:
    """Return a moment of the day of the count."""
    return spell(datetime.fromtimestamp((BASE_MS + minutes * 60_000) / 1000, UTC))


BASE_MS = unix_ms()


def test_a_count_keeps_what_moves_meanwhile_and_what_comes_in_late(depot: Depot) -> None:
    firm = depot.firm
    depot.receive("L1", 10)
    depot.receive("L2", 4)
    with writing(firm.engine) as connection:
        sheet = stock_counts.begin(connection, firm.id, depot.desk.person, {"centre_id": depot.centre}, None, "", True)
    minute = iter(range(10, 100, 10))

    def count(batch: str, counted: int | None) -> None:
        at = next(minute)
        with telling(lambda: BASE_MS + at * 60_000), writing(firm.engine) as connection:
            key = StockKey(depot.centre, depot.part, batch, "")
            stock_counts.note_line(connection, firm.id, depot.desk.person, sheet, key, counted)

    # Wei took two at minute 5 and has no network; so eight are counted of the ten in the books, and one is missing.
    early = depot.draw_on_device(firm.wei, "L1", 2, instant(5))
    count("L1", 7)
    count("L3", 1)
    with telling(lambda: BASE_MS + 40 * 60_000):
        depot.move("centre", "lin", depot.line("L1", 3))
    with pytest.raises(Refused, match="reason_missing"):
        stock_counts.settle(firm.engine, depot.desk, sheet, " ")
    with telling(lambda: BASE_MS + 60 * 60_000):
        assert stock_counts.settle(firm.engine, depot.desk, sheet, "年中盘点") == 2

    assert depot.at(depot.centre) == [("L1", "", 4), ("L2", "", 4), ("L3", "", 1)]
    (record,) = firm.bodies("stock_count")
    assert [(line["batch"], line["expected"], line["counted"]) for line in record["lines"]] == [
        ("L1", 10, 7),
        ("L3", 0, 1),
    ]
    assert firm.send(firm.wei, early).verdict == "applied"
    assert depot.at(depot.centre)[0] == ("L1", "", 2)
    with reading(firm.engine) as connection:
        (late,) = stock_counts.list_late(connection, firm.id)
    assert (late.batch, late.late) == ("L1", -2)
    stock_counts.settle_late(depot.desk, "迟到的领料")
    assert depot.at(depot.centre)[0] == ("L1", "", 4)
    with reading(firm.engine) as connection:
        assert stock_counts.list_late(connection, firm.id) == []
        assert stock_counts.list_sheets(connection, firm.id) == []


def test_a_machine_is_due_its_consumable_until_an_order_brings_it(depot: Depot) -> None:
    firm = depot.firm
    model = firm.bodies("model")[0]["id"]
    depot.firm.ensure(
        Change(
            "part", depot.part, "update", {"intervals": [{"model_id": model, "interval_days": 90}]}, {"intervals": None}
        )
    )
    never = firm.add_machine(accepted_on="2026-01-01")
    firm.add_machine(accepted_on="2026-11-01")
    seal = fitted(firm.order, firm.company.machine, None, part_id=depot.part, fitted_at="2026-08-01T08:00:00Z")
    assert firm.send(firm.wei, seal).verdict == "applied"

    with reading(firm.engine) as connection:
        due, has_more = consumables.list_due(connection, firm.id, TODAY)
    assert [(one.machine, one.fitted_on, one.due_on) for one in due] == [
        (never, None, "2026-04-01"),
        (firm.company.machine, "2026-08-01", "2026-10-30"),
    ]
    assert not has_more
    number = consumables.raise_order(firm.engine, firm.office, firm.id, firm.company.dana, never, [depot.part])
    with reading(firm.engine) as connection:
        assert [one.order for one in consumables.list_due(connection, firm.id, TODAY)[0]] == [number, None]
    struck = create("withdrawal", new_id(), order_id=firm.order, subject_kind="part_fitted", subject_id=seal.id,
                    reason="typo", withdrawn_at="2026-11-20T12:00:00Z")  # fmt: skip
    assert firm.send(firm.wei, struck).verdict == "applied"
    with reading(firm.engine) as connection:
        assert [one.machine for one in consumables.list_due(connection, firm.id, TODAY)[0]] == [never]


def test_who_waits_longest_for_a_consumable_is_told_first(depot: Depot, monkeypatch: pytest.MonkeyPatch) -> None:
    firm = depot.firm
    depot.firm.ensure(Change("part", depot.part, "update", {"interval_days": 90}, {"interval_days": None}))
    model = firm.bodies("model")[0]["id"]
    depot.firm.ensure(Change("part", depot.part, "update", {"model_ids": [model]}, {"model_ids": None}))
    last_day = firm.add_machine(accepted_on="2026-09-22")
    firm.add_machine(accepted_on="2026-09-23")
    firm.add_machine(accepted_on="2025-01-01", state="retired")
    first = firm.add_machine(accepted_on="2026-01-01")

    with reading(firm.engine) as connection:
        due, has_more = consumables.list_due(connection, firm.id, TODAY)
        monkeypatch.setattr(consumables, "DUE_SHOWN", 1)
        one, is_cut = consumables.list_due(connection, firm.id, TODAY)

    assert [(found.machine, found.due_on) for found in due] == [(first, "2026-04-01"), (last_day, "2026-12-21")]
    assert not has_more
    assert (one, is_cut) == (due[:1], True)


def test_all_tables_of_the_stock_come_out_of_the_log_again(depot: Depot, engine: Engine, tmp_path: Any) -> None:
    depot.receive("L1", 5, expires_on="2027-01-31")
    depot.move("centre", "wei", depot.line("L1", 2))
    stock_levels.set_levels(depot.desk, {"van_id": depot.wei}, [Level(depot.part, 1, 4)])
    with writing(engine) as connection:
        sheet = stock_counts.begin(connection, depot.firm.id, depot.desk.person, {"van_id": depot.wei}, None, "", False)
        assert stock_counts.note_missing(connection, depot.firm.id, depot.desk.person, sheet) == 1
    assert stock_counts.settle(engine, depot.desk, sheet, "lost") == 1

    proof = replay(engine, depot.firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}")
    assert proof.discrepancies == ()
    assert len(depot.firm.rows(MoveRow)) == 3 and len(depot.firm.rows(BatchRow)) == 1
