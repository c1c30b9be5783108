"""Warranties are worked out from the log, written through the door, and travel with their machine."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from schemas.warranty import verdict_on
from server.keys import new_id
from server.services.office import Office
from server.services.proofs import replay, verify_log
from server.services.warranty import renew, warranty_id
from tests.server.builders import Firm, create, fitted, handset, removed, update


@pytest.fixture
def machine(firm: Firm) -> str:
    """A machine accepted on 18 February 2026 whose model has 12 months, and 36 for the motor."""
    model, machine = new_id(), new_id()
    terms = [{"component": "电机", "months": 36}]
    model_values = {"manufacturer": "恒安", "name": "MC-12", "family": "centrifuge", "warranty_months": 12}
    values = {"serial": "HA-1", "customer_id": firm.company.chen, "accepted_on": "2026-02-18"}
    firm.ensure(
        create("model", model, component_terms=terms, **model_values),
        create("machine", machine, model_id=model, **values),
    )
    return machine


def warranty(firm: Firm, machine: str) -> dict[str, Any]:
    """Return a machine's warranty as it stands."""
    renew(firm.engine, firm.office, firm.id)
    return firm.body(warranty_id(machine))


def ends(said: dict[str, Any], about: str) -> list[str]:
    """Return when the terms of one sort end."""
    return [term["ends_on"] for term in said["terms"] if term["about"] == about]


def finish(firm: Firm, order: str, day: str, **more: tuple[Any, Any]) -> None:
    """Let the office have an order finished on a day."""
    body = firm.body(order)
    moves = {"status": (body["status"], "in_progress"), "finished_at": (body.get("finished_at"), f"{day}T02:00:00Z")}
    firm.send(firm.wei, update("work_order", order, **moves, **more))
    firm.send(firm.wei, update("work_order", order, status=("in_progress", "finished")))


def test_a_machine_gets_its_warranty_once(firm: Firm, machine: str, office: Office, engine: Engine) -> None:
    said = warranty(firm, machine)
    length = len(firm.log())

    assert renew(engine, office, firm.id) == 0
    assert len(firm.log()) == length
    assert (said["machine_id"], said["months"], said["months_from"]) == (machine, 12, "model")
    assert (ends(said, "machine"), ends(said, "component")) == (["2027-02-18"], ["2029-02-18"])


def test_it_follows_what_it_stands_on(firm: Firm, machine: str) -> None:
    warranty(firm, machine)
    model = firm.body(machine)["model_id"]

    firm.ensure(update("model", model, warranty_months=(12, 18)))
    by_model = warranty(firm, machine)
    firm.ensure(update("machine", machine, warranty_months=(None, 24)))
    by_contract = warranty(firm, machine)

    assert (ends(by_model, "machine"), ends(by_contract, "machine")) == (["2027-08-18"], ["2028-02-18"])


def test_a_repair_adds_its_downtime_and_has_thirty_days(firm: Firm, machine: str) -> None:
    warranty(firm, machine)
    order = firm.add_order(firm.wei.person, machine, grade="urgent", reported_at="2026-03-01T00:00:00Z")

    finish(firm, order, "2026-03-11", failed_component=(None, "电机"))
    said = warranty(firm, machine)

    assert (ends(said, "machine"), ends(said, "repair"), said["downtime_days"]) == (["2027-02-28"], ["2026-04-10"], 10)
    assert verdict_on(said, "2028-01-01", {"failed_component": "电机"}).outcome == "in"


def test_an_exclusion_found_on_site_takes_the_time_back(firm: Firm, machine: str) -> None:
    order = firm.add_order(firm.wei.person, machine, grade="urgent", reported_at="2026-03-01T00:00:00Z")
    finish(firm, order, "2026-03-11")
    before = warranty(firm, machine)

    firm.send(firm.wei, update("work_order", order, exclusion=(None, "misuse")))

    assert (ends(before, "machine"), ends(warranty(firm, machine), "machine")) == (["2027-02-28"], ["2027-02-18"])


