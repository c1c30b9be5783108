"""Forms made of declarations: what a record says comes back from its form as it was, whatever its kind."""

from __future__ import annotations

from typing import Any

import pytest

from schemas import KINDS
from server.demo import models, parts
from server.domain.catalogue import ENTRIES
from server.domain.forms import describe, flatten, numbers_in, read_form, rearrange

RECORDS = [
    *models.models(),
    *models.checklists(),
    *parts.parts(),
    *parts.batches(),
    *parts.suppliers(),
]


def test_the_demo_s_records_are_of_many_kinds() -> None:
    assert {record.kind for record in RECORDS} == {"model", "checklist", "part", "batch", "supplier"}


@pytest.mark.parametrize("kind", sorted({record.kind for record in RECORDS}))
def test_a_form_says_what_the_record_says(kind: str) -> None:
    for record in RECORDS:
        if record.kind == kind:
            values, faults = read_form(describe(kind), flatten(describe(kind), record.values))
            assert faults == {}
            assert _without_empty(values) == _without_empty(record.values)


@pytest.mark.parametrize("kind", sorted(ENTRIES))
def test_an_empty_form_lacks_what_is_required_and_nothing_else(kind: str) -> None:
    _values, faults = read_form(describe(kind), flatten(describe(kind), {}))

    assert {place: fault.code for place, fault in faults.items()} == dict.fromkeys(
        KINDS[kind].required, "field_missing"
    )


def test_what_cannot_be_read_stays_as_it_was_typed() -> None:
    typed = {"part_number": "A", "name": "b", "price_cents": "cheap", "warranty_months": "9" * 30, "gtin": "12"}

    values, faults = read_form(describe("part"), typed)

    assert (values["price_cents"], values["warranty_months"], values["gtin"]) == ("cheap", "9" * 30, "12")
    assert set(faults) == {"price_cents", "warranty_months", "gtin"}


def test_items_are_added_moved_and_removed_with_all_that_was_typed() -> None:
    typed = {"name": "x", "items": "", "items.0": "", "items.0.label": "a", "items.1": "", "items.1.label": "b"}

    added = rearrange(typed, "add:items")
    moved = rearrange(added, "up:items.1")
    removed = rearrange(moved, "remove:items.0")

    assert numbers_in(added, "items") == ["0", "1", "2"]
    assert numbers_in(moved, "items") == ["1", "0", "2"]
    assert moved["items.1.label"] == "b"
    assert numbers_in(removed, "items") == ["1", "2"]
    assert rearrange(typed, "down:items.1") == rearrange(typed, "nonsense") == typed


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_empty(inner) for name, inner in value.items() if inner is not None and inner != []}
    return [_without_empty(inner) for inner in value] if isinstance(value, list) else value
