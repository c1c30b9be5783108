"""The dispatcher's list: what is due first, found by anything, and the counts of what needs somebody."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from schemas.problems import Refused
from server.keys import new_id
from server.services import order_list
from server.services.order_list import NOBODY, Attention, OrderList
from server.store.database import reading, writing
from server.store.order_list import forget_view, list_views
from tests.server.builders import Firm, create, update

NOW = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
LATE, SOON, LATER = "2026-11-21T07:59:00.000Z", "2026-11-21T08:59:00.000Z", "2026-11-22T08:00:00.000Z"


def find(firm: Firm, after: str | None = None, **asked: str) -> OrderList:
    """Return a page of the list at NOW."""
    with reading(firm.engine) as connection:
        return order_list.list_orders(connection, firm.id, asked, after, NOW)


def ids(firm: Firm, **asked: str) -> list[str]:
    """Return the orders of the first page."""
    return [order.row.id for order in find(firm, **asked).orders]


def attention(firm: Firm) -> Attention:
    """Return the counts at NOW."""
    with reading(firm.engine) as connection:
        return order_list.count_attention(connection, firm.id, NOW)


def finish(firm: Firm, order: str) -> None:
    """Let an engineer begin and end the work."""
    for before, after in (("assigned", "in_progress"), ("in_progress", "finished")):
        firm.send(firm.wei, update("work_order", order, status=(before, after)))


def test_what_is_due_first_comes_first_and_what_is_never_due_last(firm: Firm) -> None:
    later, late, soon = (firm.add_order(firm.wei.person, solved_due_at=due) for due in (LATER, LATE, SOON))

    found = find(firm)

    assert [order.row.id for order in found.orders] == [late, soon, later, firm.order]
    assert [order.due_at for order in found.orders] == [LATE, SOON, LATER, None]
    assert found.orders[0].titles[firm.wei.person]


def test_an_order_is_found_by_anything_that_people_know_of_it(firm: Firm) -> None:
    customer = new_id()
    firm.ensure(create("customer", customer, name="滨海医院", phone="022-5556-0205"))
    machine = firm.add_machine(serial="HA-77/X", customer_id=customer)
    order = firm.add_order(firm.wei.person, machine, customer_id=customer, phone="139 0055 0011", contact="田野")
    number, engineer = firm.body(order)["number"], firm.body(firm.wei.person)["name"]

    for sought in (
        number,
        number.lower(),
        number[2:],
        "滨海",
        "ha-77",
        "ＨＡ-77",
        "139 0055",
        "田野",
        "022-5556",
        engineer,
    ):
        assert order in ids(firm, q=sought), sought
    for sought in ("滨江", "ha-78", "%", "_", "\\", "x" * 500):
        assert order not in ids(firm, q=sought), sought
    assert order in ids(firm, q="\0\0田野")


def test_what_another_company_has_is_not_found(firm: Firm, other_firm: Firm) -> None:
    order = other_firm.add_order(contact="绝密联系人")

    assert order in ids(other_firm, q="绝密联系人", show="all")
    assert ids(firm, q="绝密联系人", show="all") == []


def test_filters_narrow_the_list(firm: Firm) -> None:
    urgent = firm.add_order(firm.wei.person, grade="urgent", solved_due_at=SOON)
    loose = firm.add_order(status="received")
    closed = firm.add_order(firm.wei.person)
    finish(firm, closed)
    unsigned = ids(firm, show="unsigned")
    firm.ensure(update("work_order", closed, status=("finished", "closed")))

    assert unsigned == [closed]
    assert ids(firm, grade="urgent") == [urgent]
    assert ids(firm, show="unassigned") == ids(firm, engineer=NOBODY) == [loose]
    assert urgent in ids(firm, engineer=firm.wei.person) and loose not in ids(firm, engineer=firm.wei.person)
    assert ids(firm, show="due") == [urgent]
    assert ids(firm, show="closed") == [closed]
    assert closed in ids(firm, show="all") and closed not in ids(firm)


def test_pages_follow_each_other_without_gap_or_overlap(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.services.order_list.PAGE_ORDERS", 2)
    orders = {firm.add_order(firm.wei.person, solved_due_at=LATER) for _ in range(4)} | {firm.order}
    pages, after = [], None
    while True:
        page = find(firm, after)
        pages.append([order.row.id for order in page.orders])
        after = page.after
        if after is None:
            break

    assert [len(page) for page in pages] == [2, 2, 1]
    assert {order for page in pages for order in page} == orders


@pytest.mark.parametrize(
    "asked", [{"show": "x"}, {"grade": "x"}, {"engineer": "x"}, {"engineer": "\0"}, {"show": "\0"}], ids=str
)
def test_a_filter_that_is_none_is_refused(firm: Firm, asked: dict[str, str]) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        find(firm, **asked)


@pytest.mark.parametrize("after", ["x", "2026 x", "\0 " + "0" * 36, "９９９９ 01a1fc36-59e7-7e05-8082-e1cc24677ff0"])
def test_the_end_of_no_page_is_refused(firm: Firm, after: str) -> None:
    with pytest.raises(Refused, match="value_invalid"):
        find(firm, after)


def test_the_strip_counts_what_needs_somebody(firm: Firm) -> None:
    before = attention(firm)
    firm.add_order(firm.wei.person, solved_due_at=LATE)
    firm.add_order(firm.wei.person, solved_due_at=SOON)
    firm.add_order(status="received")
    sent_back = firm.add_order(firm.wei.person)
    finish(firm, sent_back)
    unsigned = attention(firm).unsigned
    firm.ensure(update("work_order", sent_back, status=("finished", "sent_back")))
    firm.ensure(update("work_order", firm.order, grade=(firm.body(firm.order)["grade"], "urgent")))
    firm.send(firm.wei, update("work_order", firm.order, grade=(None, "general")))

    found = attention(firm)

    assert (found.late, found.due_soon, found.unassigned) == (
        before.late + 1,
        before.due_soon + 1,
        before.unassigned + 1,
    )
    assert (found.sent_back, unsigned, found.unsigned) == (before.sent_back + 1, before.unsigned + 1, before.unsigned)
    assert found.conflicts == before.conflicts + 1
    assert found.silent == len((firm.wei, firm.lin, firm.dana))
    (contested,) = [order for order in find(firm).orders if order.row.id == firm.order]
    assert contested.reviews == 1


def test_views_are_saved_for_oneself_and_forgotten(firm: Firm) -> None:
    wei, lin = firm.wei.person, firm.lin.person
    with writing(firm.engine) as connection:
        order_list.keep_view(connection, firm.id, wei, "  我的  紧急 ", {"grade": "urgent", "q": "滨海", "other": "x"})
        order_list.keep_view(connection, firm.id, wei, "我的 紧急", {"grade": "urgent"})
        order_list.keep_view(connection, firm.id, lin, "别人的", {"show": "due"})
    with reading(firm.engine) as connection:
        kept = list_views(connection, firm.id, wei)
    with writing(firm.engine) as connection:
        forget_view(connection, firm.id, wei, "我的 紧急")
    with reading(firm.engine) as connection:
        left = list_views(connection, firm.id, wei)

    assert (kept, left) == ([("我的 紧急", "grade=urgent")], [])


@pytest.mark.parametrize("name", ["", "  ", "x" * 61])
def test_a_view_needs_a_name(firm: Firm, name: str) -> None:
    with pytest.raises(Refused, match="value_invalid"), writing(firm.engine) as connection:
        order_list.keep_view(connection, firm.id, firm.wei.person, name, {})
