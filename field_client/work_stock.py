"""The engineer's van: what is in it, and taking from it and putting back. Source: handbook P4.

Rule 1: every change is a move from one place to another; a balance is only ever counted.
Rule 2: what is fitted from the van leaves it in the same change-set, and comes back when the fitting is withdrawn.
Rule 3: nothing is refused for want of stock: who has the part in his hand is right, and the office is told.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal

from field_client.notices import Notice
from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.store_stock import read_balance, read_balances
from field_client.work import Workbench
from field_client.work_part_checks import PartLabel, fits, look_up_part
from field_client.work_recalls import RecallHit, find_recalls
from schemas.problems import Refused
from schemas.stock import StockKey

Act = Literal["draw", "return", "scrap", "found", "lost"]

ACTS: Final[dict[Act, tuple[str, str]]] = {
    "draw": ("centre", "van"),
    "return": ("van", "centre"),
    "scrap": ("van", "scrapped"),
    "found": ("difference", "van"),
    "lost": ("van", "difference"),
}
"""What an engineer does with his stock beside fitting it: from where, to where."""


TOLD_OF_MOVES: Final = ("batch_recalled", "part_recalled", "recall_unclear", "batch_expired", "batch_unknown")


@dataclass(frozen=True, slots=True)
class StockLine:
    """So many of one part, batch and serial number in the van, with what is known of them without a network."""

    part_id: str
    part: Values
    batch: str
    serial: str
    quantity: int
    batch_record: Values
    supplier: Values
    fits: bool
    """Whether it goes into the machine asked about; true where none is."""
    is_expired: bool
    recall: RecallHit | None = None
    """The recall that covers it, or from which it cannot be excluded."""

    @property
    def is_recalled(self) -> bool:
        """Whether it is recalled, or its batch is."""
        return bool(self.batch_record.get("recalled_on")) or (self.recall is not None and self.recall.is_sure)

    @property
    def is_usable(self) -> bool:
        """Whether one may put it into the machine."""
        return self.quantity > 0 and self.fits and not self.is_expired and not self.is_recalled


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that was recorded, and what to know."""

    move: Values
    part: Record
    left: int
    set_id: str | None
    notices: tuple[Notice, ...] = ()


def find_van(bench: Workbench) -> Record | None:
    """Return the van of the engineer whose device this is, or None when the office gave him none."""
    person = bench.outbox.identity.person
    vans = sorted(bench.store.of_kind("van"), key=lambda van: van.id)
    return next((van for van in vans if van.values.get("person_id") == person), None)


def list_stock(bench: Workbench, machine: Record | None = None) -> list[StockLine]:
    """Return what is in the van, what fits `machine` first, then by name, batch and serial number."""
    van = find_van(bench)
    balances = read_balances(bench.store.db, van.id) if van else []
    lines = [_describe(bench, key, quantity, machine) for key, quantity in balances]
    return sorted(lines, key=lambda line: (not line.fits, line.part.get("name", ""), line.batch, line.serial))


def count_usable(bench: Workbench, part_id: str) -> int:
    """Return how many of a part are in the van that are neither expired nor recalled."""
    van = find_van(bench)
    balances = read_balance(bench.store.db, van.id, part_id) if van else []
    lines = [_describe(bench, key, quantity, None) for key, quantity in balances]
    return sum(line.quantity for line in lines if line.is_usable)


def list_lacking(bench: Workbench) -> list[tuple[Values, int]]:
    """Return the parts of the van's standard list of which it has too few usable ones, and how many it lacks."""
    van = find_van(bench)
    levels = [level.values for level in bench.store.of_kind("stock_level")] if van else []
    mine = [level for level in levels if van and level.get("van_id") == van.id]
    gaps = [(level["part_id"], (level.get("standard") or 0) - count_usable(bench, level["part_id"])) for level in mine]
    lacking = [(bench.store.values_of(part), gap) for part, gap in gaps if gap > 0]
    return sorted(lacking, key=lambda line: str(line[0].get("name", "")))


def move_stock(bench: Workbench, act: Act, label: PartLabel, quantity: int = 1, reason: str | None = None) -> Moved:
    """Record that parts came into the van or left it otherwise than by being fitted.

    Raises Refused with `van_missing` when the office gave this engineer none, `part_not_known` when the label
    names no part of the catalogue, or `value_invalid`.
    """
    van = _require_van(bench)
    known = look_up_part(bench, label, Record("", "machine", {}))
    if known.part is None:
        raise Refused("part_not_known", what=label.part_number or label.gtin or label.batch or label.serial or "?")
    key = StockKey(van.id, known.part.id, label.batch or "", label.serial or "")
    if ACTS[act][0] == "van":
        key = choose_line(bench, van, known.part.id, label) or key
    values = _spell_move(bench, van, act, key, quantity) | {"reason": reason}
    set_id = bench.outbox.write("stock.move", [Edit("stock_move", bench.make_id(), values, is_new=True)])
    left = dict(read_balance(bench.store.db, van.id, known.part.id)).get(key, 0)
    told = [notice for notice in known.notices if notice.code in TOLD_OF_MOVES]
    return Moved(values, known.part, left, set_id, (*told, *_warn_below_zero(left)))


