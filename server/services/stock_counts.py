"""Counting a van or a centre: a sheet that keeps what is counted as it goes, and settles all of it at once.

Rule 1: a sheet is no record: nothing of it counts before it is settled, and nothing typed is lost.
Rule 2: each line is counted at its own moment; what moves afterwards is left out of its difference, so what goes on
        in the warehouse during a count is neither lost nor counted twice.
Rule 3: a line that nobody counted stays as it is.
Rule 4: a move from before that moment which comes in after the sheet was settled was in what was counted. It is shown
        with the difference that puts it right, and a person books that.
Source: handbook P4.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Table, delete, insert, select, update

from schemas.problems import Refused
from schemas.stock import LEVEL_MOST, StockKey
from server.clock import spell_instant, unix_ms, utc_now
from server.domain import stock as rules
from server.domain.trace import comparable
from server.keys import new_id
from server.services.decisions import Desk
from server.services.stock_acts import MOVES_MAX
from server.store import json_text, stock_levels_read, stock_read
from server.store.catalogue_tables import Draft
from server.store.database import writing
from server.store.workspace import Workspace
from sync.changeset import Change
from sync.receipt import Receipt

_DRAFTS: Table = Draft.__table__  # type: ignore[assignment]

KIND: Final = "stock_count"
LINES_MAX: Final = 500
"""Of one sheet: more are counted by shelves, which a few words of the parts' names choose."""

DAY_MS: Final = 86_400_000
LATE_DAYS: Final = 90
"""A device that has been away for longer has more to tell than its moves."""

Body = dict[str, Any]
Place = Mapping[str, str]
"""``{"van_id": ...}`` or ``{"centre_id": ...}``"""


@dataclass(frozen=True, slots=True)
class CountLine:
    """A line of a sheet: what the books say by the moment of counting, and what was counted; None before that."""

    key: StockKey
    expected: int
    counted: int | None
    counted_at: str | None

    @property
    def difference(self) -> int | None:
        """What was found, or is missing; None before anybody has counted."""
        return None if self.counted is None else self.counted - self.expected


@dataclass(frozen=True, slots=True)
class Sheet:
    """A count that is under way."""

    id: str
    place: str
    place_field: str
    is_blind: bool
    words: str
    begun_at: str
    person: str
    lines: list[CountLine]

    @property
    def differing(self) -> list[CountLine]:
        """The counted lines that are not as the books say."""
        return [line for line in self.lines if line.difference]

    @property
    def open_lines(self) -> list[CountLine]:
        """The lines that nobody has counted."""
        return [line for line in self.lines if line.counted is None]


def begin(
    connection: Connection,
    organisation: str,
    person: str,
    place: Place,
    parts: Sequence[str] | None,
    words: str,
    is_blind: bool,
) -> str:
    """Begin a sheet of what a place has, of some parts where they are named; return its id.

    Raises Refused with `sheet_too_long`.
    """
    ((field, where),) = place.items()
    rows = stock_read.list_at(connection, organisation, where, parts, LINES_MAX + 1)
    if len(rows) > LINES_MAX:
        raise Refused("sheet_too_long", limit=LINES_MAX)
    lines = [[row.part, row.batch, row.serial, None, None] for row in rows]
    body = {"place": where, "field": field, "blind": is_blind, "words": words, "begun_at": utc_now(), "lines": lines}
    sheet = new_id()
    row = {"organisation": organisation, "id": sheet, "kind": KIND, "body": json_text.dump(body), "person": person}
    connection.execute(insert(_DRAFTS).values(**row, changed_at=utc_now(), revision=1))
    return sheet


def list_sheets(connection: Connection, organisation: str) -> list[Row[Any]]:
    """Return the sheets under way, the one worked on last first."""
    where = (_DRAFTS.c.organisation == organisation, _DRAFTS.c.kind == KIND)
    return list(connection.execute(select(_DRAFTS).where(*where).order_by(_DRAFTS.c.changed_at.desc())))


