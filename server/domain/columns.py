"""Master data as a table: one column a field, a record in each row, and back again without loss.

Rule 1: the first column is the record's id; where it is empty the natural key says which record a row is.
Rule 2: an empty cell of a column that is there empties the field; a column that is not there leaves it alone.
Rule 3: a list stands in one cell, its items parted by semicolons; pairs are written `name: value`; whatever cannot be
        written so is written as JSON.
Rule 4: a reference is written by name where the name is its own, else by id.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.choice_labels import CHOICE_LABELS, label_choice, label_unit
from schemas.problems import Fault
from server.domain.catalogue import ENTRIES, fold
from server.domain.forms import Input, describe, fault_of, read_text, spell_text

ID_COLUMN: Final = "id"
ID_LABELS: Final = ("编号（ID）", "ID")

YES_NO: Final = {True: ("是", "yes"), False: ("否", "no")}

_PARTING: Final = re.compile(r"[;；\n]")

Name = Callable[[str], str]
"""record id -> what stands for it in a cell"""

Find = Callable[[str, str], list[str]]
"""kind and text -> the ids of the records called so"""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a kind's table; `asked` is None for the id."""

    name: str
    labels: tuple[str, str]
    asked: Input | None

    def header(self, language: str) -> str:
        """Return what stands above the column."""
        label = self.labels[0 if language.startswith("zh") else 1]
        unit = label_unit(self.asked.unit if self.asked else None, language)
        return f"{label} ({unit})" if unit else label


def columns_of(kind: str) -> list[Column]:
    """Return the columns of a kind's table; files have none, nor what is kept on pages of its own."""
    elsewhere = ENTRIES[kind].kept_elsewhere if kind in ENTRIES else ()
    asked = [
        Column(i.name, i.labels, i) for i in describe(kind) if i.type not in ("file", "any") and i.name not in elsewhere
    ]
    return [Column(ID_COLUMN, ID_LABELS, None), *asked]


def match_headers(kind: str, headers: list[str]) -> tuple[list[Column | None], dict[int, Fault]]:
    """Return the column of each header, by name or by label in either language, and the faults by number of header.

    A header that is empty has none.
    """
    known: dict[str, Column] = {}
    for each in columns_of(kind):
        spellings = (each.name, *each.labels, each.header("zh"), each.header("en"))
        known |= {fold(spelling): each for spelling in spellings}
    found: list[Column | None] = []
    faults: dict[int, Fault] = {}
    for number, header in enumerate(headers):
        column: Column | None = known.get(fold(header).removesuffix("*").strip())
        if header.strip() and column is None:
            faults[number] = Fault("column_unknown", {"column": header[:80]})
        elif column is not None and column in found:
            faults[number] = Fault("column_repeated", {"column": header[:80]})
        found.append(column)
    return found, faults


def spell_cell(asked: Input, value: Any, language: str, name: Name) -> str:
    """Return what stands in a cell for a value."""
    if value is None:
        return ""
    if asked.type == "list":
        items = [_spell_item(asked.item, item, asked.refers_to, language, name) for item in value]
        if any(item is None or _PARTING.search(item) or item != item.strip() or not item for item in items):
            return json.dumps(value, ensure_ascii=False)
        joined = "; ".join(item for item in items if item)
        return json.dumps(value, ensure_ascii=False) if joined.startswith("[") or not items else joined
    if asked.type == "group":
        return json.dumps(value, ensure_ascii=False)
    return _spell_one(asked, value, asked.refers_to, language, name)


def read_cell(asked: Input, text: str, find: Find) -> Any:
    """Return the value of a cell, or the Fault that it is."""
    if not text.strip():
        return Fault("field_missing", {"field": asked.name}) if asked.required else None
    value = _read_list(asked, text, find) if asked.type == "list" else _read_one(asked, text, asked.refers_to, find)
    if isinstance(value, Fault):
        return value
    return fault_of(asked, value) or value


