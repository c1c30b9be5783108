"""What a recall is about as things stand: machines, owners, stock, orders, and what cannot be excluded.

Nothing of it is stored: a part that is fitted later, or whose removal comes in late, is counted the next time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row

from schemas.problems import Refused
from schemas.recall import HIT, Covered, Extent, judge, judge_all
from server.domain.catalogue import title_of
from server.domain.recall import (
    CANCELLED,
    LINE_STATES,
    WORK_DONE,
    Fitting,
    LineState,
    Progress,
    Whereabouts,
    sum_up,
    tell_state,
)
from server.services.recall_fittings import find_fittings
from server.store import recalls, records
from server.store.workspace import Workspace

LINES_SHOWN: Final = 100
NOWHERE: Final = Whereabouts()

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class RaisedOrder:
    """The order raised for a machine."""

    id: str
    number: str
    status: str


class Line(NamedTuple):
    """One part that a recall covers or may cover, in a machine or removed from it.

    `order` is the one that counts for it: one that had ended before the recall came to name the part does not.
    """

    fitting: Fitting
    covered: Covered
    state: LineState
    order: RaisedOrder | None
    named_at: str | None
    """When the recall came to name it, by what was added; None where it did from the first."""

    @property
    def customer(self) -> str:
        """Whose machine it is; empty where nobody knows."""
        return self.fitting.customer

    @property
    def site(self) -> str:
        """Where the machine stands; empty where nobody knows."""
        return self.fitting.site


@dataclass(frozen=True, slots=True)
class StockHit:
    """So many recalled parts in a van or a centre."""

    place: str
    part: str
    batch: str
    serial: str
    quantity: int
    covered: Covered


@dataclass(frozen=True)
class Affected:
    """All that a recall is about."""

    lines: list[Line]
    stock: list[StockHit]

    @cached_property
    def progress(self) -> Progress:
        """How far it has come."""
        stock = sum(hit.quantity for hit in self.stock if hit.quantity > 0)
        return sum_up(((line.fitting.machine, line.state) for line in self.lines), stock)

    @property
    def customers(self) -> set[str]:
        """The customers of the machines."""
        return {line.customer for line in self.lines if line.customer}


@dataclass(frozen=True, slots=True)
class Named:
    """One thing that a recall names, and the correction that strikes it out because it was named by mistake."""

    id: str
    body: Body
    correction: Body | None

    @property
    def extent(self) -> Extent:
        """What it names."""
        return Extent.read(self.body)


@dataclass(frozen=True, slots=True)
class KnownRecall:
    """A recall with all it named; `end` is the log position up to which a device that holds it has pulled."""

    id: str
    body: Body
    named: list[Named]
    end: int

    @property
    def standing(self) -> list[Named]:
        """What it names, without what was struck out."""
        return [one for one in self.named if one.correction is None]

    @property
    def extents(self) -> list[Extent]:
        """What it covers."""
        return [one.extent for one in self.standing]

    @property
    def added_at(self) -> str | None:
        """When something was last added to it, None where it names what it named from the first."""
        return max((one.named_at for one in self.extents if one.named_at), default=None)


def find_recall(connection: Connection, organisation: str, recall: str) -> KnownRecall:
    """Return a recall. Raises Refused with `not_found`."""
    found = records.body_of(connection, organisation, recall)
    if found is None or found[0] != "recall":
        raise Refused("not_found", what=f"recall {recall}")
    rows = recalls.list_named(connection, organisation, recall)
    bodies = records.bodies_of(connection, organisation, [row.id for row in rows])
    named = [
        Named(row.id, bodies[row.id][1], _find_correction(connection, organisation, row) if row.corrected else None)
        for row in rows
        if row.id in bodies
    ]
    end = max((row.position for row in rows if row.corrected is None), default=0)
    return KnownRecall(recall, found[1], named, end)


def find_affected(
    connection: Connection, organisation: str, extents: Iterable[Extent], action: str, recall: str | None = None
) -> Affected:
    """Return what extents cover, and may cover; with a recall, what became of it by the orders raised for it."""
    by_part: dict[str, list[Extent]] = {}
    for extent in extents:
        by_part.setdefault(extent.part, []).append(extent)
    stock = list(_find_stock(connection, organisation, by_part))
    fittings = find_fittings(connection, organisation, by_part)
    hits = list(_judge(fittings, by_part))
    orders = _choose_orders(connection, organisation, recall) if recall else {}
    gone = _find_whereabouts(connection, organisation, fittings, stock, [one for one, _ in hits])
    since = _find_since(by_part, hits)
    late = _list_late(connection, organisation, orders, since)
    lines = []
    for one, covered in hits:
        order, named_at = orders.get(one.machine), since.get(one.id)
        if order is not None and named_at is not None and late.get(order.id, named_at) < named_at:
            order = None
        state = tell_state(one, covered, action, order.status if order else None, gone.get(one.id, NOWHERE))
        lines.append(Line(one, covered, state, order, named_at))
    return Affected(lines, stock)


def read_affected(connection: Connection, organisation: str, known: KnownRecall) -> Affected:
    """Return all that a recall is about."""
    return find_affected(connection, organisation, known.extents, known.body["action"], known.id)


def sort_lines(connection: Connection, organisation: str, lines: Iterable[Line]) -> list[Line]:
    """Return lines by customer's name, then by what waits first, then by machine."""
    listed = list(lines)
    titles = name_records(connection, organisation, {line.customer for line in listed})
    named = sorted(titles, key=lambda customer: (titles[customer], customer))
    place = {customer: number for number, customer in enumerate(named)}
    rank = {state: number for number, state in enumerate(LINE_STATES)}
    last = len(named)
    return sorted(
        listed,
        key=lambda line: (place.get(line.customer, last), rank[line.state], line.fitting.machine, line.fitting.id),
    )


