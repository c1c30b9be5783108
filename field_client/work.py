"""The engineer's day: his orders, opening, starting and finishing one. Nothing here needs a network.

Every use case returns a value, and whatever it stored is durable when it returns. A refusal is Refused and
then nothing was stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from field_client.notices import Notice
from field_client.outbox import Edit, Outbox, make_id, parse_instant, spell_instant
from field_client.store import Record, Store, Values
from field_client.work_facts import find_standing
from schemas.clocks import next_limit
from schemas.job_sheet import SIGNED_ORDER_FIELDS
from schemas.lifecycle import ENDED_STATES, ENGINEER, ORDER_STATES, allows
from schemas.problems import Refused
from schemas.shown_text import Title
from sync import canonical
from sync.openings import is_stand_in

OPEN_STATES: Final = tuple(state for state in ORDER_STATES if state not in (*ENDED_STATES, "finished"))
"""An order in one of these is still work to do."""

GRADE_ORDER: Final = {"urgent": 0, "important": 1, "general": 2}
NO_TIME: Final = "9999"
"""Sorts after every time."""

LIST_MOST: Final = 200
"""Nobody does more in a day; names are looked up for these only."""

UNDER_WAY: Final = ("in_progress", "on_site", "travelling")


@dataclass(frozen=True, slots=True)
class Workbench:
    """What every use case works with: the store and the outbox of one device."""

    store: Store
    outbox: Outbox
    keeps_photo_location: bool = True

    def now(self) -> str:
        """Return the device's time as it is recorded in facts: its own clock put right by what was last measured.

        What the clock itself showed travels with the change-set.
        """
        return spell_instant(self.outbox.now() + self.store.recall("offset_ms", 0))

    def make_id(self) -> str:
        """Return an id for a record made here."""
        return make_id(self.outbox.now(), self.outbox.chance)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order in a list: the names a person reads, and its next limit of time."""

    id: str
    number: str
    status: str
    grade: str
    service: str
    customer: str
    site: str
    machine: str
    serial: str
    appointment_at: str | None
    due_at: str | None
    is_overdue: bool
    is_local: bool
    """Whether it holds work that the server has not answered for."""


@dataclass(frozen=True, slots=True)
class Opened:
    """What a machine's label led to: the machine and its open orders; one alone becomes the current order."""

    machine: Record
    orders: list[OrderLine]
    current: str | None


@dataclass(frozen=True, slots=True)
class Done:
    """What an act did: the order it belongs to, the change-set that records it, and what to know."""

    order: Record
    set_id: str | None
    notices: tuple[Notice, ...] = ()


def find_order(bench: Workbench, name: str | None = None) -> Record:
    """Return an order by its number or id, or the current one.

    Raises Refused with `not_found`, or `order_not_open` when none is named and none is open.
    """
    name = name or bench.store.recall("current_order")
    if name is None:
        raise Refused("order_not_open")
    found = bench.store.find(name) or next(bench.store.find_by("work_order", "number", name), None)
    if found is None or found.kind != "work_order":
        raise Refused("not_found", what=name)
    return found


def list_today(bench: Workbench, most: int | None = LIST_MOST) -> tuple[list[OrderLine], int]:
    """Return the first `most` orders that are still work to do, or all for None, and how many there are in all.

    Those under way come first, then the appointment or next limit decides, then the grade. A colleague's order travels
    with its machine and stands on the machine's card; it is no work of this person's.
    """
    found = bench.store.find_by("work_order", "status", *OPEN_STATES)
    orders = sorted((order for order in found if _is_ours(bench, order)), key=lambda order: _urgency(bench, order))
    return [describe_order(bench, order) for order in orders[:most]], len(orders)


def describe_order(bench: Workbench, order: Record) -> OrderLine:
    """Return an order with the names a list shows."""
    values, store = order.values, bench.store
    machine = store.values_of(values.get("machine_id"))
    site = store.values_of(values.get("site_id") or machine.get("site_id"))
    due_at = _next_due(bench, order)
    return OrderLine(
        id=order.id,
        number=values["number"],
        status=values["status"],
        grade=values["grade"],
        service=values["service"],
        customer=_title_of(store.values_of(values.get("customer_id"))) or values.get("customer_name") or "",
        site=_title_of(site) or values.get("site_address") or "",
        machine=_title_of(store.values_of(machine.get("model_id"))) or values.get("machine_name") or "",
        serial=machine.get("serial", ""),
        appointment_at=values.get("appointment_at"),
        due_at=due_at,
        is_overdue=due_at is not None and parse_instant(due_at) < parse_instant(bench.now()),
        is_local=order.is_local,
    )


def _title_of(values: Values) -> Title:
    """Return what a record is called in both languages; empty where it has no name."""
    return Title(values.get("name") or "", values.get("name_en") or "")


