"""What is missing of the evidence for parts that were fitted: worked out as the log grows, counted by the database.

Rule 1: a fact that does not count, because it was withdrawn or corrected, lacks nothing.
Rule 2: a gap closes by a further fact or record, and is looked at anew when one comes: the order is the unit of work.
Rule 3: whether a part has serial numbers is what the catalogue says when the part's order is looked at.
Source: handbook P1 (batch and supplier of each part), V4 (photos), V5 (signature).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas.problems import Refused
from server.domain.catalogue import spell_key
from server.domain.ids import is_id
from server.domain.timetable import PLACE_TIME
from server.domain.trace import fold
from server.services import log_following
from server.services.log_following import LogPages, follow
from server.services.office import Office
from server.services.trace_facts import find_followers, read_log
from server.store import blobs, catalogue, gap_rows, json_text, records
from server.store.database import reading, transact
from server.store.gap_rows import FILE_GAP, Gap
from sync import codec
from sync.chain import Sealed
from sync.changeset import Change

NAME: Final = "gaps"
GAPS: Final = ("batch", "serial", "certificate", "supplier", "photo", "signature", FILE_GAP)
"""In the order in which they are shown."""

BY: Final = ("customer", "engineer", "month")
PAGE_ROWS: Final = 50
GROUPS_MAX: Final = 200
"""Groups a page shows, those with the most gaps; an export has all."""

ORDERS_AT_ONCE: Final = 50
DONE_STATES: Final = ("finished", "closed")

_FACTS: Final = ("part_fitted", "photo", "signature", "withdrawal")
_KINDS: Final = (*_FACTS, "work_order", "batch")

_EVIDENCE: Final = ("original_sha256", "strokes_sha256")

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Group:
    """The gaps of one customer, engineer or month: how many of each kind."""

    id: str
    name: tuple[str, str]
    counts: Mapping[str, int]

    @property
    def total(self) -> int:
        """How many gaps there are in all."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class Line:
    """A gap as a list shows it, with the records that it is about."""

    gap: Gap
    part: Body
    order: Body
    machine: Body
    customer: Body
    engineer: Body


@dataclass(frozen=True, slots=True)
class Report:
    """Counts of all gaps, by group, and a page of those of one kind; `behind` log entries are yet to be looked at."""

    totals: Mapping[str, int]
    groups: list[Group]
    groups_left_out: int
    lines: list[Line]
    after: str | None
    behind: int


def renew(
    engine: Engine, _office: Office, organisation: str, pages: LogPages | None = None, *, zone: tzinfo = PLACE_TIME
) -> int:
    """Bring an organisation's gaps up to date with its log; return 0, for no record is written. Months are of a zone.

    Raises Refused with `database_busy` or `disk_full`; what was written stays, and the next round goes on.
    """

    def renew_by(changes: Sequence[Change]) -> int | None:
        with reading(engine) as connection:
            orders = sorted(_find_orders(connection, organisation, changes))
        for start in range(0, len(orders), ORDERS_AT_ONCE):
            _renew_orders(engine, organisation, orders[start : start + ORDERS_AT_ONCE], zone)
        return 0 if orders else None

    return follow(engine, organisation, NAME, _KINDS, renew_by, pages)


def report(
    engine: Engine, organisation: str, by: str, gap: str, narrowed: Mapping[str, str], after: str | None
) -> Report:
    """Return the gaps by customer, engineer or month, and a page of those of one kind where it is named.

    Raises Refused with `value_invalid`.
    """
    if by not in BY or gap not in ("", *GAPS):
        raise Refused("value_invalid", field="by" if by not in BY else "gap", detail=", ".join((*BY, *GAPS)))
    behind = log_following.count_unfollowed(engine, organisation, NAME)
    with reading(engine) as connection:
        groups = _group(connection, organisation, by, narrowed)
        found = (
            gap_rows.list_gaps(connection, organisation, gap, narrowed, _read_after(after), PAGE_ROWS + 1)
            if gap
            else []
        )
        lines = _tell(connection, organisation, found[:PAGE_ROWS])
    last = found[PAGE_ROWS - 1] if len(found) > PAGE_ROWS else None
    next_page = f"{last.month} {last.at} {last.fact}" if last else None
    totals = {kind: sum(group.counts.get(kind, 0) for group in groups) for kind in GAPS}
    return Report(totals, groups[:GROUPS_MAX], max(0, len(groups) - GROUPS_MAX), lines, next_page, behind)