def name_records(connection: Connection, organisation: str, ids: Iterable[str]) -> dict[str, str]:
    """Return what records are called, by id."""
    found = records.bodies_of(connection, organisation, {key for key in ids if key})
    return {key: title_of(*known) for key, known in found.items()}


def list_recalls(connection: Connection, organisation: str) -> list[tuple[KnownRecall, Progress]]:
    """Return every recall with its progress, those that are open first, and then the newest."""
    bodies = dict(records.bodies_of_kind(connection, organisation, "recall"))
    ranked = sorted(bodies.items(), key=lambda item: (item[1]["opened_at"], item[0]), reverse=True)
    ranked.sort(key=lambda item: item[1]["state"] != "open")
    known = [find_recall(connection, organisation, key) for key, _ in ranked]
    return [(one, read_affected(connection, organisation, one).progress) for one in known]


def find_added(
    connection: Connection, organisation: str, known: KnownRecall, extents: Iterable[Extent]
) -> tuple[Affected, Affected]:
    """Return what extents would add to a recall: all that they cover and it does not, and what it covers by now."""
    standing = read_affected(connection, organisation, known)
    new = find_affected(connection, organisation, extents, known.body["action"])
    covered = {(line.fitting.id, line.covered.cover) for line in standing.lines}
    covered |= {(key, "unclear") for key, cover in covered if cover == "hit"}
    stocked = {(hit.place, hit.part, hit.batch, hit.serial) for hit in standing.stock if hit.covered.cover == "hit"}
    return (
        Affected(
            [line for line in new.lines if (line.fitting.id, line.covered.cover) not in covered],
            [hit for hit in new.stock if (hit.place, hit.part, hit.batch, hit.serial) not in stocked],
        ),
        standing,
    )


def list_stranded(
    connection: Connection, organisation: str, recall: str, affected: Affected
) -> list[tuple[RaisedOrder, str | None]]:
    """Return the orders of a recall, each with its machine, whose machines hold and held nothing that it covers.

    They were raised for what was named by mistake, or for a part whose entry was struck out since.
    """
    machines = {line.fitting.machine for line in affected.lines}
    rows = recalls.list_orders(connection, organisation, recall)
    return [(RaisedOrder(row.id, row.number, row.status), row.machine) for row in rows if row.machine not in machines]


