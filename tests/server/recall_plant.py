"""A firm with a part that may be recalled, in the hands of a test. Fixture: `plant`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from schemas.recall import Extent
from server.domain.recall import LineState
from server.keys import new_id
from server.services import recall_orders, recalls, recalls_read
from server.services.recalls import Author
from server.services.recalls_read import Affected
from server.store.database import reading
from sync.changeset import Change
from tests.server.builders import GTIN, Firm, create, fitted, update
from tests.server.test_intake_exceptions import at

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
    return found_plant(firm)


def found_plant(firm: Firm) -> Plant:
    """Give a firm a part that may be recalled, a van, and somebody who keeps the stock."""
    part, batch, supplier, van, xu = (new_id() for _ in range(5))
    firm.ensure(
        create("person", xu, name="徐库管", roles=["stock_keeper"]),
        create("supplier", supplier, name="宏达电子"),
        create("part", part, part_number="P-1", name="驱动器", gtin=GTIN),
        create("batch", batch, part_id=part, supplier_id=supplier, number="B1"),
        create("van", van, name="魏工车", person_id=firm.wei.person),
    )
    return Plant(firm, part, batch, van, xu)
