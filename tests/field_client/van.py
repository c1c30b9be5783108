"""Wei's van in the office of the tests: what is in it, what else there is, and a machine with a past."""

from __future__ import annotations

from typing import Any

from tests.field_client.office import Office
from tests.field_client.scope import CUSTOMER, LIN, MACHINE, MODEL, PART, SITE, SUPPLIER, WEI, uuid

CENTRE, VAN, SPARE, OTHER_PART, FUSE = (uuid(number) for number in range(60, 65))
GOOD, LAMP, OLD_ORDER, OTHER_MACHINE, WARRANTY = (uuid(number) for number in range(65, 70))
FITTED, FITTED_ELSEWHERE, MANUAL = (uuid(number) for number in range(70, 73))
GTIN = "06901234000016"


def move(number: int, quantity: int = 1, /, **more: Any) -> tuple[str, str, dict[str, Any]]:
    """Return a move from Wei's centre into his van."""
    ends = {"from_place": "centre", "from_centre_id": CENTRE, "to_place": "van", "to_van_id": VAN}
    values = {"part_id": PART, "quantity": quantity, "moved_at": "2026-11-20T00:00:00Z"}
    return "stock_move", uuid(number), values | ends | more


RECORDS: list[tuple[str, str, dict[str, Any]]] = [
    ("service_centre", CENTRE, {"name": "浦东网点", "tier": "outlet"}),
    ("van", VAN, {"name": "魏工的服务车", "person_id": WEI, "centre_id": CENTRE}),
    (
        "part",
        SPARE,
        {
            "part_number": "P-78",
            "name": "主轴电机（替代）",
            "gtin": "06901234000023",
            "grade": "alternative",
            "component": "电机",
            "families": ["centrifuge"],
            "price_cents": 30000,
            "warranty_months": 12,
        },
    ),
    ("part", OTHER_PART, {"part_number": "X-1", "name": "刀塔", "families": ["lathe"], "gtin": "06901234000030"}),
    ("part", FUSE, {"part_number": "F-5", "name": "保险管", "wear_part": True, "price_cents": 200}),
    ("batch", GOOD, {"part_id": PART, "supplier_id": SUPPLIER, "number": "B2604", "certificate": "CC-12"}),
    ("machine", OTHER_MACHINE, {"model_id": MODEL, "serial": "HA0002", "customer_id": CUSTOMER, "site_id": SITE}),
    (
        "work_order",
        OLD_ORDER,
        {
            "number": "GD-0",
            "status": "closed",
            "service": "repair",
            "grade": "urgent",
            "customer_id": CUSTOMER,
            "machine_id": MACHINE,
            "engineer_id": LIN,
            "finished_at": "2026-05-01T08:00:00Z",
            "symptom": "异响",
            "diagnosis": "轴承磨损",
            "result": "solved",
        },
    ),
    (
        "part_fitted",
        FITTED,
        {
            "order_id": OLD_ORDER,
            "machine_id": MACHINE,
            "part_id": PART,
            "part_name": "主轴电机",
            "gtin": GTIN,
            "serial": "M-OLD",
            "batch": "B2604",
            "batch_id": GOOD,
            "supplier_id": SUPPLIER,
            "fitted_at": "2026-05-01T07:00:00Z",
        },
    ),
    (
        "part_fitted",
        FITTED_ELSEWHERE,
        {
            "order_id": uuid(80),
            "machine_id": OTHER_MACHINE,
            "part_name": "主轴电机",
            "gtin": GTIN,
            "serial": "M-7",
            "fitted_at": "2026-05-02T07:00:00Z",
        },
    ),
    (
        "warranty",
        WARRANTY,
        {
            "machine_id": MACHINE,
            "accepted_on": "2026-02-18",
            "months": 12,
            "terms": [
                {"about": "machine", "name": "", "starts_on": "2026-02-18", "ends_on": "2027-02-18"},
                {
                    "about": "part",
                    "name": "主轴电机",
                    "starts_on": "2026-05-01",
                    "ends_on": "2029-05-01",
                    "subject_id": FITTED,
                },
            ],
        },
    ),
    move(90, 2, batch="B2604", serial=None),
    move(91, 1, batch="B2604", serial="M-1"),
    move(92, 1, batch="B2601", serial="M-2"),
    move(93, 1, batch="B2602", serial="M-3"),
    move(94, 10, part_id=FUSE),
    move(95, 1, part_id=SPARE, serial="A-1"),
]


def stock_van(office: Office) -> None:
    """Write all of it, and say what the standing records lack."""
    office.write("part", PART, {"component": "电机", "families": ["centrifuge"], "grade": "original"})
    office.write("part", PART, {"price_cents": 68000, "warranty_months": 36})
    for kind, record_id, values in RECORDS:
        office.write(kind, record_id, {name: value for name, value in values.items() if value is not None})
