"""What the office reads of requests: the list, one with all that belongs to it, and what to look at first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection

from schemas.problems import Refused
from schemas.request import NOTES_MOST
from schemas.warranty import Verdict
from server.clock import spell_instant, unix_ms
from server.domain.catalogue import title_of
from server.domain.request_match import (
    ENDED_DAYS_MAX,
    Fix,
    Offer,
    find_duplicates,
    find_fixes,
    fold_email,
    fold_phone,
    told_of,
)
from server.domain.trace import fold
from server.services.requests import find_verdict
from server.store import blobs, board, records, requests

PAGE_REQUESTS_MAX: Final = 200

ALIKE_MOST: Final = 60
"""Requests of one customer in two weeks; comparing one takes some 50 microseconds."""

ORDERS_OF_MACHINE_MOST: Final = 50

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RequestPage:
    """Some requests; `before` asks for the next page, None on the last."""

    requests: list[Body]
    before: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """A request with what belongs to it, each as {id, kind, body}, oldest first."""

    id: str
    values: Body
    notes: list[Body]
    refers_to: dict[str, Body]
    """id -> {id, kind, body}"""
    erased: Mapping[str, str] = field(default_factory=dict)
    """The files that were erased, and when."""


@dataclass(frozen=True, slots=True)
class Offers:
    """What is offered first, each with its reasons; a person chooses."""

    duplicates: list[Offer]
    fixes: list[Offer]
    warranty: Verdict


def list_requests(
    connection: Connection, organisation: str, state: str | None, before: str | None, limit: int
) -> RequestPage:
    """Return up to `limit` requests, the newest first. Raises Refused with `value_invalid` for an unreadable `before`.

    Each row has the symptom and the names that go with it.
    """
    behind = None
    if before:
        at, separator, record_id = before.partition(" ")
        if not separator:
            raise Refused("value_invalid", field="before", detail="not the 'before' of a page")
        behind = (at, record_id)
    rows = requests.list_rows(connection, organisation, state, behind, limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    bodies = records.bodies_of(connection, organisation, [row["id"] for row in rows])
    named = {bodies[row["id"]][1].get("customer_id") for row in rows} - {None}
    customers = records.bodies_of(connection, organisation, named)
    for row in rows:
        body = bodies[row["id"]][1]
        row["symptom"] = body.get("symptom") or ""
        row["serial"] = body.get("machine_serial")
        known = customers.get(body.get("customer_id") or "")
        row["customer_name"] = title_of(*known) if known else body.get("customer_name")
        for private in ("organisation", "serial_folded", "phone_folded", "email_folded"):
            row.pop(private)
    return RequestPage(rows, f"{rows[-1]['reported_at']} {rows[-1]['id']}" if more else None)


def find_request(connection: Connection, organisation: str, called: str) -> tuple[str, Body]:
    """Return id and values of a request, by its id or number. Raises Refused with `not_found`."""
    found = records.body_of(connection, organisation, called)
    if found is None:
        called = requests.find_by_number(connection, organisation, called) or called
        found = records.body_of(connection, organisation, called)
    if found is None or found[0] != "request":
        raise Refused("not_found", what=f"request {called}")
    return called, found[1]


def read_request(connection: Connection, organisation: str, called: str) -> Standing:
    """Return a request with what was added to it and what it refers to. Raises Refused with `not_found`."""
    request, values = find_request(connection, organisation, called)
    followers = board.list_followers(connection, organisation, request, NOTES_MOST)
    names = ("customer_id", "site_id", "machine_id", "order_id", "duplicate_id", "fix_id")
    referred = [values[name] for name in names if values.get(name)]
    found = records.bodies_of(connection, organisation, [*followers, *referred])
    model = next((body.get("model_id") for kind, body in found.values() if kind == "machine"), None)
    if model:
        found |= records.bodies_of(connection, organisation, [model])
        referred.append(model)
    notes = [_entry(note, *found[note]) for note in followers if note in found and found[note][0] == "request_note"]
    around = {i: _entry(i, *found[i]) for i in referred if i in found}
    erased = blobs.find_erased(connection, organisation, [*filter(None, (n["body"].get("file_sha256") for n in notes))])
    return Standing(request, values, notes, around, erased)


def find_offers(connection: Connection, organisation: str, request: str, values: Body) -> Offers:
    """Return what to look at before anything is decided: the same fault told before, known fixes, the warranty.

    `request` may be an id that is not taken in yet. Source: handbook R3, R4.
    """
    told = told_of(request, "request", values)
    since = spell_instant(unix_ms() - int(timedelta(days=ENDED_DAYS_MAX).total_seconds() * 1000))
    keys = {
        "machine": values.get("machine_id"),
        "customer": values.get("customer_id"),
        "serial_folded": fold(values["machine_serial"]) if values.get("machine_serial") else None,
        "phone_folded": fold_phone(values["phone"]) if values.get("phone") else None,
        "email_folded": fold_email(values["email"]) if values.get("email") else None,
    }
    alike = requests.find_alike(connection, organisation, keys, since, ALIKE_MOST)
    others = [told_of(i, kind, body) for i, (kind, body) in records.bodies_of(connection, organisation, alike).items()]
    # Duplicates of duplicates lead to the one that counts; what became an order is offered as that order.
    others = [other for other in others if not _is_told_by_another(connection, organisation, other.id)]
    if values.get("machine_id"):
        serial = values.get("machine_serial")
        orders = board.list_followers(connection, organisation, values["machine_id"], ORDERS_OF_MACHINE_MOST * 10)
        found = records.bodies_of(connection, organisation, orders[-ORDERS_OF_MACHINE_MOST * 4 :])
        others += [told_of(i, kind, body, serial) for i, (kind, body) in found.items() if kind == "work_order"]
    duplicates = find_duplicates(told, (other for other in others if other.id != values.get("order_id")))
    model, family = _find_model(connection, organisation, values.get("machine_id"))
    fixes = find_fixes(told, model, family, _list_fixes(connection, organisation))
    return Offers(duplicates, fixes, find_verdict(connection, organisation, values))


def _is_told_by_another(connection: Connection, organisation: str, request: str) -> bool:
    found = records.body_of(connection, organisation, request)
    return found is None or found[1]["state"] in ("duplicate", "ordered")


def _find_model(connection: Connection, organisation: str, machine: str | None) -> tuple[str | None, str | None]:
    found = records.body_of(connection, organisation, machine) if machine else None
    model = found[1].get("model_id") if found else None
    known = records.body_of(connection, organisation, model) if model else None
    return model, known[1].get("family") if known else None


def _list_fixes(connection: Connection, organisation: str) -> list[Fix]:
    return [
        Fix(
            fix_id,
            body["title"],
            body.get("model_id"),
            body.get("family"),
            frozenset(body.get("alarms") or ()),
            tuple(body.get("words") or ()),
        )
        for fix_id, body in records.bodies_of_kind(connection, organisation, "known_fix")
        if body["state"] == "in_use"
    ]


def _entry(record_id: str, kind: str, body: Body) -> Body:
    return {"id": record_id, "kind": kind, "body": body}
