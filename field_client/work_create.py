"""Orders made on site: a job begun at once, a request for the office, a follow-up of another order.

Who and what it is for need not be known to the office yet: a machine is registered by model and serial number, a
customer or machine nobody has a record of is written down as told. Source: handbook R1, R2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from field_client.notices import Notice
from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Done, Workbench, find_machine, find_order, latest_results, open_order
from field_client.work_checks import find_item, limits_of
from pages.speech import Speech
from schemas.problems import Refused

Taker = Literal["begun", "planned", "office"]
"""The engineer begins it now, takes it for later, or hands it to the office."""

TAKERS: Final = ("begun", "planned", "office")

HANDED_IN_MOST: Final = 50
"""What one engineer hands to the office in some weeks."""


@dataclass(frozen=True, slots=True)
class NewMachine:
    """A machine that nobody has registered, as its name plate says."""

    model_id: str
    serial: str
    place: str | None = None


@dataclass(frozen=True, slots=True)
class NewOrder:
    """What is to be done, for whom, at which machine: records known here, or what was told."""

    service: str
    grade: str
    symptom: str
    taker: Taker = "begun"
    machine_id: str | None = None
    machine: NewMachine | None = None
    machine_name: str | None = None
    customer_id: str | None = None
    customer_name: str | None = None
    site_id: str | None = None
    site_address: str | None = None
    contact: str | None = None
    phone: str | None = None
    alarms: Sequence[str] = ()
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class HandedIn:
    """An order made here and left to the office, with how far its change-set has come."""

    order: Values
    state: str


def create(bench: Workbench, new: NewOrder) -> Done:
    """Take an order down; one begun at once becomes current.

    Its number is the device's own until the office gives it another name: F, the day and part of its id. A machine
    that is known here by its model and serial number is not registered again. Raises Refused with `field_missing`
    without a symptom, a new machine's serial number or model, or any customer, `not_found` for a record not known
    here, or `value_invalid`.
    """
    if not new.symptom.strip():
        raise Refused("field_missing", field="symptom")
    if new.taker not in TAKERS:
        raise Refused("value_invalid", field="taker", detail=" / ".join(TAKERS))
    machine, edits, notices = _register(bench, new)
    known = machine.values if machine else {}
    customer_id = new.customer_id or known.get("customer_id")
    if not customer_id and not new.customer_name:
        raise Refused("field_missing", field="customer_name")
    order_id, now = bench.make_id(), bench.now()
    values: Values = {
        "number": f"F{now[2:10].replace('-', '')}-{order_id[-6:].upper()}",
        "status": {"begun": "in_progress", "planned": "assigned", "office": "received"}[new.taker],
        "service": new.service,
        "grade": new.grade,
        "channel": "engineer",
        "symptom": new.symptom.strip(),
        "machine_id": machine.id if machine else None,
        "customer_id": customer_id,
        "site_id": new.site_id or known.get("site_id"),
        "parent_id": new.parent_id,
        "alarms": list(new.alarms) or None,
        "reported_at": now,
        **{name: getattr(new, name) or None for name in _AS_TOLD},
    }
    if new.taker != "office":
        values["engineer_id"] = bench.outbox.identity.person
    if new.taker == "begun":
        values |= {"arrived_at": now, "started_at": now}
    intent = "request.create" if new.taker == "office" else "order.create"
    with bench.store.transaction():
        set_id = bench.outbox.write(intent, [*edits, Edit("work_order", order_id, values, is_new=True)])
        order = open_order(bench, order_id) if new.taker == "begun" else find_order(bench, order_id)
    return Done(order, set_id, notices)


_AS_TOLD: Final = ("machine_name", "customer_name", "site_address", "contact", "phone")


def create_order(
    bench: Workbench, serial: str, service: str, grade: str, symptom: str, gtin: str | None = None
) -> Done:
    """Take an order down for a machine known here, and begin it.

    Raises Refused as `find_machine` and `create` do.
    """
    machine = find_machine(bench, serial, gtin)
    return create(bench, NewOrder(service, grade, symptom, machine_id=machine.id))


def follow_up(
    bench: Workbench, symptom: str, *, service: str, grade: str, taker: Taker = "office", order: str | None = None
) -> Done:
    """Raise an order that follows another one, at the same machine, for the same customer.

    Raises Refused as `find_order` and `create` do.
    """
    parent = find_order(bench, order)
    told = {name: parent.values.get(name) for name in (*_AS_TOLD, "machine_id", "customer_id", "site_id")}
    return create(bench, NewOrder(service, grade, symptom, taker, parent_id=parent.id, **told))


def suggest_symptom(bench: Workbench, key: str, language: str, order: str | None = None) -> str:
    """Return what a follow-up order may say of a check of an order that failed or was left out, in ``zh`` or ``en``.

    Raises Refused with `not_found` when the item has no result.
    """
    found = find_order(bench, order)
    _, item = find_item(bench, found, key)
    result = latest_results(bench, found).get(item["key"])
    if result is None:
        raise Refused("not_found", what=key)
    label = item["label"] if language == "zh" else item.get("label_en") or item["label"]
    facts = {"item": label, "number": found.values["number"], **limits_of(item)}
    value = Speech(language).value(item["type"], result.values.get("value"))
    facts["value"] = value
    code = "follow_up_skipped" if result.values["verdict"] == "skipped" else "follow_up_failed"
    if item.get("low") is None and item.get("high") is None and code == "follow_up_failed":
        code = "follow_up_found"
    return " ".join(filter(None, (Notice(code, facts).sentence(language), result.values.get("reason"))))


def list_follow_ups(bench: Workbench, order: Record) -> list[Record]:
    """Return the orders known here that follow an order, oldest first."""
    return list(bench.store.find_by("work_order", "parent_id", order.id))


def list_handed_in(bench: Workbench) -> list[HandedIn]:
    """Return what was last made here and left to the office, the newest first; the office has it from then on."""
    made = bench.outbox.latest("request.create", HANDED_IN_MOST)
    orders = [(sent.state, change.set) for sent in made for change in sent.changes if change.kind == "work_order"]
    return [HandedIn(dict(values), state) for state, values in orders]


def _register(bench: Workbench, new: NewOrder) -> tuple[Record | None, list[Edit], tuple[Notice, ...]]:
    """Return the machine of a new order, and what registers it where it is not known."""
    if new.machine_id is not None:
        machine = bench.store.find(new.machine_id)
        if machine is None or machine.kind != "machine":
            raise Refused("not_found", what=new.machine_id)
        return machine, [], ()
    if new.machine is None:
        return None, [], ()
    serial = new.machine.serial.strip()
    for field, said in (("serial", serial), ("model_id", new.machine.model_id)):
        if not said:
            raise Refused("field_missing", field=field)
    for known in bench.store.find_by("machine", "serial", serial):
        if known.values["model_id"] == new.machine.model_id:
            return known, [], (Notice("machine_known", {"serial": serial}),)
    values: Values = {
        "model_id": new.machine.model_id,
        "serial": serial,
        "place": new.machine.place or None,
        "customer_id": new.customer_id,
        "site_id": new.site_id,
    }
    edit = Edit("machine", bench.make_id(), values, is_new=True)
    return Record(edit.id, "machine", values), [edit], ()
