"""What the audit desk answers: the life of a serial number, where a lot went, what a machine held.

Rule 1: every answer says for which day it is, and up to which position of the log it was known.
Rule 2: an answer takes a number of queries that does not grow with what is found; lists come a page at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any, Final

from sqlalchemy import Connection

from schemas.problems import Refused
from server.domain.catalogue import spell_facet, wanted_words
from server.domain.life import Step, in_order, lanes_of, moments_of, places_on, stays_of
from server.domain.lifeline import Lane, Moment, Picture, State, Stay, draw
from server.domain.lot_tree import Leaf, Tree, draw_tree
from server.domain.trace import comparable, day_bounds, fold, in_machine
from server.services.audit_life import mark_verified, read_lives, read_machines, steps_of_spans
from server.services.audit_log import KnownOn, find_known_on
from server.services.lot_fates import read_fates
from server.services.stock_recalls import find_recalls_of_lots
from server.services.trace import spans_in
from server.services.trace_facts import read_spans
from server.services.trace_story import tell
from server.store import catalogue, records
from server.store.lot_stock import list_lot_stock
from server.store.span_rows import SpanRow, find_spans

Body = dict[str, Any]
Group = dict[str, Any]

PAGE_ROWS: Final = 50

FATES_MAX: Final = 200
"""Lots of a supplier or part whose parts are counted: each has some hundred in machines."""

LANES_MAX: Final = 60
"""Lanes of a machine's picture: more are a wall; the table has them all."""


@dataclass(frozen=True, slots=True)
class Asked:
    """For which day, and as known on which; empty texts for the whole life, as known at present."""

    on: str
    known: KnownOn
    bounds: tuple[str, str] | None
    """The instants at which the day begins and has ended."""

    @property
    def as_known_at(self) -> int | None:
        """The log position up to which facts count; None for all."""
        return self.known.position if self.known.day else None


@dataclass(frozen=True, slots=True)
class LifeView:
    """The life of one part: its steps by time, where it was on the day that is asked for, and the picture of it all."""

    serial: str
    maker: str
    others: list[str]
    """Makers of other parts that bear the same serial number."""
    steps: list[Step]
    stays: list[Stay]
    picture: Picture
    names: Mapping[str, str]
    """lane -> what the place is called"""
    is_elsewhere: bool

    @property
    def lot(self) -> Group:
        """What is known of its lot, empty where no step names one."""
        return next((step.lot for step in self.steps if step.lot.get("number")), {})

    @property
    def supplier(self) -> Group:
        """What is known of who delivered it."""
        return next((step.supplier for step in self.steps if step.supplier), {})


@dataclass(frozen=True, slots=True)
class LotView:
    """Where a lot went: its records, machines, what is left on vans and shelves."""

    number: str
    lots: list[Group]
    spans: list[Group]
    count: int
    machines: int
    machines_now: int
    customers: int
    stock: list[Group]
    tree: Tree
    after: int | None


@dataclass(frozen=True, slots=True)
class MachineView:
    """The parts of a machine: those that were in it on the day, or all that were ever."""

    machine: Group
    steps: list[Step]
    spans: list[Group]
    picture: Picture | None


def ask(connection: Connection, organisation: str, on: str, known: str, zone: tzinfo) -> Asked:
    """Read for which day and as known on which an answer is wanted. Raises Refused with `value_invalid`."""
    try:
        begin, end = day_bounds(on, zone) if on else ("", "")
    except (ValueError, OverflowError) as error:
        raise Refused("value_invalid", field="on", detail=str(error)) from None
    bounds = (comparable(begin), comparable(end)) if on else None
    return Asked(on, find_known_on(connection, organisation, known, zone), bounds)


def view_life(
    connection: Connection, organisation: str, serial: str, maker: str, asked: Asked, zone: tzinfo, choose: int = 0
) -> LifeView:
    """Return the life of the part of a serial number; of several makers, the first. Raises Refused with `not_found`."""
    lives = read_lives(connection, organisation, serial, "", asked.as_known_at)
    own = maker if maker in lives else next(iter(lives))
    if maker and maker not in lives:
        raise Refused("not_found", what=f"{maker} {serial}")
    steps = mark_verified(connection, organisation, lives[own])
    lanes = lanes_of(steps, choose)
    until = asked.known.received_at
    picture = draw(lanes, stays_of(steps), moments_of(steps), until, zone, asked.bounds)
    stays = places_on(steps, *asked.bounds) if asked.bounds else [s for s in stays_of(steps) if s.ends_at is None]
    return LifeView(
        serial=serial,
        maker=own,
        others=[other for other in lives if other != own],
        steps=steps,
        stays=[stay for stay in stays if stay.state != "struck"],
        picture=picture,
        names={lane.key: lane.name for lane in lanes},
        is_elsewhere=any(step.is_elsewhere for step in steps),
    )


