"""What a person should know although nothing was refused: code -> sentence in two languages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

from schemas.order import GRADE_LABELS

NOTICES: Final[dict[str, tuple[str, str]]] = {
    "part_unknown": (
        "目录里没有这个备件，已按所记内容保存。",
        "The catalogue has no such part; it is recorded as given.",
    ),
    "batch_unknown": (
        "本机没有批号 {number} 的资料，供应商与合格证未知。",
        "Batch {number} is not known here, so supplier and certificate are unknown.",
    ),
    "batch_missing": ("没有记录批号，无法追溯到供应商。", "No batch was recorded, so the supplier cannot be traced."),
    "batch_ambiguous": (
        "批号 {number} 属于多个备件，请扫描或填写备件号。",
        "Batch {number} belongs to several parts; scan or give the part number.",
    ),
    "batch_recalled": (
        "批号 {number} 已于 {recalled_on} 召回：{reason}",
        "Batch {number} was recalled on {recalled_on}: {reason}",
    ),
    "part_recalled": (
        "召回 {number} 包含此件（{action}）：{reason}",
        "Recall {number} covers this part ({action}): {reason}",
    ),
    "recall_unclear": (
        "召回 {number} 不能排除此件（{doubt}）：{reason}",
        "Recall {number} cannot be excluded for this part ({doubt}): {reason}",
    ),
    "batch_expired": ("批号 {number} 已于 {expires_on} 过期。", "Batch {number} expired on {expires_on}."),
    "serial_missing": (
        "该备件按序列号管理，但没有记录序列号。",
        "This part has serial numbers, but none was recorded.",
    ),
    "serial_in_use": ("序列号 {serial} 已记录在本设备上。", "Serial {serial} is already recorded in this machine."),
    "serial_elsewhere": (
        "序列号 {serial} 已记录在另一台设备 {machine} 上，请核对。",
        "Serial {serial} is recorded in another machine, {machine}; check it.",
    ),
    "part_not_for_model": (
        "“{part}”不适用于机型 {model}。",
        "'{part}' does not fit the model {model}.",
    ),
    "not_on_van": (
        "您的车载库里没有“{part}”，库存没有扣减。",
        "'{part}' is not in your van, so no stock was counted down.",
    ),
    "van_below_zero": (
        "车载库的余额成为 {left}，派工台会看到，请盘点。",
        "The van's balance is {left}; the office will see it, please count.",
    ),
    "removed_unknown": (
        "本机没有序列号 {serial} 的装入记录，拆下仍已保存。",
        "No record of serial {serial} being fitted is known here; its removal is recorded.",
    ),
    "check_failed": (
        "“{item}”不合格：允许 {low} 至 {high} {unit}。",
        "'{item}' failed: the limits are {low} to {high} {unit}.",
    ),
    "checks_missing": ("必填检查项还没有做：{items}", "Mandatory checks are not done: {items}"),
    "signature_missing": ("客户还没有签字。", "The customer has not signed."),
    "changed_after_signature": (
        "内容在客户签字后有改动，派工台会看到。",
        "This changes what the customer signed; the dispatcher will see it.",
    ),
    "machine_known": (
        "编号 {serial} 的设备已有记录，没有重复登记。",
        "The machine {serial} is known here already; it was not registered again.",
    ),
    "follow_up_failed": (
        "工单 {number} 检查“{item}”不合格：{value}，允许 {low} 至 {high} {unit}。",
        "Order {number}, check '{item}' failed: {value}, the limits are {low} to {high} {unit}.",
    ),
    "follow_up_found": (
        "工单 {number} 检查“{item}”不合格：{value}。",
        "Order {number}, check '{item}' failed: {value}.",
    ),
    "follow_up_skipped": (
        "工单 {number} 检查“{item}”未做。",
        "Order {number}, check '{item}' was not done.",
    ),
    "grade_changed": ("故障等级改为“{grade}”，派工台会看到。", "The fault grade is changed to '{grade}'."),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to know, with its facts: a value, so that any screen can show it. A fact may be a pair of languages."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    def sentence(self, language: str) -> str:
        """Return the sentence in Chinese (``zh``) or English."""
        zh, en = NOTICES[self.code]
        side = 0 if language == "zh" else 1
        facts = {name: value[side] if isinstance(value, tuple) else value for name, value in self.facts.items()}
        if facts.get("grade") in GRADE_LABELS:
            facts["grade"] = GRADE_LABELS[facts["grade"]][side]
        return (zh, en)[side].format(**facts)
