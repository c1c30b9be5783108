"""What people call the values of a choice, by field: forms and spreadsheets say them, and read them back."""

from __future__ import annotations

from typing import Final

from schemas.clocks import CLOCK_LABELS, PAUSE_LABELS
from schemas.order import GRADE_LABELS, SERVICE_LABELS
from schemas.part import PART_GRADE_LABELS
from schemas.people import LEVEL_LABELS, ROLE_LABELS
from schemas.preparation import PREPARATION_LABELS
from schemas.recall import ACTION_LABELS
from schemas.service_terms import AREA_LABELS, UNIT_LABELS
from schemas.working_time import DAY_TYPE_LABELS, WEEKDAY_LABELS

Labels = tuple[str, str]


CHECK_TYPE_LABELS: Final[dict[str, Labels]] = {
    "yes_no": ("是 / 否", "Yes or no"),
    "choice": ("选择", "Choice"),
    "number": ("数值", "Number"),
    "text": ("文字", "Text"),
    "photo": ("照片", "Photo"),
    "series": ("读数曲线", "Reading series"),
}

CHOICE_LABELS: Final[dict[str, dict[str, Labels]]] = {
    "grade": GRADE_LABELS | PART_GRADE_LABELS,
    "service": SERVICE_LABELS,
    "area": AREA_LABELS,
    "step": CLOCK_LABELS,
    "unit": UNIT_LABELS,
    "pause_reasons": PAUSE_LABELS,
    "weekday": WEEKDAY_LABELS,
    "type": DAY_TYPE_LABELS | CHECK_TYPE_LABELS,
    "level": LEVEL_LABELS,
    "tier": {"national": ("总部", "National centre"), "region": ("区域站", "Region"), "outlet": ("网点", "Outlet")},
    "stars": {stars: (f"{stars} 星", f"{stars} stars") for stars in ("3", "4", "5")},
    "language": {"zh": ("中文", "Chinese"), "en": ("英文", "English")},
    "beyond_limit": {"warn": ("提醒", "Warn"), "block": ("不能继续", "Block the work")},
    "roles": ROLE_LABELS,
    "what": PREPARATION_LABELS,
    "action": ACTION_LABELS,
    "urgency": GRADE_LABELS,
    "state": {
        "running": ("运行中", "Running"),
        "limited": ("限制使用", "Limited"),
        "down": ("停机", "Down"),
        "retired": ("已停用", "Retired"),
        "in_use": ("在用", "In use"),
        "received": ("已受理", "Received"),
        "assigned": ("已派工", "Assigned"),
        "on_hold": ("挂起", "On hold"),
        "finished": ("已完工", "Finished"),
        "sent_back": ("退回", "Sent back"),
    },
}  # fmt: skip

UNIT_LABELS_OF_FIELDS: Final[dict[str, Labels]] = {
    "month": ("月", "months"),
    "minute": ("分钟", "minutes"),
    "working day": ("个工作日", "working days"),
    "day": ("天", "days"),
    "byte": ("字节", "bytes"),
    "degree": ("°", "°"),
    "0.01 CNY": ("元", "CNY"),
}
"""By the unit of a declaration; amounts of money are said in yuan."""


def label_unit(unit: str | None, language: str) -> str:
    """Return what people call the unit of a field, empty where it has none."""
    labels = UNIT_LABELS_OF_FIELDS.get(unit or "", (unit or "", unit or ""))
    return labels[0 if language.startswith("zh") else 1]


def label_choice(field: str, value: str, language: str) -> str:
    """Return what people call a value of a field; a value without a name is its own."""
    labels = CHOICE_LABELS.get(field, {}).get(value, (value, value))
    return labels[0 if language.startswith("zh") else 1]
