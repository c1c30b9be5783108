"""What the warranty of a machine stands on, and what it says of a day, a fault, a part. Source: handbook W1-W7.

The server works the terms out (server/domain/warranty.py) and writes them into one record for each machine,
which travels with the machine. What they say of a day is read from them here, alike on server and device,
so that a device that has had no network for weeks does not show last month's verdict.

Rule 1: what counts is the day on which the fault was reported, not the day on which somebody looks.
Rule 2: what is not known makes a verdict doubtful, never "in" and never "out".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from schemas.base import UUID_PATTERN, Part, RecordSchema, choice, day, group, many, pattern, reference, text, whole
from schemas.merge_rules import FROZEN, OFFICE

EXCLUSIONS: Final = ("human_damage", "misuse", "force_majeure", "unauthorised_change")
"""What no warranty covers. Source: handbook W7."""

EXCLUSION_LABELS: Final = {
    "human_damage": ("人为损坏", "Human damage"),
    "misuse": ("使用不当", "Misuse"),
    "force_majeure": ("不可抗力", "Force majeure"),
    "unauthorised_change": ("擅自改动", "Unauthorised change"),
}

DOUBTS: Final = ("acceptance_unknown", "term_unknown", "changed_without_authority")

CHINA_AHEAD: Final = timedelta(hours=8)
"""A warranty's days are days of China's law, whatever zone the office reads its clocks in: a term is counted in calendar
days and ends with the last of them at 24:00 (Civil Code, articles 200 to 203), by the one time that China has. Devices
and server come to the same day without a setting."""

REASONS: Final[dict[str, tuple[str, str, str]]] = {
    # code: rule of the handbook, sentence in Chinese, sentence in English
    "machine_term": ("W1", "整机保修到 {ends_on}。", "The machine is under warranty until {ends_on}."),
    "downtime_added": ("W4", "其中停机 {days} 天已顺延。", "Days out of use added to it: {days}."),
    "machine_term_over": ("W1", "整机保修已于 {ends_on} 到期。", "The machine's warranty ended on {ends_on}."),
    "component_term": ("W2", "部件“{name}”保修到 {ends_on}。", "The component '{name}' is covered until {ends_on}."),
    "component_term_over": ("W2", "部件“{name}”的保修已于 {ends_on} 到期。", "The cover of '{name}' ended on {ends_on}."),
    "wear_part": ("W3", "易损件和耗材不在保修范围。", "Wear parts and consumables are not covered."),
    "repair_term": ("W5", "工单 {name} 的维修保到 {ends_on}。", "The repair of order {name} is covered until {ends_on}."),
    "part_term": ("W5", "更换的“{name}”自有保修到 {ends_on}。", "The replaced '{name}' has its own cover until {ends_on}."),
    "same_fault_again": ("W6", "同一故障“{name}”已修 {count} 次：厂家应换新模块或整机。", "The same fault, '{name}', was repaired {count} times: the maker owes a new module or machine."),
    "excluded": ("W7", "除外责任：{cause}。", "Excluded: {cause}."),
    "changed_without_authority": ("W7", "设备曾被擅自改动，须由办公室裁定。", "The machine was changed without authority; the office must decide."),
    "acceptance_unknown": ("W1", "没有验收日期，保修起算日不明。", "The day of acceptance is not known, so the warranty has no beginning."),
    "acceptance_ahead": ("W1", "验收日期 {accepted_on} 晚于报修日。", "The day of acceptance, {accepted_on}, is after the report."),
    "term_unknown": ("W1", "合同和机型都没有保修期。", "Neither contract nor model gives a term."),
    "not_computed": ("W1", "服务器还没有给出这台设备的保修结论。", "The server has not worked out this machine's warranty yet."),
}  # fmt: skip
"""Why a verdict is as it is."""


class CoverTerm(Part):
    """One period of cover: of the whole machine, a component, a replaced part, a repair."""

    about = choice("对象", "About", ("machine", "component", "part", "repair"), required=True)
    name = text("名称", "Name", most=200)
    starts_on = day("起算日", "Starts on", required=True)
    ends_on = day("到期日", "Ends on", required=True)
    added_days = whole("顺延天数", "Days added", unit="day")
    subject_id = pattern("依据", "Subject", UUID_PATTERN)
    component = text("所属部件", "Component", most=80)


class RepeatedFault(Part):
    """A fault that was repaired more than once under warranty."""

    name = text("故障", "Fault", most=80, required=True)
    order_numbers = many("工单", "Orders", text("工单号", "Number", most=40, required=True), required=True)


class Warranty(RecordSchema):
    """What the warranty of one machine stands on, as the server worked it out. Source: handbook W1-W7."""

    kind = "warranty"
    label = ("保修", "Warranty")
    writers = frozenset({"system"})

    machine_id = reference("设备", "Machine", "machine", required=True, follows=True, merge=FROZEN)
    accepted_on = day("验收日期", "Accepted on", merge=OFFICE)
    months = whole("保修月数", "Term", most=240, unit="month", merge=OFFICE)
    months_from = choice("依据", "Term from", ("contract", "model"), merge=OFFICE)
    terms = many("保修期", "Terms", group("保修期", "Term", CoverTerm, required=True), merge=OFFICE)
    repeated = many("重复故障", "Repeated faults", group("故障", "Fault", RepeatedFault, required=True), merge=OFFICE)
    doubts = many("疑问", "Doubts", choice("疑问", "Doubt", DOUBTS, required=True), merge=OFFICE)
    downtime_days = whole("停机天数", "Days out of use", unit="day", merge=OFFICE)


Outcome = Literal["in", "out", "doubtful"]
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Reason:
    """One reason of a verdict, with the dates and names it stands on."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def rule(self) -> str:
        """The handbook's rule."""
        return REASONS[self.code][0]

    def sentence(self, language: str) -> str:
        """Return the reason in Chinese (``zh``) or English."""
        place = 1 if language.startswith("zh") else 2
        facts = dict(self.facts)
        if facts.get("cause") in EXCLUSION_LABELS:
            facts["cause"] = EXCLUSION_LABELS[facts["cause"]][place - 1]
        return REASONS[self.code][place].format(**facts)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether something is covered, and why; the first reason is the one that decides."""

    outcome: Outcome
    reasons: tuple[Reason, ...]


def day_of(instant: str) -> str:
    """Return the calendar day of an instant by China's time."""
    return (datetime.fromisoformat(instant) + CHINA_AHEAD).date().isoformat()