def list_all(
    connection: Connection, organisation: str, gap: str, narrowed: Mapping[str, str], at_once: int = 1000
) -> Iterator[Line]:
    """Yield every gap of a kind, or of all kinds, the newest first."""
    for kind in (gap,) if gap else GAPS:
        after: tuple[str, str, str] | None = None
        while found := gap_rows.list_gaps(connection, organisation, kind, narrowed, after, at_once):
            yield from _tell(connection, organisation, found)
            after = (found[-1].month, found[-1].at, found[-1].fact)


def _find_orders(connection: Connection, organisation: str, changes: Iterable[Change]) -> set[str]:
    """Return the orders whose gaps may have changed by what the log says."""
    orders: set[str] = set()
    lots: set[str] = set()
    for change in changes:
        if change.kind in _FACTS and is_id(change.set.get("order_id")):
            orders.add(change.set["order_id"])
        elif change.kind == "work_order" and change.op == "update" and "status" in change.set:
            orders |= {change.id} if _is_done(change.set) or _is_done(change.was) else set()
        elif change.kind == "batch":
            lots |= {change.id, fold(str(change.set.get("number") or ""))} - {""}
    for gap in ("certificate", "supplier"):
        orders |= set(gap_rows.list_orders_lacking(connection, organisation, gap, sorted(lots)) if lots else ())
    return orders


def _renew_orders(engine: Engine, organisation: str, orders: Sequence[str], zone: tzinfo) -> None:
    with reading(engine) as connection:
        rows = list(_look(connection, organisation, orders, zone))

    def work(connection: Connection) -> None:
        gap_rows.replace_gaps(connection, organisation, orders, rows)
        gap_rows.forget_arrived(connection, organisation)

    transact(engine, work, is_repeatable=True)


def _look(connection: Connection, organisation: str, orders: Sequence[str], zone: tzinfo) -> Iterator[Gap]:
    """Yield what is missing at some orders."""
    following = find_followers(connection, organisation, orders)
    ids = {key for keys in following.values() for key in keys}
    bodies = records.bodies_of(connection, organisation, [*orders, *ids])
    fitted = {key: body for key, (kind, body) in bodies.items() if kind == "part_fitted"}
    named = {body[name] for body in fitted.values() for name in ("part_id", "batch_id", "machine_id") if body.get(name)}
    named |= set(_find_lots(connection, organisation, fitted.values()))
    around = {key: body for key, (_, body) in records.bodies_of(connection, organisation, named).items()}
    positions = records.positions_of(connection, organisation, fitted)
    log = read_log(connection, organisation, positions.values())
    actors = {
        key: codec.decode_again(Sealed(log[position].sealed).payload, json_text.load).actor
        for key, position in positions.items()
    }
    files = [body[name] for _, body in bodies.values() for name in _EVIDENCE if body.get(name)]
    # What was erased is not missing: nobody is asked for it any more.
    arrived = blobs.find_verified(connection, organisation, files) | dict.fromkeys(
        blobs.find_erased(connection, organisation, files), 0
    )
    for order in orders:
        if order in bodies:
            members = [(key, *bodies[key]) for key in following.get(order, ()) if key in bodies]
            yield from _look_at(order, bodies[order][1], members, around, actors, arrived, zone)


def _look_at(
    order_id: str,
    order: Body,
    members: Sequence[tuple[str, str, Body]],
    around: Mapping[str, Body],
    actors: Mapping[str, str],
    arrived: Mapping[str, int],
    zone: tzinfo,
) -> Iterator[Gap]:
    struck = {body["subject_id"] for _, kind, body in members if kind == "withdrawal"}
    struck |= {body["replaces_id"] for key, kind, body in members if body.get("replaces_id") and key not in struck}
    counted = [(key, kind, body) for key, kind, body in members if key not in struck]
    fitted = [(key, body) for key, kind, body in counted if kind == "part_fitted"]
    has_photo = any(kind == "photo" for _, kind, _ in counted)
    is_signed = any(kind == "signature" and body.get("outcome") == "signed" for _, kind, body in counted)
    customer = order.get("customer_id") or ""
    for key, body in fitted:
        machine = around.get(body["machine_id"], {})
        at = body["fitted_at"]
        about = (
            body["machine_id"],
            customer or machine.get("customer_id") or "",
            actors.get(key, ""),
            _month(at, zone),
            at,
        )
        for gap, subject in _lacking(key, body, around):
            yield Gap(order_id, gap, key, subject, *about)
        if not has_photo:
            yield Gap(order_id, "photo", key, order_id, *about)
        if not is_signed and _is_done(order):
            yield Gap(order_id, "signature", key, order_id, *about)
    if fitted:
        yield from _missing_files(order_id, customer, order, counted, arrived, zone)


