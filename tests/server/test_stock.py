"""Spare parts in vans and centres: counted from their moves, and nothing is lost when a balance cannot be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import Engine

from server.desk.reconcile_evidence import read_evidence
from server.keys import new_id
from server.services.proofs import replay, verify_log
from server.store.database import reading
from server.store.tables import StockBalance
from sync.changeset import Change
from tests.server.builders import NOON, Firm, create, fitted, handset, update

Balances = dict[tuple[str, str, str], int]


@dataclass
class Depot:
    """A centre, Wei's and Lin's vans, and a part of two batches."""

    firm: Firm
    centre: str
    wei: str
    lin: str
    part: str

    def move(self, quantity: int, batch: str = "L1", /, **ends: Any) -> Change:
        """Return a move; ends are given as ``from_van=...`` and the like."""
        sides = {
            key: value
            for name, place in ends.items()
            for key, value in ((f"{name.split('_')[0]}_place", name.split("_")[1]), (f"{name}_id", place))
            if value is not None
        }
        return create("stock_move", new_id(), part_id=self.part, batch=batch, quantity=quantity, moved_at=NOON, **sides)

    def balances(self, place: str) -> Balances:
        """Return what is at a place, by part, batch and serial number."""
        rows = [row for row in self.firm.rows(StockBalance) if row.place == place]
        return {(row.part, row.batch, row.serial): row.quantity for row in rows}

    def receive(self, quantity: int, batch: str = "L1") -> None:
        """Let the supplier deliver to the centre, in a set of the office."""
        self.firm.ensure(self.move(quantity, batch, from_supplier=None, to_centre=self.centre))


@pytest.fixture
def depot(firm: Firm) -> Depot:
    """A centre with nothing in it, and empty vans."""
    centre, wei, lin, part = (new_id() for _ in range(4))
    firm.ensure(
        create("service_centre", centre, name="浦东网点", tier="outlet"),
        create("part", part, part_number="P-1", name="密封圈"),
        create("van", wei, name="魏工车", person_id=firm.wei.person, centre_id=centre),
        create("van", lin, name="林工车", person_id=firm.lin.person, centre_id=centre),
    )
    firm.catch_up(firm.wei, firm.lin)
    return Depot(firm, centre, wei, lin, part)


def exceptions(firm: Firm) -> list[tuple[str, str]]:
    """Return code and detail of the exceptions."""
    return [(body["code"], body["detail"]) for body in firm.bodies("exception")]


def test_what_is_moved_leaves_one_place_and_is_at_the_other(depot: Depot) -> None:
    depot.receive(5)
    depot.firm.ensure(depot.move(3, from_centre=depot.centre, to_van=depot.wei))
    depot.firm.send(depot.firm.wei, depot.move(1, from_van=depot.wei, to_machine=None))

    assert depot.balances(depot.centre) == {(depot.part, "L1", ""): 2}
    assert depot.balances(depot.wei) == {(depot.part, "L1", ""): 2}
    assert exceptions(depot.firm) == []


def test_a_balance_of_nothing_leaves_no_row(depot: Depot) -> None:
    depot.receive(1)
    depot.firm.ensure(depot.move(1, from_centre=depot.centre, to_van=depot.wei))

    assert depot.balances(depot.centre) == {}


@pytest.mark.parametrize("together", [True, False])
def test_two_who_draw_the_last_one_are_both_kept_and_a_person_is_told(depot: Depot, together: bool) -> None:
    firm = depot.firm
    depot.receive(1)
    moves = [depot.move(1, from_centre=depot.centre, to_van=van) for van in (depot.wei, depot.lin)]
    lines = [firm.wei.seal("stock.draw", moves[0]), firm.lin.seal("stock.draw", moves[1])]

    if together:
        firm.push(*lines)
    else:
        firm.push(lines[0])
        firm.push(lines[1], sender=firm.lin.id)

    assert all(firm.has(move.id) for move in moves)
    assert exceptions(firm) == [("stock_below_zero", "浦东网点: P-1 L1: -1")]
    (below,) = firm.bodies("exception")
    with reading(firm.engine) as connection:
        evidence = read_evidence(connection, firm.id, below["id"])
    assert [(step.actor, step.to_at, step.quantity) for step in evidence.draws][:2] == [
        (firm.lin.person, depot.lin, 1),
        (firm.wei.person, depot.wei, 1),
    ]
    assert [step.from_at for step in evidence.draws[2:]] == ["supplier"]
    assert {depot.lin, depot.wei, firm.wei.person, firm.lin.person} <= set(evidence.names)
    assert depot.balances(depot.centre) == {(depot.part, "L1", ""): -1}


def test_a_part_fitted_from_the_van_is_counted_in_the_same_set_and_follows_the_order(depot: Depot) -> None:
    firm = depot.firm
    part = fitted(firm.order, firm.company.machine, "S1", part_id=depot.part)
    move = depot.move(1, "", from_van=depot.wei, to_machine=None)
    move = Change(move.kind, move.id, "create", {**move.set, "order_id": firm.order, "fitted_id": part.id}, {})

    answer = firm.send(firm.wei, part, move)

    assert answer.verdict == "applied" and firm.has(part.id)
    (found,) = firm.bodies("exception")
    assert (found["code"], found["order_id"], found["subject_id"]) == ("stock_below_zero", firm.order, move.id)


def test_a_wrong_move_is_put_right_by_its_reverse(depot: Depot) -> None:
    depot.receive(2)
    wrong = depot.move(2, from_centre=depot.centre, to_van=depot.lin)
    depot.firm.ensure(wrong)

    back = depot.move(2, from_van=depot.lin, to_centre=depot.centre)
    depot.firm.ensure(Change(back.kind, back.id, "create", {**back.set, "reverses_id": wrong.id}, {}))

    assert depot.balances(depot.centre) == {(depot.part, "L1", ""): 2}
    assert depot.balances(depot.lin) == {}


def test_a_van_with_its_moves_is_held_by_its_engineer_alone(depot: Depot) -> None:
    depot.receive(5)
    move = depot.move(3, from_centre=depot.centre, to_van=depot.wei)
    depot.firm.ensure(move)
    wei, lin = (handset(depot.firm, person) for person in (depot.firm.wei.person, depot.firm.lin.person))

    for device in (wei, lin):
        device.sync()

    assert {depot.wei, move.id} <= wei.held.keys()
    assert not {depot.wei, move.id} & lin.held.keys()


def test_a_van_that_gets_another_engineer_goes_to_him_with_its_stock(depot: Depot) -> None:
    depot.receive(5)
    move = depot.move(3, from_centre=depot.centre, to_van=depot.wei)
    depot.firm.ensure(move)
    wei, lin = (handset(depot.firm, person) for person in (depot.firm.wei.person, depot.firm.lin.person))
    wei.sync()

    depot.firm.ensure(update("van", depot.wei, person_id=(depot.firm.wei.person, depot.firm.lin.person)))
    for device in (wei, lin):
        device.sync()

    assert {depot.wei, move.id} <= lin.held.keys()
    assert not {depot.wei, move.id} & wei.held.keys()


def test_nobody_draws_from_a_van_he_does_not_hold(depot: Depot) -> None:
    answer = depot.firm.send(depot.firm.wei, depot.move(1, from_van=depot.lin, to_machine=None))

    assert answer.fault is not None and answer.fault.code == "out_of_scope"


def test_the_balances_come_out_of_the_log_again(depot: Depot, engine: Engine, tmp_path: Any) -> None:
    depot.receive(5)
    depot.firm.ensure(depot.move(2, from_centre=depot.centre, to_van=depot.wei))
    depot.firm.send(depot.firm.wei, depot.move(2, from_van=depot.wei, to_machine=None))

    proof = replay(engine, depot.firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}")

    assert verify_log(engine, depot.firm.id).holds
    assert proof.discrepancies == ()
