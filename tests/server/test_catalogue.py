"""Master data at the office: found by words and values, written with what was seen, its history read from the log."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import text

from schemas import KINDS
from schemas.problems import Refused
from server.domain.catalogue import ENTRIES
from server.domain.columns import columns_of
from server.keys import new_id
from server.services import catalogue, catalogue_edit
from server.services.catalogue import Listing
from server.services.catalogue_edit import ChangedMeanwhile
from server.services.proofs import replay
from server.store.catalogue_backfill import fill_catalogue
from server.store.catalogue_tables import CatalogueRow, CatalogueTerm, CatalogueTrail
from server.store.database import reading, writing
from tests.server.builders import Firm, create, delete, update

TABLES = (CatalogueRow, CatalogueTerm, CatalogueTrail)


def listed(firm: Firm, kind: str, query: str = "", **more: Any) -> Listing:
    """Return a page of a list."""
    with reading(firm.engine) as connection:
        return catalogue.list_records(connection, firm.id, kind, query, **more)


def titles(firm: Firm, kind: str, query: str = "", **more: Any) -> list[str]:
    """Return what the records of a page are called."""
    return [row.title for row in listed(firm, kind, query, **more).rows]


def part(number: str, name: str, **more: Any) -> Any:
    """Return the creation of a part."""
    return create("part", new_id(), part_number=number, name=name, **more)


def add_parts(firm: Firm) -> None:
    """Give a company four parts."""
    firm.ensure(
        part("MC12-MOT", "直流无刷电机", name_en="Brushless motor", gtin="09506000134352", grade="original"),
        part("MC12-MOT-C", "直流无刷电机（认证替代）", grade="alternative"),
        part("VM85-BRG", "主轴轴承 7014C", families=["machining_centre", "lathe"], wear_part=True),
        part("GEN-FUS", "保险管 5A"),
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("mc12", ["MC12-MOT", "MC12-MOT-C"]),
        ("MC12-mot-c", ["MC12-MOT-C"]),
        ("mc12mot", ["MC12-MOT", "MC12-MOT-C"]),
        ("电机", ["MC12-MOT", "MC12-MOT-C"]),
        ("电机 替代", ["MC12-MOT-C"]),
        ("７０１４", ["VM85-BRG"]),
        ("brush", ["MC12-MOT"]),
        ("09506000134352", ["MC12-MOT"]),
        ("电 x", []),
        ("%", []),
        ("'", []),
    ],
)
def test_a_record_is_found_by_parts_of_what_it_says(firm: Firm, query: str, found: list[str]) -> None:
    add_parts(firm)

    assert titles(firm, "part", query) == found


def test_lists_are_narrowed_by_values_and_turned_page_by_page(firm: Firm) -> None:
    add_parts(firm)

    assert titles(firm, "part", facets={"grade": "alternative"}) == ["MC12-MOT-C"]
    assert titles(firm, "part", facets={"families": "lathe"}) == ["VM85-BRG"]
    assert titles(firm, "part", "电机", facets={"grade": "original"}) == ["MC12-MOT"]
    first = listed(firm, "part", limit=3)
    second = listed(firm, "part", limit=3, after=first.after)
    assert [row.title for row in first.rows + second.rows] == ["GEN-FUS", "MC12-MOT", "MC12-MOT-C", "VM85-BRG"]
    assert (first.count, second.after) == (4, None)
    with pytest.raises(Refused, match="value_invalid"):
        listed(firm, "part", after="nonsense")


def test_what_changes_is_found_as_it_is_and_what_is_deleted_no_more(firm: Firm) -> None:
    record = new_id()
    firm.ensure(create("supplier", record, name="佳力轴承", code="S-04"))
    firm.ensure(update("supplier", record, name=("佳力轴承", "瑞丰密封件")))

    assert titles(firm, "supplier", "轴承") == []
    assert titles(firm, "supplier", "瑞丰") == ["瑞丰密封件"]

    firm.ensure(delete("supplier", record, name="瑞丰密封件", code="S-04"))

    assert titles(firm, "supplier") == []
    assert {row.id for row in firm.rows(CatalogueTerm)} & {record} == set()


def test_the_catalogue_comes_out_of_the_log_and_out_of_the_records(firm: Firm, tmp_path: Any) -> None:
    add_parts(firm)
    firm.ensure(update("machine", firm.company.machine, place=(None, "三号楼")))
    before = [firm.rows(table) for table in TABLES]
    assert all(before)

    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").holds

    with writing(firm.engine) as connection:
        for table in ("catalogue", "catalogue_terms", "catalogue_trail"):
            connection.execute(text(f"DELETE FROM {table} WHERE organisation = :o"), {"o": firm.id})
        fill_catalogue(connection)
    assert [sorted(rows) for rows in before] == [sorted(firm.rows(table)) for table in TABLES]


def test_a_record_tells_what_it_refers_to_and_what_refers_to_it(firm: Firm) -> None:
    with reading(firm.engine) as connection:
        machine = catalogue.read_record(connection, firm.id, "machine", firm.company.machine)
        customer = catalogue.read_record(connection, firm.id, "customer", firm.company.chen)

    assert machine.titles[firm.company.chen] == "陈氏实验室"
    assert {(group.kind, group.field, group.count) for group in customer.referring} == {
        ("site", "customer_id", 1),
        ("machine", "customer_id", 1),
    }
    with reading(firm.engine) as connection, pytest.raises(Refused, match="not_found"):
        catalogue.read_record(connection, firm.id, "site", firm.company.chen)


def write(firm: Firm, kind: str, record_id: str, values: dict[str, Any], seen: dict[str, Any]) -> Any:
    """Edit a record in Dana's name."""
    return catalogue_edit.edit(firm.engine, firm.office, firm.id, firm.company.dana, kind, record_id, values, seen)


