"""What waits for a person: conflicts between two edits, and exceptions that the facts raise.

Both are written by the server itself while it takes a change-set in, and settled by a change-set of
a dispatcher. They follow their record, so the device that has it also sees what became of its edit.
"""

from typing import Any

from marshmallow import fields

from schemas.base import (
    UUID_PATTERN,
    Audience,
    FieldRule,
    Part,
    RecordSchema,
    choice,
    group,
    instant,
    pattern,
    reference,
    text,
    whole,
)
from schemas.merge_rules import ASK, FROZEN

EXCEPTION_CODES = (
    "serial_in_two_places",
    "recalled_batch",
    "work_on_ended_order",
    "changed_after_signature",
    "unknown_serial",
    "job_sheet_differs",
    "stock_below_zero",
)

REVIEW_WRITERS = frozenset({"system", "dispatcher", "manager", "admin"})


class Provenance(Part):
    """Where a value came from: who wrote it, on which device, and the three times of the protocol."""

    actor_id = pattern("作者", "Author", UUID_PATTERN)
    device_id = pattern("终端", "Device", UUID_PATTERN)
    captured_at = instant("记录时间", "Captured at")
    corrected_at = instant("校正时间", "Corrected at")
    received_at = instant("接收时间", "Received at")
    position = whole("日志位置", "Log position")


def _any_value(zh: str, en: str) -> Any:
    """Declare a field that holds another field's value, whatever its type."""
    return fields.Raw(allow_none=True, metadata={"rule": FieldRule(ASK, zh, en), "description": f"{zh} / {en}"})


class Conflict(RecordSchema):
    """Office and field moved one field of one record away from the same base."""

    kind = "conflict"
    label = ("冲突", "Conflict")
    audience = Audience.LINKED
    writers = REVIEW_WRITERS

    subject_kind = text("记录类型", "Record kind", most=60, required=True, merge=FROZEN)
    subject_id = pattern("记录", "Record", UUID_PATTERN, required=True, merge=FROZEN)
    order_id = reference("工单", "Work order", "work_order", follows=True, merge=FROZEN)
    field = text("字段", "Field", most=60, required=True, merge=FROZEN)
    base = _any_value("原值", "Base")
    office = _any_value("现值", "Standing value")
    incoming = _any_value("提交值", "Incoming value")
    office_provenance = group("现值来源", "Standing value from", Provenance)
    incoming_provenance = group("提交值来源", "Incoming value from", Provenance)
    state = choice("状态", "State", ("open", "settled"), required=True)
    settled_value = _any_value("裁定值", "Settled value")
    settled_as = choice("裁定", "Settled as", ("office", "incoming", "base", "other"))
    note = text("说明", "Note", most=1000)
    settled_by = pattern("裁定人", "Settled by", UUID_PATTERN)


class ReviewException(RecordSchema):
    """Facts that cannot all be right, or that somebody must know of; the facts themselves are kept."""

    kind = "exception"
    label = ("异常", "Exception")
    audience = Audience.LINKED
    writers = REVIEW_WRITERS

    code = choice("代码", "Code", EXCEPTION_CODES, required=True, merge=FROZEN)
    order_id = reference("工单", "Work order", "work_order", follows=True, merge=FROZEN)
    subject_kind = text("记录类型", "Record kind", most=60, required=True, merge=FROZEN)
    subject_id = pattern("记录", "Record", UUID_PATTERN, required=True, merge=FROZEN)
    detail = text("详情", "Detail", most=1000, merge=FROZEN)
    withdrawal_id = reference("撤回", "Withdrawn by", "withdrawal")
    raised_at = instant("发现时间", "Raised at", merge=FROZEN)
    state = choice("状态", "State", ("open", "settled"), required=True)
    decision = text("处理决定", "Decision", most=1000)
    settled_by = pattern("处理人", "Settled by", UUID_PATTERN)
