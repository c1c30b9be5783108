"""What becomes of a request: taken in, made an order, solved from afar, a duplicate, refused, taken up again.

Rule 1: each is one change-set, which takes effect whole: an order is never there without its request knowing.
Rule 2: who decides on a request that somebody else has decided is told so, and nothing happens.
Rule 3: before an order is made, the warranty is looked up and the verdict kept. Source: handbook R4.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas import kind_of
from schemas.problems import Refused
from schemas.request import NOTES_MOST
from schemas.warranty import Verdict, day_of, verdict_on
from server.clock import utc_now
from server.keys import new_id
from server.services import orders
from server.services.follow_links import make_link
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.services.warranty import warranty_id
from server.store import board, records, requests
from server.store.database import transact
from server.store.workspace import Workspace, open_workspace
from sync.changeset import Change
from sync.receipt import Receipt

NUMBER_PREFIX: Final = "RQ"
"""Of an order it is GD: on the telephone the two must not be taken for each other."""

TAKEN_TO_THE_ORDER: Final = (
    *("customer_id", "site_id", "machine_id", "customer_name", "symptom", "alarms", "contact", "phone"),
    *("reported_at", "channel", "service", "grade"),
)
"""What order and request have in common; the engineer reads the rest in the request, which comes with his order."""

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Taken:
    """A request that was taken in; `link` is the secret end of the address at which it can be followed."""

    id: str
    number: str
    link: str
    is_known: bool = False
    """It had been taken in before: somebody pressed the button twice, or his line broke."""


@dataclass(frozen=True, slots=True)
class NewNote:
    """What is to be added to a request; a file is stored before it is named here."""

    words: str | None = None
    file_sha256: str | None = None
    file_name: str | None = None
    media_type: str | None = None
    size_bytes: int | None = None
    author: str = "customer"
    channel: str | None = None


def take_in(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    given: Mapping[str, Any],
    notes: Sequence[NewNote] = (),
    request_id: str | None = None,
    beside: Callable[[Connection, str], None] = lambda _connection, _request: None,
) -> Taken:
    """Take a request in and return its number. `given` holds fields of the request, at least `channel`.

    What is known of the machine is filled in: its serial number, customer and site. A `request_id` that was taken in
    before is answered with what it became. `beside` writes in the same transaction. Raises Refused with
    `request_empty` when nothing is said, or what forbids it.
    """
    request = request_id or new_id()
    if not (given.get("symptom") or "").strip() and not any(note.words or note.file_sha256 for note in notes):
        raise Refused("request_empty")

    def work(connection: Connection) -> Taken:
        store = open_workspace(connection, organisation)
        known = records.body_of(connection, organisation, request)
        if known is not None:
            return Taken(request, str(known[1].get("number")), make_link(office.key, organisation, request), True)
        values = _complete(connection, organisation, given)
        changes = [Change("request", request, "create", values, {})]
        changes += [_note_change(note, request, None, values["channel"]) for note in notes[:NOTES_MOST]]
        expect_taken_in(office.write_in(store, actor, "request.take_in", changes))
        link = make_link(office.key, organisation, request)
        requests.keep_link(connection, organisation, request, link.digest)
        beside(connection, request)
        store.flush()
        return Taken(request, values["number"], link)

    return transact(engine, work, is_repeatable=True)


def add_notes(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    request: str,
    notes: Sequence[NewNote],
    beside: Callable[[Connection, str], None] = lambda _connection, _request: None,
) -> None:
    """Add words and files to a request; they go to its order too.

    Raises Refused with `not_found`, `too_many_notes`, or what forbids it.
    """

    def work(connection: Connection) -> None:
        store = open_workspace(connection, organisation)
        values = _find(connection, organisation, request)
        there = len(board.list_followers(connection, organisation, request, NOTES_MOST))
        if there + len(notes) > NOTES_MOST:
            raise Refused("too_many_notes", limit=NOTES_MOST)
        changes = [_note_change(note, request, values.get("order_id"), values["channel"]) for note in notes]
        if any(note.author == "office" for note in notes):
            changes += _note_answer(connection, organisation, values.get("order_id"))
        expect_taken_in(office.write_in(store, actor, "request.add", changes))
        beside(connection, request)
        store.flush()

    transact(engine, work)


def set_fields(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    request: str,
    new: Mapping[str, Any],
    seen: Mapping[str, Any] | None = None,
) -> Receipt:
    """Set fields of a request: what was told on the telephone, grade, first diagnosis, machine.

    `seen` are the values the actor saw where they are not the standing ones. Raises Refused with `not_found`, or
    what forbids it.
    """
    kind = kind_of("request")
    assert kind is not None
    for name in new:
        if name not in kind.fields or name in ("state", "number", "order_id", "duplicate_id", "decided_at"):
            raise Refused("value_invalid", field=name, detail="not a field that is filled in")

    def change(connection: Connection, values: Values) -> Iterable[Change]:
        was = {name: values.get(name) for name in new} | dict(seen or {})
        wanted = dict(new) | _know_machine(connection, organisation, new.get("machine_id"), {**values, **new})
        yield Change("request", request, "update", wanted, was | {n: values.get(n) for n in wanted if n not in was})

    return _write(engine, office, organisation, actor, request, "request.update", change)


def make_order(
    engine: Engine, office: Office, organisation: str, actor: str, request: str, given: Mapping[str, Any]
) -> tuple[str, Receipt]:
    """Make an order of a request and return its number with the receipt.

    `given` holds fields of the order that the request does not say, such as `grade`, `engineer_id`. Everything that
    was added to the request comes with the order. Raises Refused with `not_found`, `request_decided`,
    `field_missing` without a grade or any customer, or what forbids it.
    """
    numbers: list[str] = []

    def change(connection: Connection, values: Values) -> Iterable[Change]:
        told = {name: values[name] for name in TAKEN_TO_THE_ORDER if values.get(name) is not None}
        told |= _told_of_place(values)
        if answered_at := _find_answer(connection, organisation, request):
            told["answered_at"] = answered_at
        order = orders.complete(connection, organisation, {"service": "repair"} | told | dict(given))
        for name, there in (("grade", order.get("grade")), ("customer_name", _has_customer(order))):
            if not there:
                raise Refused("field_missing", field=name)
        order_id, now = new_id(), utc_now()
        numbers.append(order["number"])
        verdict = find_verdict(connection, organisation, values)
        yield Change("work_order", order_id, "create", order, {})
        moved = {"state": "ordered", "order_id": order_id, "decided_at": now, "grade": order["grade"]}
        moved |= {"service": order["service"], "warranty_outcome": verdict.outcome, "warranty_checked_at": now}
        yield _update("request", request, values, moved)
        yield from _take_notes_along(connection, organisation, request, order_id)

    answer = _write(engine, office, organisation, actor, request, "request.order", change, decides=True)
    return numbers[-1], answer


def solve_remotely(
    engine: Engine, office: Office, organisation: str, actor: str, request: str, told: Mapping[str, Any]
) -> Receipt:
    """Note that a request was solved without sending anybody, and how: `first_diagnosis`, `advice`, perhaps `fix_id`.

    Raises Refused with `not_found`, `request_decided`, `field_missing` without advice. Source: handbook R3.
    """
    if not (told.get("advice") or "").strip():
        raise Refused("field_missing", field="advice")
    chosen = {name: told[name] for name in ("first_diagnosis", "advice", "fix_id") if told.get(name)}
    return _decide(engine, office, organisation, actor, request, {"state": "solved", **chosen})


def mark_duplicate(engine: Engine, office: Office, organisation: str, actor: str, request: str, of: str) -> Receipt:
    """Note that a request tells again what another request, or an order, is about: what was added to it goes there.

    Raises Refused with `not_found`, `request_decided`, or `value_invalid` when it is said to repeat itself.
    """

    def change(connection: Connection, values: Values) -> Iterable[Change]:
        found = records.body_of(connection, organisation, of)
        if found is None or found[0] not in ("request", "work_order"):
            raise Refused("not_found", what=of)
        if of == request or found[1].get("duplicate_id") == request:
            raise Refused("value_invalid", field="duplicate_id", detail="a request cannot repeat itself")
        order_id = of if found[0] == "work_order" else found[1].get("order_id")
        moved = {"state": "duplicate", "order_id": order_id, "decided_at": utc_now()}
        moved["duplicate_id"] = of if found[0] == "request" else None
        yield _update("request", request, values, moved)
        if order_id:
            yield from _take_notes_along(connection, organisation, request, order_id)

    return _write(engine, office, organisation, actor, request, "request.duplicate", change, decides=True)


def refuse(engine: Engine, office: Office, organisation: str, actor: str, request: str, reason: str) -> Receipt:
    """Refuse a request, with the reason that the customer is told.

    Raises Refused with `not_found`, `request_decided`, `field_missing` without a reason.
    """
    if not reason.strip():
        raise Refused("field_missing", field="refusal_reason")
    moved = {"state": "refused", "refusal_reason": reason.strip()}
    return _decide(engine, office, organisation, actor, request, moved)


def take_up_again(engine: Engine, office: Office, organisation: str, actor: str, request: str) -> Receipt:
    """Take up again a request that was solved, refused or held for a duplicate; an order is cancelled instead.

    Raises Refused with `not_found`, `request_decided` when it became an order or waits already.
    """

    def change(_connection: Connection, values: Values) -> Iterable[Change]:
        if values["state"] not in ("solved", "refused", "duplicate"):
            raise Refused("request_decided", number=values["number"])
        moved = {"state": "received", "order_id": None, "duplicate_id": None, "decided_at": None}
        yield _update("request", request, values, moved)

    return _write(engine, office, organisation, actor, request, "request.take_up_again", change)


def find_verdict(connection: Connection, organisation: str, values: Mapping[str, Any]) -> Verdict:
    """Return whether the machine of a request is under warranty, with the reasons. Source: handbook R4."""
    machine = values.get("machine_id")
    found = records.body_of(connection, organisation, warranty_id(machine)) if machine else None
    about = {"alarms": values.get("alarms") or ()}
    return verdict_on(found[1] if found else None, day_of(values["reported_at"]), about)


def propose_number(connection: Connection, organisation: str, now: str) -> str:
    """Return the number behind the newest of this year, such as RQ260019."""
    start = f"{NUMBER_PREFIX}{now[2:4]}"
    counts = (number[len(start) :] for number in requests.list_numbers(connection, organisation, start))
    newest = next((count for count in counts if re.fullmatch(r"[0-9]{4,9}", count)), "0")
    return f"{start}{int(newest) + 1:04d}"


def _complete(connection: Connection, organisation: str, given: Mapping[str, Any]) -> Values:
    now = utc_now()
    values: Values = {"number": propose_number(connection, organisation, now), "state": "received", "reported_at": now}
    values |= given
    values |= _know_machine(connection, organisation, values.get("machine_id"), values)
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def _know_machine(
    connection: Connection, organisation: str, machine_id: str | None, values: Mapping[str, Any]
) -> Values:
    """Return what follows from a machine's record and is not said otherwise."""
    if not machine_id:
        return {}
    found = records.body_of(connection, organisation, machine_id)
    if found is None or found[0] != "machine":
        raise Refused("record_missing", kind="machine", id=machine_id)
    machine = found[1]
    known = {"machine_serial": machine["serial"], "customer_id": machine.get("customer_id")}
    known["site_id"] = machine.get("site_id")
    return {name: value for name, value in known.items() if value and not values.get(name)}


