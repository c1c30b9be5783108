"""One search box for everything that is traced: what a number or a name may stand for.

Rule 1: nothing is guessed: everything that the text may mean is offered with what it is; who asks chooses.
Rule 2: a scanned text is read as what it may hold; a reading that nothing was recorded under is not offered.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection

from scanning.scan import parse_typed
from schemas.problems import Refused
from server.domain.catalogue import title_of, wanted_words
from server.domain.trace import fold
from server.services.trace_facts import find_facts
from server.store import board, catalogue, records
from server.store.lot_stock import list_moves_of_serial
from server.store.part_numbers import is_batch_known

Kind = Literal["serial", "batch", "machine", "part", "order", "customer", "supplier"]

OFFERED_MAX: Final = 60
"""Of each kind; who finds more types another letter."""

TEXT_MOST: Final = 200
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")

_CATALOGUED: Final[tuple[Kind, ...]] = ("machine", "part", "customer", "supplier")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text; `is_plain` when it is taken as it stands."""

    text: str
    gtin: str | None = None
    serial: str | None = None
    batch: str | None = None
    is_plain: bool = False


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that a text may mean.

    `id` is that of its record; of a serial number or a lot the number itself, told from others by `apart_by`: the
    maker, or the record of the lot.
    """

    kind: Kind
    id: str
    title: str
    names: tuple[str, str] = ("", "")
    """What more is known of it, in Chinese and English."""
    apart_by: str = ""
    is_exact: bool = False


def search(connection: Connection, organisation: str, typed: str, this_year: int) -> list[Hit]:
    """Return what a typed or scanned text may mean: exact numbers alone where there are any, else all that is alike.

    `this_year` settles the century of dates in scanned texts.
    """
    found: dict[tuple[str, str, str], Hit] = {}
    for reading in _read(typed, this_year):
        for hit in _find(connection, organisation, reading):
            found.setdefault((hit.kind, hit.id, hit.apart_by), hit)
    exact = [hit for hit in found.values() if hit.is_exact]
    return exact or list(found.values())


def _read(typed: str, this_year: int) -> list[Reading]:
    plain = _CONTROL.sub("", typed.strip(" \t\r\n\u3000"))[:TEXT_MOST]
    if not plain:
        return []
    try:
        scan = parse_typed(typed.replace("\0", ""), this_year)
    except Refused:
        # No code at all: a name, or a number with a slip in it.
        candidates = []
    else:
        candidates = [found for found in scan.candidates if found.kind in ("gs1", "digital_link")]
    coded = [Reading(plain, found.gtin, found.serial, found.batch) for found in candidates]
    return [*coded, Reading(plain, None, plain, plain, is_plain=True)]


def _find(connection: Connection, organisation: str, reading: Reading) -> Iterator[Hit]:
    if reading.serial:
        yield from _find_serials(connection, organisation, reading.serial, reading.gtin)
        yield from _find_stocked(connection, organisation, reading.serial, reading.gtin)
        yield from _find_machines(connection, organisation, reading.serial)
    if reading.batch:
        yield from _find_lots(connection, organisation, reading.batch, reading.gtin)
    if reading.is_plain:
        yield from _find_order(connection, organisation, reading.text)
        yield from _find_catalogued(connection, organisation, reading.text)
    elif reading.gtin and not (reading.serial or reading.batch):
        yield from _find_catalogued(connection, organisation, reading.gtin)


def _find_serials(connection: Connection, organisation: str, serial: str, gtin: str | None) -> Iterator[Hit]:
    facts = find_facts(connection, organisation, fold(serial))
    ids = {(fact.maker, fact.serial): fact.id for fact in facts if fact.act != "struck" and fact.serial}
    bodies = records.bodies_of(connection, organisation, ids.values())
    for (maker, spelled), fact in sorted(ids.items()):
        if spelled is not None and (gtin is None or maker == gtin):
            name = bodies.get(fact, ("", {}))[1].get("part_name") or ""
            yield Hit("serial", spelled, spelled, (name, name), maker, is_exact=True)


def _find_stocked(connection: Connection, organisation: str, serial: str, gtin: str | None) -> Iterator[Hit]:
    """Yield the parts with a serial number that are on a van or shelf, or came through one."""
    moves = {
        key for spelled in (serial, serial.upper()) for key in list_moves_of_serial(connection, organisation, spelled)
    }
    bodies = _bodies(connection, organisation, moves)
    parts = _bodies(connection, organisation, (body["part_id"] for body in bodies.values()))
    for body in bodies.values():
        part = parts.get(body["part_id"], {})
        if gtin is None or part.get("gtin") == gtin:
            maker = part.get("gtin") or part.get("manufacturer") or ""
            yield Hit("serial", body["serial"], body["serial"], _names(part), maker, is_exact=True)


def _find_lots(connection: Connection, organisation: str, batch: str, gtin: str | None) -> Iterator[Hit]:
    found = catalogue.search(connection, organisation, "batch", wanted_words(batch), [])[:OFFERED_MAX]
    bodies = _bodies(connection, organisation, (key for _, key in found))
    parts = _bodies(connection, organisation, (body["part_id"] for body in bodies.values()))
    wanted = fold(batch)
    for record_id, body in bodies.items():
        part = parts.get(body["part_id"], {})
        if gtin is None or part.get("gtin") == gtin:
            is_exact = fold(body["number"]) == wanted
            yield Hit("batch", body["number"], body["number"], _names(part), record_id, is_exact)
    numbers = {fold(body["number"]) for body in bodies.values()}
    if wanted not in numbers and is_batch_known(connection, organisation, wanted):
        # Written down by somebody, though the office has no lot of that number.
        yield Hit("batch", batch, batch, is_exact=True)


def _find_machines(connection: Connection, organisation: str, serial: str) -> Iterator[Hit]:
    found = catalogue.search(connection, organisation, "machine", wanted_words(serial), [])[:OFFERED_MAX]
    bodies = _bodies(connection, organisation, (key for _, key in found))
    customers = _bodies(connection, organisation, (body.get("customer_id") for body in bodies.values()))
    for record_id, body in bodies.items():
        is_exact = fold(body["serial"]) == fold(serial)
        names = _names(customers.get(body.get("customer_id") or "", {}))
        yield Hit("machine", record_id, body["serial"], names, is_exact=is_exact)


def _find_order(connection: Connection, organisation: str, number: str) -> Iterator[Hit]:
    order = board.find_by_number(connection, organisation, number) or board.find_by_number(
        connection, organisation, number.upper()
    )
    if order is not None:
        yield Hit("order", order, number.upper(), is_exact=True)


def _find_catalogued(connection: Connection, organisation: str, text: str) -> Iterator[Hit]:
    words = wanted_words(text)
    if not words:
        return
    for kind in _CATALOGUED:
        if kind == "machine":
            continue
        found = catalogue.search(connection, organisation, kind, words, [])[:OFFERED_MAX]
        for record_id, body in _bodies(connection, organisation, (key for _, key in found)).items():
            title = title_of(kind, body)
            codes = (body.get(name) for name in ("part_number", "gtin", "code", "name", "name_en"))
            is_exact = fold(text) in {fold(code) for code in codes if code}
            yield Hit(kind, record_id, title, _names(body), is_exact=is_exact)


def _bodies(connection: Connection, organisation: str, ids: Iterable[str | None]) -> dict[str, Body]:
    wanted = list(dict.fromkeys(key for key in ids if key))
    found = records.bodies_of(connection, organisation, wanted)
    return {key: found[key][1] for key in wanted if key in found}


def _names(body: Body) -> tuple[str, str]:
    name = body.get("name") or ""
    return name, body.get("name_en") or name
