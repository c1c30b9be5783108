"""Any course of business, any page sizes, any moment to pull: each device holds exactly what the rules say."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from server.keys import new_id
from server.services.office import Office
from server.services.proofs import replay, verify_log
from sync.changeset import Change
from tests.cast import order_body
from tests.server.builders import Firm, Handset, create, delete, fitted, handset, open_firm, photo, update
from tests.server.scope_model import held_by

SEEDS = 8


class Business:
    """A company whose people do whatever chance tells them, the same for the same seed."""

    def __init__(self, firm: Firm, seed: int) -> None:
        """Begin with three machines at two sites."""
        self.firm, self.chance = firm, random.Random(seed)
        self.engineers = [firm.company.wei, firm.company.lin]
        self.sites = [firm.bodies("site")[0]["id"], new_id()]
        self.customers = [firm.company.chen, new_id()]
        firm.ensure(
            create("customer", self.customers[1], name="二号客户"),
            create("site", self.sites[1], name="三号楼", customer_id=self.customers[1]),
        )
        self.machines = [firm.company.machine, firm.add_machine(site_id=self.sites[1]), firm.add_machine()]
        self.orders = [firm.order]
        self.facts: list[str] = []
        self.handsets = [handset(firm, person) for person in (*self.engineers, firm.company.dana)]

    def pick(self, among: list[Any]) -> Any:
        """Choose one of some things."""
        return self.chance.choice(among)

    def move(self, kind: str, record_id: str, name: str, value: Any) -> Change | None:
        """Return the update that sets a field, by somebody who sees it as it is; None for a record deleted."""
        found = self.firm.records().get(record_id)
        return None if found is None else update(kind, record_id, **{name: (found[1].get(name), value)})

    def open_order(self) -> Change:
        """Open an order for somebody or nobody, at some machine or none."""
        self.orders.append(new_id())
        machine, engineer = self.pick([*self.machines, None]), self.pick([*self.engineers, None])
        body = order_body(f"N{len(self.orders)}", self.pick(self.customers), machine_id=machine, engineer_id=engineer)
        return create("work_order", self.orders[-1], **body)

    def assign(self) -> Change | None:
        """Give an order to somebody else, or to nobody."""
        return self.move("work_order", self.pick(self.orders), "engineer_id", self.pick([*self.engineers, None]))

    def end(self) -> Change | None:
        """Cancel an order, or take it up again as an admin may by settling."""
        return self.move("work_order", self.pick(self.orders), "status", "cancelled")

    def edit(self) -> Change | None:
        """Edit something that is not structure."""
        kind, among, name = self.pick(
            [
                ("machine", self.machines, "place"),
                ("site", self.sites, "address"),
                ("customer", self.customers, "contact"),
                ("work_order", self.orders, "symptom"),
                ("person", self.engineers, "phone"),
            ]
        )
        return self.move(kind, self.pick(among), name, self.pick(["a", "b", None]))

    def relocate(self) -> Change | None:
        """Move a machine to another site, an order to another machine, a site to another customer."""
        kind, among, name, targets = self.pick(
            [
                ("machine", self.machines, "site_id", [*self.sites, None]),
                ("machine", self.machines, "customer_id", [*self.customers, None]),
                ("work_order", self.orders, "machine_id", [*self.machines, None]),
                ("site", self.sites, "customer_id", self.customers),
            ]
        )
        return self.move(kind, self.pick(among), name, self.pick(targets))

    def record_fact(self) -> Change:
        """Record a photo or a part at an order, with the machine named or not."""
        order, machine = self.pick(self.orders), self.pick(self.machines)
        change: Change = self.pick([photo(order), photo(order, machine_id=machine), fitted(order, machine, "S1")])
        self.facts.append(change.id)
        return change

    def remove(self) -> Change | None:
        """Delete an order or a machine."""
        kind, among = self.pick([("work_order", self.orders), ("machine", self.machines)])
        record_id = self.pick(among)
        return delete(kind, record_id) if record_id in self.firm.records() else None

    def act(self) -> None:
        """Let the office or an engineer write one set of some of these."""
        makers = [self.open_order, self.assign, self.end, self.edit, self.relocate, self.record_fact, self.remove]
        drawn = [self.pick(makers)() for _ in range(self.pick([1, 1, 2, 3]))]
        changes = [change for change in drawn if change is not None]
        facts = [change for change in changes if change.id in self.facts]
        others = [change for change in changes if change.id not in self.facts]
        if others and self.pick([True, True, False]):
            self.firm.write(*others, actor=self.firm.company.system)
        elif others:
            self.firm.send(self.pick([self.firm.wei, self.firm.lin]), *others)
        if facts:
            self.firm.send(self.pick([self.firm.wei, self.firm.lin]), *facts)

    def turn_some_pages(self) -> None:
        """Let somebody pull a page or two and be cut off."""
        device: Handset = self.pick(self.handsets)
        if device.pull.done:
            device.pull.done = False
        for _ in range(self.pick([1, 2])):
            if not device.pull.done:
                device.turn_page(self.pick([1, 2, 3, 7]))

    def check_all(self) -> None:
        """Pull everybody to the end and compare with the naive model."""
        records = self.firm.records()
        for device in self.handsets:
            device.sync(*(self.chance.randint(1, 5) for _ in range(4)))
            expected = {record_id: records[record_id] for record_id in held_by(records, device.person)}
            assert device.held == expected
            fresh = handset(self.firm, device.person)
            fresh.sync(3)
            assert fresh.held == expected
            assert set(fresh.ops) == {"put"}


@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_device_holds_what_the_rules_say(engine: Engine, office: Office, seed: int, tmp_path: Path) -> None:
    business = Business(open_firm(engine, office), seed)

    for _ in range(3):
        for _ in range(6):
            business.pick([business.act, business.act, business.turn_some_pages])()
        business.check_all()

    firm = business.firm
    assert verify_log(firm.engine, firm.id).discrepancies == ()
    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies == ()