def _told_of_place(values: Mapping[str, Any]) -> Values:
    """Return what an order says of machine and place that the office has no record of."""
    told: Values = {}
    if not values.get("machine_id"):
        named = " ".join(filter(None, (values.get("machine_model"), values.get("machine_serial"))))
        told["machine_name"] = named[:200] or None
    if not values.get("site_id"):
        told["site_address"] = (values.get("machine_address") or "")[:200] or None
    return {name: value for name, value in told.items() if value}


def _has_customer(order: Mapping[str, Any]) -> bool:
    return bool(order.get("customer_id") or order.get("customer_name"))


def _note_change(note: NewNote, request: str, order_id: str | None, channel: str) -> Change:
    values = {
        "request_id": request,
        "order_id": order_id,
        "author": note.author,
        "channel": note.channel or channel,
        "words": note.words or None,
        "file_sha256": note.file_sha256,
        "file_name": note.file_name,
        "media_type": note.media_type,
        "size_bytes": note.size_bytes,
        "added_at": utc_now(),
    }
    return Change("request_note", new_id(), "create", {n: v for n, v in values.items() if v is not None}, {})


def _take_notes_along(connection: Connection, organisation: str, request: str, order_id: str) -> Iterable[Change]:
    there = board.list_followers(connection, organisation, request, NOTES_MOST)
    for note, (kind, values) in sorted(records.bodies_of(connection, organisation, there).items()):
        if kind == "request_note" and values.get("order_id") != order_id:
            yield _update("request_note", note, values, {"order_id": order_id})