def take_from_van(
    bench: Workbench, part: Record | None, label: PartLabel, fitted: Edit, must: bool | None
) -> tuple[list[Edit], list[Notice]]:
    """Return the move of a part fitted out of the van, and what to know.

    `must` says whether it was taken from the van; None takes it from there when it is there.
    """
    van = find_van(bench)
    if van is None or part is None or must is False:
        return [], []
    key = choose_line(bench, van, part.id, label)
    if key is None and not must:
        return [], [Notice("not_on_van", {"part": part.values["name"]})]
    key = key or StockKey(van.id, part.id, label.batch or "", label.serial or "")
    quantity = fitted.values.get("quantity") or 1
    values = _spell_move(bench, van, None, key, quantity) | {
        "from_place": "van",
        "from_van_id": van.id,
        "to_place": "machine",
        "order_id": fitted.values["order_id"],
        "machine_id": fitted.values["machine_id"],
        "fitted_id": fitted.id,
        "moved_at": fitted.values["fitted_at"],
    }
    left = dict(read_balance(bench.store.db, van.id, part.id)).get(key, 0) - quantity
    return [Edit("stock_move", bench.make_id(), values, is_new=True)], list(_warn_below_zero(left))


def put_back(bench: Workbench, fitted_id: str) -> list[Edit]:
    """Return the moves that bring back into the van what a part fitted took out of it."""
    return [
        Edit("stock_move", bench.make_id(), _reverse(move) | {"moved_at": bench.now()}, is_new=True)
        for move in _standing_moves(bench, fitted_id)
    ]


def take_again(bench: Workbench, fitted_id: str, again_id: str) -> list[Edit]:
    """Return the moves of a withdrawn part fitted, for the one that is recorded in its place."""
    moves = list(bench.store.find_by("stock_move", "fitted_id", fitted_id))
    taken = [move.values | {"fitted_id": again_id} for move in moves if not move.values.get("reverses_id")]
    return [Edit("stock_move", bench.make_id(), values, is_new=True) for values in taken[-1:]]


def choose_line(bench: Workbench, van: Record, part_id: str, label: PartLabel) -> StockKey | None:
    """Return which of the van's lines a label means: by serial number, else by batch, else the only one there is."""
    lines = [key for key, quantity in read_balance(bench.store.db, van.id, part_id) if quantity > 0]
    if label.serial:
        exact = [key for key in lines if key.serial == label.serial]
        if exact or any(key.serial for key in lines):
            return exact[0] if exact else None
    if label.batch:
        return next((key for key in lines if key.batch == label.batch), None)
    return lines[0] if len(lines) == 1 else None


def _describe(bench: Workbench, key: StockKey, quantity: int, machine: Record | None) -> StockLine:
    store = bench.store
    part = store.find(key.part)
    batches = store.find_by("batch", "number", key.batch) if key.batch else ()
    batch = next((found.values for found in batches if found.values["part_id"] == key.part), {})
    return StockLine(
        part_id=key.part,
        part=part.values if part else {},
        batch=key.batch,
        serial=key.serial,
        quantity=quantity,
        batch_record=batch,
        supplier=store.values_of(batch.get("supplier_id")),
        fits=machine is None or part is None or fits(bench, part, machine),
        is_expired=bool(batch.get("expires_on")) and batch["expires_on"] < bench.now()[:10],
        recall=next(iter(find_recalls(store, key.part, key.batch, key.serial)), None),
    )


def _spell_move(bench: Workbench, van: Record, act: Act | None, key: StockKey, quantity: int) -> dict[str, Any]:
    values: dict[str, Any] = {
        "part_id": key.part,
        "batch": key.batch or None,
        "batch_id": _find_batch(bench, key),
        "serial": key.serial or None,
        "quantity": quantity,
        "moved_at": bench.now(),
    }
    for side, place in zip(("from", "to"), ACTS[act] if act else (), strict=False):
        values[f"{side}_place"] = place
        if place == "van":
            values[f"{side}_van_id"] = van.id
        elif place == "centre":
            values[f"{side}_centre_id"] = van.values.get("centre_id")
    return values


def _find_batch(bench: Workbench, key: StockKey) -> str | None:
    batches = bench.store.find_by("batch", "number", key.batch) if key.batch else ()
    return next((batch.id for batch in batches if batch.values["part_id"] == key.part), None)


def _standing_moves(bench: Workbench, fitted_id: str) -> Iterable[Record]:
    moves = list(bench.store.find_by("stock_move", "fitted_id", fitted_id))
    reversed_ids = {move.values.get("reverses_id") for move in moves}
    return [move for move in moves if not move.values.get("reverses_id") and move.id not in reversed_ids]


def _reverse(move: Record) -> dict[str, Any]:
    swapped = {"from": "to", "to": "from"}
    values = {}
    for name, value in move.values.items():
        side, _, rest = name.partition("_")
        values[f"{swapped[side]}_{rest}" if side in swapped else name] = value
    return values | {"reverses_id": move.id}


def _warn_below_zero(left: int) -> Iterator[Notice]:
    if left < 0:
        yield Notice("van_below_zero", {"left": left})


def _require_van(bench: Workbench) -> Record:
    van = find_van(bench)
    if van is None:
        raise Refused("van_missing")
    return van
