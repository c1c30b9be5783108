"""Wei's device with one order on it: the records, the identity, and a clock that stands still until moved."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from field_client.evidence import EvidenceFolder
from field_client.keys import Keyring
from field_client.outbox import Identity, Outbox
from field_client.patience import Patience
from field_client.store import Store
from field_client.store_feed import Feed
from field_client.transport import Caller, Transport
from field_client.work import Workbench
from sync.receipt import load
from sync.session import PullSession
from tests.field_client.office import SERVER_TIME_MS, Office


def uuid(number: int) -> str:
    """Return an id that is easily told apart."""
    return f"019a0000-0000-7000-8000-{number:012x}"


ORDER, MACHINE, MODEL, SITE, CUSTOMER, CHECKLIST = (uuid(number) for number in range(1, 7))
PART, BATCH, SUPPLIER, WEI, RECALLED, LIN, OTHER_ORDER = (uuid(number) for number in range(7, 14))
ORGANISATION, DEVICE = uuid(100), uuid(101)

ORDER_VALUES = {
    "number": "GD-1",
    "status": "assigned",
    "service": "repair",
    "grade": "important",
    "customer_id": CUSTOMER,
    "site_id": SITE,
    "machine_id": MACHINE,
    "engineer_id": WEI,
    "symptom": "离心机振动大",
    "alarms": ["E101"],
    "appointment_at": "2026-11-21T08:00:00Z",
}
ITEMS = [
    {"key": "clean", "label": "外观清洁", "type": "yes_no", "mandatory": True},
    {
        "key": "level",
        "label": "水平度",
        "type": "number",
        "unit": "°",
        "low": "-1",
        "high": "1",
        "beyond_limit": "block",
        "mandatory": True,
    },
    {"key": "noise", "label": "噪声", "type": "number", "unit": "dB", "high": "65.5", "beyond_limit": "warn"},
    {"key": "colour", "label": "颜色", "type": "choice", "options": ["白", "灰"]},
    {"key": "remark", "label": "备注", "type": "text"},
]
RECORDS: list[tuple[str, str, dict[str, Any]]] = [
    ("customer", CUSTOMER, {"name": "华东医院"}),
    ("site", SITE, {"customer_id": CUSTOMER, "name": "检验科", "address": "上海"}),
    ("model", MODEL, {"manufacturer": "恒安", "name": "MC-12", "family": "centrifuge", "gtin": "06901234567892"}),
    ("machine", MACHINE, {"model_id": MODEL, "serial": "HA0001", "customer_id": CUSTOMER, "site_id": SITE}),
    ("checklist", CHECKLIST, {"name": "检修", "family": "centrifuge", "version": 2, "items": ITEMS}),
    ("person", WEI, {"name": "魏工", "roles": ["engineer"]}),
    ("supplier", SUPPLIER, {"name": "精工轴承"}),
    ("part", PART, {"part_number": "P-77", "name": "主轴电机", "gtin": "06901234000016", "serialised": True}),
    (
        "batch",
        BATCH,
        {
            "part_id": PART,
            "supplier_id": SUPPLIER,
            "number": "B2601",
            "certificate": "CC-9",
            "expires_on": "2020-01-01",
        },
    ),
    (
        "batch",
        RECALLED,
        {"part_id": PART, "supplier_id": SUPPLIER, "number": "B2602", "recalled_on": "2026-10-01"},
    ),
    ("work_order", ORDER, ORDER_VALUES),
]


@dataclass
class WallClock:
    """The device's clock."""

    at_ms: int = SERVER_TIME_MS

    def __call__(self) -> int:
        """Return the time, a millisecond later at each look."""
        self.at_ms += 1
        return self.at_ms


def quick_patience() -> Patience:
    """Return a patience whose pauses take no time: they move a clock of its own."""
    pauses: list[float] = []
    return Patience(clock=lambda: sum(pauses), pause=pauses.append, chance=lambda: 0.5)


@dataclass
class Tablet:
    """Wei's device."""

    path: Path
    data_key: bytes = field(default_factory=lambda: os.urandom(32))
    clock: WallClock = field(default_factory=WallClock)

    def __post_init__(self) -> None:
        """Open the store."""
        self.keyring = Keyring(self.data_key)
        self.files = EvidenceFolder(self.path.with_name("evidence"), self.keyring)
        self.store = Store(self.path, self.keyring.database_key)
        self.outbox = Outbox(self.store, Identity(ORGANISATION, DEVICE, WEI), self.keyring.sign, self.clock)
        self.bench = Workbench(self.store, self.outbox)

    def meet(self, office: Office) -> None:
        """Make the office know this device."""
        office.public_key = self.keyring.public_key

    def transport(self, url: str) -> Transport:
        """Return a way to the office."""
        offset_ms = self.store.recall("offset_ms", 0)
        caller = Caller(ORGANISATION, DEVICE, self.keyring.sign)
        return Transport(url, caller, self.clock, offset_ms, timeout_s=5, patience=quick_patience())

    def pull_from(self, office: Office) -> None:
        """Take in all that the office has, without a network."""
        feed = Feed(self.store)
        session = PullSession(feed.cursor)
        while (query := session.next_query()) is not None:
            feed.stage(session, office.page(query))

    def push_to(self, office: Office) -> None:
        """Hand all that waits to the office, without a network."""
        from_office = [office.take_in(outgoing.line) for outgoing in list(self.outbox.waiting())]
        self.outbox.settle([load(line) for line in from_office])


def stocked_office() -> Office:
    """Return an office whose one order is assigned to Wei."""
    office = Office()
    for kind, record_id, values in RECORDS:
        office.write(kind, record_id, values)
    return office
