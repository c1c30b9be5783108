"""What is promised to whom: a named set of limits by step, grade, area and kind of service. Source: handbook G1-G5."""

from typing import Final

from schemas.base import (
    UUID_PATTERN,
    Audience,
    Part,
    RecordSchema,
    choice,
    group,
    many,
    pattern,
    reference,
    text,
    truth,
    whole,
)
from schemas.clocks import CLOCKS, PAUSE_REASONS
from schemas.order import GRADES, SERVICES
from schemas.people import LEVELS

AREAS: Final = ("city", "remote")
AREA_LABELS: Final = {"city": ("市区", "City"), "remote": ("偏远地区", "Remote area")}

UNITS: Final = ("minute", "hour", "day", "working_hour", "working_day")
UNIT_LABELS: Final[dict[str, tuple[str, str]]] = {
    "minute": ("分钟", "minutes"),
    "hour": ("小时", "hours"),
    "day": ("天", "days"),
    "working_hour": ("工作小时", "working hours"),
    "working_day": ("个工作日", "working days"),
}

PLANNED_SERVICES: Final = ("maintenance", "installation", "training", "retrofit")
"""Work that is agreed for a day, however long ahead. Source: handbook G1 (grades are of faults), V8, M1."""

AMOUNT_MAX: Final = 10_000
"""A week in minutes; nothing longer is promised in so small a unit."""

LIMITS_MAX: Final = 200
"""Four steps by three grades by two areas are 24; each kind of service may have some of its own."""

CENTS_MAX: Final = 10_000_000
"""A hundred thousand yuan an hour is a slip of the pen."""

STEP_STATES: Final = ("received", "assigned", "on_hold", "finished", "sent_back")
"""States of an order that have a limit beside the clocks of what the customer is promised."""


class ServiceLimit(Part):
    """One limit, and for what it holds; what is left open holds for all. The row that says most is the one that counts.

    Of what rows say, key equipment weighs most, then the kind of service, the grade, the area. Grades are of faults:
    for planned work only the answer is owed without a row that names its kind of service.
    """

    step = choice("时限", "Limit for", CLOCKS, required=True)
    grade = choice("故障等级", "Fault grade", GRADES)
    area = choice("区域", "Area", AREAS)
    service = choice("服务类型", "Kind of service", SERVICES)
    key_equipment = truth("仅关键设备", "Key equipment only")
    amount = whole("数值", "Amount", least=1, most=AMOUNT_MAX, required=True)
    unit = choice("单位", "Unit", UNITS, required=True)


class StepLimit(Part):
    """How long an order may stay in a state before its responsible person is late. Source: handbook G7."""

    state = choice("环节", "Step", STEP_STATES, required=True)
    amount = whole("数值", "Amount", least=1, most=AMOUNT_MAX, required=True)
    unit = choice("单位", "Unit", UNITS, required=True)


class LabourRate(Part):
    """What labour and the way there cost, and for what; what is left open holds for all. Source: handbook V9.

    The row that says most is the one that counts: a service point weighs most, then the kind of service, then the level
    of the engineer.
    """

    centre_id = pattern("服务网点", "Service centre", UUID_PATTERN)
    service = choice("服务类型", "Kind of service", SERVICES)
    level = choice("工程师等级", "Level of the engineer", LEVELS)
    hour_cents = whole("工时单价（每小时）", "Labour, an hour", most=CENTS_MAX, unit="0.01 CNY", required=True)
    travel_cents = whole("上门费（每单）", "Travel, an order", most=CENTS_MAX, unit="0.01 CNY")


class ServiceTerms(RecordSchema):
    """A named set of limits. Customers, sites and machines name the set that holds for them.

    Where none is named the set marked as the standard holds.
    """

    kind = "service_terms"
    label = ("服务条款", "Service terms")
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "manager"})

    name = text("名称", "Name", least=1, required=True)
    name_en = text("英文名称", "Name in English")
    standard = truth("默认条款", "Holds where nothing else is named")
    calendar_id = reference("工作日历", "Working calendar", "working_calendar")
    limits = many("时限", "Limits", group("时限", "Limit", ServiceLimit, required=True), most=LIMITS_MAX, required=True)
    pause_reasons = many(
        "可暂停计时的原因",
        "Reasons that pause",
        choice("原因", "Reason", PAUSE_REASONS, required=True),
        most=len(PAUSE_REASONS),
    )
    step_limits = many(
        "内部环节时限", "Limits of our own steps", group("环节", "Step", StepLimit, required=True), most=20
    )
    labour_rates = many(
        "工时与上门费", "Labour and travel", group("费率", "Rate", LabourRate, required=True), most=LIMITS_MAX
    )
    labour_step_minutes = whole("工时计费单位", "Labour is charged by begun", least=1, most=480, unit="minute")
    material_only = truth("保外只收材料费", "Outside warranty material only")
    note = text("说明", "Note", most=1000)
