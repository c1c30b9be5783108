"""Forms made of the declarations in schemas: what each field asks for, and what was typed means.

Rule 1: nothing typed is lost: what cannot be read stays as text in the form, with its fault beside it.
Rule 2: the names of a form's fields say where a value belongs: `name`, `items.3.label`; a list has the order in
        which its parts came, whatever their numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Final, Literal

from marshmallow import fields, validate

from schemas import KINDS
from schemas.base import UUID_PATTERN, FieldRule, faults_of
from schemas.checks import compile_check
from schemas.merge_rules import MergeRule
from schemas.problems import Fault

InputType = Literal[
    "text", "long_text", "code", "whole", "money", "decimal", "truth", "choice", "day", "instant", "reference", "file",
    "list", "group", "any",
]  # fmt: skip

LONG_TEXT: Final = 300
"""A text of more characters is written on several lines."""

CENTS: Final = "0.01 CNY"
"""The unit of prices, which people type in yuan."""

_LOOSE_REFERENCES: Final = {"model_ids": "model", "part_id": "part", "centre_id": "service_centre"}
"""Fields that hold ids of a kind without being declared as references: lists of ids, ids inside groups."""

_YES: Final = frozenset({"true", "yes", "on", "1", "y", "是", "有"})
_NO: Final = frozenset({"false", "no", "off", "0", "n", "否", "无"})


@dataclass(frozen=True, slots=True)
class Input:
    """What a form asks for one field."""

    name: str
    labels: tuple[str, str]
    type: InputType
    declared: Any = field(repr=False, compare=False)
    required: bool = False
    unit: str | None = None
    least: int | None = None
    most: int | None = None
    choices: tuple[str, ...] = ()
    refers_to: str | None = None
    is_frozen: bool = False
    """Set once: a value that stands is shown and not asked for."""
    inner: tuple[Input, ...] = ()
    """The one item of a list, or the fields of a group."""

    def label(self, language: str) -> str:
        """Return what the field is called."""
        return self.labels[0 if language.startswith("zh") else 1]

    @property
    def item(self) -> Input:
        """What a list is made of."""
        return self.inner[0]


@cache
def describe(kind: str) -> tuple[Input, ...]:
    """Return what a form asks for each field of a kind, in the order of the declaration."""
    return tuple(_describe(name, declared) for name, declared in KINDS[kind].fields.items())


@cache
def input_of(kind: str, name: str) -> Input:
    """Return what a form asks for one field."""
    return next(asked for asked in describe(kind) if asked.name == name)


def _describe(name: str, declared: Any) -> Input:
    rule: FieldRule | None = declared.metadata.get("rule")
    labels = (rule.label_zh, rule.label_en) if rule else (name, name)
    checks = {type(check): check for check in declared.validators}
    lengths, numbers, among = (checks.get(kind) for kind in (validate.Length, validate.Range, validate.OneOf))
    limits = lengths or numbers
    return Input(
        name,
        labels,
        _type_of(declared, rule, checks),
        declared,
        declared.required,
        rule.unit if rule else None,
        limits.min if limits else None,
        limits.max if limits else None,
        tuple(among.choices) if among else (),
        _target_of(name, declared, rule),
        bool(rule and rule.merge is MergeRule.FROZEN),
        _inner_of(name, declared),
    )


def _type_of(declared: Any, rule: FieldRule | None, checks: Mapping[type, Any]) -> InputType:
    simple: tuple[tuple[type, InputType], ...] = (
        (fields.List, "list"),
        (fields.Nested, "group"),
        (fields.Boolean, "truth"),
        (fields.Integer, "money" if rule and rule.unit == CENTS else "whole"),
    )
    for field_class, found in simple:
        if isinstance(declared, field_class):
            return found
    if not isinstance(declared, fields.String):
        return "any"
    if validate.OneOf in checks:
        return "choice"
    wire: dict[str, InputType] = {
        "instant": "instant", "day": "day", "decimal": "decimal", "sha256": "file", "reference": "reference"
    }  # fmt: skip
    if declared.metadata.get("wire") in wire:
        return wire[declared.metadata["wire"]]
    if validate.Regexp in checks:
        return "reference" if checks[validate.Regexp].regex.pattern == UUID_PATTERN else "code"
    return "long_text" if checks[validate.Length].max > LONG_TEXT else "text"


def _target_of(name: str, declared: Any, rule: FieldRule | None) -> str | None:
    if rule and rule.refers_to:
        return rule.refers_to
    if isinstance(declared, fields.List):
        patterns = [c.regex.pattern for c in declared.inner.validators if isinstance(c, validate.Regexp)]
        return _LOOSE_REFERENCES.get(name) if patterns == [UUID_PATTERN] else None
    return _LOOSE_REFERENCES.get(name)


def _inner_of(name: str, declared: Any) -> tuple[Input, ...]:
    if isinstance(declared, fields.List):
        return (_describe(name, declared.inner),)
    if isinstance(declared, fields.Nested):
        return tuple(_describe(inner_name, inner) for inner_name, inner in declared.schema.fields.items())
    return ()


def read_form(inputs: Iterable[Input], typed: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Fault]]:
    """Return the values of a form, and the fault of each field that cannot be so, by the field's place.

    A field that the form does not have is left out; an empty one is None. What cannot be read stays as it was typed.
    """
    values: dict[str, Any] = {}
    faults: dict[str, Fault] = {}
    for asked in inputs:
        if _is_asked(typed, asked.name):
            values[asked.name] = _read(asked, typed, asked.name, faults)
    return values, faults


def flatten(inputs: Iterable[Input], values: Mapping[str, Any]) -> dict[str, str]:
    """Return the texts of a form's fields for some values, by place."""
    typed: dict[str, str] = {}
    for asked in inputs:
        _flatten(asked, values.get(asked.name), asked.name, typed)
    return typed


