"""Fast look-ups of the trace, as plain rows: where a batch is, what a machine holds, parts by range, as known when.

Rule 1: rows carry ids and numbers; `name_machines` and `name_records` say what they are called.
Rule 2: `known_at` is a log position: what came in later is left out. `position_at` gives the one of a moment.
        Stock is counted as it stands today, whatever the position.
Rule 3: what people type is searched with case and width folded; a row has its numbers byte by byte, and where more than
        one part bears a number it is for the caller to choose by maker.
What is told with evidence, photo and signature is `server.services.trace`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from schemas.problems import Refused
from schemas.serials import fault_of_range, lies_between
from server.domain.catalogue import spell_name, title_of
from server.domain.times import spell
from server.domain.trace import fold, storable
from server.services.office_days import read_day
from server.store import json_text, log, records
from server.store.machines import find_owners
from server.store.part_numbers import Balance, find_balances, find_lot, find_spellings
from server.store.span_rows import Page, SpanRow, find_between, find_spans

_AT_ONCE: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Places:
    """Where parts are: `spans` in machines, `balances` in vans and centres, `records` the batch records meant."""

    spans: list[SpanRow]
    balances: list[Balance]
    records: list[str]


class MachineName(NamedTuple):
    """What a machine is called: its serial number, and whose it is and where; empty what is not known."""

    serial: str
    customer_id: str
    customer: str
    site_id: str
    site: str


def position_at(connection: Connection, organisation: str, moment: str, zone: tzinfo) -> int:
    """Return how far the log was at an instant: the greatest position received by then; 0 before the first.

    `moment` is a day (``YYYY-MM-DD``: its end in `zone`) or an instant. Raises Refused with `value_invalid`.
    """
    try:
        is_day = len(moment) == len("2026-11-21")
        until = datetime.fromisoformat(read_day(moment, zone)[1] if is_day else moment)
        until -= _AT_ONCE if is_day else timedelta()
        if until.tzinfo is None:
            raise ValueError("an instant names its zone, as in 2026-11-21T08:00:00Z")
        instant = spell(until)
    except (ValueError, OverflowError) as error:
        raise Refused("value_invalid", field="as_known_on", detail=str(error)) from None
    return log.position_at(connection, organisation, instant)


def spans_of_serial(
    connection: Connection, organisation: str, serial: str, known_at: int | None = None, page: Page | None = None
) -> list[SpanRow]:
    """Return where the parts with a serial number were, as it is searched: every span, those withdrawn among them."""
    return find_spans(connection, organisation, "serial_folded", [fold(storable(serial))], known_at, page=page)


def spans_in_machine(
    connection: Connection,
    organisation: str,
    machine: str,
    on_day: str | None,
    zone: tzinfo,
    known_at: int | None = None,
) -> list[SpanRow]:
    """Return what a machine held on a day in `zone`, or ever: the as-maintained parts, as known at a position.

    `machine` is its id. Raises Refused with `value_invalid` when the day is none.
    """
    between = read_day(on_day, zone) if on_day is not None else None
    return find_spans(connection, organisation, "machine", [machine], known_at, between=between)


def spans_of_batches(
    connection: Connection,
    organisation: str,
    numbers: Iterable[str],
    known_at: int | None = None,
    *,
    only_in: bool = True,
    page: Page | None = None,
) -> list[SpanRow]:
    """Return where the parts of some batches are, or with `only_in` false also where they were.

    Numbers are compared as they are searched: two parts may have batches of one number, see `SpanRow.part`, `batch_id`.
    """
    folded = [fold(storable(number)) for number in numbers]
    return find_spans(connection, organisation, "batch_folded", folded, known_at, only_in=only_in, page=page)


def spans_of_parts(
    connection: Connection,
    organisation: str,
    parts: Mapping[str, str | None],
    known_at: int | None = None,
    *,
    only_in: bool = True,
) -> list[SpanRow]:
    """Return where parts of the catalogue are, or with `only_in` false also where they were.

    `parts` maps their ids to their GTINs: a part that was fitted by its GTIN alone is found too. By the facts' ids.
    """
    gtins = [gtin for gtin in parts.values() if gtin]
    found = find_spans(connection, organisation, "part", parts, known_at, only_in=only_in)
    found += find_spans(connection, organisation, "maker", gtins, known_at, only_in=only_in)
    return sorted(found, key=lambda row: row.fact)


def spans_of_range(
    connection: Connection,
    organisation: str,
    first: str,
    last: str,
    known_at: int | None = None,
    *,
    maker: str | None = None,
    only_in: bool = True,
) -> list[SpanRow]:
    """Return where the parts with a serial number from one to another are, both included, byte by byte.

    With `maker` those of one maker alone; without `only_in` also where they were.
    Raises Refused with `value_invalid` when the two are not the ends of a range (`schemas.serials`).
    """
    fault = fault_of_range(first, last)
    if fault is not None:
        raise Refused("value_invalid", field="serial", detail=fault)
    rows = find_between(connection, organisation, fold(first), fold(last), known_at, only_in=only_in)
    return [row for row in rows if lies_between(row.serial or "", first, last) and maker in (None, row.maker)]


def places_of_batch(
    connection: Connection, organisation: str, number: str, known_at: int | None = None, *, only_in: bool = False
) -> Places:
    """Return every machine, van and shelf where parts of a batch are; without `only_in` also where they were."""
    number = storable(number)
    spans = spans_of_batches(connection, organisation, [number], known_at, only_in=only_in)
    return Places(spans, *_find_lot(connection, organisation, number, spans))


def balances_of_batch(
    connection: Connection, organisation: str, number: str, spans: Sequence[SpanRow]
) -> list[Balance]:
    """Return in which vans and centres parts of a batch are: as it is typed, as the office and its spans spell it."""
    return _find_lot(connection, organisation, number, spans)[0]


def balances_of_serial(connection: Connection, organisation: str, number: str) -> list[Balance]:
    """Return in which vans and centres parts of a serial number are, which is searched alike."""
    # What was never in a machine is known as it is typed, or in the letters of one case.
    spelled = {number, number.upper(), number.lower(), *find_spellings(connection, organisation, fold(number))}
    return find_balances(connection, organisation, "serial", spelled)


def balances_of_serials(connection: Connection, organisation: str, serials: Iterable[str]) -> list[Balance]:
    """Return in which vans and centres parts with some serial numbers are, byte by byte."""
    return find_balances(connection, organisation, "serial", serials)


def balances_of_batches(connection: Connection, organisation: str, numbers: Iterable[str]) -> list[Balance]:
    """Return in which vans and centres parts of some batches are, byte by byte."""
    return find_balances(connection, organisation, "batch", numbers)


def name_machines(connection: Connection, organisation: str, machines: Iterable[str]) -> dict[str, MachineName]:
    """Return what machines are called and whose they are, by id; those deleted are left out."""
    known = find_owners(connection, organisation, machines)
    bodies = {one.customer: one.customer_body for one in known} | {one.site: one.site_body for one in known}
    named: dict[str, Mapping[str, Any]] = {key: json_text.load(body) for key, body in bodies.items() if key and body}
    # Few machines have no owner of their own but that of the site they stand at.
    owners = {one.id: one.customer or named.get(one.site or "", {}).get("customer_id") or "" for one in known}
    named |= _bodies(connection, organisation, {owner for owner in owners.values() if owner not in bodies} - {""})
    called = {key: body.get("name") or "" for key, body in named.items()}
    return {
        one.id: MachineName(
            one.serial, owners[one.id], called.get(owners[one.id], ""), one.site or "", called.get(one.site or "", "")
        )
        for one in known
    }


def name_records(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return kind and name of records, by id: vans, centres, parts, suppliers, batches, orders, people."""
    found = records.bodies_of(connection, organisation, ids)
    return {key: (kind, title_of(kind, body)) for key, (kind, body) in found.items()}


def _find_lot(
    connection: Connection, organisation: str, number: str, spans: Sequence[SpanRow]
) -> tuple[list[Balance], list[str]]:
    """Return what of a batch is in stock, however its number is spelled, and the records of that batch."""
    numbers = {number, *(row.batch for row in spans if row.batch is not None)}
    linked = {row.batch_id for row in spans if row.batch_id is not None}
    return find_lot(connection, organisation, spell_name(number), numbers, linked)


def _bodies(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {key: body for key, (_, body) in records.bodies_of(connection, organisation, ids).items()}