def _find_lots(connection: Connection, organisation: str, fitted: Iterable[Body]) -> Iterator[str]:
    """Yield the ids of the lots whose numbers were written down without their records."""
    written = {(body["part_id"], body["batch"]) for body in fitted if body.get("part_id") and body.get("batch")}
    terms = {spell_key(0, pair) for pair in written}
    for ids in catalogue.find_by_terms(connection, organisation, "batch", terms).values():
        yield from ids


def _lot_of(body: Body, around: Mapping[str, Body]) -> tuple[str, Body]:
    """Return the lot of a part fitted: the one that it names, or the only one of its part and number."""
    if body.get("batch_id"):
        return body["batch_id"], around.get(body["batch_id"], {})
    wanted = (body.get("part_id"), fold(body.get("batch") or ""))
    alike = [(key, lot) for key, lot in around.items() if (lot.get("part_id"), fold(lot.get("number") or "")) == wanted]
    return alike[0] if len(alike) == 1 and wanted[1] else (wanted[1], {})


def _lacking(key: str, body: Body, around: Mapping[str, Body]) -> Iterator[tuple[str, str]]:
    """Yield what a part fitted lacks by itself and by its lot, each with what would close the gap."""
    subject, lot = _lot_of(body, around)
    if not body.get("batch") and not body.get("batch_id"):
        yield "batch", key
    elif not lot.get("certificate") and not lot.get("certificate_sha256"):
        yield "certificate", subject or key
    if not body.get("serial") and around.get(body.get("part_id") or "", {}).get("serialised"):
        yield "serial", key
    if not body.get("supplier_id") and not lot.get("supplier_id"):
        yield "supplier", subject or key


def _missing_files(
    order_id: str,
    customer: str,
    order: Body,
    counted: Iterable[tuple[str, str, Body]],
    arrived: Mapping[str, int],
    zone: tzinfo,
) -> Iterator[Gap]:
    for key, kind, body in counted:
        for name in _EVIDENCE:
            sha256 = body.get(name)
            if kind in ("photo", "signature") and sha256 and sha256 not in arrived:
                at = body.get("taken_at") or body.get("signed_at") or order.get("reported_at") or "1970-01-01T00:00:00Z"
                about = (order.get("machine_id") or "", customer, order.get("engineer_id") or "", _month(at, zone), at)
                yield Gap(order_id, FILE_GAP, key, sha256, *about)


def _group(connection: Connection, organisation: str, by: str, narrowed: Mapping[str, str]) -> list[Group]:
    counts: dict[str, dict[str, int]] = {}
    for gap, group, number in gap_rows.count_gaps(connection, organisation, GAPS, by, narrowed):
        counts.setdefault(group, {})[gap] = number
    named = {} if by == "month" else records.bodies_of(connection, organisation, [key for key in counts if key])
    groups = [Group(key, _names(named.get(key, ("", {"name": key}))[1]), found) for key, found in counts.items()]
    if by == "month":
        return sorted(groups, key=lambda group: group.id, reverse=True)
    return sorted(groups, key=lambda group: (-group.total, group.id))


def _tell(connection: Connection, organisation: str, rows: Sequence[Gap]) -> list[Line]:
    wanted = {key for row in rows for key in (row.fact, row.order, row.machine, row.customer, row.engineer) if key}
    bodies = records.bodies_of(connection, organisation, wanted)

    def body(key: str) -> Body:
        return bodies.get(key, ("", {}))[1]

    return [
        Line(row, body(row.fact), body(row.order), body(row.machine), body(row.customer), body(row.engineer))
        for row in rows
    ]


def _read_after(after: str | None) -> tuple[str, str, str] | None:
    parts = (after or "").split(" ")
    return (parts[0], parts[1], parts[2]) if len(parts) == 3 else None


def _names(body: Mapping[str, Any]) -> tuple[str, str]:
    name = body.get("name") or ""
    return name, body.get("name_en") or name


def _is_done(order: Mapping[str, Any]) -> bool:
    return order.get("status") in DONE_STATES


def _month(instant: str, zone: tzinfo) -> str:
    return f"{datetime.fromisoformat(instant).astimezone(zone):%Y-%m}"