def _flatten(asked: Input, value: Any, place: str, typed: dict[str, str]) -> None:
    if asked.type == "list":
        typed[place] = ""
        for number, item in enumerate(value or ()):
            _flatten(asked.item, item, f"{place}.{number}", typed)
    elif asked.type == "group":
        typed[place] = ""
        for inner in asked.inner:
            _flatten(inner, (value or {}).get(inner.name), f"{place}.{inner.name}", typed)
    else:
        typed[place] = spell_text(asked, value)


def input_at(inputs: Iterable[Input], place: str) -> Input | None:
    """Return what a form asks for at a place such as ``items.2.low``, or None when it has no such place."""
    first, *rest = place.split(".")
    found = next((asked for asked in inputs if asked.name == first), None)
    for step in rest:
        if found is not None and found.type == "list":
            found = found.item if step.isdigit() else None
        elif found is not None:
            found = next((inner for inner in found.inner if inner.name == step), None)
    return found


def fault_inside(asked: Input, value: Any, place: str) -> dict[str, Fault]:
    """Return what the declaration has against a value and against all that is in it, each by its place."""
    faults: dict[str, Fault] = {}
    if asked.type == "list" and isinstance(value, list):
        for number, item in enumerate(value):
            faults |= fault_inside(asked.item, item, f"{place}.{number}")
    elif asked.type == "group" and isinstance(value, dict):
        for inner in asked.inner:
            faults |= fault_inside(inner, value.get(inner.name), f"{place}.{inner.name}")
    if not faults and (fault := fault_of(asked, value)):
        faults[place] = fault
    return faults


def reference_places(inputs: Iterable[Input], typed: Mapping[str, str]) -> Iterator[tuple[str, Input]]:
    """Yield the places of a form that name other records, each with what it asks for."""
    for asked in inputs:
        yield from _reference_places(asked, asked.name, typed, asked.refers_to)


def _reference_places(
    asked: Input, place: str, typed: Mapping[str, str], refers_to: str | None
) -> Iterator[tuple[str, Input]]:
    if asked.type == "list":
        for number in numbers_in(typed, place):
            yield from _reference_places(asked.item, f"{place}.{number}", typed, refers_to)
    elif asked.type == "group":
        for inner in asked.inner:
            yield from _reference_places(inner, f"{place}.{inner.name}", typed, inner.refers_to)
    elif refers_to and place in typed:
        yield place, replace(asked, refers_to=refers_to)


def numbers_in(typed: Mapping[str, str], place: str) -> list[str]:
    """Return the numbers of a list's items in their order."""
    return list(dict.fromkeys(_next_part(name, place) for name in typed if name.startswith(f"{place}.")))


