"""Opening and ending recalls, raising their orders.

Rule 1: what a recall does is one change-set each: it is open with all that it names, or not at all.
Rule 2: a machine gets one order for a recall, however many recalled parts are in it and whoever asks how often.
Rule 3: a recall that is closed while something waits says why; it is opened again by whoever closed it too early.
Rule 4: a batch that is recalled whole says so itself too, for devices of a release that knows no recalls.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from schemas.recall import ACTION_LABELS, Extent
from schemas.serials import fault_of_range
from server.clock import utc_now
from server.domain.recall import CANCELLED
from server.keys import new_id
from server.services.office import Office
from server.services.orders import find_checklist, propose_number
from server.services.recalls_read import Affected, KnownRecall, Line, find_recall, read_affected
from server.services.verdicts import expect_taken_in
from server.store import recalls, records
from server.store.database import reading, transact
from server.store.workspace import Workspace, open_workspace
from sync.changeset import CHANGES_MAX, Change

NUMBER_PREFIX: Final = "RC"
NAMED_MOST: Final = CHANGES_MAX // 2 - 1
"""What one recall names: each may mark a batch too, and all of it is one change-set."""

SET_BYTES: Final = 160 * 1024
"""Of the values of orders alone; a change-set of 256 KiB has room for what stands around them."""

ORDERS_AT_ONCE: Final = 1000
"""By one act: some seconds. Who has more asks again, and is told how many are left."""

SERVICES: Final = {"replace": "repair", "stop_use": "repair", "inspect": "maintenance"}

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Author:
    """Who acts: somebody at the office of an organisation."""

    organisation: str
    person: str


@dataclass(frozen=True, slots=True)
class Raised:
    """What one act of raising orders did: the numbers it gave, and how many machines had an order or are left."""

    numbers: list[str]
    had: int
    left: int


def open_recall(
    engine: Engine, office: Office, author: Author, given: Mapping[str, Any], extents: Sequence[Extent]
) -> tuple[str, str]:
    """Open a recall of what `extents` name; return its id and number.

    `given` holds fields of the recall. Raises Refused with `field_missing`, `serial_range_invalid`, or what forbids it.
    """
    expect_extents(extents)
    recall = new_id()

    def work(connection: Connection) -> str:
        store = open_workspace(connection, author.organisation)
        now = utc_now()
        values = {name: value for name, value in given.items() if value not in (None, "")}
        values |= {"state": "open", "opened_by": author.person, "opened_at": now}
        values.setdefault("number", propose_recall_number(connection, author.organisation, now))
        changes = [Change("recall", recall, "create", values, {})]
        changes += [Change("recalled_part", new_id(), "create", _spell_extent(recall, one), {}) for one in extents]
        note = f"{values['number']} {values.get('reason') or ''}".strip()[:1000]
        changes += _mark_batches(connection, author.organisation, extents, now[:10], note)
        expect_taken_in(office.write_in(store, author.person, "recall.open", changes))
        store.flush()
        return str(values["number"])

    return recall, transact(engine, work)


def end_recall(office: Office, author: Author, recall: str, state: str, reason: str) -> None:
    """Close a recall, withdraw it because it was opened by mistake, or open it again.

    Raises Refused with `not_found`, `recall_ended` when somebody has done so already, `field_missing` without the
    reason that is asked for, or what forbids it.
    """

    def plan(store: Workspace) -> list[Change]:
        known = find_recall(store.connection, store.organisation, recall)
        before = known.body
        if state not in ("open", "closed", "withdrawn") or before["state"] == state or before["state"] == "withdrawn":
            raise Refused("recall_ended", number=before["number"], state=before["state"])
        waits = state == "closed" and is_waiting(read_affected(store.connection, store.organisation, known))
        if not reason.strip() and (waits or state == "withdrawn"):
            raise Refused("field_missing", field="close_reason")
        ended = {"closed_by": author.person, "closed_at": utc_now(), "close_reason": reason.strip() or None}
        new = {"state": state} | (ended if state != "open" else dict.fromkeys(ended))
        changes = [Change("recall", recall, "update", new, {name: before.get(name) for name in new})]
        return changes + (_unmark_batches(store, known) if state == "withdrawn" else [])

    expect_taken_in(office.write_planned(author.organisation, author.person, f"recall.{state}", plan))


def is_waiting(affected: Affected) -> bool:
    """Tell whether closing a recall would leave something behind."""
    return affected.progress.waiting > 0 or affected.progress.stock > 0


def raise_orders(
    engine: Engine, office: Office, author: Author, recall: str, machines: Iterable[str] | None = None
) -> Raised:
    """Raise an order for each machine that has none yet: those named, or all with a part that is recalled.

    A machine of which a part only cannot be excluded gets one where it is named. Raises Refused with `not_found`,
    `recall_ended` when the recall is not open, or what forbids it; orders written before that stay.
    """
    with reading(engine) as connection:
        known = find_recall(connection, author.organisation, recall)
        affected = read_affected(connection, author.organisation, known)
    if known.body["state"] != "open":
        raise Refused("recall_ended", number=known.body["number"], state=known.body["state"])
    wanted = set(machines) if machines is not None else None
    by_machine: dict[str, list[Line]] = {}
    for line in affected.lines:
        is_meant = line.covered.cover == "hit" if wanted is None else line.fitting.machine in wanted
        if line.fitting.removed_at is None and is_meant:
            by_machine.setdefault(line.fitting.machine, []).append(line)
    have = {line.fitting.machine for line in affected.lines if line.order is not None}
    asked = [(machine, lines) for machine, lines in sorted(by_machine.items()) if machine not in have]
    writer = _OrderWriter(engine, office, author, known)
    numbers = [number for cut in _cut(known, asked[:ORDERS_AT_ONCE]) for number in writer.write(cut)]
    return Raised(numbers, len(by_machine) - len(asked), max(0, len(asked) - ORDERS_AT_ONCE))


def propose_recall_number(connection: Connection, organisation: str, now: str) -> str:
    """Return the number behind the newest of this year, such as RC260003."""
    start = f"{NUMBER_PREFIX}{now[2:4]}"
    numbers = (str(body["number"]) for _, body in records.bodies_of_kind(connection, organisation, "recall"))
    counts = [int(number[len(start) :]) for number in numbers if re.fullmatch(rf"{start}[0-9]{{4,9}}", number)]
    return f"{start}{max(counts, default=0) + 1:04d}"


def expect_extents(extents: Sequence[Extent]) -> None:
    """Raise Refused with `field_missing` for no extent, `value_invalid` for too many, or `serial_range_invalid`."""
    if not extents:
        raise Refused("field_missing", field="part_id")
    if len(extents) > NAMED_MOST:
        raise Refused("value_invalid", field="part_id", detail=f"{NAMED_MOST}")
    for one in extents:
        if one.first is not None and one.last is not None and (fault := fault_of_range(one.first, one.last)):
            raise Refused("serial_range_invalid", first=one.first, last=one.last, detail=fault)


@dataclass(slots=True)
class _OrderWriter:
    """Writes the orders of one act, a change-set at a time, so that others wait for a fraction of a second."""

    engine: Engine
    office: Office
    author: Author
    known: KnownRecall

    def write(self, cut: Sequence[tuple[str, Sequence[Line]]]) -> list[str]:
        """Write the orders of some machines in one transaction; return their numbers."""

        def work(connection: Connection) -> list[str]:
            store = open_workspace(connection, self.author.organisation)
            rows = recalls.list_orders(connection, self.author.organisation, self.known.id)
            have = {row.machine for row in rows if row.status != CANCELLED}
            changes = list(self._spell(connection, [pair for pair in cut if pair[0] not in have]))
            if not changes:
                return []
            expect_taken_in(self.office.write_in(store, self.author.person, "recall.order", changes))
            store.flush()
            return [change.set["number"] for change in changes]

        return transact(self.engine, work)

    def _spell(self, connection: Connection, cut: Sequence[tuple[str, Sequence[Line]]]) -> Iterator[Change]:
        organisation, now = self.author.organisation, utc_now()
        first = propose_number(connection, organisation, now)
        bodies = records.bodies_of(connection, organisation, [machine for machine, _ in cut])
        checklists: dict[str, str | None] = {}
        service = SERVICES[self.known.body["action"]]
        for number, (machine, lines) in enumerate(cut, start=int(first[4:])):
            body = bodies[machine][1] if machine in bodies else {}
            model = body.get("model_id") or ""
            if model and model not in checklists:
                checklists[model] = find_checklist(connection, organisation, model, service)
            values = spell_order(self.known, body, lines) | {
                "number": f"{first[:4]}{number:04d}",
                "status": "received",
                "service": service,
                "machine_id": machine,
                "checklist_id": checklists.get(model),
                "reported_at": now,
            }
            given = {name: value for name, value in values.items() if value}
            yield Change("work_order", new_id(), "create", given, {})


def spell_order(known: KnownRecall, machine: Mapping[str, Any], lines: Sequence[Line]) -> Body:
    """Return what an order says of a recall: which parts of the machine, why, what to do, what to bring."""
    body = known.body
    shown = [" ".join(filter(None, (line.fitting.serial, line.fitting.batch))) or "?" for line in lines]
    counts: dict[str, int] = {}
    for line in lines:
        counts[line.fitting.part] = counts.get(line.fitting.part, 0) + line.fitting.quantity
    brings = body["action"] != "inspect"
    said = "\n".join((f"召回 / Recall {body['number']}: {body['name']}", "; ".join(shown[:40]), body["reason"]))
    return {
        "recall_id": known.id,
        "grade": body["urgency"],
        "customer_id": machine.get("customer_id"),
        "site_id": machine.get("site_id"),
        "symptom": said[:4000],
        "instructions": (body.get("instructions") or " / ".join(ACTION_LABELS[body["action"]]))[:4000],
        "needed_parts": [{"part_id": part, "quantity": min(count, 10_000)} for part, count in counts.items()]
        if brings
        else None,
    }


def _cut(known: KnownRecall, asked: Sequence[tuple[str, Sequence[Line]]]) -> Iterator[list[tuple[str, Sequence[Line]]]]:
    """Yield machines for one change-set each: at most CHANGES_MAX, and fewer where the orders say much."""
    cut: list[tuple[str, Sequence[Line]]] = []
    size = 0
    for pair in asked:
        weight = 500 + len(orjson.dumps(spell_order(known, {}, pair[1])))
        if cut and (len(cut) == CHANGES_MAX or size + weight > SET_BYTES):
            yield cut
            cut, size = [], 0
        cut.append(pair)
        size += weight
    if cut:
        yield cut


def _spell_extent(recall: str, extent: Extent) -> Body:
    named = {"batch": extent.batch, "first_serial": extent.first, "last_serial": extent.last}
    return {"recall_id": recall, "part_id": extent.part} | {name: value for name, value in named.items() if value}


def _mark_batches(
    connection: Connection, organisation: str, extents: Sequence[Extent], day: str, note: str
) -> Iterator[Change]:
    """Yield the marking of the batches that are recalled whole and are not marked yet."""
    whole = {(one.part, one.batch) for one in extents if one.batch and one.first is None}
    for part in sorted({part for part, _ in whole}):
        for batch, body in records.bodies_holding(connection, organisation, "batch", "part_id", part):
            if (part, body["number"]) in whole and not body.get("recalled_on"):
                new = {"recalled_on": day, "recall_reason": note}
                yield Change("batch", batch, "update", new, {name: body.get(name) for name in new})


def _unmark_batches(store: Workspace, known: KnownRecall) -> list[Change]:
    """Return the taking away of the marks that a recall made and nobody has changed since."""
    number = f"{known.body['number']} "
    found = [
        (batch, body)
        for part in sorted({one.part for one in known.extents})
        for batch, body in records.bodies_holding(store.connection, store.organisation, "batch", "part_id", part)
        if (body.get("recall_reason") or "").startswith(number)
    ]
    unmarked: Body = {"recalled_on": None, "recall_reason": None}
    return [
        Change("batch", key, "update", unmarked, {name: body.get(name) for name in unmarked}) for key, body in found
    ]
