"""The company every run begins with: its people, machines and catalogue, founded once and copied."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from server.clock import telling
from server.keys import drawing_from, new_id
from sync.changeset import Change
from tests.simulation.headquarters import Premises
from tests.simulation.world import MORNING_MS

ENGINEERS_MAX: Final = 12
MACHINES: Final = 5
PEOPLE: Final = tuple(f"王{n:02}先生" for n in range(40))
"""Of whom the records of customers tell; none of these names is in another."""

GTINS: Final = ("06901234000016", "06901234000023")
ITEMS: Final = [
    {"key": "clean", "label": "外观清洁", "type": "yes_no", "mandatory": True},
    {
        "key": "level",
        "label": "水平度",
        "type": "number",
        "unit": "°",
        "low": "-1",
        "high": "1",
        "beyond_limit": "warn",
    },
]


@dataclass(frozen=True, slots=True)
class Firm:
    """The ids of the company's people and things."""

    organisation: str
    system: str
    dana: str
    engineers: tuple[str, ...]
    customers: tuple[str, ...]
    sites: tuple[str, ...]
    machines: tuple[str, ...]
    batches: tuple[str, ...]


@dataclass(slots=True)
class _Founding:
    """Creations being gathered."""

    changes: list[Change] = field(default_factory=list)

    def add(self, kind: str, **values: Any) -> str:
        """Create a record and return its id."""
        self.changes.append(Change(kind, new_id(), "create", values, {}))
        return self.changes[-1].id

    def add_some(self, kind: str, *several: dict[str, Any]) -> tuple[str, ...]:
        """Create records and return their ids."""
        return tuple(self.add(kind, **values) for values in several)


def open_premises(folder: Path, build: Callable[[Path], Premises] = Premises) -> tuple[Premises, Firm]:
    """Build the server's premises and found the company there, the same in every process."""
    with telling(lambda: MORNING_MS), drawing_from(random.Random("founding")):
        premises = build(folder)
        firm = _found(premises)
        premises.keep_as_template()
    return premises, firm


def _found(premises: Premises) -> Firm:
    office = premises.wiring.office
    organisation = office.found("晟远服务")
    with premises.engine.connect() as connection:
        system = str(connection.exec_driver_sql("SELECT office_person FROM organisations").scalar_one())
    making = _Founding()
    engineers = making.add_some(
        "person", *({"name": f"工程师{n}", "roles": ["engineer"]} for n in range(ENGINEERS_MAX))
    )
    dana = making.add("person", name="戴娜", roles=["dispatcher", "admin", "stock_keeper"])
    customers = making.add_some("customer", {"name": "陈氏实验室"}, {"name": "华东医院"})
    sites = making.add_some("site", *({"name": f"{n}号楼", "customer_id": customers[n % 2]} for n in range(3)))
    model = making.add("model", manufacturer="晟远", name="MC-12", family="mini_centrifuge")
    machines = making.add_some(
        "machine",
        *(
            {"model_id": model, "serial": f"MC-{n}", "customer_id": customers[n % 2], "site_id": sites[n % 3]}
            for n in range(MACHINES)
        ),
    )
    making.add("checklist", name="检修", family="mini_centrifuge", version=1, items=ITEMS)
    supplier = making.add("supplier", name="精工轴承")
    parts = making.add_some(
        "part", *({"part_number": f"P-{n}", "name": "轴承", "gtin": gtin} for n, gtin in enumerate(GTINS))
    )
    batches = making.add_some(
        "batch", *({"part_id": part, "supplier_id": supplier, "number": f"B{n}"} for n, part in enumerate(parts))
    )
    receipt = office.write(organisation, system, "company.seed", making.changes)
    assert receipt.verdict == "applied", receipt
    return Firm(organisation, system, dana, engineers, customers, sites, machines, batches)
