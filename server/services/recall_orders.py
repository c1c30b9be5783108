"""Raising the orders of a recall: for each machine once, and again for what was added after its order had ended.

Rule 1: a machine gets one order for a recall, however many recalled parts are in it and whoever asks how often.
Rule 2: an order that had ended before the recall came to name a part does not count for that part.
Rule 3: one that is still open when something is added is completed: what to bring and what it is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from schemas.recall import ACTION_LABELS
from server.clock import utc_now
from server.domain.recall import CANCELLED, WORK_DONE
from server.keys import new_id
from server.services.office import Office
from server.services.orders import find_checklist, propose_number
from server.services.recalls import Author
from server.services.recalls_read import KnownRecall, Line, find_recall, read_affected
from server.services.verdicts import expect_taken_in
from server.store import recalls, records
from server.store.database import reading, transact
from server.store.workspace import open_workspace
from sync.changeset import CHANGES_MAX, Change

SET_BYTES: Final = 160 * 1024
"""Of the values of orders alone; a change-set of 256 KiB has room for what stands around them."""

ORDERS_AT_ONCE: Final = 1000
"""By one act: some seconds. Who has more asks again, and is told how many are left."""

SERVICES: Final = {"replace": "repair", "stop_use": "repair", "inspect": "maintenance"}

INSTRUCTIONS_MOST: Final = 4000

COMPLETED_AT_ONCE: Final = 20
"""Of orders that are added to: each is a change-set of its own, and others wait for all of one transaction."""

LABELS_MOST: Final = 40
"""Parts that an order tells by number; of the rest the machine's card tells."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Raised:
    """What one act of raising orders did: the numbers it gave, and how many machines had an order or are left.

    `completed` are the numbers of open orders to which what was added to the recall was added.
    """

    numbers: list[str]
    had: int
    left: int
    completed: list[str]


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
    without = {machine: [line for line in lines if line.order is None] for machine, lines in by_machine.items()}
    asked = [(machine, lines) for machine, lines in sorted(without.items()) if lines]
    # Where an order has ended, and a part waits that the recall has come to name since.
    grown = {line.fitting.machine for line in affected.lines if line.named_at and line.order is None}
    writer = _OrderWriter(engine, office, author, known, grown)
    numbers = [number for cut in _cut(known, asked[:ORDERS_AT_ONCE]) for number in writer.write(cut)]
    lacking = _find_lacking(engine, author.organisation, known, by_machine.values())
    cuts = range(0, min(len(lacking), ORDERS_AT_ONCE), COMPLETED_AT_ONCE)
    completed = [number for start in cuts for number in writer.complete(lacking[start : start + COMPLETED_AT_ONCE])]
    left = max(0, len(asked) - ORDERS_AT_ONCE) + max(0, len(lacking) - ORDERS_AT_ONCE)
    return Raised(numbers, len(by_machine) - len(asked), left, completed)


@dataclass(slots=True)
class _OrderWriter:
    """Writes the orders of one act, a change-set at a time, so that others wait for a fraction of a second."""

    engine: Engine
    office: Office
    author: Author
    known: KnownRecall
    grown: set[str]
    """The machines for which an order that has ended is none."""

    def write(self, cut: Sequence[tuple[str, Sequence[Line]]]) -> list[str]:
        """Write the orders of some machines in one transaction; return their numbers."""

        def work(connection: Connection) -> list[str]:
            store = open_workspace(connection, self.author.organisation)
            rows = recalls.list_orders(connection, self.author.organisation, self.known.id)
            standing = [row for row in rows if row.status != CANCELLED]
            have = {row.machine for row in standing if row.status not in WORK_DONE or row.machine not in self.grown}
            changes = list(self._spell(connection, [pair for pair in cut if pair[0] not in have]))
            if not changes:
                return []
            expect_taken_in(self.office.write_in(store, self.author.person, "recall.order", changes))
            store.flush()
            return [change.set["number"] for change in changes]

        return transact(self.engine, work)

    def complete(self, cut: Sequence[tuple[str, Sequence[Line]]]) -> list[str]:
        """Add to some open orders, by their ids, what they lack; return their numbers."""

        def work(connection: Connection) -> list[str]:
            store = open_workspace(connection, self.author.organisation)
            bodies = records.bodies_of(connection, self.author.organisation, [order for order, _ in cut])
            numbers = []
            for order, lines in cut:
                body = bodies[order][1]
                new = spell_addition(self.known, body, lines)
                if new is None or body["status"] in WORK_DONE:
                    continue
                change = Change("work_order", order, "update", new, {name: body.get(name) for name in new})
                expect_taken_in(self.office.write_in(store, self.author.person, "recall.complete", [change]))
                numbers.append(str(body["number"]))
            store.flush()
            return numbers

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


