"""What customers and engineers are told of, following the log: accepted, expected arrival, parts, every change.

Rule 1: whoever brings a change about, and wherever, the log has it; so notices follow the log and not the acts.
Rule 2: how far they have come moves in the transaction that writes them: none is left out, none written twice.
Rule 3: a customer is told what concerns him and nothing of anybody else. Source: handbook R5, D2, V1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import tzinfo
from functools import partial
from typing import Any, Final, TypeGuard

from sqlalchemy import Connection, Engine, Table, select

from schemas.base import UUID_PATTERN
from server.keys import OfficeKey
from server.services.follow_links import address_of, make_link
from server.services.notice_texts import EVENTS, tell_customer, tell_engineer
from server.services.outgoing import queue_mail, queue_webhook
from server.settings import MailSettings
from server.store import json_text, records, requests, watermarks
from server.store.database import reading, transact
from server.store.logged_sets import read_logged
from server.store.tables import LogEntry
from sync.changeset import Change

NAME: Final = "notices"
ENTRIES_AT_ONCE: Final = 200

TOLD_OF_ORDERS: Final = ("status", "engineer_id", "appointment_at", "needed_parts")
"""What a customer is told when it changes."""

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_WORTH_READING: Final = (b'"request"', b'"work_order"', b'"request_note"')
_IS_ID: Final = re.compile(UUID_PATTERN).match

Body = dict[str, Any]
Letter = Callable[[Connection], bool]
"""Lets a mail or a webhook go out with a transaction, and tells whether it will"""


@dataclass(frozen=True, slots=True)
class Teller:
    """Writes the notices of one organisation."""

    engine: Engine
    key: OfficeKey
    mail: MailSettings
    base_url: str
    organisation: str
    zone: tzinfo
    """In which letters tell times: the office's."""

    def follow(self) -> int:
        """Write what the log brings about and return how many notices that were. Raises Refused as transactions do."""
        with reading(self.engine) as connection:
            end = watermarks.read_end(connection, self.organisation)
            begun = watermarks.read_mark(connection, self.organisation, NAME)
        # What the log held before anybody was told of it is nothing that anybody waits for.
        mark = end if begun is None else begun
        if begun is None:
            transact(self.engine, lambda connection: self._begin(connection, end), is_repeatable=True)
        written = 0
        while mark < end:
            reached, letters = self._read_on(mark, end)
            more = transact(self.engine, partial(self._send, mark=mark, reached=reached, letters=letters))
            written += more or 0
            # Somebody else who follows has come further: what he wrote is not written again.
            mark = reached if more is not None else self._read_mark()
        return written

    def _read_mark(self) -> int:
        with reading(self.engine) as connection:
            return watermarks.read_mark(connection, self.organisation, NAME) or 0

    def _begin(self, connection: Connection, end: int) -> None:
        watermarks.keep_mark(connection, self.organisation, NAME, end)

    def _read_on(self, mark: int, end: int) -> tuple[int, list[Letter]]:
        """Return how far the log was read, and what is to be written of it; nobody who writes waits meanwhile."""
        if self.mail.relay is None and not self.mail.webhooks:
            return end, []
        where = (_LOG.c.organisation == self.organisation, _LOG.c.position > mark, _LOG.c.position <= end)
        columns = (_LOG.c.position, _LOG.c.sealed, _LOG.c.receipt)
        statement = select(*columns).where(*where).order_by(_LOG.c.position).limit(ENTRIES_AT_ONCE)
        news: list[_News] = []
        with reading(self.engine) as connection:
            for row in connection.execute(statement).all():
                mark = row.position
                line = bytes(row.sealed)
                if any(kind in line for kind in _WORTH_READING) and json_text.load(row.receipt)["verdict"] != "refused":
                    news.append(_News(mark, read_logged(line).changes))
            bodies = self._load(connection, news)
            return mark, [letter for one in news for letter in self._tell_of(bodies, one)]

    def _load(self, connection: Connection, news: Iterable[_News]) -> records.Bodies:
        """Read in a few statements what some sets tell of, and note in each which requests its orders are for."""
        changes = [change for one in news for change in one.changes if _IS_ID(change.id)]
        bodies = records.Bodies(connection, self.organisation)
        orders = {change.id for change in changes if change.kind == "work_order"}
        requests_of = requests.find_of_orders(connection, self.organisation, orders)
        for one in news:
            one.requests_of = requests_of
        noted = (change.set.get("request_id") for change in changes if change.kind == "request_note")
        people = (values.get("engineer_id") for change in changes for values in (change.set, change.was))
        named = {*noted, *people, *(request for found in requests_of.values() for request in found)}
        bodies.load({*(change.id for change in changes), *filter(_is_id, named)})
        shown = [bodies.find(order, "work_order") or {} for order in orders]
        bodies.load(order.get(name) for order in shown for name in ("customer_id", "site_id", "machine_id"))
        return bodies

    def _send(self, connection: Connection, mark: int, reached: int, letters: Sequence[Letter]) -> int | None:
        """Let letters go out with the mark that they are written behind; None where it is not there any more."""
        if not watermarks.move_mark(connection, self.organisation, NAME, mark, reached):
            return None
        return sum(letter(connection) for letter in letters)

    def _tell_of(self, bodies: records.Bodies, news: _News) -> list[Letter]:
        """Return what one change-set brings about: to each customer and engineer one notice at most."""
        for change in news.changes:
            if change.kind == "request":
                news.note_request(change)
        for change in news.changes:
            order = bodies.find(change.id, "work_order") if change.kind == "work_order" else None
            if order is not None:
                news.note_order(change, order)
            elif change.kind == "request_note" and change.op == "create" and change.set.get("author") == "office":
                news.requests.setdefault(str(change.set.get("request_id")), "answered")
                news.answers[str(change.set.get("request_id"))] = str(change.set.get("words") or "")
        told = [self._tell_customer(bodies, request, event, news) for request, event in news.requests.items()]
        told += [self._tell_engineer(bodies, *who, event, news) for who, event in news.engineers.items()]
        return [letter for letters in told for letter in letters]

    def _tell_customer(self, bodies: records.Bodies, request: str, event: str, news: _News) -> list[Letter]:
        found = bodies.find(request, "request") if _IS_ID(request) else None
        if found is None:
            return []
        facts: Body = {"answer": news.answers.get(request)}
        facts |= gather_facts(bodies, found)
        facts["address"] = address_of(self.base_url, make_link(self.key, self.organisation, request))
        letters = self._hook(f"request.{event}", facts, request, news.turn, customer=found.get("customer_id"))
        if found.get("email") and self.mail.relay is not None:
            subject, text = tell_customer(event, facts, found.get("language") or "zh", self.zone)
            letters.append(self._mail(found["email"], subject, text, request, news.turn))
        return letters

    def _tell_engineer(
        self, bodies: records.Bodies, order: str, engineer: str, event: str, news: _News
    ) -> list[Letter]:
        values, person = bodies.find(order, "work_order"), bodies.find(engineer, "person")
        if values is None or person is None:
            return []
        facts = gather_order_facts(bodies, values)
        letters = self._hook(event, facts, None, news.turn, engineer=engineer)
        if person.get("email") and self.mail.relay is not None:
            subject, text = tell_engineer(event, facts, self.zone)
            letters.append(self._mail(person["email"], subject, text, None, news.turn))
        return letters

    def _mail(self, to: str, subject: str, text: str, thread: str | None, turn: int) -> Letter:
        return partial(
            queue_mail, organisation=self.organisation, to=to, subject=subject, text=text, thread=thread, turn=turn
        )

    def _hook(
        self,
        event: str,
        facts: Body,
        thread: str | None,
        turn: int,
        customer: str | None = None,
        engineer: str | None = None,
    ) -> list[Letter]:
        data = {name: value for name, value in facts.items() if value not in (None, "", []) and name != "address"}
        about = {"customer": customer, "engineer": engineer}
        chosen = [end for end in self.mail.webhooks if end.concerns is None or about.get(end.concerns) == end.subject]
        common = {"organisation": self.organisation, "kind": event, "data": data, "thread": thread, "turn": turn}
        return [partial(queue_webhook, url=endpoint.url, **common) for endpoint in chosen]