def find_pauses(bench: Workbench, order: Record) -> list[Record]:
    """Return what an order on hold waits for, as far as it was recorded, oldest first."""
    if order.values.get("status") != "on_hold":
        return []
    pauses = bench.store.find_by("clock_pause", "order_id", order.id)
    return [pause for pause in pauses if not pause.values.get("ended_at") and not pause.values.get("disallowed")]


def _next_due(bench: Workbench, order: Record) -> str | None:
    """Return the next limit of time an order runs against; a pause counts before the office has heard of it."""
    pauses = find_pauses(bench, order)
    limit = next_limit(order.values, pauses[0].values["reason"] if pauses else None)
    return limit.due_at if limit else None


def find_machine(bench: Workbench, serial: str, gtin: str | None = None) -> Record:
    """Return a machine by its serial number and, where the label carries one, its model's GTIN.

    Raises Refused with `machine_unknown`, or `code_ambiguous` when machines of several models bear the number.
    """
    found = list(bench.store.find_by("machine", "serial", serial))
    if gtin is not None and len(found) > 1:
        found = [machine for machine in found if _gtin_of(bench, machine) == gtin]
    if not found:
        raise Refused("machine_unknown", serial=serial)
    if len(found) > 1:
        names = [bench.store.values_of(machine.values.get("model_id")).get("name", "?") for machine in found]
        raise Refused("code_ambiguous", choices=", ".join(names))
    return found[0]


def open_machine(bench: Workbench, serial: str, gtin: str | None = None) -> Opened:
    """Open the order of the machine whose label was read; it becomes current when it is the only one that is ours.

    A colleague's order becomes current where there is none of ours.
    """
    machine = find_machine(bench, serial, gtin)
    found = bench.store.find_by("work_order", "machine_id", machine.id)
    orders = [order for order in found if order.values.get("status") in OPEN_STATES]
    lines = {order.id: describe_order(bench, order) for order in orders}
    ours = [lines[order.id] for order in orders if _is_ours(bench, order)]
    current = _choose(ours or list(lines.values()))
    if current is not None:
        open_order(bench, current)
    return Opened(machine, list(lines.values()), current)


def open_order(bench: Workbench, name: str) -> Record:
    """Make an order the current one: the acts that follow belong to it."""
    order = find_order(bench, name)
    bench.store.remember(current_order=order.id)
    return order


def start(bench: Workbench, name: str | None = None, grade: str | None = None) -> Done:
    """Begin work on an order and make it current; the grade may be put right from what is found on site.

    Raises Refused with `move_not_allowed` or `value_invalid`.
    """
    order = find_order(bench, name)
    now = bench.now()
    values = {"status": "in_progress", "started_at": order.values.get("started_at") or now, "hold_reason": None}
    values["arrived_at"] = order.values.get("arrived_at") or now
    with bench.store.transaction():
        done = move_order(bench, order, "order.start", _with_grade(values, grade))
        open_order(bench, order.id)
    return done


def finish(bench: Workbench, name: str | None = None, **findings: str | None) -> Done:
    """End work on an order; `findings` are diagnosis, remedy, result and grade, where they are still to be said.

    Raises Refused with `move_not_allowed` or `value_invalid`. What is missing or changed after the signature is
    told, not refused: the engineer may have good reason, and the dispatcher sees it.
    """
    order = find_order(bench, name)
    values = {key: value for key, value in findings.items() if value is not None}
    notices = tuple(_look_back(bench, order, values))
    values |= {"status": "finished", "finished_at": bench.now()}
    done = move_order(bench, order, "order.finish", values)
    return Done(done.order, done.set_id, (*done.notices, *notices))


def find_missing(bench: Workbench, name: str | None = None) -> tuple[Notice, ...]:
    """Return what an order lacks at this moment for being finished: mandatory checks, the customer's signature."""
    return tuple(_look_back(bench, find_order(bench, name), {}))


def record_findings(
    bench: Workbench, name: str | None = None, clears: Iterable[str] = (), **findings: str | None
) -> Done:
    """Write down what was found, while the work goes on: diagnosis, remedy, result, what failed, what is excluded.

    None leaves a field as it is; those in `clears` are emptied. Raises Refused with `value_invalid`.
    """
    order = find_order(bench, name)
    values: Values = {key: value for key, value in findings.items() if value is not None} | dict.fromkeys(clears)
    notices = tuple(notice for notice in _look_back(bench, order, values) if notice.code == "changed_after_signature")
    set_id = bench.outbox.write("order.findings", [Edit("work_order", order.id, values)])
    return Done(find_order(bench, order.id), set_id, notices)


def machine_of(bench: Workbench, order: Record) -> Record:
    """Return the machine of an order; raises Refused with `machine_unknown` when it has none here."""
    machine = bench.store.find(order.values.get("machine_id"))
    if machine is None:
        raise Refused("machine_unknown", serial="?")
    return machine


