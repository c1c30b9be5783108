"""The card of a machine: its warranty with reasons, what was done to it, what is in it. Source: handbook M3, R4, D2.

Everything is read from what travels with the machine, so it needs no network.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from field_client.outbox import parse_instant
from field_client.store import Record, Values
from field_client.work import Workbench, find_order, machine_of
from field_client.work_facts import find_standing
from field_client.work_recalls import RecallHit, find_recall_of_fitted
from schemas.lifecycle import ENDED_STATES
from schemas.warranty import Verdict, day_of, verdict_on

VISITS_MOST: Final = 50
"""What is shown of a machine's past at once, the newest; the count says how many there are."""

DONE: Final = ("finished", *ENDED_STATES)


@dataclass(frozen=True, slots=True)
class VisitLine:
    """One order of the machine's past: when, who, what was found and done."""

    order_id: str
    number: str
    service: str
    status: str
    on: str | None
    engineer: str
    symptom: str | None
    diagnosis: str | None
    remedy: str | None
    result: str | None
    fitted: tuple[Values, ...]
    failed_checks: int


@dataclass(frozen=True, slots=True)
class PartLine:
    """One part that is in the machine by the records: since when, and its own term where it has one."""

    fitted_id: str
    name: str
    part_number: str | None
    serial: str | None
    batch: str | None
    place: str | None
    quantity: int
    supplier: str | None
    certificate: str | None
    fitted_at: str
    order_number: str | None
    covered_until: str | None
    is_recalled: bool
    recall: RecallHit | None = None
    """The recall that covers it, or from which it cannot be excluded."""


@dataclass(frozen=True, slots=True)
class MachineCard:
    """A machine with its warranty, its past and its parts, as far as they are known here."""

    machine_id: str
    machine: Values
    model: Values
    site: Values
    customer: Values
    verdict: Verdict
    judged_on: str
    warranty: Values | None
    visits: tuple[VisitLine, ...]
    visits_in_all: int
    parts: tuple[PartLine, ...]


def read_machine(bench: Workbench, machine: Record, order: Record | None = None) -> MachineCard:
    """Return the card of a machine; with an order, the verdict is on the fault that the order reports."""
    store, values = bench.store, machine.values
    warranty = find_warranty(bench, machine.id)
    past = list_visits(bench, machine.id, order)
    day = judged_day(bench, order)
    return MachineCard(
        machine_id=machine.id,
        machine=values,
        model=store.values_of(values.get("model_id")),
        site=store.values_of(values.get("site_id")),
        customer=store.values_of(values.get("customer_id")),
        verdict=verdict_on(warranty, day, order.values if order else None),
        judged_on=day,
        warranty=warranty,
        visits=tuple(_read_visit(bench, visit) for visit in past[:VISITS_MOST]),
        visits_in_all=len(past),
        parts=tuple(list_parts(bench, machine.id, warranty)),
    )


def read_machine_of(bench: Workbench, order_name: str | None = None) -> MachineCard:
    """Return the card of an order's machine; raises Refused as `find_order` does, or with `machine_unknown`."""
    order = find_order(bench, order_name)
    return read_machine(bench, machine_of(bench, order), order)


def find_warranty(bench: Workbench, machine_id: str) -> Values | None:
    """Return the values of a machine's warranty record, or None when the server has not sent one."""
    found = next(bench.store.find_by("warranty", "machine_id", machine_id), None)
    return found.values if found else None


def judged_day(bench: Workbench, order: Record | None = None) -> str:
    """Return the day on which a warranty is judged: that of the report, else today. Source: schemas/warranty.py."""
    reported_at = order.values.get("reported_at") if order else None
    return day_of(reported_at or bench.now())


def list_visits(bench: Workbench, machine_id: str, but: Record | None = None) -> list[Record]:
    """Return the orders of a machine that are done or cancelled, the newest first, but for one."""
    orders = bench.store.find_by("work_order", "machine_id", machine_id)
    past = [o for o in orders if o.values.get("status") in DONE and (but is None or o.id != but.id)]
    return sorted(past, key=lambda order: (_when(order.values) or "", order.values["number"]), reverse=True)


