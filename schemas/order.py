"""The work order, from request to acceptance."""

from schemas.base import (
    UUID_PATTERN,
    Audience,
    Part,
    RecordSchema,
    choice,
    group,
    instant,
    many,
    pattern,
    reference,
    text,
    whole,
)
from schemas.clocks import PAUSE_REASONS
from schemas.lifecycle import ENDED_STATES, ORDER_STATES
from schemas.merge_rules import EARLIEST, FROZEN, LATEST, OFFICE, UNION
from schemas.people import LEVELS
from schemas.preparation import PREPARATION_MOST, PreparationItem
from schemas.warranty import EXCLUSIONS

GRADES = ("urgent", "important", "general")
"""Machine down, function limited, little effect. Source: handbook G1."""

GRADE_LABELS = {"urgent": ("紧急", "Urgent"), "important": ("重要", "Important"), "general": ("一般", "General")}

SERVICES = ("repair", "maintenance", "installation", "training", "advice", "spare_part", "retrofit", "workshop")
"""Kinds of service. Source: handbook R2, M4, I3, X1."""

SERVICE_LABELS = {
    "repair": ("维修", "Repair"),
    "maintenance": ("保养", "Maintenance"),
    "installation": ("安装调试", "Installation"),
    "training": ("培训", "Training"),
    "advice": ("咨询", "Advice"),
    "spare_part": ("备件", "Spare part"),
    "retrofit": ("改造", "Retrofit"),
    "workshop": ("返厂维修", "Workshop repair"),
}

RESULTS = ("solved", "workaround", "needs_parts", "needs_workshop", "not_reproduced")
RESULT_LABELS = {
    "solved": ("已解决", "Solved"),
    "workaround": ("临时措施", "Workaround"),
    "needs_parts": ("待备件", "Needs parts"),
    "needs_workshop": ("返厂维修", "Needs the workshop"),
    "not_reproduced": ("未复现", "Not reproduced"),
}

CHANNELS = (
    *("hotline", "email", "web", "wechat", "app", "account_manager", "telemetry", "engineer"),
    *("qr", "api"),
)
"""Where requests come from; `qr` is the code on the machine. Source: handbook R1."""


class NeededPart(Part):
    """A part that the fault may need. Source: handbook D2, P4."""

    part_id = pattern("备件", "Part", UUID_PATTERN, required=True)
    quantity = whole("数量", "Quantity", least=1, most=10_000, required=True)


class WorkOrder(RecordSchema):
    """One job at one machine. Source: handbook R2 (request sheet), D2, V1-V7."""

    kind = "work_order"
    label = ("工单", "Work order")
    audience = Audience.ASSIGNED
    held_by = "engineer_id"
    released_when = {"status": ENDED_STATES}
    writers = frozenset({"dispatcher", "manager", "admin", "engineer"})

    number = text("工单号", "Number", most=40, least=1, required=True, merge=FROZEN, indexed=True)
    status = choice("状态", "Status", ORDER_STATES, required=True)
    service = choice("服务类型", "Kind of service", SERVICES, required=True)
    grade = choice("故障等级", "Fault grade", GRADES, required=True)
    channel = choice("来源", "Channel", CHANNELS, merge=FROZEN)
    customer_id = reference("客户", "Customer", "customer", carries=True)
    site_id = reference("现场", "Site", "site", carries=True)
    machine_id = reference("设备", "Machine", "machine", carries=True, follows=True)
    centre_id = reference("服务网点", "Service centre", "service_centre", merge=OFFICE)
    engineer_id = reference("工程师", "Engineer", "person", merge=OFFICE)
    checklist_id = reference("检查表", "Checklist", "checklist")
    parent_id = reference("上级工单", "Follows up", "work_order", merge=FROZEN, indexed=True)
    recall_id = reference("召回", "Recall", "recall", merge=FROZEN)
    # Who and what it is for, as the engineer was told, until the office has records of them.
    customer_name = text("客户（未建档）", "Customer, as told", personal=True)
    site_address = text("现场地址（未建档）", "Address, as told")
    machine_name = text("设备（未建档）", "Machine, as told")
    sla_term_id = reference("服务时限", "Service level", "sla_term", merge=OFFICE)
    service_terms_id = reference("服务条款", "Service terms", "service_terms", merge=OFFICE)
    symptom = text("故障现象", "Symptom", most=4000, personal=True)
    alarms = many("报警代码", "Alarms", text("报警", "Alarm", most=40, required=True), merge=UNION)
    contact = text("联系人", "Contact", most=80, merge=LATEST, personal=True)
    phone = text("电话", "Telephone", most=40, merge=LATEST, personal=True)
    appointment_at = instant("预约时间", "Appointment")
    appointment_note = text("预约说明", "Appointment note", most=1000, personal=True)
    # What the office plans; the appointment is what was agreed with the customer.
    planned_start_at = instant("计划开始", "Planned start", merge=OFFICE)
    planned_end_at = instant("计划结束", "Planned end", merge=OFFICE)
    expected_minutes = whole("预计时长", "Expected duration", least=1, most=14_400, unit="minute", merge=OFFICE)
    needed_level = choice("所需等级", "Level needed", LEVELS, merge=OFFICE)
    # Source: handbook H2.
    companion_id = reference("随行师傅", "Goes with", "person", merge=OFFICE)
    preparation = many(
        "准备清单",
        "Preparation list",
        group("准备", "Preparation", PreparationItem, required=True),
        most=PREPARATION_MOST,
        merge=OFFICE,
    )
    instructions = text("派工要求", "Instructions", most=4000, merge=OFFICE)
    needed_parts = many("备件清单", "Parts to bring", group("备件", "Part", NeededPart, required=True), merge=OFFICE)
    reported_at = instant("报修时间", "Reported at", merge=FROZEN)
    # Worked out by the server; a clock that is paused or has no limit has none here (schemas/clocks.py).
    answer_due_at = instant("响应时限", "Answer by", merge=OFFICE)
    proposal_due_at = instant("方案时限", "Solution proposed by", merge=OFFICE)
    on_site_due_at = instant("到场时限", "On site by", merge=OFFICE)
    solved_due_at = instant("解决时限", "Solved by", merge=OFFICE)
    paused_by = choice("计时暂停原因", "Clocks paused by", PAUSE_REASONS, merge=OFFICE)
    hold_reason = text("暂停原因", "Reason for the hold", most=500)
    answered_at = instant("响应时间", "Answered at", merge=EARLIEST)
    proposed_at = instant("提出方案时间", "Solution proposed at", merge=EARLIEST)
    arrived_at = instant("到场时间", "Arrived at", merge=EARLIEST)
    started_at = instant("开工时间", "Started at", merge=EARLIEST)
    finished_at = instant("完工时间", "Finished at")
    failed_component = text("故障部件", "Failed component", most=80)
    exclusion = choice("保修除外", "Excluded from warranty", EXCLUSIONS)
    diagnosis = text("故障原因", "Diagnosis", most=4000)
    remedy = text("处理措施", "Remedy", most=4000)
    result = choice("处理结果", "Result", RESULTS)
