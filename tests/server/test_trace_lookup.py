"""The fast look-ups: what a text is, every place of a batch, a machine on a day, as known on a day."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, Table, delete, text

from schemas.problems import Refused
from server.domain.lot_fate import Fate
from server.domain.timetable import PLACE_TIME
from server.keys import new_id
from server.services import audit, trace_lookup
from server.services.proofs import replay
from server.services.trace import trace_number
from server.services.trace_lookup import MachineName
from server.store.database import reading, writing
from server.store.tables import LogEntry, PartSpan, TraceFact
from server.store.trace_backfill import fill_trace
from sync.changeset import Change
from tests.server.builders import GTIN, NOON, Firm, create, fitted, removed, update
from tests.server.test_withdrawal import withdrawal

LATER = "2026-11-20T15:00:00Z"


@dataclass(frozen=True)
class Stocked:
    """What a firm has of one batch: in two machines, one van and one centre."""

    firm: Firm
    part: str
    batch: str
    van: str
    centre: str
    machines: tuple[str, str]


@pytest.fixture
def stocked(firm: Firm) -> Stocked:
    """Two parts of batch B77 in machines, one of which was removed; five in the centre, three in the van."""
    supplier, part, batch, van, centre = (new_id() for _ in range(5))
    firm.ensure(
        create("supplier", supplier, name="佳力轴承", code="JL"),
        create("part", part, part_number="MC12-MOT", name="电机", manufacturer="晟远", gtin=GTIN),
        create("batch", batch, part_id=part, supplier_id=supplier, number="B77"),
        create("service_centre", centre, name="浦东网点", tier="outlet"),
        create("van", van, name="魏工车", person_id=firm.wei.person, centre_id=centre),
        *(
            create("stock_move", new_id(), part_id=part, batch="B77", moved_at=NOON, **ends)
            for ends in (
                {"quantity": 8, "from_place": "supplier", "to_place": "centre", "to_centre_id": centre},
                {"quantity": 3, "from_place": "centre", "from_centre_id": centre, "to_place": "van", "to_van_id": van},
            )
        ),
    )
    other = firm.add_machine()
    order = firm.add_order(firm.wei.person, other)
    firm.catch_up(firm.wei)
    machine = firm.company.machine
    firm.send(firm.wei, fitted(firm.order, machine, "SN-0101", batch_id=batch, part_id=part))
    firm.send(firm.wei, fitted(order, other, "SN-0102", batch="B77"))
    firm.send(firm.wei, removed(order, other, "SN-0102", LATER))
    return Stocked(firm, part, batch, van, centre, (machine, other))


def test_a_batch_leads_to_machines_customers_vans_and_shelves(stocked: Stocked) -> None:
    firm = stocked.firm
    with reading(firm.engine) as connection:
        places = trace_lookup.places_of_batch(connection, firm.id, "b77")
        inside = trace_lookup.spans_of_batches(connection, firm.id, ["B77"])
        machines = trace_lookup.name_machines(connection, firm.id, [row.machine for row in places.spans])
        of_part = trace_lookup.spans_of_parts(connection, firm.id, {stocked.part: GTIN})
        ever = trace_lookup.spans_of_parts(connection, firm.id, {stocked.part: GTIN}, only_in=False)
        named = trace_lookup.name_records(connection, firm.id, [balance.place for balance in places.balances])

    assert [(row.serial, row.machine, row.is_in, row.batch_id) for row in places.spans] == [
        ("SN-0101", stocked.machines[0], True, stocked.batch),
        ("SN-0102", stocked.machines[1], False, None),
    ]
    assert [row.serial for row in inside] == ["SN-0101"]
    assert of_part == inside and ever == places.spans
    assert inside[0].supplier and inside[0].part == stocked.part
    assert places.records == [stocked.batch]
    assert {balance.place: balance.quantity for balance in places.balances} == {stocked.van: 3, stocked.centre: 5}
    assert named == {stocked.van: ("van", "魏工车"), stocked.centre: ("service_centre", "浦东网点")}
    chen = firm.company.chen
    assert machines[stocked.machines[0]].customer == "陈氏实验室"
    assert machines[stocked.machines[1]] == MachineName(f"S-{stocked.machines[1][-6:]}", chen, "陈氏实验室", "", "")


def test_a_supplier_leads_to_lots_and_what_became_of_their_parts(stocked: Stocked) -> None:
    firm = stocked.firm
    (supplier,) = [body["id"] for body in firm.bodies("supplier")]
    order = firm.add_order(firm.wei.person, stocked.machines[1])
    firm.catch_up(firm.wei)
    machine = stocked.machines[1]
    firm.send(firm.wei, fitted(order, machine, "SN-0103", batch="B77", gtin="09506000134369"))
    firm.send(firm.wei, fitted(order, machine, "SN-0104", "2026-11-10T12:00:00Z", batch_id=stocked.batch))
    firm.send(firm.wei, removed(order, machine, "SN-0104", LATER, destination="returned"))
    with reading(firm.engine) as connection:
        body, (lot,) = audit.view_lots_of(connection, firm.id, "supplier", supplier)

    assert (body["name"], lot["number"]) == ("佳力轴承", "B77")
    assert lot["fate"] == Fate(fitted=3, inside=1, removed=2, returned=1, scrapped=0, median_days=5)


def test_a_serial_range_finds_parts_in_machines_and_no_others(stocked: Stocked) -> None:
    firm = stocked.firm
    with reading(firm.engine) as connection:
        inside = trace_lookup.spans_of_range(connection, firm.id, "SN-0100", "SN-0102", maker=GTIN)
        ever = trace_lookup.spans_of_range(connection, firm.id, "SN-0100", "SN-0199", only_in=False)
        nobodys = trace_lookup.spans_of_range(connection, firm.id, "SN-0100", "SN-0102", maker="another")
        with pytest.raises(Refused, match="value_invalid"):
            trace_lookup.spans_of_range(connection, firm.id, "SN-0100", "MC-0102")

    assert [row.serial for row in inside] == ["SN-0101"]
    assert [row.serial for row in ever] == ["SN-0101", "SN-0102"]
    assert nobodys == []


def test_a_machine_is_told_as_it_was_on_a_day_as_known_on_another(stocked: Stocked) -> None:
    firm, machine = stocked.firm, stocked.machines[1]
    before = len(firm.log()) - 1
    with reading(firm.engine) as connection:
        today = trace_lookup.spans_in_machine(connection, firm.id, machine, "2026-11-21", PLACE_TIME)
        then = trace_lookup.spans_in_machine(connection, firm.id, machine, "2026-11-21", PLACE_TIME, before)
        with pytest.raises(Refused, match="value_invalid"):
            trace_lookup.spans_in_machine(connection, firm.id, machine, "9999-12-31", PLACE_TIME)

    assert [row.serial for row in today] == []
    assert [(row.serial, row.ends_at, row.removal) for row in then] == [("SN-0102", None, None)]


def test_the_log_position_of_a_moment_is_the_last_one_received_by_then(firm: Firm) -> None:
    table: Table = LogEntry.__table__
    times = [f"2026-03-{day:02d}T08:00:00.000Z" for day in (2, 3, 3, 5)]
    organisation = firm.id
    with writing(firm.engine) as connection:
        for position, received_at in enumerate(times, start=1):
            where = (table.c.organisation == organisation, table.c.position == position)
            connection.execute(table.update().where(*where).values(received_at=received_at))
        connection.execute(table.delete().where(table.c.organisation == organisation, table.c.position > len(times)))
        connection.execute(
            text("UPDATE organisations SET position = :p WHERE organisation = :o"), {"p": len(times), "o": organisation}
        )
        asked = ["2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04", "2026-03-05", "2026-03-05T07:59:59Z"]
        found = [trace_lookup.position_at(connection, organisation, moment, PLACE_TIME) for moment in asked]
        west = ZoneInfo("America/Anchorage")
        assert trace_lookup.position_at(connection, organisation, "2026-03-02", west) == 3, "its day ends at 09:00 UTC"
        for moment in ("yesterday", "2026-03-05T07:59:59", "2026-02-30"):
            with pytest.raises(Refused, match="value_invalid"):
                trace_lookup.position_at(connection, organisation, moment, PLACE_TIME)

    assert found == [0, 1, 3, 3, 4, 3]


@pytest.mark.parametrize("number", ["SN\0", "\0", "\ud800", "S" * 500, "\U0010ffff" * 60, ""])
def test_what_no_number_is_finds_nothing_and_breaks_nothing(firm: Firm, number: str) -> None:
    with reading(firm.engine) as connection:
        assert trace_lookup.spans_of_serial(connection, firm.id, number) == []
        assert trace_lookup.places_of_batch(connection, firm.id, number) == trace_lookup.Places([], [], [])
        with pytest.raises(Refused, match="not_found"):
            trace_number(connection, firm.id, number)


def rows_of(firm: Firm) -> tuple[list[object], list[object]]:
    return sorted(map(tuple, firm.rows(TraceFact)), key=repr), sorted(map(tuple, firm.rows(PartSpan)), key=repr)


def test_the_migration_fills_in_what_intake_would_have_written(stocked: Stocked, engine: Engine) -> None:
    firm = stocked.firm
    wrong = fitted(firm.order, firm.company.machine, "SN-9", batch_id=stocked.batch)
    firm.send(firm.wei, wrong, captured_at="2026-11-19T00:00:00Z", witness=f"{len(firm.log())} {'0' * 64}")
    right = fitted(firm.order, firm.company.machine, "SN-8", replaces_id=wrong.id)
    firm.send(firm.wei, right)
    firm.send(firm.wei, withdrawal(firm.order, right))
    firm.ensure(update("part", stocked.part, manufacturer=("晟远", "晟远股份")))
    before = rows_of(firm)

    with writing(engine) as connection:
        connection.execute(text("CREATE TABLE facts_before AS SELECT * FROM trace_facts"))
        for model in (PartSpan, TraceFact):
            table: Table = model.__table__
            connection.execute(delete(table).where(table.c.organisation == firm.id))
        connection.execute(text("DELETE FROM facts_before WHERE organisation <> :o"), {"o": firm.id})
        fill_trace(connection, "facts_before")
        connection.execute(text("DROP TABLE facts_before"))

    assert len(before[0]) == 6 and any(row[-1] for row in before[0])
    assert rows_of(firm) == before


def test_what_identifies_a_part_is_what_was_known_when_its_fact_came(firm: Firm, tmp_path: object) -> None:
    part = new_id()
    firm.ensure(create("part", part, part_number="P-1", name="轴承", manufacturer="晟远"))
    fact = fitted(firm.order, firm.company.machine, "SN-1", part_id=part)
    unmarked = Change(fact.kind, fact.id, "create", {k: v for k, v in fact.set.items() if k != "gtin"}, {})
    firm.send(firm.wei, unmarked)

    # Taken in again, both entries come in one transaction.
    firm.ensure(update("part", part, manufacturer=("晟远", "晟远股份")))

    assert [row.maker for row in firm.rows(TraceFact)] == ["晟远"]
    assert replay(firm.engine, firm.id, f"sqlite:///{tmp_path}/scratch.sqlite").discrepancies == ()