def read_sheet(connection: Connection, organisation: str, sheet: str) -> Sheet:
    """Return a sheet with the books by the moment of each line. Raises Refused with `not_found`."""
    row = _find(connection, organisation, sheet)
    body = json_text.load(row.body)
    place = body["place"]
    balances = {
        (found.part, found.batch, found.serial): found.quantity
        for found in stock_read.list_at(connection, organisation, place)
    }
    moved = stock_read.list_moves_after(connection, organisation, place, comparable(body["begun_at"]))
    lines = []
    for part, batch, serial, counted, at in body["lines"]:
        since = sum(_change(move, place) for move in moved if at and _is_after(move, (part, batch, serial), at))
        expected = balances.get((part, batch, serial), 0) - since
        lines.append(CountLine(StockKey(place, part, batch, serial), expected, counted, at))
    return Sheet(sheet, place, body["field"], body["blind"], body["words"], body["begun_at"], row.person, lines)


def note_line(
    connection: Connection, organisation: str, person: str, sheet: str, key: StockKey, counted: int | None
) -> None:
    """Keep what was counted of a line, as of this moment; None takes it back. A line that is not there yet is added.

    Raises Refused with `not_found`, `value_invalid`, `sheet_too_long`.
    """
    if counted is not None and not 0 <= counted <= LEVEL_MOST:
        raise Refused("value_invalid", field="counted", detail=f"0 - {LEVEL_MOST}")
    row = _find(connection, organisation, sheet, for_update=True)
    body = json_text.load(row.body)
    mine = [key.part, key.batch, key.serial]
    noted = [*mine, counted, None if counted is None else utc_now()]
    at = next((number for number, line in enumerate(body["lines"]) if line[:3] == mine), None)
    if at is None:
        if len(body["lines"]) == LINES_MAX:
            raise Refused("sheet_too_long", limit=LINES_MAX)
        body["lines"].append(noted)
    else:
        body["lines"][at] = noted
    _keep(connection, organisation, person, row, body)


def note_missing(connection: Connection, organisation: str, person: str, sheet: str) -> int:
    """Note zero for every line that nobody has counted, and return how many there were."""
    row = _find(connection, organisation, sheet, for_update=True)
    body = json_text.load(row.body)
    open_lines = [line for line in body["lines"] if line[3] is None]
    for line in open_lines:
        line[3:] = [0, utc_now()]
    _keep(connection, organisation, person, row, body)
    return len(open_lines)


def discard(connection: Connection, organisation: str, sheet: str) -> None:
    """Throw a sheet away."""
    connection.execute(delete(_DRAFTS).where(*_is(organisation, sheet)))


def settle(engine: Engine, desk: Desk, sheet: str, reason: str) -> int:
    """Settle what was counted: one change-set with the count and a move for each difference; return how many differed.

    Raises Refused with `not_found`, `lines_missing` when nothing was counted, `reason_missing` when something differs
    and nobody says why, `too_many_lines`.
    """
    differed = 0

    def plan(store: Workspace) -> list[Change]:
        nonlocal differed
        found = read_sheet(store.connection, store.organisation, sheet)
        counted = [line for line in found.lines if line.counted is not None]
        differing, differed = found.differing, len(found.differing)
        if not counted:
            raise Refused("lines_missing")
        if differing and not reason.strip():
            raise Refused("reason_missing")
        if len(differing) > MOVES_MAX:
            raise Refused("too_many_lines", limit=MOVES_MAX)
        count = new_id()
        return [
            _spell_count(count, found, counted, reason),
            *(
                _spell_settling(
                    store, count, found.place_field, line.key, line.difference or 0, str(line.counted_at), reason
                )
                for line in differing
            ),
        ]

    desk.write("stock.count", plan)
    # Settled once more, it would find no difference: what was booked has the moment of its line.
    with writing(engine) as connection:
        discard(connection, desk.organisation, sheet)
    return differed


