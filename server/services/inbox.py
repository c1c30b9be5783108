"""The reconciliation inbox as it is read: what waits, grouped by order or record, with all that a decision needs.

A page of it takes a handful of statements, however much waits.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table

from schemas.base import UUID_PATTERN
from server.clock import spell_instant, unix_ms, utc_now
from server.domain.disagreement import Suggestion, suggest
from server.services.decisions import spell_seen, standing_value
from server.services.inquiries import Asked, list_asked
from server.services.provenance import Origin, read_origins
from server.services.remedies import Options, read_options
from server.store import inbox, json_text, records
from server.store.bulk import select_among
from server.store.inbox import Choice, Listed
from server.store.stored_record import ALL_FIELDS
from server.store.tables import RecordRow, SignedOrder
from server.store.workspace import open_view
from sync.merge import WHOLE_RECORD

_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]
_SIGNED: Table = SignedOrder.__table__  # type: ignore[assignment]

PAGE_REVIEWS: Final = 40
"""What one looks through between two cups of tea; some 120 KB of page."""

LOOKS_S: Final = 45
"""How long somebody counts as looking after his page last said so; it says so every 15 seconds."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Entry:
    """One conflict or exception. `office` is what stands, which may be later than what the conflict began with.

    `seen` is what a decision sends back to say what it saw; `later` whether it is put off.
    """

    id: str
    kind: str
    body: Body
    subject: Body | None
    office: Any
    office_origin: Origin | None
    incoming_origin: Origin | None
    seen: str
    safe: Suggestion | None
    options: Options | None
    asked: tuple[Asked, ...]
    decided: Origin | None

    @property
    def field(self) -> str:
        """The field in question, or the code of the exception."""
        found: str = self.body["field"] if self.kind == "conflict" else self.body["code"]
        return found


@dataclass(frozen=True, slots=True)
class Case:
    """What belongs to one order, or to one other record."""

    id: str
    kind: str
    """The kind of the order or record."""
    body: Body
    entries: tuple[Entry, ...]
    lookers: tuple[str, ...]
    """The other people who look at it."""


@dataclass(frozen=True, slots=True)
class Inbox:
    """One page: `names` are the records by id that its entries speak of (people, devices, machines, sites ...)."""

    cases: tuple[Case, ...]
    total: int
    first: int
    counts: Mapping[str, int]
    names: Mapping[str, Body]

    @property
    def entries(self) -> list[Entry]:
        """All entries in the order of the page."""
        return [entry for case in self.cases for entry in case.entries]


def read_inbox(
    connection: Connection, organisation: str, choice: Choice, person: str, first: int = 0, limit: int = PAGE_REVIEWS
) -> Inbox:
    """Return the reviews that wait from the `first` on."""
    now = utc_now()
    page = inbox.list_waiting(connection, organisation, choice, now, first, limit)
    counts = inbox.count_waiting(connection, organisation, now)
    return _read(connection, organisation, page.rows, page.total, first, counts, person)


def read_decided(connection: Connection, organisation: str, choice: Choice, person: str, limit: int) -> Inbox:
    """Return what was decided last, the latest first."""
    rows = inbox.list_decided(connection, organisation, choice, limit)
    counts = inbox.count_waiting(connection, organisation, utc_now())
    return _read(connection, organisation, rows, len(rows), 0, counts, person)


def read_one(connection: Connection, organisation: str, review_id: str, person: str) -> Inbox | None:
    """Return one conflict or exception, whatever its state, as a page of its own; None when there is none."""
    stored = _read_stamped(connection, organisation, [review_id]).get(review_id)
    if stored is None or stored[0] not in ("conflict", "exception"):
        return None
    kind, body, stamps = stored
    row = Listed(review_id, kind, body.get("order_id") or body["subject_id"], body, stamps)
    return _read(
        connection, organisation, [row], 1, 0, inbox.count_waiting(connection, organisation, utc_now()), person
    )


def list_lookers(connection: Connection, organisation: str, person: str) -> dict[str, tuple[str, ...]]:
    """Return who else looks at which case: case -> ids of people."""
    since = spell_instant(unix_ms() - LOOKS_S * 1000)
    found = inbox.list_lookers(connection, organisation, since)
    return {case: tuple(who for who in people if who != person) for case, people in found.items()}


def _read(
    connection: Connection,
    organisation: str,
    rows: list[Listed],
    total: int,
    first: int,
    counts: Mapping[str, int],
    person: str,
) -> Inbox:
    around = _read_stamped(connection, organisation, {row.case for row in rows} | {r.body["subject_id"] for r in rows})
    origins = read_origins(connection, organisation, _positions(rows, around))
    signed = select_among(connection, _SIGNED, ("order",), "order", organisation, {row.case for row in rows})
    asked = list_asked(connection, organisation, [row.id for row in rows])
    signed_orders = {row.order for row in signed}
    view = open_view(connection, organisation)
    options = {
        row.id: read_options(view, found)
        for row in rows
        if row.kind == "exception" and row.body["state"] == "open" and (found := view.record(row.id)) is not None
    }
    entries = [
        _describe(row, around, origins, row.case in signed_orders, options.get(row.id), tuple(asked.get(row.id, ())))
        for row in rows
    ]
    lookers = list_lookers(connection, organisation, person)
    cases = tuple(_group(rows, entries, around, lookers))
    return Inbox(cases, total, first, counts, _read_names(connection, organisation, entries, around, lookers))


