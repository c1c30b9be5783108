"""Sending a machine, or part of one, to the workshop: what is in the box, and an order for the repair there.

Source: handbook X1 (packing instructions to the customer), X2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Workbench, find_order
from schemas.problems import Refused

PACKING: Final = {
    "zh": (
        "断电、放空液体，清洁并消毒接触样品的表面。",
        "取下转子、附件和可拆部件，单独包裹。",
        "使用原包装；没有原包装时，四周至少 5 厘米缓冲材料，外箱能承受设备重量。",
        "箱内附本清单，箱外标注“向上”“易碎”和工单号。",
    ),
    "en": (
        "Switch off, drain liquids, clean and disinfect what touched samples.",
        "Take out rotor, accessories and loose parts and wrap them on their own.",
        "Use the original box; without it, 5 cm of padding all round and a case that bears the weight.",
        "Put this list in the box; mark it 'this side up', 'fragile' and with the order number.",
    ),
}
"""What holds where the model has no packing instructions of its own. Source: handbook X1."""


@dataclass(frozen=True, slots=True)
class Packed:
    """A return recorded: its id, and the order for the workshop."""

    return_id: str
    order: Record
    workshop_order_id: str
    set_id: str | None


def packing_of(bench: Workbench, order: Record, language: str) -> tuple[str, ...]:
    """Return the packing instructions of an order's machine: those of its model, else the general ones."""
    machine = bench.store.values_of(order.values.get("machine_id"))
    own = bench.store.values_of(machine.get("model_id")).get("packing")
    return tuple(own) if own else PACKING[language]


def return_to_factory(
    bench: Workbench,
    items: Sequence[Values],
    *,
    fault: str | None = None,
    packing: Sequence[str] = (),
    carrier: str | None = None,
    tracking_number: str | None = None,
    order: str | None = None,
) -> Packed:
    """Record what was packed, say that the order needs the workshop, and raise the workshop's order.

    `items` are {name, serial, quantity, condition}. Raises Refused with `field_missing` when nothing is packed or an
    item has no name or condition, or `value_invalid`.
    """
    found = find_order(bench, order)
    packed = [_spell_item(item) for item in items]
    if not packed:
        raise Refused("field_missing", field="items")
    now, workshop_id = bench.now(), bench.make_id()
    described = (fault or found.values.get("diagnosis") or found.values.get("symptom") or "").strip()
    workshop = {
        "number": f"F{now[2:10].replace('-', '')}-{workshop_id[-6:].upper()}",
        "status": "received",
        "service": "workshop",
        "grade": found.values["grade"],
        "channel": "engineer",
        "symptom": described or None,
        "parent_id": found.id,
        "reported_at": now,
        **{name: found.values.get(name) for name in _SAME},
    }
    sent = {
        "order_id": found.id,
        "machine_id": found.values.get("machine_id"),
        "workshop_order_id": workshop_id,
        "items": packed,
        "fault": described or None,
        "packing": list(packing) or None,
        "carrier": carrier or None,
        "tracking_number": tracking_number or None,
        "packed_at": now,
    }
    edits = [
        Edit("work_order", workshop_id, workshop, is_new=True),
        Edit("factory_return", bench.make_id(), sent, is_new=True),
        Edit("work_order", found.id, {"result": "needs_workshop"}),
    ]
    set_id = bench.outbox.write("return.pack", edits)
    return Packed(edits[1].id, find_order(bench, found.id), workshop_id, set_id)


_SAME: Final = (
    "machine_id",
    "machine_name",
    "customer_id",
    "customer_name",
    "site_id",
    "site_address",
    "contact",
    "phone",
)


def _spell_item(item: Values) -> Values:
    for name in ("name", "condition"):
        if not str(item.get(name) or "").strip():
            raise Refused("field_missing", field=name)
    return {name: value for name, value in item.items() if value not in (None, "")}
