"""The records every benchmark moves: work orders in Chinese, of about 1.2 KB as JSON, made from a seed.

The same seed gives the same bytes on every machine, so that a peer and Gongdan carry the same load. Names of
kinds and fields are those of `schemas`; the values of every record are valid for its kind and refer only to
records made here. No value is a floating-point number.
"""

import json
import random
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks import wording

SEED = 20261103
ORDERS = 10_000
CENTRES, ENGINEERS, CUSTOMERS, MACHINES = 8, 40, 200, 1_000
SITES_PER_CUSTOMER = 2
RECORDS_PER_SET = 3
FIRST_DAY = datetime(2026, 3, 2, tzinfo=UTC)  # the first order's day: nothing here reads a clock
MODELS = {"centrifuge": "MC-12", "analyser": "BA-400", "spectrometer": "AS-900", "machine_tool": "VM-850"}


@dataclass(frozen=True)
class Record:
    """One record to create: its kind, its id (UUIDv7) and the values of its fields."""

    kind: str
    id: str
    values: dict[str, Any]


@dataclass(frozen=True)
class Edit:
    """One record to edit: its id, the values set, and the values of the same fields that its author saw."""

    id: str
    set: dict[str, Any]
    was: dict[str, Any]


@dataclass(frozen=True)
class Catalogue:
    """What the orders refer to."""

    centres: list[Record]
    engineers: list[Record]
    models: list[Record]
    customers: list[Record]
    sites: list[Record]
    machines: list[Record]

    @property
    def records(self) -> list[Record]:
        """All records; none comes before one it refers to."""
        return [*self.centres, *self.engineers, *self.models, *self.customers, *self.sites, *self.machines]


def make_catalogue(seed: int = SEED, machines: int = MACHINES) -> Catalogue:
    """Make centres, engineers, models, customers and sites, and as many machines as wanted."""
    chance = random.Random(f"catalogue {seed}")
    centres = [_make_centre(chance) for _ in range(CENTRES)]
    engineers = [_make_engineer(chance, centres) for _ in range(ENGINEERS)]
    models = [_make_model(chance, family) for family in MODELS]
    customers = [_make_customer(chance, turn) for turn in range(CUSTOMERS)]
    sites = [_make_site(chance, owner, turn) for owner in customers for turn in range(SITES_PER_CUSTOMER)]
    fleet = [_make_machine(chance, models, sites[turn % len(sites)], turn) for turn in range(machines)]
    return Catalogue(centres, engineers, models, customers, sites, fleet)


def make_orders(
    catalogue: Catalogue, count: int = ORDERS, seed: int = SEED, engineer_id: str | None = None
) -> Iterator[Record]:
    """Make new orders, all assigned: to one engineer where `engineer_id` is given, else spread over all."""
    chance = random.Random(f"orders {seed}")
    for turn in range(count):
        yield _make_order(chance, catalogue, turn, engineer_id)


def edit_order(order: Record) -> Edit:
    """Make an engineer's edit of an order as `make_orders` made it: work begins, with a first diagnosis."""
    chance = random.Random(f"edit {order.id}")
    started_at = FIRST_DAY + timedelta(days=200, seconds=chance.randrange(10**6))
    values = {
        "status": "in_progress",
        "started_at": _show_instant(started_at),
        "diagnosis": wording.write_diagnosis(chance),
    }
    return Edit(order.id, values, {name: order.values.get(name) for name in values})


def plan_fleet(orders: Sequence[Record], clients: int, sets_per_client: int) -> list[list[list[Edit]]]:
    """Give each client its sets of `RECORDS_PER_SET` edits; no order is edited twice, so no two clients meet.

    Raises ValueError when there are too few orders.
    """
    wanted = clients * sets_per_client * RECORDS_PER_SET
    if wanted > len(orders):
        raise ValueError(f"{wanted} orders are needed, {len(orders)} given")
    edits = [edit_order(order) for order in orders[:wanted]]
    sets = [edits[at : at + RECORDS_PER_SET] for at in range(0, wanted, RECORDS_PER_SET)]
    return [sets[at : at + sets_per_client] for at in range(0, len(sets), sets_per_client)]


