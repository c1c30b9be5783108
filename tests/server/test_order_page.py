"""One order with everything about it: who did what when and whether it is verified, costs, the office's decision."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest

from schemas.problems import Refused
from server.domain.costs import BEARERS
from server.keys import new_id
from server.services import costs, order_page
from server.services.order_page import Decision, OrderPage
from server.services.warranty import renew
from server.store.database import reading, writing
from server.store.tables import LogEntry
from tests.server.builders import Firm, create, fitted, photo, update


def read(firm: Firm, called: str = "") -> OrderPage:
    """Return the page of an order, the company's first where none is named."""
    with reading(firm.engine) as connection:
        return order_page.tell_order(connection, firm.id, called or firm.order)


def decide(firm: Firm, decision: Decision, note: str = "", seen: str = "finished") -> None:
    """Let the dispatcher decide."""
    order_page.decide(firm.engine, firm.office, firm.id, firm.dana.person, firm.order, decision, note, seen)


def finish(firm: Firm, order: str = "") -> None:
    """Let the engineer do the work, from nine to half past ten."""
    order = order or firm.order
    status = firm.body(order)["status"]
    begun, ended = "2026-03-11T01:00:00Z", "2026-03-11T02:30:00Z"
    firm.send(firm.wei, update("work_order", order, status=(status, "in_progress"), started_at=(None, begun)))
    firm.send(firm.wei, update("work_order", order, status=("in_progress", "finished"), finished_at=(None, ended)))


def test_the_page_tells_of_every_set_that_had_to_do_with_the_order(firm: Firm) -> None:
    other = firm.add_order(firm.wei.person)
    answer = {"order_id": firm.order, "item": "level", "verdict": "passed", "checked_at": "2026-03-11T01:00:00Z"}
    taken, checked = photo(firm.order), create("check_result", new_id(), **answer)
    firm.send(firm.wei, taken, checked, update("work_order", other, symptom=(None, "别的")))
    firm.send(firm.wei, update("work_order", other, diagnosis=(None, "别的")))
    firm.write(update("work_order", firm.order, contact=(None, "田野")))

    page = read(firm)

    assert {fact.id for fact in page.facts} == {taken.id, checked.id}
    latest, with_photo, *earlier = page.timeline.entries
    assert [step.change.id for step in with_photo.steps] == [taken.id, checked.id], "of another order nothing is told"
    assert (latest.steps[0].change.set["contact"], with_photo.device) == ("田野", firm.wei.id)
    assert with_photo.received_at >= with_photo.corrected_at and with_photo.captured_at
    assert all(entry.is_verified for entry in page.timeline.entries) and earlier
    assert page.timeline.titles[firm.wei.person]


def test_an_altered_entry_is_not_called_verified(firm: Firm) -> None:
    firm.send(firm.wei, update("work_order", firm.order, contact=(None, "田野")))
    entry = read(firm).timeline.entries[0]
    with writing(firm.engine) as connection:
        table = LogEntry.__table__
        where = (table.c.organisation == firm.id, table.c.position == entry.position)
        sealed = bytes(connection.execute(table.select().where(*where)).one().sealed)
        altered = sealed.replace("田野".encode(), "田里".encode())
        connection.execute(table.update().where(*where).values(sealed=altered))

    assert not read(firm).timeline.entries[0].is_verified


def test_a_refused_and_a_contested_change_are_told_as_such(firm: Firm) -> None:
    firm.write(update("work_order", firm.order, diagnosis=(None, "办公室")))
    firm.send(firm.wei, update("work_order", firm.order, diagnosis=(None, "现场")))

    page = read(firm)

    assert page.timeline.entries[0].steps[0].contested == ("diagnosis",)
    assert page.reviews == {firm.order: 1}


def test_the_customer_pays_what_no_warranty_covers_and_the_month_is_exported(firm: Firm) -> None:
    part, seal, machine = new_id(), new_id(), firm.company.machine
    firm.ensure(create("part", part, part_number="M-1", name="电机", price_cents=12_000))
    firm.ensure(create("part", seal, part_number="S-1", name="密封", price_cents=800, wear_part=True))
    rates = [{"hour_cents": 18_000, "travel_cents": 5_000}, {"hour_cents": 26_000, "level": "senior"}]
    terms = {"name": "标准", "standard": True, "labour_rates": rates, "labour_step_minutes": 60}
    firm.ensure(create("service_terms", new_id(), **terms, limits=[{"step": "answer", "amount": 4, "unit": "hour"}]))
    order = firm.add_order(firm.wei.person, machine, reported_at="2026-03-10T01:00:00Z")
    firm.send(firm.wei, fitted(order, machine, "M-1-7", part_id=part, part_name="电机", quantity=2))
    firm.send(firm.wei, fitted(order, machine, "S-1-1", part_id=seal, part_name="密封"))
    finish(firm, order)
    doubtful = read(firm, order).bill
    accepted = {"accepted_on": (firm.body(machine).get("accepted_on"), "2026-01-01"), "warranty_months": (None, 24)}
    firm.ensure(update("machine", machine, **accepted))
    renew(firm.engine, firm.office, firm.id)
    covered = read(firm, order).bill
    firm.write(update("work_order", order, exclusion=(None, "misuse")))
    excluded = read(firm, order).bill

    assert [(cost.about, cost.quantity, cost.cents) for cost in covered.costs] == [
        ("part", 2, 24_000), ("part", 1, 800), ("labour", 120, 36_000), ("travel", 1, 5_000),
    ]  # fmt: skip
    sums = [tuple(bill.total(bearer) for bearer in BEARERS) for bill in (doubtful, covered, excluded)]
    assert sums == [(800, 0, 65_000), (800, 65_000, 0), (65_800, 0, 0)]
    with reading(firm.engine) as connection:
        china = ZoneInfo("Asia/Shanghai")
        headers, rows = costs.export_month(connection, firm.id, date(2026, 3, 1), china, "zh")
        nothing = costs.export_month(connection, firm.id, date(2026, 4, 1), china, "en")[1]
    assert (len(headers), nothing, len(rows)) == (len(rows[0]), [], 1)
    assert rows[0][-9:] == ["90", "120", "248.00", "360.00", "50.00", "658.00", "0.00", "0.00", "0"]


def test_finished_work_is_accepted_or_sent_back_with_a_word(firm: Firm) -> None:
    finish(firm)
    with pytest.raises(Refused, match="field_missing"):
        decide(firm, "send_back", "  ")

    decide(firm, "send_back", "缺铭牌照片")
    sent_back = firm.body(firm.order)
    firm.send(firm.wei, update("work_order", firm.order, status=("sent_back", "in_progress")))
    firm.send(firm.wei, update("work_order", firm.order, status=("in_progress", "finished")))
    decide(firm, "accept")

    assert (sent_back["status"], sent_back["instructions"]) == ("sent_back", "缺铭牌照片")
    assert firm.body(firm.order)["status"] == "closed"


def test_what_the_page_showed_may_have_moved(firm: Firm) -> None:
    with pytest.raises(Refused, match="move_not_allowed"):
        decide(firm, "accept", seen="in_progress")


def test_an_order_of_another_company_is_not_there(firm: Firm, other_firm: Firm) -> None:
    with pytest.raises(Refused, match="not_found"):
        read(firm, other_firm.order)
