"""Around the repair: terms of service and operator training. Source: handbook G1-G5, I3."""

from schemas.base import Audience, Nature, RecordSchema, choice, instant, many, reference, sha256, text, whole
from schemas.merge_rules import FROZEN
from schemas.order import GRADES


class SlaTerm(RecordSchema):
    """How soon a fault of one grade is answered, attended and solved."""

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
    attendees = many("参加人员", "Attendees", text("姓名", "Name", most=80, required=True), required=True, merge=FROZEN)
    strokes_sha256 = sha256("签字笔迹", "Strokes of the signatures")
    trained_at = instant("培训时间", "Trained at", required=True, merge=FROZEN)
