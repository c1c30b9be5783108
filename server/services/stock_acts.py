"""What a stock keeper books: a delivery, moves of several lines, and the move that puts another one right.

Rule 1: one act is one change-set: the batch and its moves are there together or not at all.
Rule 2: nothing is refused for want of stock: who has the part in his hand is right, and a person is told.
Rule 3: what comes back refurbished is a batch of its own, made from the one it was.
Source: handbook P1, P2, P4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from schemas.problems import Refused
from schemas.stock import KEEPING_PLACES
from server.clock import utc_now
from server.domain.undoing import reverse_move
from server.keys import new_id
from server.services.decisions import Desk
from server.services.purchases import ARRIVED_MAX, settle_arrived
from server.store import stock_read
from server.store.workspace import Workspace
from sync.changeset import CHANGES_MAX, Change
from sync.receipt import Receipt

MOVES_MAX: Final = CHANGES_MAX - 2 - ARRIVED_MAX
"""In one change-set with a batch, a count, and the purchases that it settles."""

PIECES_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class Line:
    """So many of one part; with a serial number it is one."""

    part: str
    batch: str = ""
    serial: str = ""
    quantity: int = 1


@dataclass(frozen=True, slots=True)
class Lot:
    """A supplier's lot as its papers name it."""

    part: str
    number: str
    supplier: str | None
    papers: Mapping[str, Any]
    """Fields of the batch: produced_on, expires_on, certificate and inspection report with their files."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a supplier delivered to a centre: pieces, or serial numbers."""

    lot: Lot
    centre: str
    quantity: int
    serials: Sequence[str] = ()
    note: str = ""
    """The number of the delivery note."""


def receive(desk: Desk, delivery: Delivery) -> Receipt:
    """Book a delivery: its batch, completed where it is on file already, and its moves.

    A delivery without a batch number makes no batch. Raises Refused with `quantity_missing`, `too_many_lines`,
    `serial_there`, `batch_differs`, or what forbids a change.
    """
    lot, serials = delivery.lot, list(delivery.serials)
    if not serials and not 0 < delivery.quantity <= PIECES_MAX:
        raise Refused("value_invalid", field="quantity", detail=f"1 - {PIECES_MAX}")
    lines = [Line(lot.part, lot.number, serial) for serial in serials]
    lines = lines or [Line(lot.part, lot.number, "", delivery.quantity)]
    given = {"delivery_note": delivery.note or None, "supplier_id": lot.supplier}

    def plan(store: Workspace) -> list[Change]:
        _expect_fresh(store, lines)
        batch, changes = keep_batch(store, lot)
        ends = spell_end("from", "supplier") | spell_end("to", "centre", delivery.centre)
        arrived = settle_arrived(store, lot.part, delivery.centre, sum(line.quantity for line in lines))
        return [*changes, *spell_moves(store, lines, ends | given, batch), *arrived]

    return desk.write("stock.receive", plan)


def move(desk: Desk, lines: Sequence[Line], ends: Mapping[str, Any], reason: str = "") -> Receipt:
    """Book that lines go from one place to another. `ends` is made by `spell_end`.

    Raises Refused with `lines_missing`, `same_place`, `too_many_lines`, or what forbids a change.
    """
    if not lines:
        raise Refused("lines_missing")
    here, there = [(ends[f"{side}_place"], ends.get(f"{side}_{ends[f'{side}_place']}_id")) for side in ("from", "to")]
    if here == there:
        raise Refused("same_place")
    given = dict(ends) | {"reason": reason or None}
    return desk.write("stock.move", lambda store: spell_moves(store, lines, given))


def refurbish(desk: Desk, line: Line, lot: Lot, centre: str, reason: str = "") -> Receipt:
    """Book what comes back refurbished into a centre: a batch of its own, which names the one it was made from.

    `line` is the part as it was, `lot` as it is. Raises as `receive` does.
    """

    def plan(store: Workspace) -> list[Change]:
        origin = stock_read.find_batch(store.connection, store.organisation, line.part, line.batch)
        papers = {**lot.papers, "condition": "refurbished", "made_from_id": origin}
        batch, changes = keep_batch(
            store, Lot(line.part, lot.number, lot.supplier or _supplier_of(store, origin), papers)
        )
        ends = spell_end("from", "returned") | spell_end("to", "centre", centre) | {"reason": reason or None}
        made = Line(line.part, lot.number, line.serial, line.quantity)
        return [*changes, *spell_moves(store, [made], ends, batch)]

    return desk.write("stock.refurbish", plan)