def spell_addition(known: KnownRecall, order: Mapping[str, Any], lines: Sequence[Line]) -> Body | None:
    """Return what is added to an open order for parts that the recall came to name after it was raised.

    None where it says all of it, or was raised since.
    """
    told = order.get("instructions") or ""
    said = f"{order.get('symptom') or ''}\n{told}"
    late = [line for line in lines if line.named_at and line.named_at > (order.get("reported_at") or "")]
    missing = [line for line in late if spell_part(line) not in said]
    addition = f"召回追加 / Added to recall {known.body['number']}: {'; '.join(map(spell_part, missing))}"
    if not missing or len(told) + len(addition) + 1 > INSTRUCTIONS_MOST:
        return None
    new: Body = {"instructions": f"{told}\n{addition}".strip()}
    if known.body["action"] != "inspect":
        standing = {one["part_id"]: one["quantity"] for one in order.get("needed_parts") or ()}
        new["needed_parts"] = _spell_needed(missing, standing)
    return new


def spell_part(line: Line) -> str:
    """Return a part as orders tell it: serial number and batch."""
    return " ".join(filter(None, (line.fitting.serial, line.fitting.batch))) or "?"


def _spell_needed(lines: Iterable[Line], standing: Mapping[str, int]) -> list[Body]:
    counts = dict(standing)
    for line in lines:
        counts[line.fitting.part] = counts.get(line.fitting.part, 0) + line.fitting.quantity
    return [{"part_id": part, "quantity": min(count, 10_000)} for part, count in counts.items()]


def _find_lacking(
    engine: Engine, organisation: str, known: KnownRecall, by_machine: Iterable[Sequence[Line]]
) -> list[tuple[str, list[Line]]]:
    """Return the open orders that lack something, by their ids, each with the lines of its machine."""
    by_order: dict[str, list[Line]] = {}
    for line in (line for lines in by_machine for line in lines):
        if line.named_at and line.order is not None and line.order.status not in WORK_DONE:
            by_order.setdefault(line.order.id, []).append(line)
    if not by_order:
        return []
    with reading(engine) as connection:
        bodies = records.bodies_of(connection, organisation, by_order)
    return [(key, lines) for key, lines in sorted(by_order.items()) if spell_addition(known, bodies[key][1], lines)]


def spell_order(known: KnownRecall, machine: Mapping[str, Any], lines: Sequence[Line]) -> Body:
    """Return what an order says of a recall: which parts of the machine, why, what to do, what to bring."""
    body = known.body
    shown = "; ".join(spell_part(line) for line in lines[:LABELS_MOST])
    said = "\n".join((f"召回 / Recall {body['number']}: {body['name']}", shown, body["reason"]))
    return {
        "recall_id": known.id,
        "grade": body["urgency"],
        "customer_id": machine.get("customer_id"),
        "site_id": machine.get("site_id"),
        "symptom": said[:4000],
        "instructions": (body.get("instructions") or " / ".join(ACTION_LABELS[body["action"]]))[:INSTRUCTIONS_MOST],
        "needed_parts": _spell_needed(lines, {}) if body["action"] != "inspect" else None,
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
