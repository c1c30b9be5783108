"""Taking an order down and changing it, in the name of somebody at the office."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, func, select

from schemas import kind_of
from schemas.problems import Refused
from server.clock import utc_now
from server.keys import new_id
from server.services.office import Office
from server.services.orders_read import read_order
from server.services.sla_case import limits_at_creation
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.database import reading, transact
from server.store.tables import BoardRow
from server.store.workspace import open_workspace
from sync.changeset import Change
from sync.receipt import Receipt

_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]

NUMBER_PREFIX: Final = "GD"
"""工单 in pinyin; two digits of the year and a count follow."""

Values = dict[str, Any]


def create(
    engine: Engine, office: Office, organisation: str, actor: str, given: Mapping[str, Any]
) -> tuple[str, Receipt]:
    """Create an order for a machine and return its number with the receipt.

    `given` holds fields of the order, at least `machine_id`, `service` and `grade`. What follows from them is
    filled in unless given: number, customer and site of the machine, checklist of its family and service,
    time limits of the service terms, state. Raises Refused with what forbids it.
    """

    def work(connection: Connection) -> tuple[str, Receipt]:
        store = open_workspace(connection, organisation)
        values = complete(connection, organisation, given)
        change = Change("work_order", new_id(), "create", values, {})
        answer = office.write_in(store, actor, "order.create", [change])
        store.flush()
        return values["number"], answer

    number, answer = transact(engine, work)
    return number, expect_taken_in(answer)


def update(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    number: str,
    new: Mapping[str, Any],
    seen: Mapping[str, Any] | None = None,
) -> Receipt:
    """Set fields of an order and return the receipt, which tells what is contested.

    `seen` are the values the actor saw where they are not the standing ones: an older page, a printout.
    Raises Refused with `not_found` or what forbids the change.
    """
    with reading(engine) as connection:
        order = read_order(connection, organisation, number)["order"]
    was = {name: order["body"].get(name) for name in new} | dict(seen or {})
    change = Change("work_order", order["id"], "update", dict(new), was)
    return expect_taken_in(office.write(organisation, actor, "order.update", [change]))


def read_value(field: str, text: str) -> Any:
    """Return what a typed text means for a field of an order: empty is nothing, commas part a list.

    Raises Refused with `value_invalid` for a field an order does not have.
    """
    kind = kind_of("work_order")
    assert kind is not None
    if field not in kind.fields:
        raise Refused("value_invalid", field=field, detail=", ".join(sorted(kind.fields)))
    if text == "":
        return None
    if field == "alarms":
        return [item.strip() for item in text.split(",") if item.strip()]
    return text


def complete(connection: Connection, organisation: str, given: Mapping[str, Any]) -> Values:
    """Return the values an order is created with: those given, and what follows from them.

    Of a machine that the office has no record of, nothing follows. Raises Refused with `record_missing`.
    """
    now = utc_now()
    values: Values = {
        "number": propose_number(connection, organisation, now),
        "status": "assigned" if given.get("engineer_id") else "received",
        "reported_at": now,
    }
    if given.get("machine_id"):
        found = records.body_of(connection, organisation, given["machine_id"])
        if found is None or found[0] != "machine":
            raise Refused("record_missing", kind="machine", id=given["machine_id"])
        machine = found[1]
        values |= {name: machine.get(name) for name in ("customer_id", "site_id")}
        values["checklist_id"] = find_checklist(connection, organisation, machine["model_id"], given["service"])
    values |= dict(given)
    values = limits_at_creation(connection, organisation, values) | values
    return {name: value for name, value in values.items() if value is not None}


def propose_number(connection: Connection, organisation: str, now: str) -> str:
    """Return the number behind the newest of this year, such as GD260019; numbers of other forms are passed over."""
    start = f"{NUMBER_PREFIX}{now[2:4]}"
    counts = (number[len(start) :] for number in _list_numbers(connection, organisation, start))
    newest = next((count for count in counts if re.fullmatch(r"[0-9]{4,9}", count)), "0")
    return f"{start}{int(newest) + 1:04d}"


def find_checklist(connection: Connection, organisation: str, model_id: str, service: str) -> str | None:
    """Return the newest checklist of a model's family for a kind of service, None when there is none."""
    model = records.body_of(connection, organisation, model_id)
    family = model[1]["family"] if model else None
    fitting = [
        (body["version"], record_id)
        for record_id, body in records.bodies_of_kind(connection, organisation, "checklist")
        if (body.get("family"), body.get("service")) == (family, service) and not body.get("retired")
    ]
    return max(fitting)[1] if fitting else None


def _list_numbers(connection: Connection, organisation: str, start: str) -> Iterator[str]:
    """Yield the order numbers that begin with `start`, longest first and then last first."""
    number = _BOARD.c.number
    where = (_BOARD.c.organisation == organisation, number.startswith(start, autoescape=True))
    yield from connection.execute(
        select(number).where(*where).order_by(func.length(number).desc(), number.desc())
    ).scalars()
