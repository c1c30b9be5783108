"""Warranties that follow the log: whenever something that one stands on changes, it is worked out anew.

The outcome is written through the one door like everything else, in the name of the office's own person, so the
log tells when a warranty became what it is, and the feed brings it to whoever holds the machine. Whoever writes
a change never waits for it. A round that is cut off, or made twice, changes nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from schemas.warranty import day_of
from server.domain.ids import is_id
from server.domain.trace import Fact, Span
from server.domain.warranty import Basis, NewPart, Repair, work_out
from server.services import log_following
from server.services.log_following import LogPages, follow
from server.services.office import Office
from server.services.trace import spans_in
from server.services.verdicts import expect_taken_in
from server.store import json_text, order_list, records
from server.store.database import reading
from server.store.devices import read_organisation
from sync.changeset import CHANGES_MAX, Change

NAMESPACE: Final = uuid.UUID("0b6f1b0e-2f5d-5a0e-9a53-6f2e8d7c4b19")
"""A warranty's id follows from its machine's, so that there is never a second one."""

NAME: Final = "warranty"
MACHINES_AT_ONCE: Final = 50
"""Machines read in one transaction: each has some hundred facts."""

DONE_STATES: Final = ("finished", "closed")

_PARTS: Final = ("part_fitted", "part_removed", "withdrawal")
_KINDS: Final = ("machine", "model", "work_order", *_PARTS)
"""What the log must speak of for a warranty to depend on it."""

_MACHINE_FIELDS: Final = frozenset({"accepted_on", "warranty_months", "model_id"})
_MODEL_FIELDS: Final = frozenset({"warranty_months", "component_terms"})
_ORDER_FIELDS: Final = frozenset({
    "status", "service", "grade", "reported_at", "finished_at", "failed_component", "alarms", "exclusion", "machine_id",
})  # fmt: skip
"""What a warranty stands on. The status counts when it becomes, or was, one of a done order."""

ORDERS_OF: Final = text(
    # CROSS JOIN tells SQLite where to begin: of its own it would read all orders there are.
    "SELECT r.id, r.body FROM links l CROSS JOIN records r WHERE r.organisation = l.organisation AND r.id = l.id"
    " AND l.organisation = :organisation AND l.parent = :machine AND r.kind = 'work_order' AND NOT r.deleted"
)

Body = dict[str, Any]


def warranty_id(machine: str) -> str:
    """Return the id of a machine's warranty record."""
    return str(uuid.uuid5(NAMESPACE, machine))


def count_unfollowed(engine: Engine, organisation: str) -> int:
    """Return how many entries of an organisation's log its warranties do not follow yet."""
    return log_following.count_unfollowed(engine, organisation, NAME)


def renew(engine: Engine, office: Office, organisation: str, pages: LogPages | None = None) -> int:
    """Bring an organisation's warranties up to date with its log; return how many were written.

    Raises Refused with `database_busy` or `disk_full`; what was written stays, and the next round goes on.
    """

    def renew_by(changes: Sequence[Change]) -> int | None:
        with reading(engine) as connection:
            machines = _find_machines(connection, organisation, changes)
        return renew_machines(engine, office, organisation, machines) if machines else None

    return follow(engine, organisation, NAME, _KINDS, renew_by, pages)


def renew_machines(engine: Engine, office: Office, organisation: str, machines: Iterable[str]) -> int:
    """Work out the warranties of some machines, write those that changed, and return how many did."""
    wanted, written = sorted(machines), 0
    for start in range(0, len(wanted), MACHINES_AT_ONCE):
        with reading(engine) as connection:
            system = read_organisation(connection, organisation).office_person
            changes = list(_compare(connection, organisation, wanted[start : start + MACHINES_AT_ONCE]))
        assert len(changes) <= CHANGES_MAX
        if changes:
            expect_taken_in(office.write(organisation, system, "warranty.renew", changes))
            written += len(changes)
    return written


def read_basis(connection: Connection, organisation: str, machine_id: str, machine: Mapping[str, Any]) -> Basis:
    """Return what a machine's warranty stands on."""
    model = records.bodies_of(connection, organisation, [machine["model_id"]]).get(machine["model_id"], ("", {}))[1]
    rows = connection.execute(ORDERS_OF, {"organisation": organisation, "machine": machine_id}).all()
    accepted_on = machine.get("accepted_on")
    return Basis(
        accepted_on=date.fromisoformat(accepted_on) if accepted_on else None,
        contract_months=machine.get("warranty_months"),
        model_months=model.get("warranty_months"),
        component_months={term["component"]: term["months"] for term in model.get("component_terms") or ()},
        repairs=[repair for row in rows if (repair := _read_repair(row.id, json_text.load(row.body)))],
        parts=list(_read_parts(connection, organisation, machine_id)),
    )