def find_recall_of(store: Workspace, fitted: Mapping[str, Any]) -> str | None:
    """Return the id of the recall that covers a part fitted, an open one before one that is closed; None where none."""
    batch = store.record(fitted["batch_id"]) if fitted.get("batch_id") else None
    known = batch.body if batch else {}
    part, number = fitted.get("part_id") or known.get("part_id"), fitted.get("batch") or known.get("number")
    named = [store.record(key) for key in store.findings.recalled_parts((part, fitted.get("gtin")))]
    covering = {
        one.body["recall_id"]
        for one in named
        if one and judge(Extent.read(one.body), number, fitted.get("serial")).cover == "hit"
    }
    states = {key: recall.body["state"] for key in sorted(covering) if (recall := store.record(key))}
    return next((key for wanted in ("open", "closed") for key, state in states.items() if state == wanted), None)


def _find_correction(connection: Connection, organisation: str, row: Row[Any]) -> Body:
    found = records.bodies_holding(connection, organisation, "recall_correction", "named_id", row.id)
    return next((body for _, body in found), {})


def _find_since(
    by_part: Mapping[str, Sequence[Extent]], hits: Iterable[tuple[Fitting, Covered]]
) -> dict[str, str | None]:
    """Return when the recall came to name the parts that only what was added to it covers, by the fact of fitting."""
    grown = {part for part, extents in by_part.items() if any(extent.named_at for extent in extents)}
    found: dict[str, str | None] = {}
    for one, covered in hits:
        if one.part in grown:
            covering = [
                extent.named_at or ""
                for extent in by_part[one.part]
                if judge(extent, one.batch, one.serial).cover == covered.cover
            ]
            found[one.id] = min(covering, default="") or None
    return found


def _list_late(
    connection: Connection, organisation: str, orders: Mapping[str, RaisedOrder], since: Mapping[str, str | None]
) -> dict[str, str]:
    """Return when each order that has ended was raised, where that can matter: the recall has grown."""
    if not any(since.values()):
        return {}
    ended = [order.id for order in orders.values() if order.status in WORK_DONE]
    bodies = records.bodies_of(connection, organisation, ended)
    return {key: body.get("reported_at") or "" for key, (_, body) in bodies.items()}


def _judge(fittings: Iterable[Fitting], by_part: Mapping[str, Sequence[Extent]]) -> Iterator[tuple[Fitting, Covered]]:
    """Yield what is covered or may be, with which of both."""
    whole = {part for part, extents in by_part.items() if any(one.batch is one.first is None for one in extents)}
    for one in fittings:
        covered = HIT if one.part in whole else judge_all(by_part[one.part], one.batch, one.serial)
        if covered.cover != "miss":
            yield one, covered


def _find_stock(
    connection: Connection, organisation: str, by_part: Mapping[str, Sequence[Extent]]
) -> Iterator[StockHit]:
    for row in recalls.list_stock(connection, organisation, by_part):
        covered = judge_all(by_part[row.part], row.batch or None, row.serial or None)
        if covered.cover != "miss":
            yield StockHit(row.place, row.part, row.batch, row.serial, row.quantity, covered)


def _choose_orders(connection: Connection, organisation: str, recall: str) -> dict[str, RaisedOrder]:
    """Return the order of a recall that counts for each machine: one that is open before one that is done."""
    chosen: dict[str, RaisedOrder] = {}
    for row in recalls.list_orders(connection, organisation, recall):
        known = chosen.get(row.machine)
        if row.status != CANCELLED and (known is None or known.status in WORK_DONE):
            chosen[row.machine] = RaisedOrder(row.id, row.number, row.status)
    return chosen


def _find_whereabouts(
    connection: Connection,
    organisation: str,
    fittings: Iterable[Fitting],
    stock: Iterable[StockHit],
    hits: Iterable[Fitting],
) -> dict[str, Whereabouts]:
    """Return what is known of the parts that were removed, by the fact that fitted them."""
    removed = [one for one in hits if one.removed_at is not None]
    if not removed:
        return {}
    facts = records.bodies_of(connection, organisation, {one.removal for one in removed if one.removal})
    # Those that are in machines may be a hundred times as many as those that were removed.
    gone = {one.serial for one in removed if one.serial}
    found = {(hit.part, hit.serial) for hit in stock if hit.serial in gone and hit.quantity > 0}
    found |= {(one.part, one.serial) for one in fittings if one.serial in gone and one.removed_at is None}
    return {
        one.id: Whereabouts(
            facts[one.removal][1].get("destination") if one.removal in facts else None,
            (one.part, one.serial) in found,
        )
        for one in removed
    }