@dataclass(slots=True)
class _News:
    turn: int
    """the log position it comes from"""
    changes: tuple[Change, ...]
    requests_of: Mapping[str, list[str]] = field(default_factory=dict)
    """order -> the requests it is for"""
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

    def note_order(self, change: Change, order: Mapping[str, Any]) -> None:
        """Note what a change of an order means to others; what it says and what does not stand is told by nobody."""
        stands = {name for name in TOLD_OF_ORDERS if name in change.set and change.set[name] == order.get(name)}
        moved = {name for name in stands if change.op == "create" or change.set[name] != change.was.get(name)}
        if "engineer_id" in moved:
            self._note_engineers(change)
        event = _event_of(moved, order)
        if event is not None:
            for request in self.requests_of.get(change.id, ()):
                self.requests.setdefault(request, event)

    def _note_engineers(self, change: Change) -> None:
        gained, lost = change.set.get("engineer_id"), change.was.get("engineer_id")
        if gained:
            self.engineers[change.id, gained] = "order.assigned"
        if _is_id(lost) and lost != gained:
            self.engineers[change.id, lost] = "order.withdrawn"


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and _IS_ID(value) is not None


def _event_of(moved: set[str], order: Mapping[str, Any]) -> str | None:
    """Return what a customer is told of an order of which some fields moved."""
    if "status" in moved and order["status"] in ("travelling", "on_hold", "finished", "cancelled"):
        return str(order["status"])
    if "appointment_at" in moved:
        return "appointed"
    if "engineer_id" in moved and order.get("engineer_id"):
        return "assigned"
    return "parts" if "needed_parts" in moved and order.get("needed_parts") else None


