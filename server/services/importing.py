"""Taking a spreadsheet in: handed in, looked at, then written in change-sets, and gone on with after any cut.

Rule 1: nothing is written while a single row is at fault.
Rule 2: what is written and how far it has come are one transaction; whoever goes on begins behind it, and a row that
        was written already is the same as what stands.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, Row, Table, delete, insert, select, update

from schemas import KINDS
from schemas.problems import Fault, Refused
from server.clock import utc_now
from server.domain.catalogue import ENTRIES
from server.keys import new_id
from server.services import spreadsheets
from server.services.import_plan import ACTIONS, Action, Line, Planner, RowPlan
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store.catalogue_tables import Import
from server.store.database import reading, transact, writing
from server.store.devices import read_organisation
from server.store.workspace import open_workspace
from sync.changeset import Change

_IMPORTS: Table = Import.__table__  # type: ignore[assignment]

ROWS_AT_ONCE: Final = 300
"""Rows of one transaction: others wait for it a fraction of a second."""

CHANGES_OF_SET: Final = 100
SET_BYTES: Final = 160 * 1024
"""Of the values alone; a change-set of 256 KiB has room for what stands around and before them."""

KEPT_DAYS: Final = 30
"""An import that nobody goes on with is forgotten then; the log has what was written."""


@dataclass(frozen=True, slots=True)
class Handed:
    """A spreadsheet that was handed in."""

    id: str
    kind: str
    name: str
    person: str
    handed_in_at: str
    state: str
    """``open`` until it is begun, ``begun``, ``done``"""
    rows: int
    done: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a spreadsheet would do: all rows, how many of each action, and the faults of headers by number."""

    handed: Handed
    headers: list[str]
    header_faults: dict[int, Fault]
    rows: list[RowPlan]
    counts: dict[Action, int]

    @property
    def is_right(self) -> bool:
        """Whether nothing is at fault."""
        return not self.header_faults and not self.counts["fault"]


def hand_in(engine: Engine, organisation: str, person: str, kind: str, name: str, data: bytes) -> str:
    """Keep a spreadsheet for its preview and return its id.

    Raises Refused with `table_unreadable`, `table_too_large`, or `not_found` for a kind that is not imported.
    """
    _expect_imported(kind)
    sheet = spreadsheets.read_sheet(data)
    import_id, now = new_id(), utc_now()
    old = (datetime.fromisoformat(now).astimezone(UTC) - timedelta(days=KEPT_DAYS)).strftime("%Y-%m-%dT%H:%M:%SZ")
    with writing(engine) as connection:
        mine = _IMPORTS.c.organisation == organisation
        connection.execute(delete(_IMPORTS).where(mine, _IMPORTS.c.handed_in_at < old))
        connection.execute(
            insert(_IMPORTS).values(
                organisation=organisation,
                id=import_id,
                kind=kind,
                name=name.replace("\x00", "")[:200],
                cells=_pack(sheet),
                person=person,
                handed_in_at=now,
                basis=read_organisation(connection, organisation).position,
                state="open",
                rows=len(sheet.rows),
                done=0,
            )
        )
    return import_id


def preview(engine: Engine, organisation: str, import_id: str) -> Preview:
    """Return what is still to be done of a spreadsheet, as the records stand. Raises Refused with `not_found`."""
    with reading(engine) as connection:
        row = _find(connection, organisation, import_id)
        return _preview(connection, organisation, row)


def look_again(engine: Engine, organisation: str, import_id: str) -> None:
    """Let what others have changed meanwhile be seen by the next preview, and overwritten after it."""
    with writing(engine) as connection:
        basis = read_organisation(connection, organisation).position
        connection.execute(_update(organisation, import_id).values(basis=basis))


def begin(engine: Engine, organisation: str, import_id: str) -> None:
    """Let a spreadsheet be written. Raises Refused with `table_has_faults` while a row is at fault."""
    with writing(engine) as connection:
        found = _preview(connection, organisation, _find(connection, organisation, import_id))
        if not found.is_right:
            raise Refused("table_has_faults", count=found.counts["fault"] + len(found.header_faults))
        connection.execute(_update(organisation, import_id).values(state="begun"))