def list_late(connection: Connection, organisation: str) -> Sequence[Row[Any]]:
    """Return the lines of the counts of the last LATE_DAYS that moves from before them changed since."""
    return stock_levels_read.list_late(connection, organisation, spell_instant(unix_ms() - LATE_DAYS * DAY_MS))


def settle_late(desk: Desk, reason: str) -> Receipt:
    """Put right the balances that moves from before a count have moved since it was settled.

    Raises Refused with `nothing_to_undo` where there are none, `too_many_lines`.
    """

    def plan(store: Workspace) -> list[Change]:
        rows = list_late(store.connection, store.organisation)
        if not rows:
            raise Refused("nothing_to_undo")
        if len(rows) > MOVES_MAX:
            raise Refused("too_many_lines", limit=MOVES_MAX)
        changes = []
        for row in rows:
            count = store.record(row.id)
            assert count is not None, "the table names records"
            field = "van_id" if count.body.get("van_id") else "centre_id"
            key = StockKey(row.place, row.part, row.batch, row.serial)
            by = rules.settle_late(int(row.late))
            changes.append(_spell_settling(store, row.id, field, key, by, row.counted_at, reason))
        return changes

    return desk.write("stock.count_late", plan)


def _spell_count(count: str, sheet: Sheet, counted: list[CountLine], reason: str) -> Change:
    lines = []
    for line in counted:
        of = {"part_id": line.key.part, "batch": line.key.batch, "serial": line.key.serial}
        found = {"expected": line.expected, "counted": line.counted, "counted_at": line.counted_at}
        lines.append({name: value for name, value in of.items() if value} | found)
    values = {"begun_at": sheet.begun_at, "settled_at": utc_now(), "is_blind": sheet.is_blind, "lines": lines}
    values |= {sheet.place_field: sheet.place} | ({"reason": reason.strip()} if reason.strip() else {})
    return Change("stock_count", count, "create", values, {})


def _spell_settling(
    store: Workspace, count: str, field: str, key: StockKey, difference: int, at: str, reason: str
) -> Change:
    place = {"place": field.removesuffix("_id"), field: key.place}
    batch = stock_read.find_batch(store.connection, store.organisation, key.part, key.batch)
    goods = {"part_id": key.part, "batch": key.batch, "batch_id": batch, "serial": key.serial}
    values = rules.spell_difference(place, difference) | {name: value for name, value in goods.items() if value}
    return Change(
        "stock_move",
        new_id(),
        "create",
        values | {"count_id": count, "reason": reason.strip() or None, "moved_at": at},
        {},
    )


def _is_after(move: Row[Any], key: tuple[str, str, str], at: str) -> bool:
    return (move.part, move.batch, move.serial) == key and move.moved_at > comparable(at)


def _change(move: Row[Any], place: str) -> int:
    quantity = int(move.quantity)
    return (quantity if move.to_at == place else 0) - (quantity if move.from_at == place else 0)


def _find(connection: Connection, organisation: str, sheet: str, for_update: bool = False) -> Row[Any]:
    statement = select(_DRAFTS).where(*_is(organisation, sheet), _DRAFTS.c.kind == KIND)
    row = connection.execute(statement.with_for_update() if for_update else statement).first()
    if row is None:
        raise Refused("not_found", what=sheet)
    return row


def _keep(connection: Connection, organisation: str, person: str, row: Row[Any], body: Body) -> None:
    values = {"body": json_text.dump(body), "person": person, "changed_at": utc_now(), "revision": row.revision + 1}
    connection.execute(update(_DRAFTS).where(*_is(organisation, row.id)).values(**values))


def _is(organisation: str, sheet: str) -> tuple[Any, Any]:
    return _DRAFTS.c.organisation == organisation, _DRAFTS.c.id == sheet