def checklist_of(bench: Workbench, order: Record, checklists: Iterable[Record] | None = None) -> Record | None:
    """Return the checklist of an order: the one named, else the newest for its machine's family and service.

    Who asks for many orders reads all `checklists` once and passes them in.
    """
    if order.values.get("checklist_id"):
        return bench.store.find(order.values["checklist_id"])
    machine = bench.store.values_of(order.values.get("machine_id"))
    family = bench.store.values_of(machine.get("model_id")).get("family")
    fitting = [
        checklist
        for checklist in (bench.store.of_kind("checklist") if checklists is None else checklists)
        if not checklist.values.get("retired")
        and checklist.values.get("family") in (None, family)
        and checklist.values.get("service") in (None, order.values["service"])
    ]
    # The closest fit first: one made for this family and service, then the newest version.
    return max(
        fitting,
        key=lambda found: (
            found.values.get("family") is not None,
            found.values.get("service") is not None,
            found.values.get("version", 0),
            found.id,
        ),
        default=None,
    )


def latest_results(bench: Workbench, order: Record) -> dict[str, Record]:
    """Return the counting result of each check item of an order: the latest."""
    results = find_standing(bench.store, "check_result", "order_id", order.id)
    return {result.values["item"]: result for result in results}


def signed_sheet(bench: Workbench, order: Record) -> Values | None:
    """Return the document the customer last signed for an order; None where there is none, or it was erased."""
    signatures = list(bench.store.find_by("signature", "order_id", order.id))
    if not signatures:
        return None
    sheet = bench.store.values_of(signatures[-1].values["job_sheet_id"])
    if sheet and is_stand_in(sheet["content"]):
        return None
    document: Values = canonical.load(sheet["content"]) if sheet else {}
    return document


def _is_ours(bench: Workbench, order: Record) -> bool:
    """Tell whether an order is this person's, nobody's yet, or holds work of his that is not sent."""
    return order.is_local or order.values.get("engineer_id") in (None, bench.outbox.identity.person)


def _urgency(bench: Workbench, order: Record) -> tuple[bool, str, int, str]:
    values = order.values
    return (
        values["status"] not in UNDER_WAY,
        values.get("appointment_at") or _next_due(bench, order) or NO_TIME,
        GRADE_ORDER.get(values["grade"], len(GRADE_ORDER)),
        values["number"],
    )


def move_order(bench: Workbench, order: Record, intent: str, values: Values, beside: Iterable[Edit] = ()) -> Done:
    """Bring an order into the `status` among `values`, with what else the act writes.

    An order that goes off hold waits for nothing more. Raises Refused with `move_not_allowed` or `value_invalid`.
    """
    before, after = order.values["status"], values["status"]
    if not allows(before, after, frozenset({ENGINEER})):
        raise Refused("move_not_allowed", before=before, after=after)
    waits = find_pauses(bench, order) if after != before else []
    ends = [
        Edit("clock_pause", pause.id, {"ended_at": bench.now()}) for pause in waits if pause.values.get("with_hold")
    ]
    set_id = bench.outbox.write(intent, [Edit("work_order", order.id, values), *ends, *beside])
    notices = (Notice("grade_changed", {"grade": values["grade"]}),) if _regrades(order, values) else ()
    return Done(find_order(bench, order.id), set_id, notices)


def _look_back(bench: Workbench, order: Record, values: Values) -> Iterator[Notice]:
    checklist = checklist_of(bench, order)
    done = latest_results(bench, order)
    items = checklist.values["items"] if checklist else []
    missing = [item for item in items if item.get("mandatory") and item["key"] not in done]
    if missing:
        named = "、".join(item["label"] for item in missing)
        in_english = ", ".join(item.get("label_en") or item["label"] for item in missing)
        yield Notice("checks_missing", {"items": (named, in_english)})
    sheet = signed_sheet(bench, order)
    if sheet is None:
        yield Notice("signature_missing")
    elif any(sheet.get("work", {}).get(name) != value for name, value in values.items() if name in SIGNED_ORDER_FIELDS):
        yield Notice("changed_after_signature")


def _regrades(order: Record, values: Values) -> bool:
    return "grade" in values and values["grade"] != order.values.get("grade")


def _with_grade(values: dict[str, Any], grade: str | None) -> dict[str, Any]:
    return values if grade is None else values | {"grade": grade}


def _gtin_of(bench: Workbench, machine: Record) -> str | None:
    gtin: str | None = bench.store.values_of(machine.values.get("model_id")).get("gtin")
    return gtin


def _choose(lines: list[OrderLine]) -> str | None:
    under_way = [line for line in lines if line.status == "in_progress"]
    only = under_way if len(under_way) == 1 else lines
    return only[0].id if len(only) == 1 else None
