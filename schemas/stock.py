"""Where spare parts are: vans, the moves from place to place that every balance is counted from, levels and counts.

Each move names where it takes from and where it puts to, so nothing appears or vanishes: what comes from
outside comes from the supplier, what is counted differently goes to or comes from ``difference``. A wrong
move is put right by one in the other direction that names it. Source: handbook P4, P5.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.base import (
    UUID_PATTERN,
    WHOLE_NUMBER_MAX,
    Audience,
    Nature,
    Part,
    RecordSchema,
    choice,
    group,
    instant,
    many,
    pattern,
    reference,
    text,
    truth,
    whole,
)
from schemas.merge_rules import FROZEN, OFFICE
from schemas.part import SERIAL_MOST, STOCK_WRITERS

PLACES: Final = ("supplier", "centre", "van", "machine", "customer", "returned", "scrapped", "difference")

KEEPING_PLACES: Final = ("centre", "van")
"""Places that have a balance of their own, which cannot go below zero."""

PLACE_LABELS: Final = {
    "supplier": ("供应商", "Supplier"),
    "centre": ("服务网点", "Service centre"),
    "van": ("车载库", "Van"),
    "machine": ("设备", "Machine"),
    "customer": ("客户", "Customer"),
    "returned": ("返厂", "Sent back to be repaired"),
    "scrapped": ("报废", "Scrapped"),
    "difference": ("盘点差异", "Count difference"),
}

LEVEL_MOST: Final = 10_000


class Van(RecordSchema):
    """The stock that an engineer carries. Its moves follow it, so his device can count it without a network."""

    kind = "van"
    label = ("车载库", "Van")
    audience = Audience.ASSIGNED
    held_by = "person_id"
    writers = STOCK_WRITERS

    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    person_id = reference("工程师", "Engineer", "person", merge=OFFICE)
    centre_id = reference("服务网点", "Service centre", "service_centre", merge=OFFICE)


class StockMove(RecordSchema):
    """So many of a part went from one place to another. Source: handbook P1, P4."""

    kind = "stock_move"
    label = ("库存移动", "Stock move")
    nature = Nature.FACT
    writers = STOCK_WRITERS | {"engineer"}

    part_id = reference("备件", "Part", "part", required=True, merge=FROZEN)
    batch = text("批号", "Batch number", most=SERIAL_MOST, merge=FROZEN)
    batch_id = reference("批次记录", "Batch record", "batch", merge=FROZEN)
    serial = text("序列号", "Serial number", most=SERIAL_MOST, merge=FROZEN)
    quantity = whole("数量", "Quantity", least=1, most=10_000, required=True, merge=FROZEN)
    from_place = choice("从", "From", PLACES, required=True, merge=FROZEN)
    from_van_id = reference("从车", "From van", "van", follows=True, merge=FROZEN)
    from_centre_id = reference("从网点", "From centre", "service_centre", merge=FROZEN)
    to_place = choice("到", "To", PLACES, required=True, merge=FROZEN)
    to_van_id = reference("到车", "To van", "van", follows=True, merge=FROZEN)
    to_centre_id = reference("到网点", "To centre", "service_centre", merge=FROZEN)
    order_id = reference("工单", "Work order", "work_order", follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", merge=FROZEN)
    fitted_id = reference("装入记录", "Part fitted", "part_fitted", indexed=True, merge=FROZEN)
    reverses_id = reference("冲销", "Reverses", "stock_move", merge=FROZEN)
    # What the papers of a delivery say; of what goes back to a supplier, to whom.
    supplier_id = reference("供应商", "Supplier", "supplier", merge=FROZEN)
    delivery_note = text("送货单号", "Delivery note", most=80, merge=FROZEN)
    count_id = reference("盘点", "Count", "stock_count", merge=FROZEN)
    reason = text("原因", "Reason", most=500, merge=FROZEN)
    moved_at = instant("移动时间", "Moved at", required=True, merge=FROZEN)


class StockLevel(RecordSchema):
    """How many of a part a van or a centre should have. A van's levels follow it, so its device knows its list.

    Source: handbook P4, P7.
    """

    kind = "stock_level"
    label = ("库存定额", "Stock level")
    writers = STOCK_WRITERS

    van_id = reference("车载库", "Van", "van", follows=True, merge=FROZEN)
    centre_id = reference("服务网点", "Service centre", "service_centre", merge=FROZEN)
    part_id = reference("备件", "Part", "part", required=True, merge=FROZEN)
    minimum = whole("最低数量", "Minimum", most=LEVEL_MOST, merge=OFFICE)
    standard = whole("标准数量", "Standard", most=LEVEL_MOST, merge=OFFICE)


class CountedLine(Part):
    """What a count found of one part, batch and serial number, and when: each line speaks of its own moment."""

    part_id = pattern("备件", "Part", UUID_PATTERN, required=True)
    batch = text("批号", "Batch number", most=SERIAL_MOST)
    serial = text("序列号", "Serial number", most=SERIAL_MOST)
    expected = whole("账面数量", "In the books", least=-WHOLE_NUMBER_MAX)
    counted = whole("实盘数量", "Counted", most=LEVEL_MOST, required=True)
    counted_at = instant("盘点时间", "Counted at", required=True)


class StockCount(RecordSchema):
    """A van or a centre was counted. What differed is settled by moves of the same change-set that name it."""

    kind = "stock_count"
    label = ("盘点", "Count")
    nature = Nature.FACT
    audience = Audience.OFFICE
    writers = STOCK_WRITERS

    van_id = reference("车载库", "Van", "van", merge=FROZEN)
    centre_id = reference("服务网点", "Service centre", "service_centre", merge=FROZEN)
    is_blind = truth("盲盘", "Blind", merge=FROZEN)
    begun_at = instant("开始时间", "Begun at", required=True, merge=FROZEN)
    settled_at = instant("结束时间", "Settled at", required=True, merge=FROZEN)
    lines = many("盘点明细", "Lines", group("明细", "Line", CountedLine, required=True), required=True, merge=FROZEN)
    reason = text("差异原因", "Reason of the differences", most=500, merge=FROZEN)


@dataclass(frozen=True, slots=True, order=True)
class StockKey:
    """What is counted together: one part, batch and serial number in one place; empty where there is none."""

    place: str
    """The id of the van or the service centre."""
    part: str
    batch: str
    serial: str


def balance_changes(move: Mapping[str, Any]) -> Iterator[tuple[StockKey, int]]:
    """Yield by how much a move changes which balances; ends such as a machine or the supplier have none."""
    for side, sign in (("from", -1), ("to", 1)):
        where = move.get(f"{side}_place")
        place = move.get(f"{side}_{where}_id") if where in KEEPING_PLACES else None
        if place:
            yield (
                StockKey(place, move["part_id"], move.get("batch") or "", move.get("serial") or ""),
                (sign * move["quantity"]),
            )