def _compare(connection: Connection, organisation: str, machines: Iterable[str]) -> Iterator[Change]:
    wanted = list(machines)
    found = records.bodies_of(connection, organisation, [*wanted, *map(warranty_id, wanted)])
    for machine_id in wanted:
        kind, machine = found.get(machine_id, ("", {}))
        if kind != "machine":
            continue
        values = work_out(read_basis(connection, organisation, machine_id, machine))
        known = found.get(warranty_id(machine_id))
        if known is None:
            given = {"machine_id": machine_id} | {name: value for name, value in values.items() if value is not None}
            yield Change("warranty", warranty_id(machine_id), "create", given, {})
            continue
        moved = {name: value for name, value in values.items() if known[1].get(name) != value}
        if moved:
            was = {name: known[1].get(name) for name in moved}
            yield Change("warranty", warranty_id(machine_id), "update", moved, was)


def _find_machines(connection: Connection, organisation: str, changes: Iterable[Change]) -> set[str]:
    """Return the machines whose warranty may have changed by what the log says."""
    machines: set[str] = set()
    models: set[str] = set()
    orders: dict[str, bool] = {}
    for change in changes:
        _take_note(change, machines, models, orders)
    standing = order_list.list_standing(connection, organisation, orders)
    machines |= {row.machine for row in standing if row.machine and (orders[row.id] or row.status in DONE_STATES)}
    if models:
        every = records.bodies_of_kind(connection, organisation, "machine")
        machines |= {machine_id for machine_id, body in every if body.get("model_id") in models}
    return machines


def _take_note(change: Change, machines: set[str], models: set[str], orders: dict[str, bool]) -> None:
    """Note what a change may touch; `orders` tells of each order whether it was done before."""
    names = change.set.keys()
    if change.kind == "machine" and (change.op == "create" or names & _MACHINE_FIELDS):
        machines.add(change.id)
    elif change.kind == "model" and change.op != "create" and names & _MODEL_FIELDS:
        models.add(change.id)
    elif change.kind == "work_order" and change.op != "create" and (change.op == "delete" or names & _ORDER_FIELDS):
        # The order's machine before and after: both have this repair in their past, or had it. An order that is not
        # done, and was not, is in nobody's past.
        orders[change.id] = orders.get(change.id, False) or change.op == "delete" or _is_done(change.was)
        machines.update(filter(is_id, (change.was.get("machine_id"),)))
    elif change.kind in _PARTS and is_id(change.set.get("machine_id")):
        machines.add(change.set["machine_id"])


def _is_done(order: Mapping[str, Any]) -> bool:
    return order.get("status") in DONE_STATES


def _read_repair(order_id: str, order: Body) -> Repair | None:
    is_done = _is_done(order) and order.get("service") == "repair"
    reported_at = order.get("reported_at") or order.get("started_at")
    if not is_done or not reported_at or not order.get("finished_at"):
        return None
    return Repair(
        id=order_id,
        number=order["number"],
        reported_on=date.fromisoformat(day_of(reported_at)),
        finished_on=date.fromisoformat(day_of(order["finished_at"])),
        was_out_of_use=order.get("grade") == "urgent",
        component=order.get("failed_component"),
        alarms=frozenset(order.get("alarms") or ()),
        exclusion=order.get("exclusion"),
    )


def _read_parts(connection: Connection, organisation: str, machine_id: str) -> Iterator[NewPart]:
    fitted = [fact for span in spans_in(connection, organisation, machine_id) if (fact := _still_in(span))]
    bodies = records.bodies_of(connection, organisation, [fact.id for fact in fitted])
    parts = records.bodies_of(connection, organisation, [b["part_id"] for _, b in bodies.values() if b.get("part_id")])
    for fact in fitted:
        body = bodies[fact.id][1]
        part = parts.get(body.get("part_id", ""), ("", {}))[1]
        # What the customer was promised that day holds, whatever the catalogue says since.
        months = body.get("warranty_months") or part.get("warranty_months")
        if months:
            day = date.fromisoformat(day_of(body["fitted_at"]))
            yield NewPart(fact.id, body["part_name"], day, months, part.get("component"))


def _still_in(span: Span) -> Fact | None:
    return span.fitted if span.removed is None and span.withdrawn is None else None
