"""How values are said to a person: labels, choices, limits and times, in Chinese or English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Final

from schemas import kind_of
from schemas.base import STAND_IN_PATTERN
from schemas.clocks import CLOCK_LABELS, LINE_LABELS, PAUSE_LABELS
from schemas.evidence import PHOTO_PURPOSE_LABELS
from schemas.job_sheet import OUTCOME_LABELS, VERDICT_LABELS
from schemas.lifecycle import STATE_LABELS
from schemas.order import GRADE_LABELS, RESULT_LABELS, SERVICE_LABELS
from schemas.part import DESTINATION_LABELS
from schemas.purchase import PURCHASE_STATE_LABELS
from schemas.recall import ACTION_LABELS, RECALL_STATE_LABELS
from schemas.shown_text import Title, show_text

LABELS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "status": STATE_LABELS,
    "grade": GRADE_LABELS,
    "purpose": PHOTO_PURPOSE_LABELS,
    "service": SERVICE_LABELS,
    "result": RESULT_LABELS,
    "verdict": VERDICT_LABELS,
    "outcome": OUTCOME_LABELS,
    "destination": DESTINATION_LABELS,
    "action": ACTION_LABELS,
    "urgency": GRADE_LABELS,
    "recall_state": RECALL_STATE_LABELS,
    "purchase_state": PURCHASE_STATE_LABELS,
    "paused_by": PAUSE_LABELS,
    "clock": CLOCK_LABELS,
    "line": LINE_LABELS,
    "yes_no": {"yes": ("是", "Yes"), "no": ("否", "No")},
}
"""field name, or type of a check item -> value -> what people say in Chinese and English"""

_STAND_IN: Final = re.compile(STAND_IN_PATTERN).match


@dataclass(frozen=True, slots=True)
class Speech:
    """Says things in the person's language."""

    language: str
    zone: tzinfo | None = None
    """Where the person is; None where this machine is with him, and its own zone his."""

    def __call__(self, zh: str, en: str) -> str:
        """Return the text of the language."""
        return show_text(zh if self.language == "zh" else en)

    def field(self, kind: str, name: str) -> str:
        """Return what people call a field."""
        known = kind_of(kind)
        rule = known.rules.get(name) if known else None
        return self(rule.label_zh, rule.label_en) if rule else name

    def value(self, name: str, value: Any) -> str:
        """Return a field's value as people say it."""
        if value is None:
            return "—"
        if isinstance(value, list):
            return "、".join(self.value(name, item) for item in value)
        if isinstance(value, str) and _STAND_IN(value):
            return self("（已删除）", "(erased)")
        if isinstance(value, str) and value in LABELS.get(name, {}):
            return self(*LABELS[name][value])
        if isinstance(value, Title):
            return show_text(value.spell(self.language))
        return self.time(str(value)) if name.endswith("_at") else show_text(str(value))

    def named(self, body: Mapping[str, Any], otherwise: str | None = None) -> str:
        """Return what a record with a name is called in the person's language."""
        name = body.get("name") or otherwise
        return "—" if name is None else self(str(name), str(body.get("name_en") or name))

    def limits(self, item: dict[str, Any]) -> str:
        """Return the limits of a check item with their unit, or nothing when it has none."""
        low, high, unit = item.get("low"), item.get("high"), item.get("unit") or ""
        if low is None and high is None:
            return ""
        spelled = f"{low} … {high}" if low and high else f"≥ {low}" if low else f"≤ {high}"
        return f"{spelled} {unit}".rstrip()

    def time(self, instant: str | None) -> str:
        """Return a moment in the person's zone, to the minute."""
        if instant is None:
            return "—"
        return f"{datetime.fromisoformat(instant).astimezone(self.zone):%Y-%m-%d %H:%M}"
