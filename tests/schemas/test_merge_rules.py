"""Merge rules fit what the fields mean: nothing that identifies or was signed is settled by a clock."""

from __future__ import annotations

import re
from typing import Any

import pytest
from marshmallow import fields

from schemas import KINDS, MergeRule
from schemas.base import sha256

ALL = [(kind, name, field) for kind in KINDS.values() for name, field in kind.fields.items()]
NAMED = [f"{kind.name}.{name}" for kind, name, _ in ALL]
IDENTIFIES = re.compile(r"serial|batch|gtin|number$|public_key|sha256|certificate|_id$|code$")


@pytest.mark.parametrize(("kind", "name", "field"), ALL, ids=NAMED)
def test_nothing_that_identifies_is_left_to_the_later_clock(kind: Any, name: str, field: Any) -> None:
    rule = field.metadata["rule"].merge

    assert not (rule is MergeRule.LATEST and IDENTIFIES.search(name))
    assert not (rule is MergeRule.LATEST and (kind.is_fact or field.required))


@pytest.mark.parametrize(("kind", "name", "field"), ALL, ids=NAMED)
def test_only_lists_are_united(kind: Any, name: str, field: Any) -> None:
    is_united = field.metadata["rule"].merge is MergeRule.UNION

    assert not is_united or isinstance(field, fields.List)
    assert not is_united or isinstance(field.inner, fields.String), "members are compared as a set, so they are text"


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("machine", "serial"),
        ("model", "gtin"),
        ("part", "part_number"),
        ("batch", "number"),
        ("part_fitted", "serial"),
        ("part_fitted", "batch"),
        ("job_sheet", "content"),
        ("signature", "job_sheet_sha256"),
        ("signature", "signer_name"),
        ("device", "public_key"),
    ],
)
def test_serials_batches_keys_and_signed_content_are_set_once(kind: str, field: str) -> None:
    assert KINDS[kind].merge_rule(field) is MergeRule.FROZEN


@pytest.mark.parametrize("field", ["status", "diagnosis", "remedy", "appointment_at", "result", "symptom"])
def test_what_office_and_field_may_both_say_of_an_order_asks_a_person(field: str) -> None:
    assert KINDS["work_order"].merge_rule(field) is MergeRule.ASK


@pytest.mark.parametrize(
    ("kind", "field"),
    [("work_order", "engineer_id"), ("person", "roles"), ("device", "state"), ("batch", "recalled_on")],
)
def test_what_grants_or_takes_rights_is_written_by_the_office(kind: str, field: str) -> None:
    assert KINDS[kind].merge_rule(field) is MergeRule.OFFICE


def test_a_file_is_named_once_unless_a_declaration_says_otherwise() -> None:
    assert sha256("文件", "File").metadata["rule"].merge is MergeRule.FROZEN
    assert sha256("文件", "File", merge=MergeRule.ASK).metadata["rule"].merge is MergeRule.ASK