def test_two_people_who_edit_one_record_do_not_overwrite_each_other(firm: Firm) -> None:
    chen = firm.company.chen
    seen = firm.body(chen)
    write(firm, "customer", chen, {**seen, "phone": "021-1"}, seen)

    with pytest.raises(ChangedMeanwhile) as caught:
        write(firm, "customer", chen, {**seen, "phone": "021-2", "contact": "陈"}, seen)

    (moved,) = caught.value.fields
    assert (moved.field, moved.seen, moved.standing, moved.mine) == ("phone", None, "021-1", "021-2")
    assert "contact" not in firm.body(chen)
    assert firm.bodies("conflict") == []

    write(firm, "customer", chen, {**seen, "phone": "021-2", "contact": "陈"}, caught.value.standing)
    assert (firm.body(chen)["phone"], firm.body(chen)["contact"]) == ("021-2", "陈")


def test_different_fields_of_one_record_may_be_edited_at_once(firm: Firm) -> None:
    chen = firm.company.chen
    seen = firm.body(chen)
    write(firm, "customer", chen, {**seen, "phone": "021-1"}, seen)
    write(firm, "customer", chen, {**seen, "contact": "陈"}, seen)

    assert (firm.body(chen)["phone"], firm.body(chen)["contact"]) == ("021-1", "陈")
    assert write(firm, "customer", chen, firm.body(chen), firm.body(chen)) is None


def test_the_history_tells_who_changed_what(firm: Firm) -> None:
    chen = firm.company.chen
    seen = firm.body(chen)
    write(firm, "customer", chen, {**seen, "phone": "021-1"}, seen)

    with reading(firm.engine) as connection:
        newest, founding = catalogue.read_history(connection, firm.id, chen)

    assert (newest.actor, newest.op, newest.moves) == ("戴娜", "update", [("phone", None, "021-1")])
    assert newest.position > founding.position
    assert founding.op == "create"


def test_what_is_set_once_and_what_is_there_already_is_refused(firm: Firm) -> None:
    add_parts(firm)
    found = listed(firm, "part", "MC12-MOT-C").rows[0]

    with pytest.raises(Refused, match="set_once"):
        write(firm, "part", found.id, {**found.body, "part_number": "X"}, found.body)
    with pytest.raises(Refused, match="already_there"):
        catalogue_edit.create(
            firm.engine, firm.office, firm.id, firm.company.system, "part", {"part_number": "mc12-mot", "name": "x"}
        )


def test_what_is_referred_to_stays_and_people_are_ended(firm: Firm) -> None:
    args = (firm.engine, firm.office, firm.id, firm.company.dana)

    with pytest.raises(Refused, match="still_in_use"):
        catalogue_edit.withdraw(*args, "customer", firm.company.chen)
    catalogue_edit.withdraw(*args, "person", firm.company.lin)
    record = catalogue_edit.create(*args, "customer", {"name": "空户"})
    catalogue_edit.withdraw(*args, "customer", record)

    assert firm.body(firm.company.lin)["active"] is False
    assert titles(firm, "customer", "空户") == []


def test_the_roles_of_the_schemas_decide_who_writes(firm: Firm) -> None:
    lucy = new_id()
    firm.ensure(create("person", lucy, name="卢", roles=["stock_keeper"]))

    with pytest.raises(Refused, match="writer_not_allowed"):
        catalogue_edit.create(firm.engine, firm.office, firm.id, lucy, "customer", {"name": "x"})
    with pytest.raises(Refused, match="writer_not_allowed"):
        catalogue_edit.expect_writer("customer", frozenset({"stock_keeper"}))
    catalogue_edit.create(firm.engine, firm.office, firm.id, lucy, "supplier", {"name": "新供应商"})
    catalogue_edit.expect_writer("supplier", frozenset({"stock_keeper"}))


def test_what_is_shown_of_each_kind_is_declared() -> None:
    for entry in ENTRIES.values():
        declared = set(KINDS[entry.kind].fields)
        named = {*entry.columns, *entry.called, *(name for key in entry.matched for name in key)}
        assert named <= declared, entry.kind
        sections = [name for _, names in entry.sections for name in names if name in declared]
        assert len(sections) == len(set(sections)), entry.kind


def test_who_may_do_what_is_not_changed_with_the_master_data(firm: Firm) -> None:
    args = (firm.engine, firm.office, firm.id, firm.company.dana)
    wei = firm.company.wei
    seen = firm.body(wei)

    write(firm, "person", wei, {**seen, "roles": ["admin"], "phone": "1"}, seen)
    fresh = catalogue_edit.create(*args, "person", {"name": "新人", "roles": ["admin"], "active": False})

    assert (firm.body(wei)["roles"], firm.body(wei)["phone"]) == (["engineer"], "1")
    assert (firm.body(fresh)["roles"], firm.body(fresh)["active"]) == (["engineer"], True)
    with pytest.raises(Refused, match="role_not_allowed"):
        catalogue_edit.withdraw(*args, "person", firm.company.dana)
    assert {"roles", "active"}.isdisjoint(column.name for column in columns_of("person"))
