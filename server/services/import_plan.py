"""What a spreadsheet would do to master data: row by row what is created, changed, left as it is, or at fault.

Rule 1: a row is the record that its id names, else the one that its natural key names, else a fresh one.
Rule 2: a cell that says what stands says nothing, however it is spelled.
Rule 3: what somebody else changed after the preview was made is not overwritten unseen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection

from schemas import KINDS
from schemas.problems import Fault
from server.domain.catalogue import ENTRIES, keys_of, spell_key, title_of
from server.domain.columns import ID_COLUMN, Column, Find, match_headers, mentioned, read_cell, spell_cell
from server.services.catalogue import find_called
from server.services.naming import name_targets
from server.services.spreadsheets import Cell
from server.store import catalogue, records

Action = Literal["create", "change", "same", "fault"]
ACTIONS: Final[tuple[Action, ...]] = ("fault", "create", "change", "same")

WHOLE_ROW: Final = ""
"""Where the fault of a row stands that is no single cell's."""

Body = Mapping[str, Any]
Line = tuple[int, list[Cell]]


@dataclass(slots=True)
class RowPlan:
    """What one row would do. `moves` are field, value that stands, value of the row."""

    number: int
    action: Action
    record_id: str | None
    title: str
    moves: list[tuple[str, Any, Any]] = field(default_factory=list)
    faults: dict[str, Fault] = field(default_factory=dict)


@dataclass(slots=True)
class _Row:
    """A row while it is looked at."""

    number: int
    cells: dict[str, str]
    values: dict[str, Any]
    faults: dict[str, Fault]
    record_id: str | None = None


class Planner:
    """Looks at the rows of one spreadsheet of one kind."""

    def __init__(self, connection: Connection, organisation: str, kind: str, headers: list[str], basis: int) -> None:
        """Read the headers; rows changed after the log position `basis` are faults."""
        self._connection, self._organisation, self._kind, self._basis = connection, organisation, kind, basis
        self.columns, self.header_faults = match_headers(kind, headers)
        self._seen: dict[str, int] = {}

    def plan(self, lines: Sequence[Line]) -> list[RowPlan]:
        """Return the plan of some rows; rows that were planned before count as those they may repeat."""
        rows = [self._take(line) for line in lines]
        find = self._finder(rows)
        for row in rows:
            for column in self._given():
                if column.asked is not None and column.name in row.cells:
                    value = read_cell(column.asked, row.cells[column.name], find)
                    if isinstance(value, Fault):
                        row.faults[column.name] = value
                    else:
                        row.values[column.name] = value
        self._match(rows)
        ids = {row.record_id for row in rows if row.record_id}
        standing = records.bodies_of(self._connection, self._organisation, ids)
        bodies = [body for _, body in standing.values()]
        names = name_targets(self._connection, self._organisation, self._kind, bodies)
        moved = self._changed_since(ids)
        return [self._compare(row, standing, names, moved) for row in rows]

    def _given(self) -> list[Column]:
        return [column for column in self.columns if column is not None]

    def _take(self, line: Line) -> _Row:
        number, cells = line
        row = _Row(number, {}, {}, {})
        for position, column in enumerate(self.columns):
            cell = cells[position] if position < len(cells) else ""
            if column is not None and isinstance(cell, Fault):
                row.faults[column.name] = cell
            elif column is not None:
                row.cells[column.name] = str(cell)
        if any(cells[len(self.columns) :]):
            row.faults[WHOLE_ROW] = Fault("column_unknown", {"column": ""})
        return row

    def _finder(self, rows: list[_Row]) -> Find:
        wanted: dict[str, set[str]] = {}
        for row in rows:
            for kind, text in mentioned(row.cells, self._kind):
                wanted.setdefault(kind, set()).add(text)
        found = {kind: find_called(self._connection, self._organisation, kind, texts) for kind, texts in wanted.items()}
        return lambda kind, text: found.get(kind, {}).get(text, [])

    def _match(self, rows: list[_Row]) -> None:
        named = [row for row in rows if row.cells.get(ID_COLUMN, "").strip()]
        known = records.bodies_of(self._connection, self._organisation, {_id_of(row) for row in named})
        for row in named:
            if known.get(_id_of(row), ("",))[0] == self._kind:
                row.record_id = _id_of(row)
            else:
                row.faults[ID_COLUMN] = Fault("name_unknown", {"text": _id_of(row)[:80], "kind": self._kind})
        others = [row for row in rows if not row.cells.get(ID_COLUMN, "").strip()]
        matching = catalogue.find_matching(
            self._connection, self._organisation, self._kind, [row.values for row in others]
        )
        for row, ids in zip(others, matching, strict=True):
            if len(ids) > 1:
                facts = {"text": title_of(self._kind, row.values), "count": len(ids)}
                row.faults[WHOLE_ROW] = Fault("name_ambiguous", facts)
            row.record_id = ids[0] if len(ids) == 1 else None

    def _changed_since(self, ids: set[str]) -> set[str]:
        positions = records.positions_of(self._connection, self._organisation, ids)
        return {key for key, position in positions.items() if position > self._basis}

    def _compare(
        self, row: _Row, standing: Mapping[str, tuple[str, Body]], names: Mapping[str, str], moved: set[str]
    ) -> RowPlan:
        body = standing[row.record_id][1] if row.record_id in standing and row.record_id else None
        if body is None:
            moves = [(name, None, value) for name, value in row.values.items() if value is not None]
            self._expect_required(row)
        else:
            moves = self._list_moves(row, body, names)
        self._expect_once(row)
        if moves and row.record_id in moved and body is not None:
            row.faults[WHOLE_ROW] = Fault("changed_meanwhile", {"fields": title_of(self._kind, body)})
        title = title_of(self._kind, {**(body or {}), **row.values})
        action: Action = "create" if body is None else "change" if moves else "same"
        return RowPlan(row.number, "fault" if row.faults else action, row.record_id, title, moves, row.faults)

    def _list_moves(self, row: _Row, body: Body, names: Mapping[str, str]) -> list[tuple[str, Any, Any]]:
        moves = []
        for column in self._given():
            if column.asked is None or column.name not in row.cells:
                continue
            before, text = body.get(column.name), _plain(row.cells[column.name])
            spelled = {
                _plain(spell_cell(column.asked, before, language, lambda key: names.get(key, key)))
                for language in ("zh", "en")
            }
            if text in spelled and (text or before is None):
                row.faults.pop(column.name, None)
                continue
            if column.name in row.values and row.values[column.name] != before:
                moves.append((column.name, before, row.values[column.name]))
                if column.asked.is_frozen and before is not None:
                    row.faults[column.name] = Fault("set_once", {"field": column.name})
        return moves

    def _expect_required(self, row: _Row) -> None:
        for name in KINDS[self._kind].required:
            begun = name in dict(ENTRIES[self._kind].begins_with)
            if row.values.get(name) is None and name not in row.faults and not begun:
                row.faults[name] = Fault("field_missing", {"field": name})

    def _expect_once(self, row: _Row) -> None:
        key = next(keys_of(ENTRIES[self._kind], row.values), None)
        named = row.record_id or (spell_key(*key) if key else None)
        if named is None:
            return
        first = self._seen.setdefault(named, row.number)
        if first != row.number:
            row.faults[WHOLE_ROW] = Fault("row_repeated", {"row": first})


def _id_of(row: _Row) -> str:
    return row.cells.get(ID_COLUMN, "").strip()


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