def rearrange(typed: Mapping[str, str], act: str) -> dict[str, str]:
    """Return a form after one act on a list: ``add:items``, ``remove:items.2``, ``up:items.2``, ``down:items.2``.

    What is no such act changes nothing.
    """
    verb, _, place = act.partition(":")
    if verb == "add":
        numbers = [int(number) for number in numbers_in(typed, place) if number.isdigit()]
        return {**typed, f"{place}.{max(numbers, default=-1) + 1}": ""}
    parent, _, number = place.rpartition(".")
    if verb == "remove":
        return {name: text for name, text in typed.items() if not _is_within(name, place)}
    order = numbers_in(typed, parent)
    if verb not in ("up", "down") or number not in order:
        return dict(typed)
    at = order.index(number)
    to = max(0, min(len(order) - 1, at + (1 if verb == "down" else -1)))
    order.insert(to, order.pop(at))
    outside = {name: text for name, text in typed.items() if not name.startswith(f"{parent}.")}
    inside = {name: text for moved in order for name, text in typed.items() if _is_within(name, f"{parent}.{moved}")}
    return outside | inside


def _is_within(name: str, place: str) -> bool:
    return name == place or name.startswith(f"{place}.")


def fault_of(asked: Input, value: Any) -> Fault | None:
    """Return what the declaration has against a value, or None."""
    if value is None:
        return Fault("field_missing", {"field": asked.name}) if asked.required else None
    if _check_of(asked.declared)(value):
        return None
    return Fault("value_invalid", {"field": asked.name, "detail": "; ".join(faults_of(asked.declared, value))})


def read_text(asked: Input, text: str) -> Any:
    """Return the value that a typed text means; None when it is empty. Raises ValueError when it means nothing."""
    text = text if asked.type == "long_text" else text.strip()
    text = text.replace("\r\n", "\n")
    if not text.strip():
        return None
    if asked.type == "truth":
        if text.casefold() not in _YES | _NO:
            raise ValueError("是 / 否, yes / no")
        return text.casefold() in _YES
    if asked.type == "whole":
        if not re.fullmatch(r"-?[0-9]{1,16}", text):
            raise ValueError("12")
        return int(text)
    if asked.type == "money":
        return _read_money(text)
    return text


def _read_money(text: str) -> int:
    try:
        amount = Decimal(text.replace(",", "").removeprefix("¥").strip())
    except InvalidOperation:
        raise ValueError("680.00") from None
    cents = amount * 100 if amount.is_finite() and abs(amount) < 10**13 else None
    if cents is None or cents != int(cents):
        raise ValueError("680.00")
    return int(cents)


def spell_text(asked: Input, value: Any) -> str:
    """Return a value as it stands in a form."""
    if value is None:
        return ""
    if asked.type == "money" and isinstance(value, int):
        return f"{value // 100}.{value % 100:02d}"
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def _check_of(declared: Any) -> Any:
    return compile_check(declared)


def _is_asked(typed: Mapping[str, str], place: str) -> bool:
    return place in typed or any(name.startswith(f"{place}.") for name in typed)


def _read(asked: Input, typed: Mapping[str, str], place: str, faults: dict[str, Fault]) -> Any:
    if asked.type == "list":
        items = [_read(asked.item, typed, f"{place}.{number}", faults) for number in numbers_in(typed, place)]
        value: Any = [item for item in items if item not in (None, {})] or None
    elif asked.type == "group":
        read = {inner.name: _read(inner, typed, f"{place}.{inner.name}", faults) for inner in asked.inner}
        value = {name: inner for name, inner in read.items() if inner is not None} or None
    else:
        try:
            value = read_text(asked, typed.get(place, ""))
        except ValueError as error:
            faults[place] = Fault("value_invalid", {"field": asked.name, "detail": str(error)})
            return typed.get(place, "")
    if not any(inner.startswith(f"{place}.") for inner in faults) and (value is not None or asked.type != "group"):
        fault = _fault_in(asked, value, place, is_item="." in place)
        if fault is not None:
            faults[place] = fault
    return value


def _fault_in(asked: Input, value: Any, place: str, is_item: bool) -> Fault | None:
    if value is None and is_item and place.rpartition(".")[2].isdigit():
        return None
    return fault_of(asked, value)


def _next_part(name: str, place: str) -> str:
    return name[len(place) + 1 :].split(".")[0]
