"""One serial number in two places: what is known of both, gathered for `server.domain.same_serial` to judge."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from schemas.stock import KEEPING_PLACES
from server.domain.same_serial import Neighbour, Placing, Surroundings, Suspicion, are_like, classify
from server.domain.trace import Fact, Span, comparable, fold, spans
from server.services.trace_facts import read_log
from server.store import json_text, records
from server.store.fact_book import FactBook
from server.store.lot_stock import list_moves_of_serial
from server.store.part_numbers import find_like, find_stocked
from server.store.span_rows import SpanRow, find_spans
from sync import codec
from sync.chain import Sealed

PREFIX_SHARE: Final = 2
"""Like numbers share the first half with a number; those in stock are compared whatever they begin with."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Clash:
    """Two places of one part, the earlier first, and what may have happened, the likeliest first."""

    first: Span
    second: Span
    suspicions: list[Suspicion]


def read_clash(connection: Connection, organisation: str, fact: str) -> Clash | None:
    """Return what a fact of fitting or removing clashes with; None where its part is in one place at most.

    Of several other places it is the one where the part was put last before, or else first after.
    """
    book = FactBook(connection, organisation)
    known = book.find(fact)
    if known is None or known.serial is None:
        return None
    found = [span for span in spans(book.facts_of_serial(known.serial)) if span.elsewhere]
    own = next((span for span in found if fact in _facts_of(span)), None)
    if own is None:
        return None
    same = [span for span in found if (span.fact.maker, span.machine) == (own.fact.maker, own.machine) or span is own]
    others = [span for span in found if span.fact.maker == own.fact.maker and span not in same]
    if not others:
        return None
    before = [span for span in others if _begin(span) <= _begin(own)]
    other = max(before, key=_begin) if before else min(others, key=_begin)
    first, second = sorted((own, other), key=lambda span: (_begin(span), span.fact.id))
    return Clash(first, second, _judge(connection, organisation, first, second))


def _judge(connection: Connection, organisation: str, first: Span, second: Span) -> list[Suspicion]:
    facts = [span.fact for span in (first, second)]
    bodies = _bodies(connection, organisation, [fact.id for fact in facts] + [fact.machine for fact in facts])
    actors = _read_actors(connection, organisation, facts)
    placings = [_place(span, bodies, actors) for span in (first, second)]
    parts = {part for fact in facts if (part := bodies.get(fact.id, {}).get("part_id"))}
    around = _look_around(connection, organisation, first, second, parts)
    return classify(*placings, around)


def _place(span: Span, bodies: Mapping[str, Body], actors: Mapping[int, str]) -> Placing:
    body = bodies.get(span.fact.id, {})
    scanned = span.fact.serial is not None and span.fact.serial in (body.get("scanned") or "")
    named = bodies.get(span.machine, {}).get("same_as_id")
    seen = [fact.when for fact in span.again] + ([span.removed.when] if span.removed else [])
    same_as = frozenset({named} if named else ())
    return Placing(span, actors.get(span.fact.position, ""), scanned, same_as, tuple(seen))


def _look_around(connection: Connection, organisation: str, first: Span, second: Span, parts: set[str]) -> Surroundings:
    serial = first.fact.serial or ""
    moves = _bodies(connection, organisation, list_moves_of_serial(connection, organisation, serial)).values()
    own_moves = [move for move in moves if not parts or move["part_id"] in parts]
    there = find_spans(connection, organisation, "machine", [first.machine])
    kin = [row for row in there if row.serial != serial and _is_kin(row, first.fact, parts) and row.withdrawn is None]
    taken_back = {move["reverses_id"] for move in own_moves if move.get("reverses_id")}
    return Surroundings(
        neighbours=tuple(_find_neighbours(connection, organisation, first, second, parts)),
        replaced_at=tuple(row.begins_at for row in kin if row.begins_at),
        unnumbered_at=tuple(row.ends_at for row in kin if row.serial is None and row.begins_at is None and row.ends_at),
        back_at=tuple(move["moved_at"] for move in own_moves if move["to_place"] in KEEPING_PLACES),
        deliveries=sum(move["from_place"] == "supplier" for move in own_moves) - len(taken_back),
    )


def _is_kin(row: SpanRow, fact: Fact, parts: set[str]) -> bool:
    """Tell whether a part is of the same kind: of the same entry of the catalogue, or of the same maker."""
    return row.part in parts if row.part and parts else row.maker in (fact.maker, "")


def _find_neighbours(
    connection: Connection, organisation: str, first: Span, second: Span, parts: set[str]
) -> list[Neighbour]:
    serial = first.fact.serial or ""
    stocked = set(find_stocked(connection, organisation, parts))
    folded = fold(serial)
    known = find_like(connection, organisation, folded[: -(-len(folded) // PREFIX_SHARE)])
    like = sorted(number for number in stocked | known if are_like(serial, number))
    rows = find_spans(connection, organisation, "serial_folded", {fold(number) for number in like}, only_in=True)
    fitted = {row.serial for row in rows}
    orders = {span.fact.order: span.machine for span in (first, second)}
    return [
        Neighbour(number, number in stocked, number in fitted, _taken_for(connection, organisation, number, orders))
        for number in like
    ]


def _taken_for(connection: Connection, organisation: str, serial: str, orders: Mapping[str, str]) -> frozenset[str]:
    """Return for which of some machines a part was taken from stock: by a move for their orders."""
    moves = _bodies(connection, organisation, list_moves_of_serial(connection, organisation, serial)).values()
    named = {move.get("machine_id") or orders.get(move.get("order_id") or "") for move in moves}
    return frozenset(machine for machine in named if machine in orders.values())


def _read_actors(connection: Connection, organisation: str, facts: Sequence[Fact]) -> dict[int, str]:
    logged = read_log(connection, organisation, [fact.position for fact in facts])
    return {
        position: codec.decode_again(Sealed(entry.sealed).payload, json_text.load).actor
        for position, entry in logged.items()
    }


def _facts_of(span: Span) -> set[str]:
    return {fact.id for fact in (span.fitted, span.removed, *span.again) if fact is not None}


def _begin(span: Span) -> str:
    return comparable(span.begins_at) if span.begins_at else ""


def _bodies(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, Body]:
    return {key: body for key, (_, body) in records.bodies_of(connection, organisation, ids).items()}
