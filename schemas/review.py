"""What waits for a person: conflicts between two edits, and exceptions that the facts raise.

Both are written by the server itself while it takes a change-set in, and settled by a change-set of
a dispatcher. They follow their record, so the device that has it also sees what became of its edit. Whoever
decides one may put it off, and may put a question to an engineer (schemas/inquiry.py).
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
from schemas.merge_rules import ASK, FROZEN, LATEST

EXCEPTION_CODES = (
    "serial_in_two_places",
    "recalled_batch",
    "work_on_ended_order",
    "changed_after_signature",
    "unknown_serial",
    "job_sheet_differs",
    "stock_below_zero",
    "machine_registered_twice",
)

EXCEPTION_LABELS = {
    "serial_in_two_places": ("同一序列号装在两处", "One serial number in two places"),
    "recalled_batch": ("召回批次的备件", "Part from a recalled batch"),
    "work_on_ended_order": ("在已结束的工单上作业", "Work on an ended order"),
    "changed_after_signature": ("客户签字后有改动", "Changed after the signature"),
    "unknown_serial": ("拆下的序列号不在该设备上", "Removed part was not known to be there"),
    "job_sheet_differs": ("服务报告与摘要不符", "Job sheet differs from its hash"),
    "stock_below_zero": ("库存低于零", "Stock below zero"),
    "machine_registered_twice": ("同一设备登记了两次", "One machine registered twice"),
}

REMEDY_LABELS = {
    "keep": ("保留事实，说明原因", "Keep the facts as they are"),
    "reopen_order": ("重新打开工单", "Open the order again"),
    "withdraw_fact": ("撤回这条记录", "Strike this entry out"),
    "record_removal": ("补记从另一台设备拆下", "Record its removal from the other machine"),
    "suspect_counterfeit": ("标记疑似假冒", "Mark as suspected counterfeit"),
    "renew_signature": ("请客户重新签字", "Ask for a new signature"),
    "follow_up": ("开出更换工单", "Order its replacement"),
    "count_stock": ("按盘点数更正库存", "Correct the stock by a count"),
    "merge_machines": ("并为一台设备", "Take both as one machine"),
}
"""What a dispatcher may do about an exception; server/domain/remedies.py says which makes sense where."""

REMEDIES = tuple(REMEDY_LABELS)

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
    """Declare a field that holds another field's value, whatever its type; that value may tell of a person."""
    return fields.Raw(
        allow_none=True, metadata={"rule": FieldRule(ASK, zh, en, personal=True), "description": f"{zh} / {en}"}
    )


class Waiting(RecordSchema):
    """What waits for a decision. It may be put off, until a time or until somebody's device has synced.

    Of two who put one off, the later one counts; nobody is asked about that.
    """

    later_until = instant("暂缓至", "Put off until", merge=LATEST)
    later_person = pattern("待其终端同步", "Put off until this person syncs", UUID_PATTERN, merge=LATEST)
    later_why = text("暂缓原因", "Why it is put off", most=500, merge=LATEST)
    later_by = pattern("暂缓人", "Put off by", UUID_PATTERN, merge=LATEST)
    later_at = instant("暂缓时间", "Put off at", merge=LATEST)


POSTPONEMENT = ("later_until", "later_person", "later_why", "later_by", "later_at")
"""The fields that put a review off, written together."""


class Conflict(Waiting):
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


class ReviewException(Waiting):
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
    settled_as = choice("处理方式", "Settled by", REMEDIES)
    decision = text("处理决定", "Decision", most=1000)
    settled_by = pattern("处理人", "Settled by", UUID_PATTERN)
