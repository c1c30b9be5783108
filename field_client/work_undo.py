"""Taking back the latest act of an order: by a further change or fact, so that both stay in the log.

Rule 1: only what was done on this device is taken back, newest first; what was taken back is not taken back again.
Rule 2: an act is taken back wholly or not at all: fields to what they were, facts by withdrawing them.
Rule 3: what somebody else has changed since, and what a customer signed, is not taken back.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from field_client.outbox import Edit, SentSet
from field_client.work import Done, Workbench, find_order
from field_client.work_facts import find_withdrawals
from field_client.work_withdraw import bring_back, withdraw
from schemas.lifecycle import ENGINEER, allows
from schemas.problems import Refused
from schemas.withdrawal import WITHDRAWABLE
from sync.changeset import Change

UNDO: Final = "order.undo"

APART: Final = frozenset({"photo.remark", "order.escalate"})
"""Acts with a way back of their own, beside what they change."""

REACH: Final = 200
"""Sets looked at, newest first: some days of work, of which a few belong to the order."""

REASONS: Final = {"zh": "撤销", "en": "Taken back"}


@dataclass(frozen=True, slots=True)
class Undoable:
    """The act that would be taken back: its set, what kind of act it was, and what it changed.

    `before` and `after` are the fields of the order; `facts` the (kind, id) of facts made, withdrawals among them;
    `beside` what brings back what else the act wrote: what the order waits for.
    """

    seq: int
    intent: str
    captured_at: str
    before: dict[str, Any]
    after: dict[str, Any]
    facts: tuple[tuple[str, str], ...] = ()
    beside: tuple[Edit, ...] = ()


def find_undoable(bench: Workbench, name: str | None = None) -> Undoable | None:
    """Return the latest act of an order that can be taken back, or None; raises Refused as `find_order` does."""
    order = find_order(bench, name)
    taken_back = 0
    for sent in bench.outbox.newest(REACH):
        if sent.state == "refused" or sent.intent in APART or not _belongs(sent.changes, order.id):
            continue
        if sent.intent == UNDO:
            taken_back += 1
        elif taken_back:
            taken_back -= 1
        else:
            return _read_act(bench, sent, order.values)
    return None


def undo(bench: Workbench, seq: int, name: str | None = None, language: str = "zh") -> Done:
    """Take back the act that `find_undoable` showed as `seq`.

    Raises Refused with `nothing_to_undo` when it is not the latest any more, or cannot be taken back.
    """
    order = find_order(bench, name)
    found = find_undoable(bench, order.id)
    if found is None or found.seq != seq:
        raise Refused("nothing_to_undo")
    if found.before:
        set_id = bench.outbox.write(UNDO, [Edit("work_order", order.id, found.before), *found.beside])
    elif found.facts[0][0] == "withdrawal":
        subjects = [bench.store.values_of(record_id)["subject_id"] for _, record_id in found.facts]
        set_id = bring_back(bench, *subjects, intent=UNDO).set_id
    else:
        ids = [record_id for _, record_id in found.facts]
        set_id = withdraw(bench, REASONS[language], *ids, intent=UNDO).set_id
    return Done(find_order(bench, order.id), set_id)


def _belongs(changes: Iterable[Change], order_id: str) -> bool:
    return any(change.id == order_id or change.set.get("order_id") == order_id for change in changes)


def _read_act(bench: Workbench, sent: SentSet, standing: dict[str, Any]) -> Undoable | None:
    kinds = {change.kind for change in sent.changes}
    facts = tuple((change.kind, change.id) for change in sent.changes)
    moves = [change for change in sent.changes if change.kind == "work_order"]
    if kinds <= {"work_order", "clock_pause"} and [change.op for change in moves] == ["update"]:
        (change,) = moves
        before, after = dict(change.was), dict(change.set)
        if any(standing.get(name) != value for name, value in after.items()):
            return None
        if "status" in after and not allows(after["status"], before["status"], frozenset({ENGINEER})):
            return None
        beside = tuple(_take_back_pause(change) for change in sent.changes if change.kind == "clock_pause")
        return Undoable(sent.seq, sent.intent, sent.captured_at, before, after, beside=beside)
    if kinds == {"withdrawal"}:
        return Undoable(sent.seq, sent.intent, sent.captured_at, {}, {}, facts)
    if not kinds <= set(WITHDRAWABLE) or any(_is_withdrawn(bench, record_id) for _, record_id in facts):
        return None
    return Undoable(sent.seq, sent.intent, sent.captured_at, {}, {}, facts)


def _take_back_pause(change: Change) -> Edit:
    """Return what takes a pause, or its end, back: one that was begun by mistake took no time."""
    if change.op == "create":
        return Edit("clock_pause", change.id, {"ended_at": change.set["began_at"]})
    return Edit("clock_pause", change.id, dict(change.was))


def _is_withdrawn(bench: Workbench, fact_id: str) -> bool:
    order_id = bench.store.values_of(fact_id).get("order_id")
    return order_id is None or fact_id in find_withdrawals(bench.store, "order_id", order_id)
