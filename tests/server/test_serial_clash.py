"""What speaks for each cause of one serial number in two places is found, and shown where it is settled."""

from __future__ import annotations

import pytest

from server.desk.reconcile_evidence import read_evidence
from server.keys import new_id
from server.services.serial_clash import Clash, read_clash
from server.store.database import reading
from sync.changeset import Change
from tests.server.builders import GTIN, NOON, Firm, create, fitted, removed, update
from tests.server.test_withdrawal import withdrawal

LATER = "2026-11-21T08:00:00Z"


def clash_of(firm: Firm, fact: Change) -> Clash | None:
    with reading(firm.engine) as connection:
        return read_clash(connection, firm.id, fact.id)


def causes(firm: Firm, fact: Change) -> list[str]:
    clash = clash_of(firm, fact)
    return [suspicion.cause for suspicion in clash.suspicions] if clash else []


@pytest.fixture
def other(firm: Firm) -> tuple[str, str]:
    """Another machine of Chen's, and an order of Wei's for it."""
    machine = firm.add_machine()
    order = firm.add_order(firm.company.wei, machine)
    firm.catch_up(firm.wei)
    return order, machine


def move(firm: Firm, part: str, serial: str, /, **ends: str) -> None:
    firm.ensure(create("stock_move", new_id(), part_id=part, serial=serial, quantity=1, **{"moved_at": NOON, **ends}))


def test_a_part_in_one_place_clashes_with_nothing(firm: Firm, other: tuple[str, str]) -> None:
    order, machine = other
    first = fitted(firm.order, firm.company.machine, "SN-10042")
    firm.send(firm.wei, first)
    firm.send(firm.wei, removed(firm.order, firm.company.machine, "SN-10042", "2026-11-20T12:30:00Z"))
    second = fitted(order, machine, "SN-10042", LATER)
    firm.send(firm.wei, second)

    assert clash_of(firm, first) is None and clash_of(firm, second) is None
    assert clash_of(firm, withdrawal(order, second)) is None


def test_a_part_that_came_back_into_the_van_lacks_its_removal(firm: Firm, other: tuple[str, str]) -> None:
    order, machine = other
    van, part = new_id(), new_id()
    firm.ensure(
        create("van", van, name="魏工车", person_id=firm.wei.person),
        create("part", part, part_number="MC12-MOT", name="电机", manufacturer="晟远", gtin=GTIN),
    )
    first = fitted(firm.order, firm.company.machine, "SN-10042", part_id=part)
    firm.send(firm.wei, first)
    moved_at = "2026-11-20T18:00:00Z"
    move(firm, part, "SN-10042", from_place="machine", to_place="van", to_van_id=van, moved_at=moved_at)
    second = fitted(order, machine, "SN-10042", LATER, part_id=part)
    firm.send(firm.wei, second)

    clash = clash_of(firm, second)

    assert clash is not None and (clash.first.fact.id, clash.second.fact.id) == (first.id, second.id)
    assert clash_of(firm, first) == clash
    assert [sign.code for sign in clash.suspicions[0].signs] == ["came_back"]
    assert clash.suspicions[0].cause == "missing_removal"


def test_a_like_number_left_in_the_van_is_the_one_that_was_meant(firm: Firm, other: tuple[str, str]) -> None:
    order, machine = other
    van, part = new_id(), new_id()
    firm.ensure(
        create("van", van, name="魏工车", person_id=firm.wei.person),
        create("part", part, part_number="MC12-MOT", name="电机", manufacturer="晟远", gtin=GTIN),
    )
    move(firm, part, "SN-10024", from_place="supplier", to_place="van", to_van_id=van)
    first = fitted(firm.order, firm.company.machine, "SN-10042", part_id=part, scanned=f"01{GTIN}21SN-10042")
    second = fitted(order, machine, "SN-10042", "2026-11-20T14:00:00Z", part_id=part)
    firm.send(firm.wei, first)
    firm.send(firm.wei, second)

    clash = clash_of(firm, second)

    assert clash is not None
    typo = next(suspicion for suspicion in clash.suspicions if suspicion.cause == "typo")
    assert (typo.likely, [sign.code for sign in typo.signs]) == ("SN-10024", ["like_in_stock"])


def test_two_records_of_one_machine_tell_of_one_act(firm: Firm, other: tuple[str, str]) -> None:
    order, machine = other
    first, second = fitted(firm.order, firm.company.machine, "SN-10042"), fitted(order, machine, "SN-10042", LATER)
    firm.send(firm.wei, first)
    firm.send(firm.wei, second)
    before = causes(firm, second)
    firm.ensure(update("machine", machine, same_as_id=(None, firm.company.machine)))

    assert "echo" not in before
    assert causes(firm, second)[0] == "echo"


def test_a_part_seen_again_where_it_was_is_another_one(firm: Firm, other: tuple[str, str]) -> None:
    order, machine = other
    first, second = fitted(firm.order, firm.company.machine, "SN-10042"), fitted(order, machine, "SN-10042", LATER)
    for fact in (
        first,
        second,
        fitted(firm.order, firm.company.machine, "SN-10042", "2026-11-22T08:00:00Z"),
        removed(order, machine, "SN-10042", "2026-11-23T08:00:00Z"),
    ):
        firm.send(firm.wei, fact)

    (exception, *_) = [body for body in firm.bodies("exception") if body["code"] == "serial_in_two_places"]
    with reading(firm.engine) as connection:
        evidence = read_evidence(connection, firm.id, exception["id"])

    assert causes(firm, second)[0] == "clone"
    assert evidence.clash is not None and evidence.clash.suspicions[0].cause == "clone"


def test_what_was_withdrawn_clashes_no_more(firm: Firm, other: tuple[str, str]) -> None:
    order, machine = other
    first, second = fitted(firm.order, firm.company.machine, "SN-10042"), fitted(order, machine, "SN-10042", LATER)
    firm.send(firm.wei, first)
    firm.send(firm.wei, second)

    assert causes(firm, first)
    firm.send(firm.wei, withdrawal(order, second))

    assert causes(firm, first) == []
