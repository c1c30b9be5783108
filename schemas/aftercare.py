"""Around the repair: terms of service, operator training, return to factory. Source: handbook G1-G5, I3, X1."""

from schemas.base import (
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
    sha256,
    text,
    whole,
)
from schemas.merge_rules import FROZEN
from schemas.order import GRADES


class SlaTerm(RecordSchema):
    """How soon a fault of one grade is answered, attended and solved.

    Orders that name one keep its limits; what holds for customers, sites and machines is in service terms
    (schemas/service_terms.py).
    """

    kind = "sla_term"
    label = ("服务时限", "Service level")
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "manager"})

    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    grade = choice("故障等级", "Fault grade", GRADES, required=True)
    answer_minutes = whole("答复时限", "Answer within", unit="minute")
    on_site_minutes = whole("到场时限", "On site within", unit="minute")
    solved_minutes = whole("解决时限", "Solved within", unit="minute")
    solved_working_days = whole("解决工作日", "Solved within", most=365, unit="working day")


class TrainingRecord(RecordSchema):
    """Operators were trained at a machine. Source: handbook I3 (signed by those trained)."""

    kind = "training_record"
    label = ("培训记录", "Training record")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", required=True, follows=True, merge=FROZEN)
    topics = many("内容", "Topics", text("内容", "Topic", most=80, required=True), required=True, merge=FROZEN)
    attendees = many(
        "参加人员",
        "Attendees",
        text("姓名", "Name", most=80, required=True, personal=True),
        required=True,
        merge=FROZEN,
    )
    strokes_sha256 = sha256("签字笔迹", "Strokes of the signatures", tells_of=("attendees",))
    trained_at = instant("培训时间", "Trained at", required=True, merge=FROZEN)


class TrainingSignature(RecordSchema):
    """One of those trained signed, or why not; bound to the values of the training record he read.

    Source: handbook I3 (signed by those trained).
    """

    kind = "training_signature"
    label = ("培训签字", "Training signature")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", follows=True, merge=FROZEN)
    training_id = reference("培训记录", "Training record", "training_record", required=True, merge=FROZEN)
    training_sha256 = pattern("记录摘要", "Hash of the record", r"[0-9a-f]{64}\Z", required=True, merge=FROZEN)
    attendee = text("姓名", "Name", most=80, least=1, required=True, merge=FROZEN, personal=True)
    outcome = choice("结果", "Outcome", ("signed", "declined", "absent"), required=True, merge=FROZEN)
    reason = text("原因", "Reason", most=500, merge=FROZEN)
    strokes_sha256 = sha256("笔迹", "Strokes", tells_of=("attendee",))
    signed_at = instant("签字时间", "Signed at", required=True, merge=FROZEN)


PACKED_MOST = 100
"""A machine taken apart fills two pages of a packing list."""


class ReturnedItem(Part):
    """One thing in the box, as it was when it was packed."""

    name = text("名称", "Name", least=1, required=True)
    serial = text("序列号", "Serial number", most=60)
    quantity = whole("数量", "Quantity", least=1, most=10_000)
    condition = text("外观与状态", "Condition", most=300, least=1, required=True)


class FactoryReturn(RecordSchema):
    """A machine or part of it was packed for the workshop, with what is in the box. Source: handbook X1."""

    kind = "factory_return"
    label = ("返厂", "Return to factory")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", follows=True, merge=FROZEN)
    workshop_order_id = reference("返厂工单", "Workshop order", "work_order", merge=FROZEN)
    items = many(
        "装箱清单",
        "Packing list",
        group("物品", "Item", ReturnedItem, required=True),
        most=PACKED_MOST,
        required=True,
        merge=FROZEN,
    )
    fault = text("故障现象", "Fault", most=4000, merge=FROZEN)
    packing = many(
        "包装要求", "Packing instructions", text("要求", "Instruction", most=300, required=True), most=20, merge=FROZEN
    )
    carrier = text("承运人", "Carrier", most=80, merge=FROZEN)
    tracking_number = text("运单号", "Tracking number", most=60, merge=FROZEN)
    packed_at = instant("装箱时间", "Packed at", required=True, merge=FROZEN)
