"""Who holds a record, as far as the record itself tells."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import KINDS, Audience
from schemas.lifecycle import ENDED_STATES, ORDER_STATES
from sync.scope import (
    CARRIED_KINDS,
    EVERYBODY,
    FOLLOWED_KINDS,
    carried_closure,
    direct_holder,
    followed_ids,
    is_root,
    may_restructure,
    structure,
)
from tests.sync.made_up import WIRE_VALUES

ORDER = KINDS["work_order"]
BODY = {"status": "assigned", "engineer_id": "wei", "customer_id": "chen", "site_id": "s", "machine_id": "m"}
RECORDS: dict[str, tuple[str, dict[str, Any]]] = {
    "order": ("work_order", BODY),
    "m": ("machine", {"customer_id": "chen", "site_id": "s", "model_id": "mc12"}),
    "s": ("site", {"customer_id": "chen"}),
    "chen": ("customer", {"name": "陈氏实验室"}),
    "mc12": ("model", {"name": "MC-12"}),
}


def test_the_catalogue_is_held_by_everybody() -> None:
    everybody = {name for name, kind in KINDS.items() if direct_holder(kind, {}) == EVERYBODY}

    assert everybody == {name for name, kind in KINDS.items() if kind.audience is Audience.EVERYBODY}
    assert {"model", "part", "batch", "checklist", "person"} <= everybody


@pytest.mark.parametrize("status", ORDER_STATES)
def test_an_order_is_held_by_its_engineer_while_it_is_open(status: str) -> None:
    assert direct_holder(ORDER, {**BODY, "status": status}) == (None if status in ENDED_STATES else "wei")


def test_an_order_without_an_engineer_is_held_by_nobody() -> None:
    assert direct_holder(ORDER, {"status": "received"}) is None


@pytest.mark.parametrize("kind", ["device", "machine", "photo", "conflict"])
def test_what_only_hangs_on_others_has_no_holder_of_its_own(kind: str) -> None:
    assert direct_holder(KINDS[kind], {"person_id": "wei", "engineer_id": "wei"}) is None


def test_an_order_brings_its_machine_site_and_customer_each_once() -> None:
    found = list(carried_closure("order", RECORDS.get))

    assert sorted(found) == ["chen", "m", "order", "s"]
    assert found[0] == "order"


def test_what_is_not_there_is_not_carried() -> None:
    assert list(carried_closure("nothing", RECORDS.get)) == []
    without_site = {name: record for name, record in RECORDS.items() if name != "s"}
    assert sorted(carried_closure("order", without_site.get)) == ["chen", "m", "order"]


def test_a_kind_of_a_newer_release_carries_nothing() -> None:
    records = {"x": ("time_machine", {"site_id": "s"}), **RECORDS}

    assert list(carried_closure("x", records.get)) == ["x"]


@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(st.just("machine"), st.fixed_dictionaries(
    {"customer_id": st.sampled_from("abcd"), "site_id": st.sampled_from("abcd")}))))  # fmt: skip
def test_records_that_refer_to_each_other_in_a_ring_come_to_an_end(records: dict[str, Any]) -> None:
    found = list(carried_closure("a", records.get))

    assert len(found) == len(set(found)) <= 4


def test_history_travels_with_order_and_machine() -> None:
    assert followed_ids(KINDS["photo"], {"order_id": "order", "machine_id": "m"}) == ("order", "m")
    assert followed_ids(KINDS["photo"], {"order_id": "order"}) == ("order",)
    assert followed_ids(KINDS["photo"], {"order_id": "x", "machine_id": "x"}) == ("x",)
    assert followed_ids(ORDER, BODY) == ("m",)
    assert followed_ids(KINDS["customer"], {}) == ()


def test_orders_vans_and_questions_are_roots() -> None:
    assert [name for name, kind in KINDS.items() if is_root(kind)] == ["work_order", "van", "inquiry"]
    assert {"machine", "site", "customer"} == CARRIED_KINDS
    assert {"work_order", "machine", "van", "request", "inquiry"} == FOLLOWED_KINDS


@given(st.sampled_from(sorted(ORDER.fields)), WIRE_VALUES)
def test_what_leaves_the_structure_alone_leaves_holders_and_carried_records_alone(field: str, value: Any) -> None:
    after = {**BODY, field: value}

    if structure(ORDER, after) == structure(ORDER, BODY):
        assert direct_holder(ORDER, after) == direct_holder(ORDER, BODY)
        assert [after.get(name) for name in ORDER.carried] == [BODY.get(name) for name in ORDER.carried]
        assert followed_ids(ORDER, after) == followed_ids(ORDER, BODY)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"symptom": "异响"}, False),
        ({"status": "in_progress"}, False),
        ({"status": "closed"}, True),
        ({"engineer_id": "lin"}, True),
        ({"engineer_id": None}, True),
        ({"machine_id": "other"}, True),
        ({"symptom": "异响", "site_id": "other"}, True),
        ({}, False),
    ],
)
def test_writing_what_may_change_the_holders_is_seen_beforehand(values: dict[str, Any], expected: bool) -> None:
    assert may_restructure(ORDER, values) is expected


def test_every_structure_can_be_compared_and_kept() -> None:
    assert len({structure(kind, BODY) for kind in KINDS.values()}) >= 2
    assert structure(ORDER, BODY) != structure(ORDER, {**BODY, "status": "closed"})
    assert structure(ORDER, BODY) == structure(ORDER, {**BODY, "status": "on_site", "symptom": "异响"})
