"""Parts that are bought on approval: asked for by one, approved by another, settled by their delivery."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.problems import Refused
from server.clock import utc_now
from server.keys import new_id
from server.services import purchases, stock_acts
from server.services.decisions import Desk
from server.services.proofs import replay
from server.services.stock_acts import Delivery, Lot
from server.store.database import reading
from tests.server.builders import Firm, create, faults_of, update


@dataclass
class Shop:
    """A centre, a rare part, Xu who keeps the stock, and Gao who manages."""

    firm: Firm
    centre: str
    part: str
    xu: Desk
    gao: Desk

    def ask(self, quantity: int = 1, desk: Desk | None = None) -> str:
        """Ask for some, and return the purchase."""
        known = set(self.firm.records())
        purchases.ask(desk or self.xu, self.part, quantity, self.centre, "备用")
        (made,) = [key for key, (kind, _) in self.firm.records().items() if kind == "purchase" and key not in known]
        return made

    def deliver(self, quantity: int) -> None:
        """Take some in."""
        stock_acts.receive(self.xu, Delivery(Lot(self.part, "L1", self.supplier, {}), self.centre, quantity))

    @property
    def supplier(self) -> str:
        """Who delivers."""
        return next(key for key, (kind, _) in self.firm.records().items() if kind == "supplier")

    def state(self, purchase: str) -> str:
        """Return how far a purchase has come."""
        return str(self.firm.body(purchase)["state"])

    def lacks(self) -> bool:
        """Tell whether a delivery would be one that nobody approved."""
        with reading(self.firm.engine) as connection:
            return purchases.lacks_approval(connection, self.firm.id, self.part, self.centre)


@pytest.fixture
def shop(firm: Firm) -> Shop:
    """A firm that buys a spindle on approval."""
    centre, part, supplier, xu, gao = (new_id() for _ in range(5))
    firm.ensure(
        create("service_centre", centre, name="临安网点", tier="outlet"),
        create("supplier", supplier, name="宏达电子"),
        create("part", part, part_number="P-9", name="主轴", on_approval=True),
        create("person", xu, name="徐库管", roles=["stock_keeper"]),
        create("person", gao, name="高雅", roles=["manager"]),
    )
    return Shop(firm, centre, part, Desk(firm.office, firm.id, xu), Desk(firm.office, firm.id, gao))


def test_who_asks_does_not_approve_and_who_may_not_is_refused(shop: Shop) -> None:
    asked, own = shop.ask(2), shop.ask(desk=shop.gao)

    with pytest.raises(Refused, match="writer_not_allowed"):
        purchases.decide(shop.xu, own, "approved", "")
    with pytest.raises(Refused, match="purchase_own"):
        purchases.decide(shop.gao, own, "approved", "")
    with pytest.raises(Refused, match="field_missing"):
        purchases.decide(shop.gao, asked, "rejected", " ")
    with pytest.raises(Refused, match="value_invalid"):
        purchases.decide(shop.gao, asked, "arrived", "")
    purchases.decide(shop.gao, asked, "approved", "按年度预算")

    assert (shop.state(asked), shop.firm.body(asked)["decided_by"]) == ("approved", shop.gao.person)
    with pytest.raises(Refused, match="purchase_settled"):
        purchases.decide(shop.gao, asked, "rejected", "太贵")
    purchases.decide(shop.gao, own, "withdrawn", "")
    assert shop.state(own) == "withdrawn"


def test_no_change_set_goes_round_the_approval(shop: Shop) -> None:
    asked, firm = shop.ask(), shop.firm
    said = {"part_id": shop.part, "quantity": 1, "centre_id": shop.centre, "purpose": "x", "asked_at": utc_now()}

    for change in (
        create("purchase", new_id(), **said, asked_by=shop.gao.person, state="asked"),
        create("purchase", new_id(), **said, asked_by=shop.xu.person, state="approved"),
        update("purchase", asked, state=("asked", "approved")),
        update("purchase", asked, state=("asked", "arrived")),
    ):
        answer = firm.write(change, actor=shop.xu.person)
        assert answer.verdict == "refused" and faults_of(answer)[0] in (
            "value_invalid", "writer_not_allowed", "purchase_settled"
        ), answer  # fmt: skip
    assert shop.state(asked) == "asked"


def test_a_delivery_settles_what_was_approved_the_oldest_first_and_tells_of_what_was_not(
    shop: Shop, tmp_path: Any
) -> None:
    assert shop.lacks()
    first, second, waits = shop.ask(2), shop.ask(3), shop.ask(1)
    for purchase in (first, second):
        purchases.decide(shop.gao, purchase, "approved", "")
    assert not shop.lacks()

    shop.deliver(4)
    assert [shop.state(one) for one in (first, second, waits)] == ["arrived", "approved", "asked"]
    shop.deliver(3)
    assert shop.state(second) == "arrived" and shop.lacks()

    purchases.decide(shop.gao, waits, "approved", "")
    late = datetime.fromisoformat(shop.firm.body(waits)["decided_at"]) + timedelta(hours=48, seconds=1)
    with reading(shop.firm.engine) as connection:
        waiting, settled = purchases.list_purchases(connection, shop.firm.id, late)
        in_time, _ = purchases.list_purchases(connection, shop.firm.id, late - timedelta(seconds=2))
    assert [(one.id, one.is_late) for one in waiting] == [(waits, True)]
    assert [one.is_late for one in in_time] == [False]
    assert [one.id for one in settled] == [second, first]
    assert replay(shop.firm.engine, shop.firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").holds
