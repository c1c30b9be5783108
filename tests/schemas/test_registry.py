"""The registry of record kinds: what the declarations add up to."""

from __future__ import annotations

import re

import pytest

from schemas import KINDS, SCHEMA_VERSION, Audience, Kind, MergeRule, Nature, kind_of
from schemas.base import FieldRule
from schemas.evidence import BLOB_FIELDS, PHOTO_PURPOSE_LABELS, PHOTO_PURPOSES
from schemas.order import GRADE_LABELS, GRADES
from schemas.people import OFFICE_ROLES, ROLES
from sync.blobs import RANKS

RULES = [(kind.name, name, rule) for kind in KINDS.values() for name, rule in kind.rules.items()]
NOT_OF_A_VISIT = ("stock_move", "stock_count", "inquiry_answer", "recalled_part", "recall_correction", "erasure")
NAMED = [f"{kind}.{name}" for kind, name, _ in RULES]


def test_a_kind_is_found_by_its_name() -> None:
    assert kind_of("work_order") is KINDS["work_order"]
    assert kind_of("time_machine") is None
    assert all(kind_of(name) is kind and kind.schema.kind == name for name, kind in KINDS.items())


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_kind_says_who_writes_it_and_what_people_call_it(kind: Kind) -> None:
    assert re.fullmatch(r"[a-z][a-z0-9_]{0,63}", kind.name)
    assert len(kind.schema.label) == 2 and all(kind.schema.label)
    assert kind.schema.writers
    assert kind.schema.writers <= {*ROLES, "system"}


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_the_names_of_fields_fit_a_conflict_record(kind: Kind) -> None:
    longest = max((*kind.fields, kind.name), key=len)

    assert KINDS["conflict"].checks["field"](longest)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in kind.fields)


@pytest.mark.parametrize(("kind", "name", "rule"), RULES, ids=NAMED)
def test_a_reference_leads_to_a_kind_that_exists(kind: str, name: str, rule: FieldRule) -> None:
    if rule.refers_to is None:
        assert not rule.carries and not rule.follows
    else:
        assert rule.refers_to in KINDS and name.endswith("_id")


def test_what_is_carried_or_followed_is_not_held_by_everybody_already() -> None:
    useless = [
        (kind, name)
        for kind, name, rule in RULES
        if rule.refers_to and (rule.carries or rule.follows) and KINDS[rule.refers_to].audience is Audience.EVERYBODY
    ]

    assert useless == []


def test_every_linked_kind_can_reach_a_device() -> None:
    carried = {rule.refers_to for _, _, rule in RULES if rule.carries}
    linked = {name for name, kind in KINDS.items() if kind.audience is Audience.LINKED}

    assert {name for name in linked if name not in carried and not KINDS[name].followed} == set()


def test_an_assigned_kind_names_its_holder_and_when_it_is_released() -> None:
    for kind in KINDS.values():
        if kind.audience is Audience.ASSIGNED:
            assert kind.rules[kind.schema.held_by or ""].refers_to == "person"
        else:
            assert kind.schema.held_by is None and kind.schema.released_when == {}
        for field, values in kind.schema.released_when.items():
            assert values and all(kind.checks[field](value) for value in values)


def test_a_fact_is_written_once_in_every_field() -> None:
    moving = [
        (kind.name, name)
        for kind in KINDS.values()
        if kind.schema.nature is Nature.FACT
        for name, rule in kind.rules.items()
        if rule.merge is not MergeRule.FROZEN
    ]

    assert moving == []
    facts = {name for name, kind in KINDS.items() if kind.is_fact}
    assert facts >= {"part_fitted", "part_removed", "photo", "check_result", "job_sheet", "signature"}


def test_every_fact_of_a_visit_hangs_on_its_order() -> None:
    facts = [kind for name, kind in KINDS.items() if kind.is_fact and name not in NOT_OF_A_VISIT]

    assert all("order_id" in kind.required and "order_id" in kind.followed for kind in facts)
    assert set(KINDS["stock_move"].followed) == {"from_van_id", "to_van_id", "order_id"}


def test_every_field_that_names_a_file_is_known_to_the_file_lane() -> None:
    declared = {
        name for kind in KINDS.values() for name, field in kind.fields.items() if field.metadata.get("wire") == "sha256"
    }

    assert declared == set(BLOB_FIELDS) == set(RANKS)


def test_fixed_lists_have_labels_for_all_they_hold() -> None:
    assert set(GRADE_LABELS) == set(GRADES)
    assert set(PHOTO_PURPOSE_LABELS) == set(PHOTO_PURPOSES)
    assert set(OFFICE_ROLES) == set(ROLES) - {"engineer"}
    assert all(zh and en for zh, en in (*GRADE_LABELS.values(), *PHOTO_PURPOSE_LABELS.values()))


def test_the_version_written_is_one_that_a_change_set_can_carry() -> None:
    assert 1 <= SCHEMA_VERSION <= 100_000


def test_a_field_of_a_newer_release_asks_a_person() -> None:
    assert KINDS["machine"].merge_rule("colour") is MergeRule.ASK
    assert KINDS["machine"].merge_rule("serial") is MergeRule.FROZEN


def test_the_derived_tables_of_an_order_are_those_of_its_declaration() -> None:
    order = KINDS["work_order"]

    assert order.required == ("number", "status", "service", "grade")
    assert order.carried == ("customer_id", "site_id", "machine_id")
    assert order.followed == ("machine_id",)
    assert order.indexed == ("number", "parent_id")
    assert not order.is_fact
