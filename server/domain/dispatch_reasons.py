"""Why somebody is, or is not, the one to send: code -> sentence in two languages.

Rule 1: a code is never reused for another meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

SENTENCES: Final[dict[str, tuple[str, str]]] = {
    "skill": ("会修这个机型，{have}，需要{need}。", "Knows this machine: {have}, and {need} is needed."),
    "skill_above": ("会修这个机型，{have}，而这单只需要{need}。", "Knows this machine: {have}; {need} would do."),
    "skill_below": ("会修这个机型，但只是{have}，需要{need}。", "Knows this machine, but is {have}; {need} is needed."),
    "skill_far_below": ("只是{have}，这单需要{need}。", "Is {have}; this needs {need}."),
    "no_skill": ("没有这个机型的技能。", "Has no skill for this machine."),
    "machine_unspecified": ("工单没有写明机型，无法比较技能。", "The order names no machine; skills are not compared."),
    "certificate": ("持证 {number}，有效期至 {until}。", "Certificate {number} is valid until {until}."),
    "certificate_expired": ("证书 {number} 已于 {until} 到期。", "Certificate {number} expired on {until}."),
    "no_certificate": ("没有登记证书。", "No certificate is on file."),
    "with_master": (
        "新人（完工 {finished} 单，不足 30 单），由 {master} 带教同行。",
        "New ({finished} of 30 orders finished): goes with {master}.",
    ),
    "no_master": (
        "新人（完工 {finished} 单，不足 30 单），没有指定带教师傅。",
        "New ({finished} of 30 orders finished), and no master is named.",
    ),
    "master_away": ("新人的带教师傅 {master} 届时缺勤。", "New, and the master {master} is away then."),
    "master_busy": ("带教师傅 {master} 届时有 {number}。", "The master {master} has {number} then."),
    "distance": ("距现场 {km} 公里。", "{km} km from the site."),
    "distance_unknown": ("不知道距离（人员或现场没有坐标）。", "The distance is not known: no coordinates."),
    "same_centre": ("属于负责该现场的网点。", "Belongs to the centre that serves the site."),
    "same_region": ("与负责网点同一大区。", "Belongs to the same region as the centre that serves the site."),
    "stars": ("网点 {stars} 星。", "The service point has {stars} stars."),
    "load": ("{day} 已排 {share}%。", "{share}% of {day} is taken."),
    "day_off": ("{day} 不上班。", "Does not work on {day}."),
    "holiday": ("{day} 是{name}放假。", "{day} is a public holiday: {name}."),
    "overlap": ("与 {number} 时间重叠。", "Overlaps with {number}."),
    "outside_hours": ("在工作时间之外。", "Outside working hours."),
    "absent": ("{from_day} 至 {until_day} 缺勤。", "Absent from {from_day} to {until_day}."),
    "no_room": ("两周内没有空档。", "Has no room within two weeks."),
    "in_time": ("能在到场时限前到达。", "Can be on site in time."),
    "late": ("比到场时限晚 {minutes} 分钟。", "{minutes} minutes after the time limit on site."),
    "parts_on_van": ("车上有所需备件。", "Has the likely parts in the van."),
    "parts_in_part": ("车上有 {have}/{need} 种所需备件。", "Has {have} of {need} likely parts in the van."),
    "parts_missing": ("车上没有所需备件。", "Has none of the likely parts in the van."),
    "silent": ("终端已 {hours} 小时没有联系。", "The device has not been heard of for {hours} hours."),
    "no_device": ("没有联系过的终端，派工无法送达。", "No device has ever called: the order would not reach anybody."),
}

EXCLUDING: Final = frozenset(
    {"skill_far_below", "no_skill", "certificate_expired", "no_master", "master_away", "absent", "no_room"}
)
"""Whoever has one of these comes after everybody who has none, and is not sent without somebody saying so."""


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason: what it is worth in points, and the facts of its sentence. A fact may be a pair (zh, en)."""

    code: str
    points: int = 0
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def excludes(self) -> bool:
        """Whether it keeps somebody from being sent."""
        return self.code in EXCLUDING

    def sentence(self, language: str) -> str:
        """Return the sentence in Chinese (``zh``) or English."""
        side = 0 if language.startswith("zh") else 1
        facts = {name: value[side] if isinstance(value, tuple) else value for name, value in self.facts.items()}
        return SENTENCES[self.code][side].format(**facts)
