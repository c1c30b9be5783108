"""What waits for a person although nobody disagreed: facts that cannot all be right, in words of the oracle's own.

It is asked of a change before that is made, by what the truth holds until then.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any, Final, Protocol

from schemas import KINDS
from schemas.lifecycle import ENDED_STATES
from tests.simulation.part_history import PartFact, find_counting, is_in_range

Body = dict[str, Any]

NO_WORK: Final = ("conflict", "exception", "inquiry", "inquiry_answer")
"""Kinds that name an order and are no work on it."""

SIGNED_FIELDS: Final = ("diagnosis", "remedy", "result")
SIGNED_KINDS: Final = ("part_fitted", "part_removed", "check_result")


class Known(Protocol):
    """What the truth holds so far."""

    facts: dict[str, Any]
    signed: set[str]
    part_facts: dict[str, PartFact]

    def body_of(self, record_id: str | None) -> Body:
        """Return the values of a record, nothing when there is none."""

    def bodies_of(self, kind: str) -> list[tuple[str, Body]]:
        """Return id and values of all records of a kind that are not deleted."""


def find_suspicions(truth: Known, change: Body, part: PartFact | None) -> Iterator[str]:
    """Yield the codes of the exceptions that a change opens; `part` is what it tells of a part, if it does."""
    kind, values = change["kind"], change["set"]
    if kind == "machine" and change["op"] == "create" and _is_registered(truth, change):
        yield "machine_registered_twice"
    order_id = change["id"] if kind == "work_order" else values.get("order_id")
    if not order_id or kind in NO_WORK or ("order_id" not in KINDS[kind].fields and kind != "work_order"):
        return
    order = truth.facts.get(order_id)
    if order is not None and order.body["status"] in ENDED_STATES and change["op"] == "create":
        yield "work_on_ended_order"
    if order_id in truth.signed and _touches_signed(change):
        yield "changed_after_signature"
    if part is not None and part.act == "fitted" and is_recalled(truth, values):
        yield "recalled_batch"
    if part is not None and part.serial is not None and part.act != "struck":
        yield from _find_in_places(truth, part)


def is_recalled(truth: Known, values: Body) -> bool:
    """Tell whether a part fitted is one that a recall names, or of a batch that is marked."""
    batch = truth.body_of(values.get("batch_id"))
    part, number = values.get("part_id") or batch.get("part_id"), values.get("batch") or batch.get("number")
    for _, named in truth.bodies_of("recalled_part"):
        is_same = part == named["part_id"] or (
            values.get("gtin") is not None and values["gtin"] == truth.body_of(named["part_id"]).get("gtin")
        )
        stands = truth.body_of(named["recall_id"])["state"] != "withdrawn"
        if is_same and stands and covers(named, number, values.get("serial")):
            return True
    return bool(batch.get("recalled_on"))


def covers(named: Body, batch: str | None, serial: str | None) -> bool:
    """Tell whether what a recall names of a part holds one of that batch and serial number for certain."""
    if named.get("batch") not in (None, batch):
        return False
    first, last = named.get("first_serial"), named.get("last_serial")
    return (first or last) is None or is_in_range(serial, first or last or "", last or first or "")


def _touches_signed(change: Body) -> bool:
    kind, values = change["kind"], change["set"]
    if kind == "withdrawal":
        return values["subject_kind"] in (*SIGNED_KINDS, "photo")
    says_otherwise = any(n in values and values[n] != change["was"].get(n) for n in SIGNED_FIELDS)
    return kind in SIGNED_KINDS or (kind == "work_order" and says_otherwise)


def _is_registered(truth: Known, change: Body) -> bool:
    """Tell whether a machine is there already, by maker and serial number, whatever their case and width."""
    own, others = _plate(truth, change["set"]), truth.bodies_of("machine")
    return any(
        key != change["id"] and _plate(truth, body) == own and not body.get("same_as_id") for key, body in others
    )


def _plate(truth: Known, machine: Body) -> tuple[str, str]:
    maker = truth.body_of(machine["model_id"]).get("manufacturer") or ""
    return like(maker), like(machine["serial"])


def like(number: str) -> str:
    """Return a number without case, width and spaces."""
    return "".join(unicodedata.normalize("NFKC", number).lower().split())


def _find_in_places(truth: Known, part: PartFact) -> Iterator[str]:
    counting, _struck = find_counting(truth.part_facts.values())
    same = [fact for fact in counting if (fact.maker, fact.serial) == (part.maker, part.serial)]
    known = [fact for fact in same if fact.id != part.about]
    earlier, later = [e for e in known if e.when <= part.when], [e for e in known if e.when > part.when]
    where = None
    for event in earlier:
        where = event.machine if event.act == "fitted" else None if event.machine == where else where
    if part.act == "removed":
        if earlier and where != part.machine:
            yield "unknown_serial"
        return
    moves_on = bool(later) and later[0].act == "fitted" and later[0].machine != part.machine
    if where not in (None, part.machine) or moves_on:
        yield "serial_in_two_places"
