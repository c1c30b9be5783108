"""The load is the same on every machine, valid for its kinds, and refers only to itself."""

import statistics

import pytest

from benchmarks.workload import encode_json, make_catalogue, make_orders, plan_fleet
from schemas.customer import Customer, Site
from schemas.equipment import Machine, Model
from schemas.order import WorkOrder
from schemas.people import Person, ServiceCentre

KINDS = {schema.kind: schema for schema in (ServiceCentre, Person, Model, Customer, Site, Machine, WorkOrder)}
ORDERS = 300


@pytest.fixture(scope="module")
def catalogue():
    return make_catalogue()


@pytest.fixture(scope="module")
def orders(catalogue):
    return list(make_orders(catalogue, ORDERS))


def test_every_record_is_valid_and_refers_only_to_records_before_it(catalogue, orders):
    seen = set()
    for record in [*catalogue.records, *orders]:
        schema = KINDS[record.kind]()

        assert schema.validate(record.values) == {}
        assert set(record.values) <= set(schema.fields)
        assert {value for name, value in record.values.items() if name.endswith("_id")} <= seen
        seen.add(record.id)


def test_an_order_has_about_1200_bytes(orders):
    sizes = [len(encode_json({"id": order.id, **order.values})) for order in orders]

    assert 1_100 < statistics.mean(sizes) < 1_300


def test_the_same_seed_gives_the_same_orders_and_another_seed_others(catalogue, orders):
    assert list(make_orders(make_catalogue(), ORDERS)) == orders
    assert next(make_orders(catalogue, 1, seed=1)) != orders[0]


def test_fleet_edits_are_valid_and_no_order_is_edited_twice(orders):
    planned = plan_fleet(orders, clients=10, sets_per_client=10)

    edits = [edit for sets in planned for edits in sets for edit in edits]
    assert len({edit.id for edit in edits}) == len(edits) == ORDERS
    assert all(WorkOrder().validate(edit.set, partial=True) == {} for edit in edits)
    with pytest.raises(ValueError, match="needed"):
        plan_fleet(orders, clients=10, sets_per_client=11)
