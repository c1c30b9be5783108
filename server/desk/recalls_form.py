"""The form of a recall: what it names, row by row or pasted from a supplier's list, and the rest of its fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from pages.language import choose_language
from schemas import KINDS
from schemas.base import faults_of
from schemas.problems import Refused
from schemas.recall import Extent
from server.services.catalogue import find_called

ROWS: Final = 6
"""Rows of the form; who has more pastes a list."""

LISTED_MOST: Final = 8000
"""Characters of a pasted list: some hundred lines."""

FIELDS: Final = ("number", "name", "reason", "action", "urgency", "instructions", "supplier_id", "notice")
NEEDED: Final = ("name", "reason", "action", "urgency")
NAMED: Final = ("part", "batch", "first", "last")

_BREAK: Final = re.compile(r"[\t;；,，]")

Row = tuple[str, str, str, str]


def read_recall_values(form: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields of a recall as they were typed. Raises Refused with `field_missing` or `value_invalid`."""
    fields = KINDS["recall"].fields
    values = {name: typed for name in FIELDS if (typed := form.get(name, "").replace("\r\n", "\n").strip())}
    for name in NEEDED:
        if name not in values:
            raise Refused("field_missing", field=_label(name))
    for name, value in values.items():
        if faults := faults_of(fields[name], value):
            raise Refused("value_invalid", field=_label(name), detail="; ".join(faults))
    return values


def read_reason(form: Mapping[str, str], kind: str, name: str) -> str:
    """Return a reason as it was typed. Raises Refused with `field_missing` or `value_invalid`."""
    typed = form.get(name, "").replace("\r\n", "\n").strip()
    if not typed:
        raise Refused("field_missing", field=_label(name, kind))
    if faults := faults_of(KINDS[kind].fields[name], typed):
        raise Refused("value_invalid", field=_label(name, kind), detail="; ".join(faults))
    return typed


def read_extents(connection: Connection, organisation: str, form: Mapping[str, str]) -> list[Extent]:
    """Return what the form names, each once. A part is named by its id, its number or its name.

    Raises Refused with `name_unknown` or `name_ambiguous` for a part, `field_missing` for a row without one,
    `value_invalid` for a number that is too long.
    """
    rows = [*_read_rows(form), *_read_list(form.get("list", "")[:LISTED_MOST])]
    found = find_called(connection, organisation, "part", {row[0] for row in rows})
    return list(dict.fromkeys(_read_extent(row, found.get(row[0], [])) for row in rows))


def _read_rows(form: Mapping[str, str]) -> Iterator[Row]:
    for number in range(ROWS):
        part, batch, first, last = (form.get(f"{name}.{number}", "").strip() for name in NAMED)
        if part or batch or first or last:
            yield part, batch, first, last


def _read_list(text: str) -> Iterator[Row]:
    for line in text.replace("\x00", "").splitlines():
        cells = [cell.strip() for cell in _BREAK.split(line)]
        if any(cells):
            part, batch, first, last = (*cells, "", "", "", "")[:4]
            yield part, batch, first, last


def _read_extent(row: Row, ids: list[str]) -> Extent:
    part, batch, first, last = row
    if not part:
        raise Refused("field_missing", field=_label("part_id", "recalled_part"))
    if len(ids) != 1:
        code, facts = ("name_ambiguous", {"count": len(ids)}) if ids else ("name_unknown", {"kind": "part"})
        raise Refused(code, text=part[:80], **facts)
    for name, value in (("batch", batch), ("first_serial", first), ("last_serial", last)):
        if value and (faults := faults_of(KINDS["recalled_part"].fields[name], value)):
            raise Refused("value_invalid", field=_label(name, "recalled_part"), detail="; ".join(faults))
    return Extent(ids[0], batch or None, first or last or None, last or first or None)


def _label(name: str, kind: str = "recall") -> str:
    rule = KINDS[kind].rules[name]
    return rule.label_zh if choose_language() == "zh" else rule.label_en