def view_lot(
    connection: Connection, organisation: str, number: str, lot: str, asked: Asked, start: int = 0, choose: int = 0
) -> LotView:
    """Return where the parts of a batch number went, a page of them from `start`; `lot` is the record that is meant.

    Raises Refused with `not_found` when nothing is known of the number.
    """
    lots = _read_lots(connection, organisation, number, lot)
    rows = _rows_of_lot(connection, organisation, number, lots, asked)
    stock = list_lot_stock(connection, organisation, number, [entry["part_id"] for entry in lots] if lot else [])
    if not lots and not rows and not stock:
        raise Refused("not_found", what=number)
    counted = [row for row in rows if row.withdrawn is None]
    machines = read_machines(connection, organisation, {row.machine for row in counted})
    roots = [_say(entry["supplier"], choose) for entry in lots if entry["supplier"]] + [number]
    page = rows[start : start + PAGE_ROWS]
    return LotView(
        number=number,
        lots=lots,
        spans=tell(connection, organisation, read_spans(connection, organisation, page, asked.as_known_at)),
        count=len(rows),
        machines=len(machines),
        machines_now=len({row.machine for row in counted if row.is_in}),
        customers=len({machine["customer"].get("id") for machine in machines.values()}),
        stock=_name_places(connection, organisation, stock),
        tree=draw_tree(list(dict.fromkeys(roots)), _leaves(counted, machines, choose)),
        after=start + PAGE_ROWS if start + PAGE_ROWS < len(rows) else None,
    )


def view_machine(
    connection: Connection, organisation: str, machine: str, asked: Asked, zone: tzinfo, choose: int = 0
) -> MachineView:
    """Return the parts that were in a machine on the day, or that were ever. Raises Refused with `not_found`."""
    told = _spans_of_machine(connection, organisation, machine, asked)
    steps = mark_verified(connection, organisation, in_order(steps_of_spans(connection, organisation, told)))
    told_of = read_machines(connection, organisation, {machine})[machine]
    return MachineView(told_of, steps, told, _draw_machine(told, asked, zone, choose))


def read_lot_steps(connection: Connection, organisation: str, number: str, lot: str, asked: Asked) -> list[Step]:
    """Return the steps of every part of a batch number. Raises Refused with `not_found`."""
    lots = _read_lots(connection, organisation, number, lot)
    rows = _rows_of_lot(connection, organisation, number, lots, asked)
    if not lots and not rows:
        raise Refused("not_found", what=number)
    told = tell(connection, organisation, read_spans(connection, organisation, rows, asked.as_known_at))
    return steps_of_spans(connection, organisation, told)


def read_machine_steps(connection: Connection, organisation: str, machine: str, asked: Asked) -> list[Step]:
    """Return the steps of the parts that were in a machine on the day, or ever. Raises Refused with `not_found`."""
    return steps_of_spans(connection, organisation, _spans_of_machine(connection, organisation, machine, asked))


def view_lots_of(connection: Connection, organisation: str, kind: str, record_id: str) -> tuple[Body, list[Group]]:
    """Return a supplier or a part, and its lots with how many of each are in machines and how many failed there.

    Raises Refused with `not_found`.
    """
    found = records.body_of(connection, organisation, record_id)
    if found is None or found[0] != kind:
        raise Refused("not_found", what=record_id)
    facet = spell_facet("supplier_id" if kind == "supplier" else "part_id", record_id)
    ids = [key for _, key in catalogue.search(connection, organisation, "batch", [], [facet])]
    lots = _tell_lots(connection, organisation, ids)
    judged = {entry["id"]: entry for entry in lots[:FATES_MAX]}
    parts = {entry["part_id"]: entry["part"] for entry in judged.values()}
    fates = read_fates(connection, organisation, judged, parts)
    return found[1], [entry | {"fate": fates.get(entry["id"])} for entry in lots]


def view_machines_of(connection: Connection, organisation: str, customer: str) -> tuple[Body, list[Group]]:
    """Return a customer and his machines by serial number. Raises Refused with `not_found`."""
    found = records.body_of(connection, organisation, customer)
    if found is None or found[0] != "customer":
        raise Refused("not_found", what=customer)
    facet = spell_facet("customer_id", customer)
    ids = {key for _, key in catalogue.search(connection, organisation, "machine", [], [facet])}
    machines = read_machines(connection, organisation, ids)
    return found[1], sorted(machines.values(), key=lambda machine: str(machine["serial"]))