def encode_json(value: Any) -> bytes:
    """Give compact JSON in UTF-8 with Chinese unescaped, as every side of a comparison sends it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def _make_id(chance: random.Random, at: datetime) -> str:
    """Give a UUIDv7 (RFC 9562 section 5.7) for a moment, its random bits from `chance`."""
    stamp, high, low = int(at.timestamp() * 1000), chance.getrandbits(12), chance.getrandbits(62)
    return str(uuid.UUID(int=stamp << 80 | 7 << 76 | high << 64 | 2 << 62 | low))


def _show_instant(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _make_centre(chance: random.Random) -> Record:
    city = wording.write_city(chance)
    values = {"name": f"{city}服务中心", "tier": "region", "city": city, "stars": "4"}
    return Record("service_centre", _make_id(chance, FIRST_DAY), values)


def _make_engineer(chance: random.Random, centres: Sequence[Record]) -> Record:
    values = {
        "name": wording.write_name(chance),
        "roles": ["engineer"],
        "centre_id": chance.choice(centres).id,
        "level": chance.choice(("junior", "intermediate", "senior")),
        "phone": wording.write_phone(chance),
    }
    return Record("person", _make_id(chance, FIRST_DAY), values)


def _make_model(chance: random.Random, family: str) -> Record:
    values = {"manufacturer": "恒安仪器", "name": MODELS[family], "family": family, "warranty_months": 12}
    return Record("model", _make_id(chance, FIRST_DAY), values)


def _make_customer(chance: random.Random, turn: int) -> Record:
    values = {
        "code": f"C{turn:05}",
        "name": wording.write_company(chance),
        "contact": wording.write_name(chance),
        "phone": wording.write_phone(chance),
    }
    return Record("customer", _make_id(chance, FIRST_DAY), values)


def _make_site(chance: random.Random, customer: Record, turn: int) -> Record:
    address = wording.write_address(chance)
    values = {"customer_id": customer.id, "name": f"{turn + 1}号厂区", "address": address}
    return Record("site", _make_id(chance, FIRST_DAY), values)


def _make_machine(chance: random.Random, models: Sequence[Record], site: Record, turn: int) -> Record:
    values = {
        "model_id": chance.choice(models).id,
        "serial": f"HA{turn:07}{chance.choice('ABCDEFGH')}",
        "customer_id": site.values["customer_id"],
        "site_id": site.id,
        "place": f"{chance.randint(1, 6)}楼{chance.randint(101, 640)}室",
        "state": "running",
    }
    return Record("machine", _make_id(chance, FIRST_DAY), values)


def _make_order(chance: random.Random, catalogue: Catalogue, turn: int, engineer_id: str | None) -> Record:
    machine = chance.choice(catalogue.machines)
    engineer = chance.choice(catalogue.engineers)
    reported_at = FIRST_DAY + timedelta(minutes=20 * turn, seconds=chance.randrange(1200))
    values = {
        "number": f"GD{reported_at:%Y%m%d}-{turn:05}",
        "status": "assigned",
        "service": chance.choice(("repair", "maintenance", "installation")),
        "grade": chance.choice(("urgent", "important", "general")),
        "channel": chance.choice(("hotline", "wechat", "web", "app")),
        "customer_id": machine.values["customer_id"],
        "site_id": machine.values["site_id"],
        "machine_id": machine.id,
        "centre_id": engineer.values["centre_id"],
        "engineer_id": engineer_id or engineer.id,
        "symptom": wording.write_symptom(chance),
        "alarms": [f"E{chance.randint(100, 999)}" for _ in range(chance.randint(0, 3))],
        "contact": wording.write_name(chance),
        "phone": wording.write_phone(chance),
        "appointment_at": _show_instant(reported_at + timedelta(hours=chance.randint(4, 96))),
        "appointment_note": wording.write_visit_note(chance),
        "instructions": wording.write_instructions(chance),
        "reported_at": _show_instant(reported_at),
    }
    return Record("work_order", _make_id(chance, reported_at), values)