def _spell_item(asked: Input, item: Any, refers_to: str | None, language: str, name: Name) -> str | None:
    """Return an item of a list as text, or None where only JSON can hold it."""
    if asked.type != "group":
        return _spell_one(asked, item, refers_to, language, name)
    names = [inner.name for inner in asked.inner]
    if len(names) != 2 or set(item) != set(names):
        return None
    first, second = (_spell_one(inner, item[inner.name], inner.refers_to, language, name) for inner in asked.inner)
    return None if ":" in first or "：" in first or first != first.strip() else f"{first}: {second}"


def _spell_one(asked: Input, value: Any, refers_to: str | None, language: str, name: Name) -> str:
    side = 0 if language.startswith("zh") else 1
    if refers_to:
        return name(value)
    if asked.type == "truth":
        return YES_NO[bool(value)][side]
    if asked.type == "choice":
        return label_choice(asked.name, str(value), language)
    return spell_text(asked, value)


def _read_list(asked: Input, text: str, find: Find) -> Any:
    if text.lstrip().startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return Fault("value_invalid", {"field": asked.name, "detail": "not JSON"})
    read: list[Any] = []
    for part in _PARTING.split(text):
        if part.strip():
            value = _read_item(asked, part.strip(), find)
            if isinstance(value, Fault):
                return value
            read.append(value)
    return read or None


def _read_item(asked: Input, text: str, find: Find) -> Any:
    if asked.item.type != "group":
        return _read_one(asked.item, text, asked.refers_to, find)
    first, parted, second = text.replace("：", ":").partition(":")
    if len(asked.item.inner) != 2 or not parted:
        return Fault("value_invalid", {"field": asked.name, "detail": text[:80]})
    group: dict[str, Any] = {}
    for inner, spelled in zip(asked.item.inner, (first, second), strict=True):
        value = _read_one(inner, spelled.strip(), inner.refers_to, find)
        if isinstance(value, Fault):
            return Fault(value.code, {**value.facts, "field": asked.name})
        group[inner.name] = value
    return group


def _read_one(asked: Input, text: str, refers_to: str | None, find: Find) -> Any:
    if refers_to:
        return _read_reference(text.strip(), refers_to, find)
    if asked.type == "choice":
        wanted = fold(text)
        meant = [value for value in asked.choices if wanted in _spellings_of(asked.name, value)]
        return meant[0] if meant else Fault("value_invalid", {"field": asked.name, "detail": _spell_choices(asked)})
    try:
        return read_text(asked, text)
    except ValueError as error:
        return Fault("value_invalid", {"field": asked.name, "detail": str(error)})


def _spell_choices(asked: Input) -> str:
    """Return what a choice may be, in both languages."""
    said = (
        dict.fromkeys(label_choice(asked.name, value, language) for language in ("zh", "en")) for value in asked.choices
    )
    return ", ".join(" / ".join(names) for names in said)


def _read_reference(text: str, kind: str, find: Find) -> Any:
    found = find(kind, text)
    if len(found) == 1:
        return found[0]
    if found:
        return Fault("name_ambiguous", {"text": text[:80], "count": len(found)})
    return Fault("name_unknown", {"text": text[:80], "kind": kind})


def _spellings_of(field: str, value: str) -> set[str]:
    return {fold(spelling) for spelling in (value, *CHOICE_LABELS.get(field, {}).get(value, ()))}


def mentioned(cells: Mapping[str, str], kind: str) -> set[tuple[str, str]]:
    """Return kind and text of all that the cells of a row, by column, may refer to by name."""
    found: set[tuple[str, str]] = set()
    for asked in describe(kind):
        text = cells.get(asked.name, "")
        if asked.refers_to and text.strip():
            parts = _PARTING.split(text) if asked.type == "list" else [text]
            found.update((asked.refers_to, part.strip()) for part in parts if part.strip())
    return found