def _spans_of_machine(connection: Connection, organisation: str, machine: str, asked: Asked) -> list[Group]:
    found = records.body_of(connection, organisation, machine)
    if found is None or found[0] != "machine":
        raise Refused("not_found", what=machine)
    spans = spans_in(connection, organisation, machine, asked.as_known_at)
    if asked.bounds:
        spans = [span for span in in_machine(spans, machine, *asked.bounds) if span.withdrawn is None]
    return tell(connection, organisation, spans)


def _read_lots(connection: Connection, organisation: str, number: str, lot: str) -> list[Group]:
    found = catalogue.search(connection, organisation, "batch", wanted_words(number), [])
    bodies = records.bodies_of(connection, organisation, [key for _, key in found])
    alike = [key for key, (_, body) in bodies.items() if fold(body["number"]) == fold(number)]
    return _tell_lots(connection, organisation, [key for key in alike if not lot or key == lot])


def _tell_lots(connection: Connection, organisation: str, ids: Sequence[str]) -> list[Group]:
    bodies = {key: body for key, (_, body) in records.bodies_of(connection, organisation, ids).items()}
    around = records.bodies_of(
        connection, organisation, {body[name] for body in bodies.values() for name in ("part_id", "supplier_id")}
    )
    named = find_recalls_of_lots(
        connection, organisation, {(body["part_id"], body["number"]) for body in bodies.values()}
    )
    return [
        {"id": key, **bodies[key]}
        | {"recalls": named[bodies[key]["part_id"], bodies[key]["number"]]}
        | {"part": around.get(bodies[key]["part_id"], ("", {}))[1]}
        | {"supplier": around.get(bodies[key]["supplier_id"], ("", {}))[1]}
        for key in ids
        if key in bodies
    ]


def _rows_of_lot(
    connection: Connection, organisation: str, number: str, lots: Sequence[Group], asked: Asked
) -> list[SpanRow]:
    """Return the spans of the parts of a batch number by time; where one lot is meant, of that lot."""
    rows = find_spans(connection, organisation, "batch_folded", [fold(number)], asked.as_known_at, between=asked.bounds)
    if asked.bounds:
        rows = [row for row in rows if row.withdrawn is None]
    if len(lots) == 1:
        # The same number on a lot of another part is another lot; a fact that names no maker may be of either.
        makers = ("", lots[0]["part"].get("gtin") or lots[0]["part"].get("manufacturer"))
        rows = [row for row in rows if row.batch_id == lots[0]["id"] or (not row.batch_id and row.maker in makers)]
    return sorted(rows, key=lambda row: (row.begins_at or row.ends_at or "", row.fact))


def _leaves(rows: Iterable[SpanRow], machines: Mapping[str, Group], choose: int) -> list[Leaf]:
    found: dict[tuple[str, str], tuple[int, bool]] = {}
    for row in rows:
        machine = machines[row.machine]
        key = (_say(machine["customer"], choose) or "?", machine["serial"] or "?")
        parts, is_in = found.get(key, (0, False))
        found[key] = (parts + row.quantity, is_in or row.is_in)
    return [Leaf(*key, *counted) for key, counted in found.items()]


def _draw_machine(told: Sequence[Group], asked: Asked, zone: tzinfo, choose: int) -> Picture | None:
    """Return the parts of a machine over time, a lane for each part; None where there is none to draw."""
    lanes: dict[str, Lane] = {}
    stays, moments = [], []
    for number, span in enumerate(told[:LANES_MAX], start=1):
        part = span["part"]
        key = f"{part['maker']}\0{span['serial'] or (span['fitted'] or span['removed'])['id']}"
        name = f"{_say(part, choose)} {span['serial'] or span['batch']['number'] or ''}"
        lanes.setdefault(key, Lane(key, name.strip(), "machine"))
        state: State = "struck" if span["withdrawn"] else "elsewhere" if span["elsewhere"] else "plain"
        begins, ends = (span[act]["at"] if span[act] else None for act in ("fitted", "removed"))
        stays.append(Stay(key, begins, ends or (span["withdrawn"] or {}).get("at"), state))
        moments.append(Moment(number, begins or ends or asked.known.received_at, key, None, state == "struck"))
    if not lanes:
        return None
    return draw(list(lanes.values()), stays, moments, asked.known.received_at, zone, asked.bounds)


def _name_places(connection: Connection, organisation: str, stock: Sequence[Group]) -> list[Group]:
    wanted = {row[name] for row in stock for name in ("place", "part")}
    around = records.bodies_of(connection, organisation, wanted)
    return [
        row
        | {"kind": around[row["place"]][0] if row["place"] in around else ""}
        | {"place": around.get(row["place"], ("", {}))[1], "part": around.get(row["part"], ("", {}))[1]}
        for row in stock
    ]


def _say(body: Mapping[str, Any], choose: int) -> str:
    name = body.get("name") or ""
    return str(body.get("name_en") or name) if choose else str(name)