def go_on(engine: Engine, office: Office, organisation: str, actor: str, import_id: str) -> Handed:
    """Write the next rows of a spreadsheet that was begun, in one transaction, and return how far it has come.

    Raises Refused with `table_has_faults` when a row came to be at fault meanwhile, or what forbids a change;
    nothing of these rows is written then.
    """

    def work(connection: Connection) -> Handed:
        store = open_workspace(connection, organisation)
        row = _find(connection, organisation, import_id)
        if row.state != "begun":
            return _tell(row)
        headers, lines = _unpack(row.cells)
        planner = Planner(connection, organisation, row.kind, headers, row.basis)
        plans = planner.plan(lines[row.done : row.done + ROWS_AT_ONCE])
        faults = sum(plan.action == "fault" for plan in plans)
        if faults or planner.header_faults:
            raise Refused("table_has_faults", count=faults + len(planner.header_faults))
        for changes in _cut(row.kind, plans):
            expect_taken_in(office.write_in(store, actor, f"{row.kind}.import", changes))
        store.flush()
        done = row.done + len(plans)
        state = "done" if done >= row.rows else "begun"
        connection.execute(_update(organisation, import_id).values(done=done, state=state))
        return _tell(_find(connection, organisation, import_id))

    return transact(engine, work)


def list_imports(connection: Connection, organisation: str, kind: str, limit: int = 10) -> list[Handed]:
    """Return the newest spreadsheets that were handed in for a kind."""
    columns = [_IMPORTS.c[name] for name in ("id", "kind", "name", "person", "handed_in_at", "state", "rows", "done")]
    where = (_IMPORTS.c.organisation == organisation, _IMPORTS.c.kind == kind)
    newest = select(*columns).where(*where).order_by(_IMPORTS.c.handed_in_at.desc(), _IMPORTS.c.id.desc())
    return [_tell(row) for row in connection.execute(newest.limit(limit))]


def forget(engine: Engine, organisation: str, import_id: str) -> None:
    """Forget a spreadsheet; what was written of it stays."""
    with writing(engine) as connection:
        where = (_IMPORTS.c.organisation == organisation, _IMPORTS.c.id == import_id)
        connection.execute(delete(_IMPORTS).where(*where))


def _preview(connection: Connection, organisation: str, row: Row[Any]) -> Preview:
    headers, lines = _unpack(row.cells)
    planner = Planner(connection, organisation, row.kind, headers, row.basis)
    plans = planner.plan(lines)
    counts = {action: sum(plan.action == action for plan in plans) for action in ACTIONS}
    return Preview(_tell(row), headers, planner.header_faults, plans, counts)


def _cut(kind: str, plans: list[RowPlan]) -> Iterator[list[Change]]:
    """Yield the changes of some rows in sets of limited size."""
    changes: list[Change] = []
    size = 0
    for plan in plans:
        if plan.action == "same":
            continue
        change = _change_of(kind, plan)
        weight = len(orjson.dumps([change.set, change.was]))
        if changes and (len(changes) == CHANGES_OF_SET or size + weight > SET_BYTES):
            yield changes
            changes, size = [], 0
        changes.append(change)
        size += weight
    if changes:
        yield changes


def _change_of(kind: str, plan: RowPlan) -> Change:
    new = {name: after for name, _before, after in plan.moves}
    if plan.record_id is None:
        return Change(kind, new_id(), "create", new | dict(ENTRIES[kind].begins_with), {})
    return Change(kind, plan.record_id, "update", new, {name: before for name, before, _after in plan.moves})


def _find(connection: Connection, organisation: str, import_id: str) -> Row[Any]:
    where = (_IMPORTS.c.organisation == organisation, _IMPORTS.c.id == import_id)
    row = connection.execute(select(_IMPORTS).where(*where)).first()
    if row is None or row.kind not in KINDS:
        raise Refused("not_found", what=import_id)
    return row


def _update(organisation: str, import_id: str) -> Any:
    return update(_IMPORTS).where(_IMPORTS.c.organisation == organisation, _IMPORTS.c.id == import_id)


def _tell(row: Row[Any]) -> Handed:
    return Handed(row.id, row.kind, row.name, row.person, row.handed_in_at, row.state, row.rows, row.done)


def _expect_imported(kind: str) -> None:
    if kind not in ENTRIES or not ENTRIES[kind].is_imported:
        raise Refused("not_found", what=kind)


def _pack(sheet: spreadsheets.Sheet) -> bytes:
    rows = [
        [number, [cell if isinstance(cell, str) else {"code": cell.code, "facts": cell.facts} for cell in cells]]
        for number, cells in sheet.rows
    ]
    return zlib.compress(orjson.dumps({"headers": sheet.headers, "rows": rows}), level=1)


def _unpack(cells: bytes) -> tuple[list[str], list[Line]]:
    packed = orjson.loads(zlib.decompress(cells))
    lines: list[Line] = [
        (number, [cell if isinstance(cell, str) else Fault(cell["code"], cell["facts"]) for cell in row])
        for number, row in packed["rows"]
    ]
    return packed["headers"], lines
