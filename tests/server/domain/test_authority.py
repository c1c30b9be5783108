"""What the records alone forbid: office fields and first states from a device."""

import pytest

from schemas.problems import Fault
from server.domain.authority import Author, fault_of_change
from sync.changeset import Change

ORDER = "019cabdb-ed38-7b1b-8232-1158658b0929"
WEI = "019cabdb-ed38-7b1b-8232-1158658b0001"
LIN = "019cabdb-ed38-7b1b-8232-1158658b0002"
CUSTOMER = "019cabdb-ed38-7b1b-8232-1158658b0003"
RECORDS = {
    ORDER: ("work_order", {"status": "assigned"}),
    CUSTOMER: ("customer", {"name": "仁禾医院"}),
    WEI: ("person", {}),
    LIN: ("person", {}),
}
AS_WEI = Author(WEI, frozenset({"engineer"}), on_office_device=False)


def judge(change: Change) -> Fault | None:
    """Return what forbids a change of Wei's."""
    return fault_of_change(change, AS_WEI, RECORDS.get, {}, lambda _record_id: True, frozenset())


def taken_down(**values: object) -> Change:
    """An order that Wei takes down on site."""
    known = {"number": "N1", "status": "in_progress", "service": "repair", "grade": "general", "customer_id": CUSTOMER}
    return Change("work_order", "019cabdb-ed38-7b1b-8232-1158658b0009", "create", known | values, {})


@pytest.mark.parametrize("value", [LIN, None])
def test_an_engineer_cannot_move_or_empty_an_office_field(value: str | None) -> None:
    change = Change("work_order", ORDER, "update", {"engineer_id": value}, {"engineer_id": WEI})

    found = judge(change)

    assert found is not None and found.code == "writer_not_allowed"


def test_an_engineer_may_take_an_order_himself_but_not_give_it_to_another() -> None:
    himself, another = judge(taken_down(engineer_id=WEI)), judge(taken_down(engineer_id=LIN))

    assert himself is None
    assert another is not None and another.code == "writer_not_allowed"


def test_an_update_is_not_judged_as_a_first_state() -> None:
    change = Change("work_order", ORDER, "update", {"status": "received"}, {"status": None})

    found = judge(change)

    assert found is not None and found.code == "move_not_allowed"
