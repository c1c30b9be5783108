"""How records of master data are shown and asked for: their values in words, their forms with all that was typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from flask import request
from markupsafe import Markup
from sqlalchemy import Connection

from pages.language import choose_language
from pages.wording import spell_price
from schemas import KINDS
from schemas.choice_labels import CHOICE_LABELS, label_choice, label_unit
from schemas.problems import Fault, Refused
from schemas.shown_text import show_text
from server.desk.visit import speech
from server.domain.catalogue import ENTRIES, Entry
from server.domain.forms import Input, describe, input_at, input_of, numbers_in, read_form, rearrange
from server.services import catalogue
from server.services.catalogue import resolve_references, tell_fault

FAMILY_LABELS = frozenset({"Family", "Machine family"})

Values = dict[str, Any]


def entry_of(kind: str) -> Entry:
    """Return how a kind is kept. Raises Refused with `not_found`."""
    if kind not in ENTRIES:
        raise Refused("not_found", what=kind)
    return ENTRIES[kind]


def label_kind(kind: str) -> str:
    """Return what people call a kind, in the reader's language."""
    return speech()(*KINDS[kind].schema.label)


@dataclass(frozen=True)
class RecordView:
    """Says the values of a kind's records; `titles` are what the records are called that they refer to."""

    kind: str
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def entry(self) -> Entry:
        """How the kind is kept."""
        return ENTRIES[self.kind]

    @property
    def name(self) -> str:
        """What the kind is called."""
        return label_kind(self.kind)

    def columns(self) -> list[Input]:
        """Return what lists show."""
        return [input_of(self.kind, name) for name in self.entry.columns]

    def sections(self) -> list[tuple[str, list[Input]]]:
        """Return the fields in their groups; those in none come last, or first where there are no groups."""
        declared = {asked.name: asked for asked in describe(self.kind)}
        grouped = [
            (speech()(*labels), [declared.pop(name) for name in names if name in declared])
            for labels, names in self.entry.sections
        ]
        if declared:
            grouped.append((speech()("其他", "Further") if grouped else "", list(declared.values())))
        return grouped

    def label(self, asked: Input) -> str:
        """Return what a field is called, with its unit."""
        unit = label_unit(asked.unit, choose_language())
        return f"{speech()(*asked.labels)} ({unit})" if unit else speech()(*asked.labels)

    def text(self, asked: Input, value: Any, refers_to: str | None = None) -> str:
        """Return a value in words; a dash where there is none."""
        if value is None or value == []:
            return "—"
        refers_to = refers_to or asked.refers_to
        if isinstance(value, list):
            return "、".join(self.text(asked.item, item, refers_to) for item in value)
        if isinstance(value, dict):
            inner = {one.name: one for one in asked.inner}
            told = [self.text(inner[name], item) for name, item in value.items() if name in inner]
            return " · ".join(told)
        if refers_to:
            return speech().value("", self.titles.get(value) or value)
        if asked.type == "truth":
            return speech()("是", "Yes") if value else speech()("否", "No")
        if isinstance(value, str) and asked.name in CHOICE_LABELS:
            return label_choice(asked.name, value, choose_language())
        if asked.type == "money" and isinstance(value, int):
            return spell_price(value)
        return speech().time(value) if asked.type == "instant" else show_text(str(value))

    def text_of(self, name: str, value: Any) -> str:
        """Return the value of a field by its name in words; a field unknown here as it is."""
        if name not in KINDS[self.kind].fields:
            return show_text(str(value))
        return self.text(input_of(self.kind, name), value)

    def label_of(self, name: str) -> str:
        """Return what a field is called, by its name."""
        return self.label(input_of(self.kind, name)) if name in KINDS[self.kind].fields else name

    def target(self, asked: Input, value: Any) -> str | None:
        """Return the address of the record that a value refers to, or None."""
        if asked.type == "reference" and asked.refers_to in ENTRIES and value:
            return f"/desk/catalogue/{asked.refers_to}/{value}"
        return None

    def narrowed(self) -> list[Input]:
        """Return the choices and truths among the columns, by which a list is narrowed."""
        return [asked for asked in self.columns() if asked.type in ("choice", "truth")]


