"""What orders cost: read for the rules of server/domain/costs.py, one order or the finished ones of a month."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, time, timedelta, tzinfo
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Table, or_, select

from schemas.order import SERVICE_LABELS
from schemas.problems import Refused
from server.domain.costs import BEARERS, Bill, Work, tell_bill
from server.domain.times import spell
from server.services.sla_case import TermsBook, find_terms, read_terms_book
from server.services.warranty import warranty_id
from server.store import json_text, records
from server.store.tables import RecordRow

Body = dict[str, Any]
Around = Mapping[str, tuple[str, Body]]

ORDERS_MAX: Final = 5000
"""A month of a hundred and fifty engineers; more is asked for in parts."""

_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]

_KINDS: Final = ("part_fitted", "withdrawal", "clock_pause", "part_choice")
HEADERS: Final[tuple[tuple[str, str], ...]] = (
    ("工单号", "Order"), ("完工时间", "Finished at"), ("客户", "Customer"), ("设备", "Machine"), ("工程师", "Engineer"),
    ("服务类型", "Kind of service"), ("作业分钟", "Minutes worked"), ("计费分钟", "Minutes charged"),
    ("备件", "Parts"), ("工时费", "Labour"), ("上门费", "Travel"),
    ("客户应付", "The customer pays"), ("厂家承担", "The maker bears"), ("待裁定", "Undecided"),
    ("未定价", "Without a price"),
)  # fmt: skip


class Follower(Protocol):
    """A record that belongs to an order."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def kind(self) -> str:
        """Its kind."""

    @property
    def body(self) -> Body:
        """Its values."""


def read_bill(
    connection: Connection,
    organisation: str,
    order: Body,
    followers: Iterable[Follower],
    around: Around,
    book: TermsBook | None = None,
) -> Bill:
    """Return what an order costs; `around` has the parts, choices and the engineer that it and its followers name."""
    followers = list(followers)
    struck = {one.body["subject_id"] for one in followers if one.kind == "withdrawal"}
    fitted = [
        (one.body, _body(around, one.body.get("part_id")), find_price(one.body, around))
        for one in followers
        if one.kind == "part_fitted" and one.id not in struck
    ]
    machine = order.get("machine_id")
    warranty = records.body_of(connection, organisation, warranty_id(machine)) if machine else None
    work = Work(
        order,
        _body(around, order.get("engineer_id")).get("level"),
        [one.body for one in followers if one.kind == "clock_pause"],
        fitted,
        find_terms(connection, organisation, order, book),
        warranty[1] if warranty else None,
    )
    return tell_bill(work)


def find_price(fitted: Body, around: Around) -> int | None:
    """Return what the customer was told that a part costs, else what the catalogue says. Source: handbook P3."""
    offers = _body(around, fitted.get("choice_id")).get("offered") or ()
    told = (offer.get("price_cents") for offer in offers if offer["part_id"] == fitted.get("part_id"))
    of_part: int | None = _body(around, fitted.get("part_id")).get("price_cents")
    return next((price for price in told if price is not None), of_part)


def export_month(
    connection: Connection, organisation: str, month: date, zone: tzinfo, language: str
) -> tuple[list[str], list[list[str]]]:
    """Return headers and rows of what the orders cost that were finished in a month of the place, by number.

    Raises Refused with `table_too_large`.
    """
    side = 0 if language.startswith("zh") else 1
    orders = _list_finished(connection, organisation, month, zone)
    followers = records.stamped_followers(connection, organisation, list(orders), _KINDS)
    bodies = [*orders.values(), *(record.body for found in followers.values() for record in found)]
    names = ("part_id", "choice_id", "engineer_id", "customer_id", "machine_id")
    around = records.bodies_of(connection, organisation, {b[name] for b in bodies for name in names if b.get(name)})
    book = read_terms_book(connection, organisation)
    rows = []
    for key, order in sorted(orders.items(), key=lambda item: (str(item[1]["number"]), item[0])):
        bill = read_bill(connection, organisation, order, followers.get(key, ()), around, book)
        rows.append(_spell_row(order, bill, around, zone, side))
    return [header[side] for header in HEADERS], rows


def _list_finished(connection: Connection, organisation: str, month: date, zone: tzinfo) -> dict[str, Body]:
    begins = datetime.combine(month.replace(day=1), time.min, zone)
    ends = datetime.combine((month.replace(day=1) + timedelta(days=32)).replace(day=1), time.min, zone)
    first, last = (spell(moment) for moment in (begins, ends))
    table = _RECORDS.c
    of_orders = (table.organisation == organisation, table.kind == "work_order", table.deleted.is_(False))
    # The months of UTC that the month of the place lies in; the exact bounds are compared below.
    spelled = or_(*(table.body.like(f'%"finished_at":"{moment[:7]}%') for moment in {first, last}))
    found = {
        row.id: body
        for row in connection.execute(select(table.id, table.body).where(*of_orders, spelled))
        if first <= ((body := json_text.load(row.body)).get("finished_at") or "") < last
        if body["status"] in ("finished", "closed")
    }
    if len(found) > ORDERS_MAX:
        raise Refused("table_too_large", limit=str(ORDERS_MAX))
    return found


def _spell_row(order: Body, bill: Bill, around: Around, zone: tzinfo, side: int) -> list[str]:
    def total(about: str) -> str:
        return _yuan(sum(cost.cents or 0 for cost in bill.costs if cost.about == about))

    customer, machine, engineer = (
        _body(around, order.get(name)) for name in ("customer_id", "machine_id", "engineer_id")
    )
    finished = datetime.fromisoformat(order["finished_at"]).astimezone(zone)
    charged = sum(cost.quantity for cost in bill.costs if cost.about == "labour")
    unpriced = sum(cost.cents is None for cost in bill.costs)
    return [
        order["number"], f"{finished:%Y-%m-%d %H:%M}",
        _named(customer, side) or order.get("customer_name") or "",
        machine.get("serial") or order.get("machine_name") or "",
        _named(engineer, side), SERVICE_LABELS[order["service"]][side],
        str(bill.worked_minutes), str(charged), total("part"), total("labour"), total("travel"),
        *(_yuan(bill.total(bearer)) for bearer in BEARERS), str(unpriced),
    ]  # fmt: skip


def _named(body: Body, side: int) -> str:
    return str((body.get("name_en") if side else None) or body.get("name") or "")


def _body(around: Around, key: str | None) -> Body:
    return around.get(key or "", ("", {}))[1]


def _yuan(cents: int) -> str:
    return f"{cents // 100}.{cents % 100:02d}"
