"""Where a part is and was: from its number to machine, customer, order, engineer, photo and signature.

Rule 1: a number is looked for as a serial number and as a batch number; only when it is neither, as the
        serial number of a machine, which answers with all parts recorded in it.
Rule 2: "as known at" takes the log position of a past moment and leaves out every fact that came later.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta, timezone
from typing import Any, Final

from sqlalchemy import Connection

from schemas.problems import Refused
from server.domain.trace import Fact, Span, day_bounds, fold, in_machine, of_batch, of_serial, spans
from server.services.trace_facts import FactRow, find_facts
from server.services.trace_story import tell
from server.store import records

OFFICE_ZONE: Final = timezone(timedelta(hours=8), "UTC+8")
"""A day at the office; China has one time zone and no summer time."""


def trace_number(
    connection: Connection, organisation: str, number: str, as_known_at: int | None = None
) -> dict[str, Any]:
    """Return {number, found_as, spans}: `found_as` names how it was found (serial, batch, machine).

    Raises Refused with `not_found` when nothing was recorded under the number.
    """
    folded = [fold(number)]
    rows = [row for by in ("serial_folded", "batch_folded") for row in find_facts(connection, organisation, by, folded)]
    found = _spans_of(connection, organisation, rows, as_known_at)
    by_way = {"serial": of_serial(found, number), "batch": of_batch(found, number)}
    chosen = list({span.fact.id: span for way in by_way.values() for span in way}.values())
    found_as = [name for name, way in by_way.items() if way]
    if not chosen:
        machine = find_machine(connection, organisation, number)
        chosen, found_as = spans_in(connection, organisation, machine, as_known_at), ["machine"]
    told = tell(connection, organisation, chosen)
    return {"number": number, "found_as": found_as, "as_known_at": as_known_at, "spans": told}


def trace_machine(
    connection: Connection, organisation: str, serial: str, on_day: str, as_known_at: int | None = None
) -> dict[str, Any]:
    """Return, in the form of `trace_number`, the parts that were in a machine on a calendar day.

    Raises Refused with `not_found`, or `value_invalid` when the day is none.
    """
    machine = find_machine(connection, organisation, serial)
    try:
        begin, end = day_bounds(on_day, OFFICE_ZONE)
    except ValueError as error:
        raise Refused("value_invalid", field="day", detail=str(error)) from None
    chosen = in_machine(spans_in(connection, organisation, machine, as_known_at), machine, begin, end)
    told = tell(connection, organisation, chosen)
    return {"number": serial, "found_as": ["machine"], "on_day": on_day, "as_known_at": as_known_at, "spans": told}


def find_machine(connection: Connection, organisation: str, serial: str) -> str:
    """Return the id of the machine with a serial number; case and width of the letters do not matter.

    Raises Refused with `not_found`.
    """
    wanted = fold(serial)
    alike = [
        (machine_id, body["serial"])
        for machine_id, body in records.bodies_of_kind(connection, organisation, "machine")
        if fold(body["serial"]) == wanted
    ]
    exact = [machine_id for machine_id, spelled in alike if spelled == serial]
    if not alike:
        raise Refused("not_found", what=serial)
    return (exact or [machine_id for machine_id, _ in alike])[0]


def spans_in(connection: Connection, organisation: str, machine: str, as_known_at: int | None = None) -> list[Span]:
    """Return the spans of the parts that are or were in a machine."""
    rows = find_facts(connection, organisation, "machine", [machine])
    return [span for span in _spans_of(connection, organisation, rows, as_known_at) if span.machine == machine]


def spans_of_serial(connection: Connection, organisation: str, maker: str, serial: str) -> list[Span]:
    """Return the spans of one part, by its maker or GTIN and its serial number, byte by byte."""
    rows = find_facts(connection, organisation, "serial_folded", [fold(serial)])
    found = _spans_of(connection, organisation, rows, None)
    return [span for span in found if (span.fact.maker, span.fact.serial) == (maker, serial)]


def _spans_of(
    connection: Connection, organisation: str, rows: Iterable[FactRow], as_known_at: int | None
) -> list[Span]:
    """Return the spans of the parts that some facts are about, among others.

    More facts than those given belong to them: what else is known of the same serial numbers, such as a
    removal, which names no batch; and corrections and withdrawals, which stand at the same machine.
    """
    found = {row.id: row for row in rows}
    serials = {fold(row.serial) for row in found.values() if row.serial is not None}
    found |= {row.id: row for row in find_facts(connection, organisation, "serial_folded", serials)}
    machines = {row.machine for row in found.values()}
    found |= {row.id: row for row in find_facts(connection, organisation, "machine", machines)}
    bodies = {record_id: body for record_id, (_, body) in records.bodies_of(connection, organisation, found).items()}
    named = {body["batch_id"] for body in bodies.values() if body.get("batch_id") and body.get("batch") is None}
    batches = {record_id: body for record_id, (_, body) in records.bodies_of(connection, organisation, named).items()}
    return spans((_read_fact(row, bodies[row.id], batches) for row in found.values()), as_known_at)


def _read_fact(row: FactRow, body: dict[str, Any], batches: dict[str, dict[str, Any]]) -> Fact:
    batch = body.get("batch") or batches.get(body.get("batch_id", ""), {}).get("number")
    where = (row.maker, row.serial, batch, row.machine, row.order, row.at, row.position)
    return Fact(row.id, row.act, *where, row.subject)
