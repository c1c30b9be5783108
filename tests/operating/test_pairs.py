"""Pairs of edits from one base, handed in at the same moment through several server processes.

`make pairs COUNT=10000` runs it at length.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from server.keys import new_id
from server.reception import Reception
from server.services.proofs import verify_log
from server.store.database import open_engine
from sync import receipt
from sync.changeset import CHANGES_MAX, Change
from sync.receipt import Receipt
from tests.cast import Device, found_company
from tests.operating.caller import Caller
from tests.operating.serving import Site, running_site
from tests.postgres import PostgresServer
from tests.server.builders import Firm, create, device_record, photo, update

COUPLES = 4
"""Pairs of devices at work beside each other: one device's sets can only come one after the other."""
SETS_AT_ONCE = 5


@dataclass
class Side:
    """One device of a couple: what it edits, and what it was answered."""

    device: Device
    field: str
    orders: list[str]
    photos: list[Change]
    lines: list[bytes]
    receipts: list[Receipt]


@pytest.fixture
def site(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[Site]:
    """Two server processes of two workers each, on one PostgreSQL."""
    name = postgres_server.create_database()
    with running_site(tmp_path, postgres_server.url_of(name), processes=2, workers=2) as site:
        yield site
    postgres_server.drop_database(name)


@pytest.fixture
def firm(site: Site) -> Iterator[Firm]:
    """The company the processes serve."""
    office = site.open_office()
    engine = open_engine(site.settings.database_url)
    company = found_company(office, engine)
    wei, lin, dana = (
        Device(company.organisation, person, new_id()) for person in (company.wei, company.lin, company.dana)
    )
    firm = Firm(engine, office, Reception(engine), company, wei, lin, dana)
    yield firm
    engine.dispose()


def give_orders_to_both(firm: Firm, count: int) -> list[str]:
    """Return orders that Wei's and Lin's devices both have seen."""
    orders = [new_id() for _ in range(count)]
    least = {"status": "assigned", "service": "repair", "grade": "general", "customer_id": firm.company.chen}
    lin, wei = firm.lin.person, firm.wei.person
    for start in range(0, count, CHANGES_MAX):
        some = orders[start : start + CHANGES_MAX]
        firm.ensure(*(create("work_order", key, number=key[-12:], engineer_id=lin, **least) for key in some))
        firm.ensure(*(update("work_order", key, engineer_id=(lin, wei)) for key in some))
    return orders


def make_side(firm: Firm, person: str, field: str, orders: list[str]) -> Side:
    """Return a device of a person with its edits, each in a set with a photo."""
    device = Device(firm.id, person, new_id())
    firm.ensure(device_record(device))
    device.basis = len(firm.log())
    photos = [photo(order, caption=f"{device.id} {field}") for order in orders]
    lines = [
        device.seal("order.note", update("work_order", order, **{field: (None, f"by {device.id}")}), taken)
        for order, taken in zip(orders, photos, strict=True)
    ]
    return Side(device, field, orders, photos, lines, [])


def push_all(site: Site, side: Side, started: threading.Barrier) -> Caller:
    """Hand a side's sets in, a few to a request."""
    caller = Caller(site.url, side.device)
    started.wait()
    for start in range(0, len(side.lines), SETS_AT_ONCE):
        side.receipts += map(receipt.load, caller.push(side.lines[start : start + SETS_AT_ONCE]))
    return caller


def test_of_pairs_of_edits_from_one_base_none_is_lost_and_none_is_torn(
    site: Site, firm: Firm, pytestconfig: pytest.Config
) -> None:
    orders = give_orders_to_both(firm, pytestconfig.getoption("--pairs"))
    couples = []
    for number in range(COUPLES):
        mine = orders[number::COUPLES]
        other = "diagnosis" if number % 2 else "remedy"
        couples.append(
            (make_side(firm, firm.wei.person, "diagnosis", mine), make_side(firm, firm.lin.person, other, mine))
        )
    sides = [side for couple in couples for side in couple]
    started = threading.Barrier(len(sides))

    with ThreadPoolExecutor(len(sides)) as pool:
        callers = list(pool.map(lambda side: push_all(site, side, started), sides))

    assert [caller.faults for caller in callers] == [[]] * len(sides)
    assert {status for caller in callers for status in caller.seen} == {"200"}
    records, conflicts = firm.records(), firm.bodies("conflict")
    for side in sides:
        assert [answer.digest for answer in side.receipts] == [
            row.digest for row in firm.log() if row.device == side.device.id
        ]
        # The photo is of the same set as the edit, so it shows that a set came in whole.
        assert all(records[taken.id][1]["caption"] == taken.set["caption"] for taken in side.photos)
    disputed = {conflict["subject_id"]: conflict for conflict in conflicts}
    assert len(disputed) == len(conflicts)
    for one, two in couples:
        for order, first, second in zip(one.orders, one.receipts, two.receipts, strict=True):
            body = records[order][1]
            verdicts = {answer.device: answer.changes[0].verdict for answer in (first, second)}
            if one.field != two.field:
                assert (body[one.field], body[two.field]) == (f"by {one.device.id}", f"by {two.device.id}")
                assert sorted(verdicts.values()) == ["applied", "merged"]
                assert order not in disputed
                continue
            (winner,) = [device for device, verdict in verdicts.items() if verdict == "applied"]
            (loser,) = [device for device, verdict in verdicts.items() if verdict == "contested"]
            assert body[one.field] == disputed[order]["office"] == f"by {winner}"
            assert disputed[order]["incoming"] == f"by {loser}"
    assert verify_log(firm.engine, firm.id).discrepancies == ()
