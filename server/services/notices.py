"""What customers and engineers are told of, following the log: accepted, expected arrival, parts, every change.

Rule 1: whoever brings a change about, and wherever, the log has it; so notices follow the log and not the acts.
Rule 2: how far they have come moves in the transaction that writes them: none is left out, none written twice.
Rule 3: a customer is told what concerns him and nothing of anybody else. Source: handbook R5, D2, V1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, select

from schemas.base import UUID_PATTERN
from server.keys import OfficeKey
from server.services.follow_links import address_of, make_link
from server.services.notice_texts import EVENTS, tell_customer, tell_engineer
from server.services.outgoing import queue_mail, queue_webhook
from server.settings import MailSettings
from server.store import json_text, records, requests, watermarks
from server.store.database import lock_organisation, reading, transact
from server.store.tables import LogEntry
from sync import codec
from sync.chain import Sealed
from sync.changeset import Change

NAME: Final = "notices"
ENTRIES_AT_ONCE: Final = 200

TOLD_OF_ORDERS: Final = ("status", "engineer_id", "appointment_at", "needed_parts")
"""What a customer is told when it changes."""

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_WORTH_READING: Final = (b'"request"', b'"work_order"', b'"request_note"')
_IS_ID: Final = re.compile(UUID_PATTERN).match

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Teller:
    """Writes the notices of one organisation."""

    engine: Engine
    key: OfficeKey
    mail: MailSettings
    base_url: str
    organisation: str

    def follow(self) -> int:
        """Write what the log brings about and return how many notices that were. Raises Refused as transactions do."""
        written = 0
        with reading(self.engine) as connection:
            end = watermarks.read_end(connection, self.organisation)
            mark = self._read_mark(connection, end)
        if mark == end:
            transact(self.engine, lambda connection: self._follow(connection, end))
        while mark < end:
            more, mark = transact(self.engine, lambda connection: self._follow(connection, end))
            written += more
        return written

    def _read_mark(self, connection: Connection, end: int) -> int:
        """Return how far the log was followed; what it held before that began is nothing anybody waits to be told."""
        mark = watermarks.read_mark(connection, self.organisation, NAME)
        return end if mark is None else mark

    def _follow(self, connection: Connection, end: int) -> tuple[int, int]:
        # Two processes that follow at once would both write what they read.
        lock_organisation(connection, self.organisation)
        mark = self._read_mark(connection, end)
        where = (_LOG.c.organisation == self.organisation, _LOG.c.position > mark, _LOG.c.position <= end)
        columns = (_LOG.c.position, _LOG.c.sealed, _LOG.c.receipt)
        statement = select(*columns).where(*where).order_by(_LOG.c.position).limit(ENTRIES_AT_ONCE)
        written = 0
        for row in connection.execute(statement).all():
            mark = row.position
            line = bytes(row.sealed)
            if any(kind in line for kind in _WORTH_READING) and json_text.load(row.receipt)["verdict"] != "refused":
                changes = codec.decode_again(Sealed(line).payload, json_text.load).changes
                written += self._tell_of(connection, changes, mark)
        watermarks.keep_mark(connection, self.organisation, NAME, mark)
        return written, mark

    def _tell_of(self, connection: Connection, changes: tuple[Change, ...], turn: int) -> int:
        """Write what one change-set brings about: to each customer and engineer one notice at most."""
        news = _News(turn)
        for change in changes:
            if change.kind == "request":
                news.note_request(change)
        for change in changes:
            if change.kind == "work_order":
                self._note_order(connection, change, news)
            elif change.kind == "request_note" and change.op == "create" and change.set.get("author") == "office":
                news.requests.setdefault(str(change.set.get("request_id")), "answered")
                news.answers[str(change.set.get("request_id"))] = str(change.set.get("words") or "")
        told = [self._tell_customer(connection, request, event, news) for request, event in news.requests.items()]
        told += [self._tell_engineer(connection, *who, event, news) for who, event in news.engineers.items()]
        return sum(told)

    def _note_order(self, connection: Connection, change: Change, news: _News) -> None:
        found = records.body_of(connection, self.organisation, change.id)
        if found is None or found[0] != "work_order":
            return
        stands = {name for name in TOLD_OF_ORDERS if name in change.set and change.set[name] == found[1].get(name)}
        moved = {name for name in stands if change.op == "create" or change.set[name] != change.was.get(name)}
        if "engineer_id" in moved:
            news.note_engineers(change)
        event = _event_of(moved, found[1])
        if event is not None:
            for request in requests.find_of_order(connection, self.organisation, change.id):
                news.requests.setdefault(request, event)

    def _tell_customer(self, connection: Connection, request: str, event: str, news: _News) -> int:
        found = records.body_of(connection, self.organisation, request) if _IS_ID(request) else None
        if found is None or found[0] != "request":
            return 0
        facts: Body = {"answer": news.answers.get(request)}
        facts |= gather_facts(connection, self.organisation, found[1])
        facts["address"] = address_of(self.base_url, make_link(self.key, self.organisation, request))
        written = self._hook(
            connection, f"request.{event}", facts, request, news.turn, customer=found[1].get("customer_id")
        )
        language = found[1].get("language") or "zh"
        if found[1].get("email") and self.mail.relay is not None:
            subject, text = tell_customer(event, facts, language)
            written += queue_mail(connection, self.organisation, found[1]["email"], subject, text, request, news.turn)
        return written

    def _tell_engineer(self, connection: Connection, order: str, engineer: str, event: str, news: _News) -> int:
        found = records.bodies_of(connection, self.organisation, [order, engineer])
        if order not in found or found.get(engineer, ("",))[0] != "person":
            return 0
        person, values = found[engineer][1], found[order][1]
        facts = gather_order_facts(connection, self.organisation, values)
        written = self._hook(connection, event, facts, None, news.turn, engineer=engineer)
        if person.get("email") and self.mail.relay is not None:
            subject, text = tell_engineer(event, facts)
            written += queue_mail(connection, self.organisation, person["email"], subject, text, None, news.turn)
        return written

    def _hook(
        self,
        connection: Connection,
        event: str,
        facts: Body,
        thread: str | None,
        turn: int,
        customer: str | None = None,
        engineer: str | None = None,
    ) -> int:
        data = {name: value for name, value in facts.items() if value not in (None, "", []) and name != "address"}
        about = {"customer": customer, "engineer": engineer}
        chosen = [end for end in self.mail.webhooks if end.concerns is None or about.get(end.concerns) == end.subject]
        for endpoint in chosen:
            queue_webhook(connection, self.organisation, endpoint.url, event, data, thread, turn)
        return len(chosen)


@dataclass(slots=True)
class _News:
    turn: int
    """the log position it comes from"""
    requests: dict[str, str] = field(default_factory=dict)
    """request -> what is told of it"""
    answers: dict[str, str] = field(default_factory=dict)
    """request -> the words of the office"""
    engineers: dict[tuple[str, str], str] = field(default_factory=dict)
    """(order, engineer) -> what is told of it"""

    def note_request(self, change: Change) -> None:
        if change.op == "create":
            self.requests[change.id] = "accepted"
        elif change.set.get("state") in EVENTS and change.set["state"] != change.was.get("state"):
            self.requests[change.id] = change.set["state"]

    def note_engineers(self, change: Change) -> None:
        gained, lost = change.set.get("engineer_id"), change.was.get("engineer_id")
        if gained:
            self.engineers[change.id, gained] = "order.assigned"
        if isinstance(lost, str) and _IS_ID(lost) and lost != gained:
            self.engineers[change.id, lost] = "order.withdrawn"


def _event_of(moved: set[str], order: Mapping[str, Any]) -> str | None:
    """Return what a customer is told of an order of which some fields moved."""
    if "status" in moved and order["status"] in ("travelling", "on_hold", "finished", "cancelled"):
        return str(order["status"])
    if "appointment_at" in moved:
        return "appointed"
    if "engineer_id" in moved and order.get("engineer_id"):
        return "assigned"
    return "parts" if "needed_parts" in moved and order.get("needed_parts") else None


def gather_facts(connection: Connection, organisation: str, request: Mapping[str, Any]) -> Body:
    """Return what a customer may know of his request and its order: state, arrival, engineer's name, parts."""
    facts = {name: request.get(name) for name in ("number", "state", "advice", "refusal_reason", "reported_at")}
    facts["symptom"] = (request.get("symptom") or "")[:200]
    facts |= {"model": request.get("machine_model"), "serial": request.get("machine_serial")}
    order_id = request.get("order_id")
    found = records.body_of(connection, organisation, order_id) if order_id else None
    if found is None or found[0] != "work_order":
        return facts
    order = found[1]
    facts |= {"order": order["number"], "status": order["status"], "hold_reason": order.get("hold_reason")}
    facts |= {"arrival_at": order.get("appointment_at"), "due_at": order.get("on_site_due_at")}
    named = [part["part_id"] for part in order.get("needed_parts") or ()]
    wanted = [*named, *filter(None, (order.get("engineer_id"),))]
    bodies = records.bodies_of(connection, organisation, wanted)
    engineer = bodies.get(order.get("engineer_id") or "")
    facts["engineer"] = engineer[1]["name"] if engineer else None
    facts["parts"] = list(_names(named, bodies))
    return facts


def gather_order_facts(connection: Connection, organisation: str, order: Mapping[str, Any]) -> Body:
    """Return what an engineer is told of an order that becomes his."""
    names = ("number", "grade", "service", "symptom", "contact", "phone", "appointment_at", "on_site_due_at")
    facts = {name: order.get(name) for name in names}
    wanted = [order[name] for name in ("customer_id", "site_id", "machine_id") if order.get(name)]
    bodies = records.bodies_of(connection, organisation, wanted)
    for name, key, told in (("customer", "customer_id", "customer_name"), ("site", "site_id", "site_address")):
        body = bodies.get(order.get(key) or "")
        facts[name] = body[1]["name"] if body else order.get(told)
    machine = bodies.get(order.get("machine_id") or "")
    facts["machine"] = machine[1]["serial"] if machine else order.get("machine_name")
    return facts


def _names(ids: list[str], bodies: dict[str, tuple[str, Body]]) -> Iterator[str]:
    for part in ids:
        if part in bodies:
            yield bodies[part][1].get("name") or part
