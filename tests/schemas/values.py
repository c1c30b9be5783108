"""Values for declared fields: right ones made from the declaration, and any JSON at all."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from marshmallow import fields, validate

from schemas.base import WHOLE_NUMBER_MAX

SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.text(max_size=12), st.floats()
)
KEYS = st.one_of(st.text(max_size=4), st.sampled_from(["key", "label", "type", "a", "a.b", "component", "months"]))
ANY_JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=8,
)
"""Every JSON value, also those that no field takes."""

EDGES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 1.0, 240, 241, WHOLE_NUMBER_MAX, WHOLE_NUMBER_MAX + 1, "", " ", "x",
    "x" * 40, "x" * 41,
    "x" * 80, "x" * 81, "x" * 200, "x" * 201, "字" * 500, "字" * 501, "x" * 4001, "x" * 60_001, "a\n",
    "\u0000", "1", "true",
    "2026-11-21", "2026-11-21\n", "2026-13-01", "2026-11-32", "26-11-21", "2026-11-21T02:15:59Z",
    "2026-11-21T02:15:59.123Z",
    "2026-11-21T02:15:59.12Z", "2026-11-21T24:00:00Z", "2026-11-21T02:15:60Z", "2026-11-21T02:15:59+08:00",
    "2026-11-21 02:15:59Z", "-0", "0", "00", "1.", ".1", "1.5", "-1.123456789", "1.1234567890", "1e5",
    "1" * 15, "1" * 16,
    "a" * 64, "A" * 64, "g" * 64, "a" * 63, "01933e5c-0000-7000-8000-000000000001",
    "01933E5C-0000-7000-8000-00000000000A",
    "01933e5c000070008000000000000001", "04012345678901", "4012345678901", "image/jpeg", "image/gif",
    "mini_centrifuge",
    "9abc", [], [None], ["x"], ["x" * 41], [1], [[]], ["x"] * 500, ["x"] * 501, {}, {"a": 1}, {"a": 1,
    "a.b": 2}, [{}],
    [{"component": "rotor", "months": 12}], [{"component": "rotor", "months": 12, "more": {"a.b": 1}}],
    [{"component": "rotor"}], [{"component": None, "months": 12}], [{"family": "shaker", "level": "senior"}],
    {"actor_id": "01933e5c-0000-7000-8000-000000000001", "position": 1}, {"position": -1}, {"position": None},
)  # fmt: skip
"""Values at and just beyond the limits that fields have."""


def right_values(field: Any) -> st.SearchStrategy[Any]:
    """Return values that a declared field should take, made from its declaration."""
    values = _values_of_type(field)
    return st.one_of(st.none(), values) if field.allow_none else values


def _values_of_type(field: Any) -> st.SearchStrategy[Any]:
    if isinstance(field, fields.List):
        return st.lists(right_values(field.inner), max_size=3)
    if isinstance(field, fields.Nested):
        inner = {name: right_values(value) for name, value in field.schema.fields.items()}
        needed = {name for name, value in field.schema.fields.items() if value.required}
        optional = {name: values for name, values in inner.items() if name not in needed}
        return st.fixed_dictionaries({name: inner[name] for name in needed}, optional=optional)
    if isinstance(field, fields.Boolean):
        return st.booleans()
    (validator,) = field.validators or (None,)
    if isinstance(field, fields.Integer):
        return st.integers(validator.min, validator.max)
    if isinstance(validator, validate.OneOf):
        return st.sampled_from(validator.choices)
    if isinstance(validator, validate.Regexp):
        return st.from_regex(validator.regex, fullmatch=True)
    if isinstance(validator, validate.Length):
        return st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=validator.min, max_size=20)
    return ANY_JSON
