"""Each engineer's visits as a calendar that phones and mail programs subscribe to (RFC 5545), at a secret address.

Rule 1: the secret is in nobody's hands but his who was given the address: what is kept is its digest.
Rule 2: an order is one event for ever (UID); each change of it raises its SEQUENCE.
Rule 3: an order that was called off, or given to somebody else, stays for a while as a cancelled event, so that
        programs which keep what they once read let it go.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from icalendar import Calendar, Event
from sqlalchemy import Connection, Row, Table, delete, insert, select

from schemas.order import GRADE_LABELS
from schemas.preparation import PREPARATION_LABELS
from schemas.problems import Refused
from schemas.shown_text import show_text
from server.clock import utc_now
from server.domain.times import spell
from server.store import json_text, records, schedule
from server.store.plan_tables import CalendarLink

SECRET_BYTES: Final = 32
LINKS_MAX: Final = 10
"""One for each program somebody reads his calendar with."""

PAST_DAYS: Final = 30
EVENTS_MAX: Final = 1000
"""A year of three visits a day, some 500 kB."""

_LINKS: Table = CalendarLink.__table__  # type: ignore[assignment]

Body = dict[str, Any]


def create_link(connection: Connection, organisation: str, person: str) -> str:
    """Make a secret for a person's calendar and return it, this once; of more than LINKS_MAX the oldest ends.

    Raises Refused with `not_found` when there is no such person.
    """
    _expect_person(connection, organisation, person)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    values = {"organisation": organisation, "digest": _digest(secret), "person": person, "created_at": utc_now()}
    connection.execute(insert(_LINKS).values(**values))
    links = list_links(connection, organisation, person)
    for link in links[LINKS_MAX:]:
        connection.execute(delete(_LINKS).where(_LINKS.c.organisation == organisation, _LINKS.c.digest == link.digest))
    return secret


def list_links(connection: Connection, organisation: str, person: str) -> list[Row[Any]]:
    """Return the addresses a person has, the newest first: digest and when it was made."""
    where = (_LINKS.c.organisation == organisation, _LINKS.c.person == person)
    statement = select(_LINKS.c.digest, _LINKS.c.created_at).where(*where)
    return list(connection.execute(statement.order_by(_LINKS.c.created_at.desc(), _LINKS.c.digest)))


def revoke_links(connection: Connection, organisation: str, person: str) -> int:
    """End all addresses of a person's calendar and return how many there were. Raises Refused with `not_found`."""
    _expect_person(connection, organisation, person)
    where = (_LINKS.c.organisation == organisation, _LINKS.c.person == person)
    return connection.execute(delete(_LINKS).where(*where)).rowcount


def read_calendar(connection: Connection, organisation: str, secret: str, language: str, now: datetime) -> bytes:
    """Return the calendar at a secret address.

    Raises Refused with `not_found` when there is no such address, or its person has left.
    """
    where = (_LINKS.c.organisation == organisation, _LINKS.c.digest == _digest(secret))
    person = connection.execute(select(_LINKS.c.person).where(*where)).scalar()
    found = records.body_of(connection, organisation, person) if person else None
    if person is None or found is None or found[1].get("active") is False:
        raise Refused("not_found", what="calendar")
    side = 0 if language.startswith("zh") else 1
    calendar = _open_calendar(found[1]["name"], side)
    since = spell(now - timedelta(days=PAST_DAYS))
    visits = schedule.list_of_person(connection, organisation, person, since, EVENTS_MAX)
    bodies = {row.id: json_text.load(row.body) for row in visits}
    around = records.bodies_of(connection, organisation, _named(bodies.values()))
    for row in visits:
        calendar.add_component(_tell_visit(row, bodies[row.id], around, side))
    for row in schedule.list_released(connection, organisation, person, since):
        order = json_text.load(row.body)
        if row.id not in bodies and order["status"] not in ("finished", "closed"):
            calendar.add_component(_tell_cancelled(row, order, side))
    return bytes(calendar.to_ical())


def _expect_person(connection: Connection, organisation: str, person: str) -> None:
    found = records.body_of(connection, organisation, person)
    if found is None or found[0] != "person":
        raise Refused("not_found", what=f"person {person}")


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _open_calendar(name: str, side: int) -> Calendar:
    calendar = Calendar()
    calendar.add("prodid", "-//Gongdan//Schedule//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", f"{('工单', 'Gongdan')[side]} · {show_text(name)}")
    calendar.add("refresh-interval", timedelta(minutes=15), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT15M")
    return calendar


def _named(orders: Any) -> set[str]:
    return {order[name] for order in orders for name in ("customer_id", "site_id") if order.get(name)}


def _tell_visit(row: Row[Any], order: Body, around: dict[str, tuple[str, Body]], side: int) -> Event:
    customer, site = (around.get(order.get(name) or "", ("", {}))[1] for name in ("customer_id", "site_id"))
    event = _open_event(row, order)
    event.add("dtstart", _moment(row.starts_at))
    event.add("dtend", _moment(row.ends_at))
    whom = customer.get("name") or order.get("customer_name") or ""
    along = ("（随行）", " (going along)")[side] if row.slot == "companion" else ""
    event.add("summary", _plain(f"{order['number']} {GRADE_LABELS[order['grade']][side]} {whom}{along}"))
    event.add("location", _plain(" ".join(filter(None, (site.get("name"), site.get("address"))))))
    event.add("description", _plain("\n".join(_describe(order, site, side))))
    event.add("status", "CANCELLED" if order["status"] == "cancelled" else "CONFIRMED")
    return event


def _describe(order: Body, site: Body, side: int) -> Iterator[str]:
    yield from filter(None, (order.get("symptom"), order.get("instructions"), site.get("safety")))
    contact = " ".join(filter(None, (order.get("contact"), order.get("phone"))))
    if contact:
        yield f"{('联系人', 'Contact')[side]}: {contact}"
    for item in order.get("preparation") or ():
        label = item["label"] if side == 0 else item.get("label_en") or item["label"]
        quantity = f" × {item['quantity']}" if item.get("quantity") else ""
        yield f"- {PREPARATION_LABELS[item['what']][side]}: {label}{quantity}"


def _tell_cancelled(row: Row[Any], order: Body, side: int) -> Event:
    event = _open_event(row, order)
    starts_at = order.get("planned_start_at") or order.get("appointment_at") or order.get("reported_at")
    event.add("dtstart", _moment(starts_at or row.received_at))
    event.add("summary", _plain(f"{order['number']} {('已取消或改派', 'called off or given to somebody else')[side]}"))
    event.add("status", "CANCELLED")
    return event


def _open_event(row: Row[Any], order: Body) -> Event:
    event = Event()
    event.add("uid", f"{row.id}@gongdan")
    event.add("sequence", row.position)
    event.add("dtstamp", _moment(row.received_at))
    event.add("last-modified", _moment(row.received_at))
    event.add("categories", [order["service"]])
    return event


def _moment(instant: str) -> datetime:
    return datetime.fromisoformat(instant).astimezone(UTC).replace(microsecond=0)


def _plain(text: str) -> str:
    """Return a text as a calendar can hold it: of control characters the line break alone (RFC 5545 section 3.1)."""
    return "\n".join("".join(c for c in line if c >= " " and c != "\x7f") for line in text.splitlines())
