"""Taking a decision back: the changes that undo those of a change-set, as long as nothing has been built on them.

Rule 1: an update is taken back by the values its author saw; only while each field still is what he made it.
Rule 2: a fact stays in the log: it is withdrawn, and a stock move is reversed by one in the other direction.
Rule 3: an order that was created is cancelled, a question closed; a delete and a withdrawal are final.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from schemas.lifecycle import DISPATCHER, allows
from schemas.problems import Refused
from schemas.withdrawal import WITHDRAWABLE
from sync.changeset import Change

Body = Mapping[str, Any]
Find = Callable[[str], Body | None]
"""record id -> its values as they stand, None when there is none"""


def take_back(changes: Iterable[Change], find: Find, make_id: Callable[[], str], now: str, why: str) -> list[Change]:
    """Return the changes that undo some changes, the last one first; `why` is kept where facts are withdrawn.

    Raises Refused with `decision_overtaken` where something has moved on since, `decision_final` where there is no way
    back.
    """
    undone: list[Change] = []
    for change in reversed(list(changes)):
        standing = find(change.id)
        if standing is None or change.op == "delete":
            raise Refused("decision_final")
        if change.op == "update":
            undone += _take_back_update(change, standing)
        else:
            undone.append(_take_back_creation(change, standing, make_id, now, why))
    return undone


def _take_back_update(change: Change, standing: Body) -> Iterator[Change]:
    for name, made in change.set.items():
        if standing.get(name) != made:
            raise Refused("decision_overtaken", field=name, kind=change.kind, value=standing.get(name))
    back = {name: change.was.get(name) for name in change.set}
    if back != change.set:
        yield Change(change.kind, change.id, "update", back, dict(change.set))


def _take_back_creation(change: Change, standing: Body, make_id: Callable[[], str], now: str, why: str) -> Change:
    if change.kind in WITHDRAWABLE:
        about = {name: standing[name] for name in ("order_id", "machine_id") if standing.get(name)}
        of = {"subject_kind": change.kind, "subject_id": change.id, "reason": why, "withdrawn_at": now}
        return Change("withdrawal", make_id(), "create", about | of, {})
    if change.kind == "stock_move":
        return Change("stock_move", make_id(), "create", reverse_move(change.id, standing, now, why), {})
    if change.kind == "inquiry":
        return Change("inquiry", change.id, "update", {"state": "closed"}, {"state": standing["state"]})
    if change.kind == "work_order":
        if not allows(standing["status"], "cancelled", frozenset({DISPATCHER})):
            raise Refused("decision_overtaken", field="status", kind=change.kind, value=standing["status"])
        return Change("work_order", change.id, "update", {"status": "cancelled"}, {"status": standing["status"]})
    raise Refused("decision_final")


def reverse_move(move_id: str, move: Body, now: str, why: str) -> dict[str, Any]:
    """Return the values of the stock move that puts another one right."""
    kept = ("part_id", "batch", "batch_id", "serial", "quantity", "order_id")
    values = {name: move[name] for name in kept if move.get(name) is not None}
    for side, other in (("from", "to"), ("to", "from")):
        for name in ("place", "van_id", "centre_id"):
            if move.get(f"{other}_{name}") is not None:
                values[f"{side}_{name}"] = move[f"{other}_{name}"]
    return values | {"reverses_id": move_id, "reason": why, "moved_at": now}
