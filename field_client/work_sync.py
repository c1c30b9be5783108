"""What is on its way to the office and what came of it, as a person asks: what waits, what was decided, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from field_client.outbox import SentSet, SetState
from field_client.store import Record, Values
from field_client.work import Workbench
from schemas.problems import Fault
from sync.receipt import Receipt

LINES_MOST: Final = 50
"""The latest; more are counted, not listed."""

_SETS: Final = "SELECT state, count(*) FROM outbox WHERE state != 'settled' GROUP BY state"
_FILES: Final = "SELECT count(*), coalesce(sum(size_bytes - offset), 0) FROM blobs WHERE state = 'kept'"


@dataclass(frozen=True, slots=True)
class Waiting:
    """How much is only on this device, and how many answers need a person; a handful of counts, asked for often."""

    sets: int
    files: int
    bytes: int
    refused: int
    contested: int
    synced_at: str | None

    @property
    def questions(self) -> int:
        """Acts that were refused or disagree with the office."""
        return self.refused + self.contested


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A field that office and field changed differently; `field_label` is of `kind`."""

    kind: str
    field: str
    office: Any
    incoming: Any
    state: str
    settled_value: Any
    note: str | None
    order_id: str | None


@dataclass(frozen=True, slots=True)
class ActLine:
    """One act of a person: what he did and when, at which order, what the server said, and what is disputed."""

    seq: int
    intent: str
    captured_at: str
    state: SetState
    order_id: str | None
    order_number: str | None
    faults: tuple[Fault, ...]
    disagreements: tuple[Disagreement, ...]


def read_waiting(bench: Workbench) -> Waiting:
    """Return the counts."""
    states = dict(bench.store.rows(_SETS))
    files, size = bench.store.row(_FILES) or (0, 0)
    return Waiting(
        sets=states.get("sealed", 0) + states.get("held", 0),
        files=files,
        bytes=size,
        refused=states.get("refused", 0),
        contested=states.get("contested", 0),
        synced_at=bench.store.recall("synced_at"),
    )


def list_acts(bench: Workbench, *states: SetState, most: int = LINES_MOST) -> list[ActLine]:
    """Return the latest `most` acts in any of the states, the latest first."""
    found = sorted(bench.outbox.sets(*states), key=lambda sent: -sent.seq)[:most]
    return [_describe(bench, sent) for sent in found]


def list_decisions(bench: Workbench, most: int = LINES_MOST) -> list[Disagreement]:
    """Return what the dispatcher decided of disagreements on orders held here, the latest first."""
    settled = [record for record in bench.store.of_kind("conflict") if record.values["state"] == "settled"]
    latest = sorted(settled, key=lambda record: record.id, reverse=True)[:most]
    return [_read_disagreement(record.values) for record in latest]


def _describe(bench: Workbench, sent: SentSet) -> ActLine:
    order = _find_order(bench, sent)
    return ActLine(
        seq=sent.seq,
        intent=sent.intent,
        captured_at=sent.captured_at,
        state=sent.state,
        order_id=order.id if order else None,
        order_number=order.values.get("number") if order else None,
        faults=tuple(_faults_of(sent.receipt)),
        disagreements=tuple(map(_read_disagreement, bench.outbox.conflicts_of(sent)))
        if sent.state == "contested"
        else (),
    )


def _find_order(bench: Workbench, sent: SentSet) -> Record | None:
    for change in sent.changes:
        name = change.id if change.kind == "work_order" else change.set.get("order_id")
        found = bench.store.find(name) if isinstance(name, str) else None
        if found is not None and found.kind == "work_order":
            return found
    return None


def _faults_of(receipt: Receipt | None) -> Iterator[Fault]:
    """Yield each fault once; what only says that another change of the set was refused tells nothing."""
    if receipt is None:
        return
    seen = set()
    for fault in (receipt.fault, *(verdict.fault for verdict in receipt.changes)):
        if fault is not None and fault.code not in seen and fault.code != "set_refused":
            seen.add(fault.code)
            yield fault


def _read_disagreement(values: Values) -> Disagreement:
    return Disagreement(
        kind=values["subject_kind"],
        field=values["field"],
        office=values.get("office"),
        incoming=values.get("incoming"),
        state=values["state"],
        settled_value=values.get("settled_value"),
        note=values.get("note"),
        order_id=values.get("order_id"),
    )
