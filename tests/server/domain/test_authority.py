"""Who may write what, as far as a change and its author tell."""

from __future__ import annotations

import pytest

from schemas import KINDS
from server.domain.authority import FIELD_NAME_MOST, Author, fault_by_schema, fault_of_author
from sync.changeset import Change


def person(*roles: str, on_office_device: bool = False) -> Author:
    return Author("p", frozenset(roles), on_office_device)


@pytest.mark.parametrize(
    ("author", "device_person", "code"),
    [
        (person("engineer"), "p", None),
        (person("engineer"), "q", "wrong_actor"),
        (person("dispatcher", on_office_device=True), "q", None),
        (person("engineer", on_office_device=True), "q", "wrong_actor"),
        (person(on_office_device=True), "q", "wrong_actor"),
    ],
)
def test_a_device_writes_in_its_own_persons_name(author: Author, device_person: str, code: str | None) -> None:
    fault = fault_of_author(author, device_person)

    assert (fault.code if fault else None) == code


def test_office_roles_write_as_the_office_from_any_device() -> None:
    assert person("dispatcher").from_office and person("stock_keeper").from_office
    assert not person("engineer").from_office and not person("auditor").from_office
    assert person("auditor", on_office_device=True).from_office


def test_who_manages_moves_orders_as_a_dispatcher_does() -> None:
    assert "dispatcher" in person("manager").move_roles
    assert "dispatcher" not in person("engineer").move_roles
    assert "dispatcher" not in person("stock_keeper").move_roles


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_kind_can_be_created_empty(kind: str) -> None:
    fault = fault_by_schema(Change(kind, "r", "create", {}, {}))

    assert fault is not None and fault.code == "field_missing"


@pytest.mark.parametrize("kind", sorted(name for name, kind in KINDS.items() if kind.is_fact))
@pytest.mark.parametrize("op", ["update", "delete"])
def test_no_fact_is_edited(kind: str, op: str) -> None:
    fault = fault_by_schema(Change(kind, "r", op, {}, {}))  # type: ignore[arg-type]

    assert fault is not None and fault.code == "fact_is_final"


def test_a_field_a_newer_client_knows_is_kept_if_a_conflict_could_name_it() -> None:
    longest = "a" * FIELD_NAME_MOST

    assert fault_by_schema(Change("site", "s", "update", {longest: 1}, {longest: 2})) is None
    assert fault_by_schema(Change("site", "s", "update", {longest + "a": 1}, {longest + "a": 2})) is not None
    assert KINDS["conflict"].checks["field"](longest)