def test_a_replaced_part_has_its_own_term_as_long_as_it_is_in(firm: Firm, machine: str) -> None:
    part = new_id()
    firm.ensure(create("part", part, part_number="M-1", name="电机", component="电机", warranty_months=12))
    order = firm.add_order(firm.wei.person, machine)
    firm.send(firm.wei, fitted(order, machine, "S1", "2026-06-30T02:00:00Z", part_id=part, warranty_months=24))
    fitted_part = warranty(firm, machine)

    # What was promised on the day of replacement holds, whatever the catalogue says since.
    firm.ensure(update("part", part, warranty_months=(12, 6)))
    promised = warranty(firm, machine)
    firm.send(firm.wei, removed(order, machine, "S1", "2026-07-01T02:00:00Z", part_id=part))

    assert ends(fitted_part, "part") == ends(promised, "part") == ["2028-06-30"]
    assert ends(warranty(firm, machine), "part") == []


def test_a_part_that_was_never_fitted_has_no_term(firm: Firm, machine: str) -> None:
    order = firm.add_order(firm.wei.person, machine)
    mistaken = fitted(order, machine, "S1", "2026-06-30T02:00:00Z", warranty_months=24)
    firm.send(firm.wei, mistaken)
    before = warranty(firm, machine)

    about = {"order_id": order, "machine_id": machine, "subject_kind": "part_fitted", "subject_id": mistaken.id}
    firm.send(firm.wei, create("withdrawal", new_id(), reason="扫错了", withdrawn_at="2026-06-30T03:00:00Z", **about))

    assert (ends(before, "part"), ends(warranty(firm, machine), "part")) == (["2028-06-30"], [])


def test_the_same_fault_twice_is_named(firm: Firm, machine: str) -> None:
    numbers = []
    for day in ("2026-03-01", "2026-05-01"):
        order = firm.add_order(firm.wei.person, machine, reported_at=f"{day}T00:00:00Z")
        finish(firm, order, day, failed_component=(None, "电机"))
        numbers.append(firm.body(order)["number"])

    assert warranty(firm, machine)["repeated"] == [{"name": "电机", "order_numbers": numbers}]


def test_it_travels_with_its_machine_and_no_device_may_write_it(firm: Firm, machine: str) -> None:
    said = warranty(firm, machine)
    firm.add_order(firm.wei.person, machine)
    wei, lin = (handset(firm, person) for person in (firm.wei.person, firm.lin.person))

    for device in (wei, lin):
        device.sync()
    answer = firm.send(firm.wei, update("warranty", warranty_id(machine), months=(12, 120)))

    assert wei.held[warranty_id(machine)] == ("warranty", said)
    assert warranty_id(machine) not in lin.held
    assert answer.fault is not None and answer.fault.code == "writer_not_allowed"


def test_a_round_that_was_cut_off_is_made_again(firm: Firm, machine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module = "server.services.log_following._keep_mark"
    monkeypatch.setattr(module, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        renew(firm.engine, firm.office, firm.id)
    monkeypatch.undo()

    assert firm.body(warranty_id(machine))["months"] == 12
    assert renew(firm.engine, firm.office, firm.id) == 0


def test_the_log_proves_it(firm: Firm, machine: str, engine: Engine, tmp_path: Any) -> None:
    warranty(firm, machine)

    assert verify_log(engine, firm.id).holds
    assert replay(engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies == ()


@pytest.mark.parametrize("odd", ["\x00", "x\x00y", 5, [], {"a": 1}, "", "machine"])
def test_what_a_device_says_it_saw_may_name_no_machine(firm: Firm, machine: str, odd: object) -> None:
    warranty(firm, machine)
    order = firm.add_order(firm.wei.person, machine)

    firm.send(firm.wei, update("work_order", order, machine_id=(odd, machine)))
    firm.ensure(update("machine", machine, warranty_months=(None, 24)))

    assert ends(warranty(firm, machine), "machine") == ["2028-02-18"]
