"""The words of what customers and engineers are told, in Chinese and English. Source: handbook R5."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from typing import Any, Final

from schemas.order import GRADE_LABELS, SERVICE_LABELS

EVENTS: Final[dict[str, tuple[str, str]]] = {
    "accepted": ("您的服务请求 {number} 已受理", "Your request {number} has been accepted"),
    "ordered": ("您的请求 {number} 已安排上门服务", "A visit is being arranged for your request {number}"),
    "solved": ("您的请求 {number}：解决办法", "Your request {number}: how to solve it"),
    "refused": ("您的请求 {number} 未能受理", "Your request {number} could not be taken"),
    "duplicate": ("您的请求 {number} 已并入同一故障的处理", "Your request {number} joined an earlier one"),
    "received": ("您的请求 {number} 已重新处理", "Your request {number} has been taken up again"),
    "answered": ("您的请求 {number} 有新的答复", "There is an answer to your request {number}"),
    "assigned": ("您的请求 {number} 已指派工程师", "An engineer was assigned to your request {number}"),
    "appointed": ("您的请求 {number}：上门时间有更新", "Your request {number}: the time of the visit has changed"),
    "parts": ("您的请求 {number}：可能需要的备件", "Your request {number}: parts likely needed"),
    "travelling": ("您的请求 {number}：工程师已出发", "Your request {number}: the engineer is on the way"),
    "on_hold": ("您的请求 {number} 的处理暂停", "Work on your request {number} is on hold"),
    "finished": ("您的请求 {number} 已完工，请评价", "Your request {number} is done; please rate it"),
    "cancelled": ("您的请求 {number} 的上门服务已取消", "The visit for your request {number} was cancelled"),
}  # fmt: skip

ENGINEER_EVENTS: Final[dict[str, tuple[str, str]]] = {
    "order.assigned": ("工单 {number} 派给您", "Order {number} is yours"),
    "order.withdrawn": ("工单 {number} 已改派", "Order {number} went to somebody else"),
}

_LINES: Final[tuple[tuple[str, str, str], ...]] = (
    ("machine", "设备：{machine}", "Machine: {machine}"),
    ("symptom", "故障现象：{symptom}", "Symptom: {symptom}"),
    ("answer", "答复：{answer}", "Answer: {answer}"),
    ("advice", "建议：{advice}", "Advice: {advice}"),
    ("refusal_reason", "原因：{refusal_reason}", "Reason: {refusal_reason}"),
    ("order", "工单号：{order}", "Order: {order}"),
    ("engineer", "工程师：{engineer}", "Engineer: {engineer}"),
    ("arrival", "预计到场：{arrival}", "Expected arrival: {arrival}"),
    ("due", "最迟到场：{due}", "At the latest: {due}"),
    ("hold_reason", "暂停原因：{hold_reason}", "Reason of the hold: {hold_reason}"),
    ("parts", "可能需要的备件：{parts}", "Parts likely needed: {parts}"),
    ("address", "查看进展、补充照片：{address}", "Follow it and add photos: {address}"),
)
_ENGINEER_LINES: Final[tuple[tuple[str, str, str], ...]] = (
    ("grade", "等级：{grade}", "Grade: {grade}"),
    ("service", "服务：{service}", "Service: {service}"),
    ("customer", "客户：{customer}", "Customer: {customer}"),
    ("site", "现场：{site}", "Site: {site}"),
    ("machine", "设备：{machine}", "Machine: {machine}"),
    ("symptom", "故障现象：{symptom}", "Symptom: {symptom}"),
    ("arrival", "预约：{arrival}", "Appointment: {arrival}"),
    ("due", "最迟到场：{due}", "On site by: {due}"),
    ("contact", "联系人：{contact}", "Contact: {contact}"),
    ("phone", "电话：{phone}", "Telephone: {phone}"),
)
_CLOSING: Final = {
    "zh": "回复本邮件即可补充说明。请保留主题中的请求号。",
    "en": "Answer this mail to add something; keep the number in its subject.",
}


def tell_customer(event: str, facts: Mapping[str, Any], language: str, zone: tzinfo) -> tuple[str, str]:
    """Return subject and text of a mail to a customer, in ``zh`` or ``en``; times are those of a zone."""
    place = 0 if language.startswith("zh") else 1
    title = EVENTS[event][place].format(number=facts["number"])
    named = " ".join(str(facts[name]) for name in ("model", "serial") if facts.get(name))
    shown = {**facts, "machine": named or None, "arrival": spell_moment(facts.get("arrival_at"), zone)}
    shown["due"] = None if facts.get("arrival_at") else spell_moment(facts.get("due_at"), zone)
    shown["parts"] = ("、", ", ")[place].join(facts.get("parts") or ()) or None
    # What has ended has no arrival to be expected.
    if event in ("finished", "cancelled"):
        shown |= {"arrival": None, "due": None, "parts": None}
    lines = [f"{title}{'。' if place == 0 else '.'}", "", *_fill(_LINES, shown, place)]
    return f"[{facts['number']}] {title}", "\n".join([*lines, "", _CLOSING["zh" if place == 0 else "en"]])


def tell_engineer(event: str, facts: Mapping[str, Any], zone: tzinfo) -> tuple[str, str]:
    """Return subject and text of a mail to an engineer, in both languages; times are those of a zone."""
    titles = [title.format(number=facts["number"]) for title in ENGINEER_EVENTS[event]]
    told: list[str] = []
    for place in (0, 1):
        shown = {**facts, "arrival": spell_moment(facts.get("appointment_at"), zone)}
        shown["due"] = spell_moment(facts.get("on_site_due_at"), zone)
        for name, labels in (("grade", GRADE_LABELS), ("service", SERVICE_LABELS)):
            shown[name] = labels[facts[name]][place] if facts.get(name) else None
        told += [titles[place], *(_fill(_ENGINEER_LINES, shown, place) if event == "order.assigned" else ()), ""]
    return " · ".join(titles), "\n".join(told)


def spell_moment(instant: str | None, zone: tzinfo) -> str | None:
    """Return a moment as it is told to people: day and minute in a zone."""
    if not instant:
        return None
    return f"{datetime.fromisoformat(instant).astimezone(zone):%Y-%m-%d %H:%M}"


def _fill(lines: tuple[tuple[str, str, str], ...], shown: Mapping[str, Any], place: int) -> Iterator[str]:
    for line in lines:
        if shown.get(line[0]):
            # The customer's own words are filled in, never read as a pattern.
            yield line[place + 1].replace("{" + line[0] + "}", str(shown[line[0]]))
