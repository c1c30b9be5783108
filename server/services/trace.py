"""Where a part is and was: from its number to machine, customer, order, engineer, photo and signature.

Rule 1: a number is looked for as a serial number and as a batch number; only when it is neither, as the
        serial number of a machine, which answers with all parts recorded in it.
Rule 2: "as known at" takes the log position of a past moment and leaves out every fact that came later.
Rule 3: what is told with all evidence is a page; `server.services.trace_lookup` has the plain rows, all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import tzinfo
from typing import Any, Final

from sqlalchemy import Connection

from schemas.problems import Refused
from server.domain.trace import Span, fold, spans, storable
from server.services.office_days import read_day
from server.services.trace_facts import read_spans
from server.services.trace_lookup import balances_of_batch, balances_of_serial
from server.services.trace_story import pick, tell
from server.store import records
from server.store.fact_book import FactBook
from server.store.machines import find_machines
from server.store.part_numbers import Balance
from server.store.span_rows import By, Page, SpanRow, find_spans

TOLD_MOST: Final = 500
"""Spans told at once; each comes with its evidence, some kilobytes."""


def trace_number(
    connection: Connection,
    organisation: str,
    number: str,
    as_known_at: int | None = None,
    after: str = "",
    limit: int = TOLD_MOST,
) -> dict[str, Any]:
    """Return {number, found_as, as_known_at, spans, after, stock}: `found_as` names how it was found.

    That is serial, batch, or machine. `stock` tells what of the number is in vans and centres today. `after` is what to
    ask behind for the next spans, None behind the last. Raises Refused with `not_found` when nothing was recorded under
    the number.
    """
    number = storable(number)
    ways: tuple[tuple[str, By], ...] = (("serial", "serial_folded"), ("batch", "batch_folded"))
    page = Page(after, limit + 1)
    found = {way: find_spans(connection, organisation, by, [fold(number)], as_known_at, page=page) for way, by in ways}
    stocked = _tell_stock(connection, organisation, number, found["batch"])
    found_as = [way for way, rows in found.items() if rows or stocked[way]]
    if not found_as:
        machine = find_machine(connection, organisation, number)
        found, found_as = {"machine": _rows_in(connection, organisation, machine, as_known_at, page=page)}, ["machine"]
    chosen = sorted({row.fact: row for rows in found.values() for row in rows}.values(), key=lambda row: row.fact)
    told = _tell(connection, organisation, chosen[:limit], as_known_at)
    goes_on = chosen[limit - 1].fact if len(chosen) > limit else None
    shown = [*stocked["serial"], *stocked["batch"]]
    known = {"number": number, "found_as": found_as, "as_known_at": as_known_at}
    return known | {"spans": told, "after": goes_on, "stock": shown}


def trace_machine(
    connection: Connection, organisation: str, serial: str, on_day: str, zone: tzinfo, as_known_at: int | None = None
) -> dict[str, Any]:
    """Return, in the form of `trace_number`, the parts that were in a machine on a calendar day in `zone`.

    Raises Refused with `not_found`, or `value_invalid` when the day is none.
    """
    machine = find_machine(connection, organisation, serial)
    rows = _rows_in(connection, organisation, machine, as_known_at, between=read_day(on_day, zone))
    told = _tell(connection, organisation, rows, as_known_at)
    return {"number": serial, "found_as": ["machine"], "on_day": on_day, "as_known_at": as_known_at, "spans": told}


def find_machine(connection: Connection, organisation: str, serial: str) -> str:
    """Return the id of the machine with a serial number; case and width of the letters do not matter.

    Raises Refused with `not_found`.
    """
    serial = storable(serial)
    alike = find_machines(connection, organisation, fold(serial))
    exact = [machine for machine, spelled in alike if spelled == serial]
    if not alike:
        raise Refused("not_found", what=serial)
    return (exact or [machine for machine, _ in alike])[0]


def spans_in(connection: Connection, organisation: str, machine: str, as_known_at: int | None = None) -> list[Span]:
    """Return the spans of the parts that are or were in a machine."""
    rows = _rows_in(connection, organisation, machine, as_known_at)
    return read_spans(connection, organisation, rows, as_known_at)


def spans_of_serial(connection: Connection, organisation: str, maker: str, serial: str) -> list[Span]:
    """Return the spans of one part, by its maker or GTIN and its serial number, byte by byte."""
    book = FactBook(connection, organisation)
    found = spans(book.facts_of_serial(serial))
    return [span for span in found if (span.fact.maker, span.fact.serial) == (maker, serial)]


def _tell_stock(
    connection: Connection, organisation: str, number: str, spans: list[SpanRow]
) -> dict[str, list[dict[str, Any]]]:
    """Return what of a serial or batch number is in vans and centres, as {place, part, batch, serial, quantity}."""
    found = {"serial": balances_of_serial(connection, organisation, number)}
    found["batch"] = balances_of_batch(connection, organisation, number, spans)
    ids = {key for balances in found.values() for balance in balances for key in (balance.place, balance.part)}
    bodies = records.bodies_of(connection, organisation, ids)
    return {way: [_tell_balance(balance, bodies) for balance in balances] for way, balances in found.items()}


def _tell_balance(balance: Balance, bodies: Mapping[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    (kind, place), (_, part) = (bodies.get(key, ("", {})) for key in (balance.place, balance.part))
    where = {"id": balance.place, "kind": kind} | pick(place, ("name", "name_en", "city"))
    numbers = {"batch": balance.batch or None, "serial": balance.serial or None, "quantity": balance.quantity}
    return {"place": where, "part": pick(part, ("part_number", "name", "name_en", "manufacturer"))} | numbers


def _rows_in(
    connection: Connection,
    organisation: str,
    machine: str,
    known_at: int | None,
    *,
    between: tuple[str, str] | None = None,
    page: Page | None = None,
) -> list[SpanRow]:
    return find_spans(connection, organisation, "machine", [machine], known_at, between=between, page=page)


def _tell(connection: Connection, organisation: str, rows: list[SpanRow], known_at: int | None) -> list[dict[str, Any]]:
    ordered = sorted(rows, key=lambda row: (row.begins_at or row.ends_at or "", row.known_from, row.fact))
    return tell(connection, organisation, read_spans(connection, organisation, ordered, known_at))
