"""Recalls: parts that must be found and dealt with wherever they are, by batch or serial number.

A recall names parts, of each all of it, a batch, a range of serial numbers (schemas/serials.py), or those of a batch
that lie in a range. Every device holds all recalls, so that it warns without a network. One rule tells whether a part
is recalled, on the server and on the device:

Rule 1: a part is recalled by what is named of it when its part is the one named and its batch and serial number are
        those named, byte by byte.
Rule 2: where the batch or serial number asked for is not known, or is like the one named but for case, width and
        spaces, the part cannot be excluded: somebody looks.
Rule 3: a recall that was withdrawn, because it was opened by mistake, covers nothing. One that is closed goes on: what
        turns up later is as faulty as the rest.
Rule 4: what a recall names is added to by further facts, and struck out by a further fact when it was named by mistake;
        what was struck out covers nothing.
Source: handbook P1, P2, F7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from schemas.base import UUID_PATTERN, Audience, Nature, RecordSchema, choice, instant, pattern, reference, sha256, text
from schemas.merge_rules import FROZEN, OFFICE
from schemas.order import GRADES
from schemas.part import SERIAL_MOST, STOCK_WRITERS
from schemas.serials import fault_of_range, fold, lies_between

ACTIONS: Final = ("replace", "inspect", "stop_use")
ACTION_LABELS: Final = {
    "replace": ("更换", "Replace"),
    "inspect": ("检查", "Inspect"),
    "stop_use": ("停用并更换", "Stop use, then replace"),
}

RECALL_STATES: Final = ("open", "closed", "withdrawn")
RECALL_STATE_LABELS: Final = {
    "open": ("进行中", "Open"),
    "closed": ("已关闭", "Closed"),
    "withdrawn": ("已撤销", "Withdrawn"),
}


class Recall(RecordSchema):
    """That parts are recalled, why, and what is to be done."""

    kind = "recall"
    label = ("召回", "Recall")
    audience = Audience.EVERYBODY
    writers = STOCK_WRITERS
    ended_by = "state"

    number = text("召回编号", "Recall number", most=40, least=1, required=True, merge=FROZEN, indexed=True)
    name = text("名称", "Name", least=1, required=True, merge=OFFICE)
    reason = text("原因", "Reason", most=1000, least=1, required=True, merge=OFFICE)
    action = choice("处理方式", "What to do", ACTIONS, required=True, merge=OFFICE)
    urgency = choice("紧急程度", "Urgency", GRADES, required=True, merge=OFFICE)
    instructions = text("处理要求", "Instructions", most=4000, merge=OFFICE)
    supplier_id = reference("供应商", "Supplier", "supplier", merge=OFFICE)
    notice = text("供应商通知编号", "Number of the supplier's notice", most=80, merge=OFFICE)
    file_sha256 = sha256("供应商通知文件", "File of the supplier's notice", merge=OFFICE)
    file_name = text("文件名", "Name of the file", merge=OFFICE)
    state = choice("状态", "State", RECALL_STATES, required=True, merge=OFFICE)
    opened_by = pattern("发起人", "Opened by", UUID_PATTERN, merge=FROZEN)
    opened_at = instant("发起时间", "Opened at", required=True, merge=FROZEN)
    closed_by = pattern("关闭人", "Closed by", UUID_PATTERN, merge=OFFICE)
    closed_at = instant("关闭时间", "Closed at", merge=OFFICE)
    close_reason = text("关闭说明", "Why it was closed", most=1000, merge=OFFICE)


class RecalledPart(RecordSchema):
    """What a recall names: a part; without a batch and serial numbers all of it."""

    kind = "recalled_part"
    label = ("召回范围", "Recalled part")
    nature = Nature.FACT
    audience = Audience.EVERYBODY
    writers = STOCK_WRITERS

    recall_id = reference("召回", "Recall", "recall", required=True, merge=FROZEN, indexed=True)
    part_id = reference("备件", "Part", "part", required=True, merge=FROZEN, indexed=True)
    batch = text("批号", "Batch number", most=SERIAL_MOST, least=1, merge=FROZEN)
    first_serial = text("起始序列号", "First serial number", most=SERIAL_MOST, least=1, merge=FROZEN)
    last_serial = text("截止序列号", "Last serial number", most=SERIAL_MOST, least=1, merge=FROZEN)
    # Of what was added after the recall was opened; what it named from the first has none of them.
    named_by = pattern("追加人", "Added by", UUID_PATTERN, merge=FROZEN)
    named_at = instant("追加时间", "Added at", merge=FROZEN)
    named_reason = text("追加原因", "Why it was added", most=1000, merge=FROZEN)


class RecallCorrection(RecordSchema):
    """Something that a recall names was named by mistake and covers nothing, for good; both are kept."""

    kind = "recall_correction"
    label = ("召回更正", "Recall correction")
    nature = Nature.FACT
    audience = Audience.EVERYBODY
    writers = STOCK_WRITERS

    recall_id = reference("召回", "Recall", "recall", required=True, merge=FROZEN)
    named_id = reference("更正的范围", "What was named", "recalled_part", required=True, merge=FROZEN, indexed=True)
    corrected_by = pattern("更正人", "Struck out by", UUID_PATTERN, merge=FROZEN)
    corrected_at = instant("更正时间", "Struck out at", required=True, merge=FROZEN)
    correction_reason = text("更正原因", "Why it was named by mistake", most=1000, least=1, required=True, merge=FROZEN)


Cover = Literal["hit", "unclear", "miss"]
"""Recalled; cannot be excluded; not recalled."""

Doubt = Literal["no_batch", "no_serial", "batch_alike", "serial_alike", "bad_range"]
DOUBT_LABELS: Final[dict[Doubt, tuple[str, str]]] = {
    "no_batch": ("没有记录批号", "No batch was recorded"),
    "no_serial": ("没有记录序列号", "No serial number was recorded"),
    "batch_alike": ("批号写法相近", "The batch number is written alike"),
    "serial_alike": ("序列号写法相近", "The serial number is written alike"),
    "bad_range": ("召回的序列号范围无效", "The range of the recall is none"),
}


@dataclass(frozen=True, slots=True)
class Extent:
    """What a recall names of a part: all of it, a batch, a range of serial numbers, or what is in both."""

    part: str
    batch: str | None = None
    first: str | None = None
    last: str | None = None
    named_at: str | None = None
    """When it was added; None for what the recall named when it was opened."""

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Extent:
        """Return the extent that a record of kind ``recalled_part`` says."""
        first = values.get("first_serial")
        last = values.get("last_serial")
        return cls(values["part_id"], values.get("batch"), first or last, last or first, values.get("named_at"))


@dataclass(frozen=True, slots=True)
class Covered:
    """Whether a part is covered, and if that is unclear why."""

    cover: Cover
    doubt: Doubt | None = None


HIT: Final = Covered("hit")
MISS: Final = Covered("miss")


def judge(extent: Extent, batch: str | None, serial: str | None) -> Covered:
    """Tell whether an extent covers one of its part with a batch and serial number, as far as they are known."""
    by_batch, by_serial = _judge_batch(extent, batch), _judge_serial(extent, serial)
    if "miss" in (by_batch.cover, by_serial.cover):
        return MISS
    return by_serial if by_batch.cover == "hit" else by_batch


def judge_all(extents: Iterable[Extent], batch: str | None, serial: str | None) -> Covered:
    """Tell the same of several extents of one part: what one of them covers is covered."""
    told = MISS
    for extent in extents:
        found = judge(extent, batch, serial)
        if found.cover == "hit":
            return found
        told = told if told.cover == "unclear" else found
    return told


def _judge_batch(extent: Extent, batch: str | None) -> Covered:
    if extent.batch is None or extent.batch == batch:
        return HIT
    if not batch:
        return Covered("unclear", "no_batch")
    return Covered("unclear", "batch_alike") if fold(extent.batch) == fold(batch) else MISS


def _judge_serial(extent: Extent, serial: str | None) -> Covered:
    if extent.first is None or extent.last is None:
        return HIT
    if fault_of_range(extent.first, extent.last) is not None:
        return Covered("unclear", "bad_range")
    if not serial:
        return Covered("unclear", "no_serial")
    if lies_between(serial, extent.first, extent.last):
        return HIT
    alike = lies_between(fold(serial), fold(extent.first), fold(extent.last))
    return Covered("unclear", "serial_alike") if alike else MISS
