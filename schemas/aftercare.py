"""Terms of service after the sale. Source: handbook G1-G5."""

from schemas.base import Audience, RecordSchema, choice, text, whole
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
