"""Why a clock stands as it does, in Chinese and English, with the dates it stands on. Source: handbook G1-G5."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Any, Final

from schemas.clocks import CLOCK_LABELS, PAUSE_LABELS
from schemas.service_terms import UNIT_LABELS

REASONS: Final[dict[str, tuple[str, str]]] = {
    # code: sentence in Chinese, sentence in English
    "promised": ("“{terms}”承诺{step}：{amount} {unit}内。", "'{terms}' promises for '{step}': within {amount} {unit}."),
    "nothing_promised": ("“{terms}”没有这项承诺。", "'{terms}' promises nothing here."),
    "report_unknown": ("没有报修时间，无法起算。", "The time of the report is not known, so nothing can be counted."),
    "counted_from": ("自报修 {at} 起算。", "Counted from the report, {at}."),
    "paused": ("{reason}：{begin} 至 {end} 暂停计时。", "{reason}: paused from {begin} to {end}."),
    "paused_since": ("{reason}：自 {begin} 起暂停计时。", "{reason}: paused since {begin}."),
    "pause_too_late": ("{reason}（{begin}）在时限之后，不影响结论。", "{reason} ({begin}) began after the limit and changes nothing."),
    "pause_does_not_count": ("{reason}（{begin}）不暂停这项计时。", "{reason} ({begin}) does not pause this clock."),
    "due_at": ("时限 {at}。", "The limit is {at}."),
    "met_at": ("{at} 已完成“{step}”。", "'{step}' was kept at {at}."),
    "not_needed": ("未到场已解决。", "Solved without a visit."),
    "order_ended": ("工单已结束。", "The order has ended."),
    "time_corrected": ("“{step}”的时间由终端的 {captured} 校正为 {at}。", "The time of '{step}' was put right from the device's {captured} to {at}."),
    "area_assumed": ("未说明是否偏远地区，按市区计算。", "Nobody said whether the area is remote; counted as city."),
    "year_not_announced": ("{year} 年放假安排尚未公布，按每周工作日计算。", "The holidays of {year} are not announced yet; counted by the working week alone."),
    "calendar_without_time": ("日历“{calendar}”没有足够的工作时间。", "The calendar '{calendar}' does not have that much working time."),
}  # fmt: skip
"""Why a clock stands as it does."""

DOUBTS: Final = ("report_unknown", "area_assumed", "year_not_announced", "calendar_without_time")
"""Reasons that say what had to be assumed, or is missing."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a verdict, with the times and names it stands on."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def is_doubt(self) -> bool:
        """Whether something had to be assumed, or is missing."""
        return self.code in DOUBTS

    def sentence(self, language: str, zone: tzinfo) -> str:
        """Return the reason in Chinese (``zh``) or English, with times as they are in a zone."""
        chinese = language.startswith("zh")
        facts: dict[str, Any] = {}
        for name, value in self.facts.items():
            facts[name] = value.astimezone(zone).strftime("%Y-%m-%d %H:%M") if isinstance(value, datetime) else value
        for name, labels in (("step", CLOCK_LABELS), ("reason", PAUSE_LABELS), ("unit", UNIT_LABELS)):
            if facts.get(name) in labels:
                facts[name] = labels[facts[name]][0 if chinese else 1]
        if not chinese and facts.get("terms_en"):
            facts["terms"] = facts["terms_en"]
        return REASONS[self.code][0 if chinese else 1].format(**facts)
