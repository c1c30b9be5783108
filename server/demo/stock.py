"""What the engineers carry in their vans, and how it came there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from server.demo.orders import order_time
from server.demo.people import people
from server.demo.records import DemoRecord, refer

_LOADS: Final = {
    # engineer: part number, batch, and how many, or their serial numbers
    "wei": (
        ("MC12-MOT", "B260120", ("B260120-0301", "B260120-0302")),
        ("MC12-MOT-C", "JLM2605", ("JLM2605-0077",)),
        ("MC12-PCB", "P2604C", ("P2604C-0012",)),
        ("MC12-PAD", "RF2025-118", 8),
        ("HC20-SEA", "RF2023-044", 1),
        ("HC20-SEA", "RF2026-009", 2),
        ("GEN-FUS", "FU26", 10),
    ),
    "lin": (
        ("BA40-LMP", "LM2605", 2),
        ("BA40-LMP-C", "HL2606", 1),
        ("BA40-NDL", "N26-041", ("N26-041-0011", "N26-041-0012")),
        ("BA40-CUV", "CV2606", 1),
        ("MC12-PAD", "RF2025-118", 4),
    ),
    "zhao": (
        ("VM85-SRV", "SV2510", ("SV2510-0060",)),
        ("VM85-SRV", "SV2603", ("SV2603-0005",)),
        ("VM85-BAT", "BT2545", 6),
        ("TL36-BLT", "JLB-2603", 2),
        ("GEN-PSU", "PS2610", ("PS2610-0090",)),
    ),
    "qian": (("AS90-HCL", "HCL-PB-26", 1), ("AS90-ORG", "RF2025-201", 5), ("LC30-SEA", "RF2026-033", 4)),
    "sun": (("AS90-NEB", "NB2602", ("NB2602-0004",)), ("LC30-SEA", "RF2026-033", 6), ("LC30-CHK", "CK2512", 2)),
    "wu": (("VM85-BAT", "BT2545", 4), ("VM85-BRG", "JL7014-26", 2)),
    "zheng": (("TL36-BLT", "JLB-2603", 2), ("VM85-BAT", "BT2545", 2)),
}

_OFTEN_USED: Final = ("MC12-PAD", "MC12-MOT", "BA40-LMP", "VM85-BAT", "LC30-SEA", "TL36-BLT")

DELIVERED_HOURS_AGO: Final = 800
LOADED_HOURS_AGO: Final = 60
ASKED_HOURS_AGO: Final = 20
SPARE: Final = 3
"""How many of what is counted in pieces the centre keeps for each one on a van."""


def vans() -> list[DemoRecord]:
    """Return a van for each engineer who carries parts."""
    people_by_name = {person.name: person.values for person in people()}
    return [
        DemoRecord(
            "van",
            name,
            {
                "name": f"{people_by_name[name]['name']}的服务车",
                "name_en": f"Van of {people_by_name[name]['name_en']}",
                "person_id": refer("person", name),
                "centre_id": people_by_name[name]["centre_id"],
            },
        )
        for name in _LOADS
    ]


def levels() -> Iterator[DemoRecord]:
    """Yield the standard list of each van, a little above what it was loaded with, and minimums of its centre."""
    shelves: dict[tuple[str, str], dict[str, Any]] = {}
    people_by_name = {person.name: person.values for person in people()}
    for name, load in _LOADS.items():
        centre = people_by_name[name]["centre_id"]
        for part, standard in _count_parts(load).items():
            of = {"part_id": refer("part", part), "minimum": 1, "standard": standard + (part in _OFTEN_USED)}
            yield DemoRecord("stock_level", f"{name} {part}", of | {"van_id": refer("van", name)})
            if part in _OFTEN_USED:
                shelves[centre, part] = {"part_id": of["part_id"], "minimum": SPARE, "standard": 4 * SPARE}
    for (centre, part), kept in shelves.items():
        yield DemoRecord("stock_level", f"{centre} {part}", kept | {"centre_id": centre})


def purchases(now: datetime) -> list[DemoRecord]:
    """Return what waits for an approval. Source: handbook P5."""
    centre = next(person.values["centre_id"] for person in people() if person.name == "zhao")
    asked = {"part_id": refer("part", "VM85-SPN"), "quantity": 1, "centre_id": centre, "state": "asked"}
    asked |= {"purpose": "三台加工中心主轴已过大修期，备一根 / three spindles are past their overhaul; one to have"}
    asked |= {"asked_by": refer("person", "xu"), "asked_at": order_time(now, -ASKED_HOURS_AGO)}
    return [DemoRecord("purchase", "VM85-SPN", asked)]


def _count_parts(load: tuple[tuple[str, str, Any], ...]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for part, _, amount in load:
        counts[part] = counts.get(part, 0) + (amount if isinstance(amount, int) else len(amount))
    return counts


def moves(now: datetime) -> list[DemoRecord]:
    """Return what suppliers delivered to the centres, and what went on from there to the vans."""
    return [record for name in _LOADS for record in _load(name, now)]


def _load(name: str, now: datetime) -> Iterator[DemoRecord]:
    centre = next(person.values["centre_id"] for person in people() if person.name == name)
    for part, batch, amount in _LOADS[name]:
        for serial, quantity in ((None, amount),) if isinstance(amount, int) else ((serial, 1) for serial in amount):
            goods: dict[str, Any] = {"part_id": refer("part", part), "batch": batch, "batch_id": refer("batch", batch)}
            goods |= {"serial": serial} if serial else {}
            what = f"{name} {batch} {serial or ''}".strip()
            delivered = {"from_place": "supplier", "to_place": "centre", "to_centre_id": centre}
            delivered |= {"quantity": quantity if serial else quantity * (SPARE + 1)}
            delivered |= {"moved_at": order_time(now, -DELIVERED_HOURS_AGO)}
            loaded = {"from_place": "centre", "from_centre_id": centre, "to_place": "van"}
            loaded |= {"to_van_id": refer("van", name), "quantity": quantity}
            loaded |= {"moved_at": order_time(now, -LOADED_HOURS_AGO)}
            yield DemoRecord("stock_move", f"{what} delivered", goods | delivered)
            yield DemoRecord("stock_move", f"{what} loaded", goods | loaded)
