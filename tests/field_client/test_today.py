"""The orders of the day: whose they are, in which order, with the names and limits a list shows."""

from __future__ import annotations

from field_client import work
from tests.field_client.office import Office
from tests.field_client.scope import ORDER, ORDER_VALUES, OTHER_ORDER, Tablet, uuid


def test_today_lists_what_is_to_do_with_names_and_limits(tablet: Tablet, office: Office) -> None:
    urgent = ORDER_VALUES | {"number": "GD-2", "grade": "urgent", "solved_due_at": "2026-11-20T00:00:00Z"}
    del urgent["appointment_at"]
    office.write("work_order", OTHER_ORDER, urgent)
    office.write("work_order", uuid(20), ORDER_VALUES | {"number": "GD-3", "status": "finished"})
    tablet.pull_from(office)

    lines, count = work.list_today(tablet.bench)

    assert count == 2
    assert work.list_today(tablet.bench, most=1) == (lines[:1], 2)
    assert [line.number for line in lines] == ["GD-2", "GD-1"]
    assert (lines[1].customer, lines[1].site, lines[1].machine, lines[1].serial) == (
        "华东医院",
        "检验科",
        "MC-12",
        "HA0001",
    )
    assert [line.is_overdue for line in lines] == [True, False]


def test_a_colleagues_order_on_the_same_machine_is_no_work_of_ours(tablet: Tablet, office: Office) -> None:
    office.write("work_order", OTHER_ORDER, ORDER_VALUES | {"number": "GD-2", "engineer_id": uuid(77)})
    office.write("work_order", uuid(20), ORDER_VALUES | {"number": "GD-3", "engineer_id": None})
    tablet.pull_from(office)
    numbers = [line.number for line in work.list_today(tablet.bench)[0]]

    work.start(tablet.bench, "GD-2")

    assert sorted(numbers) == ["GD-1", "GD-3"]
    assert sorted(line.number for line in work.list_today(tablet.bench)[0]) == ["GD-1", "GD-2", "GD-3"]


def test_the_label_of_a_machine_opens_our_order_beside_a_colleagues(tablet: Tablet, office: Office) -> None:
    office.write("work_order", OTHER_ORDER, ORDER_VALUES | {"number": "GD-2", "engineer_id": uuid(77)})
    tablet.pull_from(office)

    opened = work.open_machine(tablet.bench, "HA0001")

    assert opened.current == ORDER and {line.number for line in opened.orders} == {"GD-1", "GD-2"}