@dataclass
class RecordForm:
    """A form with what was typed; `faults` are sentences by place, `seen` the record as its author saw it."""

    view: RecordView
    inputs: list[Input]
    typed: dict[str, str]
    faults: dict[str, str] = field(default_factory=dict)
    seen: Values = field(default_factory=dict)
    families: list[str] = field(default_factory=list)
    focus: str = ""

    def text(self, place: str) -> str:
        """Return what stands in a field."""
        return self.typed.get(place, "")

    def named(self, place: str) -> str:
        """Return what the record is called that a field names, or what was typed."""
        return self.view.titles.get(self.text(place)) or self.text(place)

    def numbers(self, place: str) -> list[str]:
        """Return the numbers of a list's items in their order."""
        return numbers_in(self.typed, place)

    def fault(self, place: str) -> str:
        """Return what is wrong with a field."""
        return self.faults.get(place, "")

    def marks(self, place: str) -> Markup:
        """Return the attributes of a field that is wrong, or at work."""
        wrong = Markup(' aria-invalid="true" aria-describedby="f-{}"').format(place) if self.fault(place) else Markup()
        return wrong + (Markup(" autofocus") if self.focus == place else Markup())

    def choices(self, asked: Input) -> list[tuple[str, str]]:
        """Return value and words of each choice."""
        return [(value, label_choice(asked.name, value, choose_language())) for value in asked.choices]

    def is_shown_only(self, asked: Input) -> bool:
        """Tell whether a field is not asked for: it is set once, or kept on a page of its own."""
        elsewhere = asked.name in self.view.entry.kept_elsewhere or asked.type in ("file", "any")
        return elsewhere or (asked.is_frozen and self.seen.get(asked.name) is not None)

    def is_asked(self, asked: Input) -> bool:
        """Tell whether a field has a place in the form at all."""
        return not self.is_shown_only(asked) or bool(self.seen)

    def is_family(self, asked: Input) -> bool:
        """Tell whether a field is the code of a family of machines."""
        return asked.labels[1] in FAMILY_LABELS

    def spell_seen(self) -> str:
        """Return what the author saw, as the form carries it."""
        return orjson.dumps(self.seen).decode()

    def sections(self) -> list[tuple[str, list[Input]]]:
        """Return the fields in their groups."""
        return self.view.sections()


@dataclass(frozen=True, slots=True)
class Sent:
    """A form that came back: its values, or the form to be shown again."""

    form: RecordForm
    values: Values
    act: str


def read_sent(connection: Connection, organisation: str, kind: str, families: list[str]) -> Sent:
    """Return the form of this request, read; with faults, or after an act on a list, it is to be shown again."""
    inputs = list(describe(kind))
    typed = {name: text for name, text in request.form.items() if not name.startswith("_")}
    act = request.form.get("_act", "")
    if act:
        typed = rearrange(typed, act)
    read, unnamed, titles = resolve_references(connection, organisation, inputs, typed)
    values, faults = read_form(inputs, read)
    form = RecordForm(RecordView(kind, titles), inputs, read, seen=read_seen(), families=families)
    if act:
        form.focus = focus_of(inputs, act, read)
    else:
        form.faults = tell_faults(kind, {**faults, **unnamed})
    return Sent(form, values, act)


def tell_faults(kind: str, faults: Mapping[str, Fault]) -> dict[str, str]:
    """Return the sentences of faults by place."""
    return {
        place: tell_fault(kind, _name_field(kind, place, fault), choose_language()) for place, fault in faults.items()
    }


def _name_field(kind: str, place: str, fault: Fault) -> Fault:
    """Return a fault with the field called as people call it, also where it is inside a list."""
    asked = input_at(describe(kind), place)
    if asked is None or "field" not in fault.facts or "." not in place:
        return fault
    return Fault(fault.code, {**fault.facts, "field": speech()(*asked.labels)})


def focus_of(inputs: list[Input], act: str, typed: Mapping[str, str]) -> str:
    """Return the field that is at work after an act on a list: of what was added, or of what was moved."""
    verb, _, place = act.partition(":")
    if verb == "add":
        numbers = numbers_in(typed, place)
        place = f"{place}.{numbers[-1]}" if numbers else place
    asked = input_at(inputs, place)
    if asked is not None and asked.type == "group":
        return f"{place}.{next(inner.name for inner in asked.inner if inner.name != 'key')}"
    return place


def read_seen() -> Values:
    """Return what the author of this request's form saw; nothing where that cannot be read."""
    try:
        seen = orjson.loads(request.form.get("_seen", "") or "{}")
    except orjson.JSONDecodeError:
        return {}
    return seen if isinstance(seen, dict) else {}


def list_families(connection: Connection, organisation: str) -> list[str]:
    """Return the families of machines that there are models of."""
    page = catalogue.list_records(connection, organisation, "model", limit=500)
    return sorted({row.body["family"] for row in page.rows})