def gather_facts(bodies: records.Bodies, request: Mapping[str, Any]) -> Body:
    """Return what a customer may know of his request and its order: state, arrival, engineer's name, parts."""
    facts = {name: request.get(name) for name in ("number", "state", "advice", "refusal_reason", "reported_at")}
    facts["symptom"] = (request.get("symptom") or "")[:200]
    facts |= {"model": request.get("machine_model"), "serial": request.get("machine_serial")}
    order = bodies.find(request.get("order_id"), "work_order")
    if order is None:
        return facts
    facts |= {"order": order["number"], "status": order["status"], "hold_reason": order.get("hold_reason")}
    facts |= {"arrival_at": order.get("appointment_at"), "due_at": order.get("on_site_due_at")}
    named = [part["part_id"] for part in order.get("needed_parts") or ()]
    bodies.load([*named, order.get("engineer_id")])
    engineer = bodies.find(order.get("engineer_id"), "person")
    facts["engineer"] = engineer["name"] if engineer else None
    found = [(part, bodies.find(part, "part")) for part in named]
    facts["parts"] = [body.get("name") or part for part, body in found if body is not None]
    return facts


def gather_order_facts(bodies: records.Bodies, order: Mapping[str, Any]) -> Body:
    """Return what an engineer is told of an order that becomes his."""
    names = ("number", "grade", "service", "symptom", "contact", "phone", "appointment_at", "on_site_due_at")
    facts = {name: order.get(name) for name in names}
    for name, told in (("customer", "customer_name"), ("site", "site_address")):
        body = bodies.find(order.get(f"{name}_id"), name)
        facts[name] = body["name"] if body else order.get(told)
    machine = bodies.find(order.get("machine_id"), "machine")
    facts["machine"] = machine["serial"] if machine else order.get("machine_name")
    return facts
