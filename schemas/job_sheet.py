"""What was measured, the job sheet, and the customer's signature. Source: handbook V5, V7, I2."""

from schemas.base import (
    KEY_PATTERN,
    Nature,
    Part,
    RecordSchema,
    choice,
    decimal,
    group,
    instant,
    many,
    pattern,
    reference,
    sha256,
    text,
)
from schemas.equipment import CHANNELS_MAX
from schemas.merge_rules import FROZEN

JOB_SHEET_CHARACTERS_MAX = 60_000
"""A visit with 200 checks and 50 parts writes about 30,000 characters."""

VERDICTS = ("passed", "failed", "skipped", "noted")
VERDICT_LABELS = {
    "passed": ("合格", "Passed"),
    "failed": ("不合格", "Failed"),
    "skipped": ("未做", "Skipped"),
    "noted": ("已记录", "Noted"),
}

OUTCOMES = ("signed", "declined", "absent")
OUTCOME_LABELS = {
    "signed": ("客户已签字", "Signed"),
    "declined": ("客户拒签", "Declined to sign"),
    "absent": ("客户不在场", "Absent"),
}

SIGNED_ORDER_FIELDS = ("diagnosis", "remedy", "result")
"""Fields of the order that the job sheet shows and the customer signs."""

SIGNED_FACTS = ("part_fitted", "part_removed", "check_result")
"""Facts that the job sheet lists: one more after the signature changes what was signed."""
POINTS_MAX = 300
"""A no-load run of five minutes, read every second; three channels of it are about 30 KB of a change-set."""


class Reading(Part):
    """One reading of one channel, `t_s` seconds after the series began."""

    t_s = decimal("时间", "Time", unit="s", required=True)
    value = decimal("读数", "Reading", required=True)


class ReadingSeries(Part):
    """The readings of one channel, by time. Source: handbook I2 (curves of current, voltage and speed)."""

    channel = pattern("通道", "Channel", KEY_PATTERN, required=True)
    points = many("读数", "Readings", group("读数", "Reading", Reading, required=True), most=POINTS_MAX, required=True)


class CheckResult(RecordSchema):
    """One item of a checklist, answered. A second answer to the same item is a further fact; the later counts."""

    kind = "check_result"
    label = ("检查结果", "Check result")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", follows=True, merge=FROZEN)
    checklist_id = reference("检查表", "Checklist", "checklist", merge=FROZEN)
    item = pattern("项目", "Item", KEY_PATTERN, required=True, merge=FROZEN)
    value = text("结果", "Value", most=1000, merge=FROZEN)
    unit = text("单位", "Unit", most=20, merge=FROZEN)
    readings = many(
        "读数", "Readings", group("通道", "Channel", ReadingSeries, required=True), most=CHANNELS_MAX, merge=FROZEN
    )
    photo_id = reference("照片", "Photo", "photo", merge=FROZEN)
    verdict = choice("判定", "Verdict", VERDICTS, required=True, merge=FROZEN)
    reason = text("原因", "Reason", most=500, merge=FROZEN)
    checked_at = instant("检查时间", "Checked at", required=True, merge=FROZEN)


class JobSheet(RecordSchema):
    """The exact sheet the customer read: a canonical JSON document and its SHA-256."""

    kind = "job_sheet"
    label = ("服务报告", "Job sheet")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", follows=True, merge=FROZEN)
    content = text("内容", "Content", most=JOB_SHEET_CHARACTERS_MAX, required=True, merge=FROZEN, personal=True)
    content_sha256 = pattern("内容摘要", "Hash of the content", r"[0-9a-f]{64}\Z", required=True, merge=FROZEN)


class Signature(RecordSchema):
    """A customer's signature under one job sheet, or why there is none."""

    kind = "signature"
    label = ("客户签字", "Signature")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", follows=True, merge=FROZEN)
    job_sheet_id = reference("服务报告", "Job sheet", "job_sheet", required=True, merge=FROZEN)
    job_sheet_sha256 = pattern("报告摘要", "Hash of the sheet", r"[0-9a-f]{64}\Z", required=True, merge=FROZEN)
    outcome = choice("结果", "Outcome", OUTCOMES, required=True, merge=FROZEN)
    reason = text("原因", "Reason", most=500, merge=FROZEN)
    signer_name = text("签字人", "Signer", most=80, merge=FROZEN, personal=True)
    signer_role = text("签字人职务", "Signer's role", most=80, merge=FROZEN)
    strokes_sha256 = sha256("笔迹", "Strokes", tells_of=("signer_name",))
    signed_at = instant("签字时间", "Signed at", required=True, merge=FROZEN)
