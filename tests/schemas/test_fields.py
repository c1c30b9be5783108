"""Every declared field: what it takes, and that its quick check and marshmallow always agree."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from marshmallow import fields, validate

from schemas import KINDS
from schemas.base import DAY_PATTERN, DECIMAL_PATTERN, INSTANT_PATTERN, KEY_PATTERN, Part, faults_of, group, many, text
from schemas.checks import compile_check
from schemas.equipment import GTIN_PATTERN
from tests.schemas.values import ANY_JSON, EDGES, right_values

ALL_FIELDS = [(f"{kind.name}.{name}", field) for kind in KINDS.values() for name, field in kind.fields.items()]
"""Every field of every kind, and what to call it when something is wrong with it."""


@pytest.mark.parametrize("kind", KINDS)
def test_the_quick_check_agrees_with_marshmallow_at_every_limit(kind: str) -> None:
    checks = KINDS[kind].checks

    differing = [
        (name, str(value)[:60])
        for name, field in KINDS[kind].fields.items()
        for value in EDGES
        if checks[name](value) != (not faults_of(field, value))
    ]

    assert differing == []


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(data=st.data())
def test_the_quick_check_agrees_with_marshmallow_on_any_json(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(KINDS[kind].fields)))
    value = data.draw(ANY_JSON)

    taken = KINDS[kind].checks[name](value)

    assert taken == (not faults_of(KINDS[kind].fields[name], value))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(data=st.data())
def test_a_value_made_from_the_declaration_is_taken_by_both(kind: str, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(KINDS[kind].fields)))
    value = data.draw(right_values(KINDS[kind].fields[name]))

    assert KINDS[kind].checks[name](value)
    assert faults_of(KINDS[kind].fields[name], value) == []


@pytest.mark.parametrize(("name", "field"), ALL_FIELDS, ids=[name for name, _ in ALL_FIELDS])
def test_a_field_is_left_empty_only_when_the_record_can_do_without_it(name: str, field: Any) -> None:
    check = compile_check(field)

    assert check(None) != field.required
    assert bool(faults_of(field, None)) == field.required


@pytest.mark.parametrize(("name", "field"), ALL_FIELDS, ids=[name for name, _ in ALL_FIELDS])
def test_a_field_has_a_limit_and_labels_in_both_languages(name: str, field: Any) -> None:
    rule = field.metadata["rule"]

    assert rule.label_zh and rule.label_en and rule.label_zh != rule.label_en
    assert field.validators or isinstance(field, fields.Boolean | fields.Nested | fields.Raw)
    assert not isinstance(field, fields.Float | fields.Decimal | fields.DateTime)


@pytest.mark.parametrize(
    ("value", "kind", "field"),
    [
        (1, "work_order", "number"),
        (b"GD-1", "work_order", "number"),
        ("3", "checklist", "version"),
        (True, "checklist", "version"),
        (3.0, "checklist", "version"),
        ("true", "site", "remote"),
        (1, "site", "remote"),
        (("engineer",), "person", "roles"),
        ("engineer", "person", "roles"),
        ("{}", "conflict", "office_provenance"),
    ],
)
def test_a_value_of_another_type_is_not_read_as_the_right_one(value: Any, kind: str, field: str) -> None:
    assert not KINDS[kind].checks[field](value)


@pytest.mark.parametrize(
    ("pattern", "spelling"),
    [
        (DAY_PATTERN, "2026-11-21"),
        (INSTANT_PATTERN, "2026-11-21T02:15:59.123Z"),
        (DECIMAL_PATTERN, "12.5"),
        (GTIN_PATTERN, "04012345678901"),
        (KEY_PATTERN, "rotor_2"),
    ],
)
def test_a_number_has_one_spelling(pattern: str, spelling: str) -> None:
    other_scripts = [
        spelling[:place] + chr(zero + int(digit)) + spelling[place + 1 :]
        for place, digit in enumerate(spelling)
        if digit.isdigit()
        for zero in (0x660, 0xFF10)
    ]

    assert re.match(pattern, spelling)
    assert [other for other in (*other_scripts, spelling + "\n") if re.match(pattern, other)] == []


def test_what_is_wrong_inside_a_list_of_groups_says_where() -> None:
    items = KINDS["checklist"].fields["items"]

    faults = faults_of(items, [{"key": "noise", "label": "异响", "type": "yes_no"}, {"key": "9", "label": "速度"}])

    assert sorted(fault.split(": ")[:2] for fault in faults) == [["1", "key"], ["1", "type"]]


def test_unknown_names_in_a_group_are_kept() -> None:
    skills = KINDS["person"].fields["skills"]
    written = [{"family": "shaker", "level": "senior", "since": "2024-01-01", "a.b": 1, "a": 2}]

    assert skills.deserialize(written) == written
    assert KINDS["person"].checks["skills"](written)


def test_a_group_in_a_group_is_checked_all_the_way_down() -> None:
    class Inner(Part):
        """What lies innermost."""

        name = text("名", "Name", most=3, required=True)

    class Outer(Part):
        """What holds it."""

        inner = many("内", "Inner", group("内", "Inner", Inner, required=True), required=True)

    check = compile_check(group("外", "Outer", Outer))

    assert check(None) and check({"inner": []}) and check({"inner": [{"name": "abc"}]})
    assert not check({}) and not check({"inner": [{}]}) and not check({"inner": [{"name": "abcd"}]})


def test_a_validator_without_a_quick_form_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="no compiled form"):
        compile_check(fields.String(validate=validate.Email()))

    with pytest.raises(TypeError, match="no compiled form"):
        compile_check(fields.String(validate=validate.Length(min=1)))