def list_parts(bench: Workbench, machine_id: str, warranty: Values | None = None) -> Iterator[PartLine]:
    """Yield the parts that are in a machine by the records, by time: fitted, not taken out, not withdrawn."""
    store = bench.store
    terms = {term.get("subject_id"): term["ends_on"] for term in (warranty or {}).get("terms") or ()}
    for fitted in find_parts_in(bench, machine_id):
        values = fitted.values
        batch = store.values_of(values.get("batch_id"))
        recall = find_recall_of_fitted(store, values)
        yield PartLine(
            fitted_id=fitted.id,
            name=values["part_name"],
            part_number=store.values_of(values.get("part_id")).get("part_number"),
            serial=values.get("serial"),
            batch=values.get("batch") or batch.get("number"),
            place=values.get("place"),
            quantity=values.get("quantity") or 1,
            supplier=store.values_of(values.get("supplier_id")).get("name"),
            certificate=batch.get("certificate"),
            fitted_at=values["fitted_at"],
            order_number=store.values_of(values.get("order_id")).get("number"),
            covered_until=terms.get(fitted.id),
            is_recalled=bool(batch.get("recalled_on")) or (recall is not None and recall.is_sure),
            recall=recall,
        )


def find_parts_in(bench: Workbench, machine_id: str) -> list[Record]:
    """Return the facts of the parts that are in a machine, by time, by the rules of the server's trace.

    A removal takes out the part of its serial number, of its maker or of none named; without a serial number the
    oldest of its batch.
    """
    store = bench.store
    facts = [
        fact
        for kind in ("part_fitted", "part_removed")
        for fact in find_standing(store, kind, "machine_id", machine_id)
    ]
    inside: list[Record] = []
    for fact in sorted(facts, key=_time_of):
        if fact.kind == "part_fitted":
            if not any(_is_same_part(known, fact) for known in inside):
                inside.append(fact)
        elif (out := _taken_out(inside, fact)) is not None:
            inside.remove(out)
    return inside


def _time_of(fact: Record) -> tuple[int, str]:
    return parse_instant(fact.values.get("fitted_at") or fact.values["removed_at"]), fact.id


def _is_same_part(one: Record, other: Record) -> bool:
    serial = other.values.get("serial")
    return bool(serial) and one.values.get("serial") == serial and one.values.get("gtin") == other.values.get("gtin")


def _taken_out(inside: Iterable[Record], removed: Record) -> Record | None:
    values: dict[str, Any] = removed.values
    alike = [known for known in inside if known.values.get("serial") == values.get("serial")]
    if not values.get("serial"):
        alike = [known for known in alike if values.get("batch") and known.values.get("batch") == values["batch"]]
    same = [known for known in alike if known.values.get("gtin") == values.get("gtin")]
    if same:
        return same[0]
    return alike[0] if not values.get("gtin") and len(alike) == 1 else None


def _read_visit(bench: Workbench, order: Record) -> VisitLine:
    store, values = bench.store, order.values
    checks = find_standing(store, "check_result", "order_id", order.id)
    latest = {check.values["item"]: check.values["verdict"] for check in checks}
    return VisitLine(
        order_id=order.id,
        number=values["number"],
        service=values["service"],
        status=values["status"],
        on=_when(values),
        engineer=store.values_of(values.get("engineer_id")).get("name", ""),
        symptom=values.get("symptom"),
        diagnosis=values.get("diagnosis"),
        remedy=values.get("remedy"),
        result=values.get("result"),
        fitted=tuple(part.values for part in find_standing(store, "part_fitted", "order_id", order.id)),
        failed_checks=sum(1 for verdict in latest.values() if verdict == "failed"),
    )


def _when(order: Values) -> str | None:
    return order.get("finished_at") or order.get("started_at") or order.get("reported_at")