def _find_answer(connection: Connection, organisation: str, request: str) -> str | None:
    """Return when the office first wrote to the customer, None while it has not. Source: handbook R5, G1."""
    notes = board.list_followers_of_kind(connection, organisation, request, "request_note")
    return min((note["added_at"] for note in notes if note["author"] == "office"), default=None)


def _note_answer(connection: Connection, organisation: str, order_id: str | None) -> list[Change]:
    """Return the change by which an order that has no answer yet has one."""
    found = records.body_of(connection, organisation, order_id) if order_id else None
    if order_id is None or found is None or found[1].get("answered_at"):
        return []
    return [Change("work_order", order_id, "update", {"answered_at": utc_now()}, {"answered_at": None})]


def _update(kind: str, record_id: str, values: Mapping[str, Any], moved: Mapping[str, Any]) -> Change:
    new = {name: value for name, value in moved.items() if values.get(name) != value}
    return Change(kind, record_id, "update", new, {name: values.get(name) for name in new})


def _decide(
    engine: Engine, office: Office, organisation: str, actor: str, request: str, moved: Mapping[str, Any]
) -> Receipt:
    def change(_connection: Connection, values: Values) -> Iterable[Change]:
        yield _update("request", request, values, {**moved, "decided_at": utc_now()})

    return _write(engine, office, organisation, actor, request, f"request.{moved['state']}", change, decides=True)


def _write(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    request: str,
    intent: str,
    change: Callable[[Connection, Values], Iterable[Change]],
    decides: bool = False,
) -> Receipt:
    """Write what `change` makes of a request as it stands, under the lock of its organisation."""

    def work(connection: Connection) -> tuple[Workspace, Receipt]:
        store = open_workspace(connection, organisation)
        values = _find(connection, organisation, request)
        if decides and values["state"] != "received":
            raise Refused("request_decided", number=values["number"])
        answer = expect_taken_in(office.write_in(store, actor, intent, list(change(connection, values))))
        store.flush()
        return store, answer

    return transact(engine, work)[1]


def _find(connection: Connection, organisation: str, request: str) -> Values:
    found = records.body_of(connection, organisation, request)
    if found is None or found[0] != "request":
        raise Refused("not_found", what=f"request {request}")
    return found[1]