def verdict_on(
    warranty: Values | None, on_day: str, order: Values | None = None, part: Values | None = None
) -> Verdict:
    """Return whether a fault reported on a day is covered: any fault, that of an order, or a part for it.

    `warranty` are the values of the machine's warranty record, None where there is none; `order` those of the
    work order, `part` those of a part of the catalogue. Source: handbook W1-W7, R4.
    """
    order, part = order or {}, part or {}
    if order.get("exclusion"):
        return Verdict("out", (Reason("excluded", {"cause": order["exclusion"]}),))
    if part.get("wear_part") and not part.get("warranty_months"):
        return Verdict("out", (Reason("wear_part"),))
    if warranty is None:
        return Verdict("doubtful", (Reason("not_computed"),))
    component = part.get("component") or order.get("failed_component")
    running = [term for term in warranty.get("terms") or () if term["starts_on"] <= on_day <= term["ends_on"]]
    doubts = [Reason(code) for code in warranty.get("doubts") or ()]
    decisive = [term for term in running if _covers(term, component, order)]
    again = list(_repeats(warranty, component, order))
    if decisive and not any(doubt.code == "changed_without_authority" for doubt in doubts):
        return Verdict("in", (*_spell_terms(decisive), *again))
    over = list(_spell_ended(warranty, component, on_day)) or [_spell_before(warranty)]
    # Where nobody has said what failed, it may be what still is covered.
    possible = decisive or ([] if component else running)
    if doubts or possible:
        return Verdict("doubtful", (*doubts, *_spell_terms(possible), *(() if decisive else over)))
    return Verdict("out" if over[0].code != "acceptance_ahead" else "doubtful", tuple(over))


def _covers(term: Values, component: str | None, order: Values) -> bool:
    if term["about"] == "machine":
        return True
    if term["about"] == "repair" and order.get("parent_id") and term.get("subject_id") == order["parent_id"]:
        return True
    wanted = term.get("name") if term["about"] == "component" else term.get("component")
    return component is not None and component == wanted


def _repeats(warranty: Values, component: str | None, order: Values) -> Iterator[Reason]:
    named = {component, *(order.get("alarms") or ())}
    for fault in warranty.get("repeated") or ():
        if fault["name"] in named:
            yield Reason("same_fault_again", {"name": fault["name"], "count": len(fault["order_numbers"])})


def _spell_terms(terms: list[Any]) -> Iterator[Reason]:
    for term in sorted(terms, key=lambda term: ("machine", "component", "part", "repair").index(term["about"])):
        yield Reason(f"{term['about']}_term", {"name": term.get("name") or "", "ends_on": term["ends_on"]})
        if term.get("added_days"):
            yield Reason("downtime_added", {"days": term["added_days"]})


def _spell_ended(warranty: Values, component: str | None, on_day: str) -> Iterator[Reason]:
    for term in warranty.get("terms") or ():
        if term["ends_on"] < on_day:
            if term["about"] == "machine":
                yield Reason("machine_term_over", {"ends_on": term["ends_on"]})
            elif term["about"] == "component" and term["name"] == component:
                yield Reason("component_term_over", {"name": component, "ends_on": term["ends_on"]})


def _spell_before(warranty: Values) -> Reason:
    """Say why no term is over although none runs: the first is still to begin, or there is none."""
    if warranty.get("accepted_on"):
        return Reason(
            "acceptance_ahead" if warranty.get("terms") else "term_unknown", {"accepted_on": warranty["accepted_on"]}
        )
    return Reason("acceptance_unknown")