def _group(
    rows: Iterable[Listed], entries: Iterable[Entry], around: Mapping[str, Any], lookers: Mapping[str, tuple[str, ...]]
) -> list[Case]:
    cases: dict[str, list[Entry]] = {}
    for row, entry in zip(rows, entries, strict=True):
        cases.setdefault(row.case, []).append(entry)
    return [
        Case(case, *around.get(case, ("", {}))[:2], tuple(found), lookers.get(case, ()))
        for case, found in cases.items()
    ]


def _describe(
    row: Listed,
    around: Mapping[str, tuple[str, Body, dict[str, list[Any]]]],
    origins: Mapping[int, Origin],
    is_signed: bool,
    options: Options | None,
    asked: tuple[Asked, ...],
) -> Entry:
    body = row.body
    stored = around.get(body["subject_id"])
    standing = stored[1] if stored else None
    is_conflict = row.kind == "conflict"
    office = standing_value(body, standing) if is_conflict else None
    waits = body["state"] == "open"
    return Entry(
        id=row.id,
        kind=row.kind,
        body=body,
        subject=standing,
        office=office if waits else body.get("office"),
        office_origin=origins.get(_standing_position(row, stored)),
        incoming_origin=origins.get(_incoming_position(row)),
        seen=spell_seen(body, standing) if is_conflict else "",
        safe=suggest({**body, "office": office}, is_signed) if is_conflict and waits else None,
        options=options,
        asked=asked,
        decided=None if waits else origins.get(_decided_position(row)),
    )


def _positions(rows: Iterable[Listed], around: Mapping[str, Any]) -> set[int]:
    found: set[int] = set()
    for row in rows:
        found |= {_standing_position(row, around.get(row.body["subject_id"])), _incoming_position(row)}
        found.add(_decided_position(row))
    return found - {0}


def _standing_position(row: Listed, stored: tuple[str, Body, dict[str, list[Any]]] | None) -> int:
    """Return where the standing value was written; a decided conflict keeps what it began with."""
    kept = (row.body.get("office_provenance") or {}).get("position") or 0
    if row.kind != "conflict" or row.body["field"] == WHOLE_RECORD or stored is None or row.body["state"] != "open":
        return int(kept)
    stamps = stored[2]
    return int((stamps.get(row.body["field"]) or stamps[ALL_FIELDS])[0])


def _incoming_position(row: Listed) -> int:
    """Return where the incoming value came in; of an exception, the facts that raised it."""
    if row.kind == "exception":
        return int(row.stamps[ALL_FIELDS][0])
    return int((row.body.get("incoming_provenance") or {}).get("position") or 0)


def _decided_position(row: Listed) -> int:
    return int((row.stamps.get("state") or [0])[0])


def _read_stamped(
    connection: Connection, organisation: str, ids: Iterable[str]
) -> dict[str, tuple[str, Body, dict[str, list[Any]]]]:
    """Return kind, values and stamps of the records that exist among `ids`, by id."""
    columns = ("id", "kind", "body", "stamps", "deleted")
    rows = select_among(connection, _RECORDS, columns, "id", organisation, set(ids))
    return {r.id: (r.kind, json_text.load(r.body), json_text.load(r.stamps)) for r in rows if not r.deleted}


_IDS: Final = re.compile(UUID_PATTERN.removesuffix(r"\Z")).findall
_NAMED: Final = ("machine_id", "site_id", "customer_id", "engineer_id", "part_id", "model_id", "same_as_id")


def _read_names(
    connection: Connection,
    organisation: str,
    entries: Iterable[Entry],
    around: Mapping[str, tuple[str, Body, Any]],
    lookers: Mapping[str, tuple[str, ...]],
) -> dict[str, Body]:
    """Return the records that a page names, by id."""
    wanted = {who for people in lookers.values() for who in people}
    for entry in entries:
        for origin in (entry.office_origin, entry.incoming_origin, entry.decided):
            wanted |= {origin.actor, origin.device} if origin else set()
        wanted |= {entry.body.get(name) for name in ("settled_by", "later_by", "later_person")}
        wanted |= {asked.body["person_id"] for asked in entry.asked} | {
            asked.body.get("asked_by") for asked in entry.asked
        }
        values = (entry.body.get("base"), entry.office, entry.body.get("incoming"))
        wanted |= {value for value in values if isinstance(value, str) and len(value) == 36}
        wanted |= set(_IDS(entry.body.get("detail") or ""))
        if entry.options is not None:
            wanted |= {*entry.options.twins, entry.options.removal.machine if entry.options.removal else None}
    for _kind, body, _stamps in around.values():
        wanted |= {body.get(name) for name in _NAMED if isinstance(body.get(name), str)}
    found = {key: body for key, (_, body) in records.bodies_of(connection, organisation, wanted - {None}).items()}
    further = {body.get(name) for body in found.values() for name in ("model_id", "site_id", "customer_id")} - {None}
    found |= {
        key: body for key, (_, body) in records.bodies_of(connection, organisation, further - found.keys()).items()
    }
    return found | {key: body for key, (_, body, _) in around.items()}