def reverse(desk: Desk, move_id: str, reason: str) -> Receipt:
    """Put a move right by one in the other direction.

    Raises Refused with `not_found`, `move_reversed`, or `decision_final` for one that a fitted part belongs to: who
    withdraws the fitting brings it back.
    """

    def plan(store: Workspace) -> list[Change]:
        standing = store.record(move_id)
        if standing is None or standing.kind != "stock_move":
            raise Refused("not_found", what=move_id)
        if standing.body.get("fitted_id"):
            raise Refused("decision_final")
        if standing.body.get("reverses_id") or stock_read.is_reversed(store.connection, store.organisation, move_id):
            raise Refused("move_reversed")
        back = reverse_move(move_id, standing.body, utc_now(), reason)
        return [Change("stock_move", new_id(), "create", back, {})]

    return desk.write("stock.reverse", plan)


def spell_end(side: str, place: str, of: str | None = None) -> dict[str, Any]:
    """Return what a move says of one of its ends."""
    return {f"{side}_place": place} | ({f"{side}_{place}_id": of} if place in KEEPING_PLACES else {})


def spell_moves(
    store: Workspace, lines: Sequence[Line], given: Mapping[str, Any], batch: str | None = None
) -> list[Change]:
    """Return a move for each line; `batch` is the record of all of them where the caller knows it.

    Raises Refused with `too_many_lines`, `value_invalid`.
    """
    if len(lines) > MOVES_MAX:
        raise Refused("too_many_lines", limit=MOVES_MAX)
    kept = {name: value for name, value in given.items() if value is not None} | {"moved_at": utc_now()}
    changes = []
    for line in lines:
        if not 0 < line.quantity <= PIECES_MAX or (line.serial and line.quantity != 1):
            raise Refused("value_invalid", field="quantity", detail=line.serial or f"1 - {PIECES_MAX}")
        of = batch or stock_read.find_batch(store.connection, store.organisation, line.part, line.batch)
        goods = {"part_id": line.part, "batch": line.batch, "batch_id": of, "serial": line.serial}
        values = {name: value for name, value in goods.items() if value} | {"quantity": line.quantity} | kept
        changes.append(Change("stock_move", new_id(), "create", values, {}))
    return changes


def keep_batch(store: Workspace, lot: Lot) -> tuple[str | None, list[Change]]:
    """Return the id of a lot's batch, and the change that files it or completes what is on file.

    Raises Refused with `batch_differs` where what is on file says otherwise, `field_missing` without a supplier.
    """
    if not lot.number:
        return None, []
    papers = {name: value for name, value in lot.papers.items() if value}
    found = stock_read.find_batch(store.connection, store.organisation, lot.part, lot.number)
    if found is None:
        if lot.supplier is None:
            raise Refused("field_missing", field="supplier_id")
        values = {"part_id": lot.part, "supplier_id": lot.supplier, "number": lot.number} | papers
        batch = new_id()
        return batch, [Change("batch", batch, "create", values, {})]
    standing = store.record(found)
    assert standing is not None, "the table names records"
    wanted = papers | ({"supplier_id": lot.supplier} if lot.supplier else {})
    for name, value in wanted.items():
        if standing.body.get(name) not in (None, value):
            raise Refused("batch_differs", number=lot.number, field=name, value=standing.body[name])
    new = {name: value for name, value in papers.items() if standing.body.get(name) is None}
    return found, [Change("batch", found, "update", new, dict.fromkeys(new))] if new else []


def _supplier_of(store: Workspace, batch: str | None) -> str | None:
    found = store.record(batch) if batch else None
    return found.body.get("supplier_id") if found else None


def _expect_fresh(store: Workspace, lines: Sequence[Line]) -> None:
    """Raise Refused with `serial_there` when a serial number that is delivered is in some place already."""
    for line in lines:
        if line.serial:
            known = stock_read.find_number(store.connection, store.organisation, line.serial)
            if any(row.part == line.part and row.serial == line.serial for row in known):
                raise Refused("serial_there", serial=line.serial)
