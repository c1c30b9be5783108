"""The request sheet, what was added to it, and known fixes. Source: handbook R1-R5, F8, S1.

A request is what a customer wants, before anybody is sent: it may become an order, be solved from afar, be the same as
another, or be refused with the reason. Whoever is sent holds it and all that was added to it with his order (D2).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.base import (
    KEY_PATTERN,
    Audience,
    Part,
    RecordSchema,
    choice,
    day,
    group,
    instant,
    many,
    pattern,
    reference,
    sha256,
    text,
    whole,
)
from schemas.merge_rules import FROZEN, LATEST, OFFICE, UNION
from schemas.order import CHANNELS, GRADE_LABELS, GRADES, SERVICE_LABELS, SERVICES

REQUEST_STATES: Final = ("received", "ordered", "solved", "duplicate", "refused")

REQUEST_STATE_LABELS: Final[dict[str, tuple[str, str]]] = {
    "received": ("已受理", "Received"),
    "ordered": ("已转工单", "Became an order"),
    "solved": ("远程解决", "Solved remotely"),
    "duplicate": ("重复请求", "Duplicate"),
    "refused": ("不予受理", "Refused"),
}

CHANNEL_LABELS: Final[dict[str, tuple[str, str]]] = {
    "hotline": ("热线", "Hotline"),
    "email": ("邮件", "E-mail"),
    "web": ("网页", "Web form"),
    "wechat": ("公众号", "WeChat"),
    "app": ("自助应用", "App"),
    "account_manager": ("客户经理", "Account manager"),
    "telemetry": ("设备遥测", "Telemetry"),
    "engineer": ("工程师", "Engineer"),
    "qr": ("设备二维码", "Machine's QR code"),
    "api": ("接口", "API"),
}

CODE_SEALS: Final = ("sealed", "unsealed", "forged")
"""What the code on the machine said of itself: only a seal of ours proves that the label is ours."""

CODE_SEAL_LABELS: Final[dict[str, tuple[str, str]]] = {
    "sealed": ("封印已核对", "Seal checked"),
    "unsealed": ("没有封印", "No seal"),
    "forged": ("封印不符", "Seal does not fit"),
}

NOTE_AUTHORS: Final = ("customer", "office")

OFFICE_WRITERS: Final = frozenset({"dispatcher", "manager", "admin", "system"})

NOTES_MOST: Final = 200
"""A conversation about one fault; beyond that somebody should telephone."""


class Rating(Part):
    """What the customer thinks of the service, 1 to 5 each. Source: handbook F2, S1."""

    attitude = whole("态度", "Attitude", least=1, most=5)
    speed = whole("速度", "Speed", least=1, most=5)
    quality = whole("质量", "Quality", least=1, most=5)
    result = whole("效果", "Result", least=1, most=5)
    words = text("意见", "Words", most=1000)


class Request(RecordSchema):
    """What a customer wants. Source: handbook R2 (the request sheet), G1 (grade), R3 (first diagnosis), R4."""

    kind = "request"
    label = ("服务请求", "Request")
    writers = OFFICE_WRITERS
    ended_by = "state"

    number = text("请求号", "Number", most=40, least=1, required=True, merge=FROZEN)
    state = choice("状态", "State", REQUEST_STATES, required=True, merge=OFFICE)
    channel = choice("来源", "Channel", CHANNELS, required=True, merge=FROZEN)
    language = choice("客户语言", "Customer's language", ("zh", "en"), merge=LATEST)
    service = choice("服务类型", "Kind of service", SERVICES, merge=OFFICE)
    grade = choice("故障等级", "Fault grade", GRADES, merge=OFFICE)
    # Who: records of ours, and what was told.
    customer_id = reference("客户", "Customer", "customer", merge=OFFICE)
    site_id = reference("现场", "Site", "site", merge=OFFICE)
    customer_name = text("客户名称", "Customer, as told", merge=LATEST, personal=True)
    contact = text("联系人", "Contact", most=80, merge=LATEST, personal=True)
    phone = text("电话", "Telephone", most=40, merge=LATEST, personal=True)
    email = text("邮箱", "E-mail", most=120, merge=LATEST, personal=True)
    # Which machine.
    machine_id = reference("设备", "Machine", "machine", merge=OFFICE)
    machine_model = text("机型", "Model, as told", merge=LATEST)
    machine_serial = text("出厂编号", "Serial number, as told", most=60)
    code_seal = choice("设备码封印", "Seal of the machine's code", CODE_SEALS, merge=FROZEN)
    machine_address = text("安装地址", "Installed address", most=300, merge=LATEST)
    commissioned_on = day("投用日期", "Commissioned on", merge=LATEST)
    # What is wrong.
    symptom = text("故障现象", "Symptom", most=4000, merge=LATEST, personal=True)
    since = text("何时开始", "Since when", most=200, merge=LATEST)
    frequency = text("发生频率", "How often", most=200, merge=LATEST)
    alarms = many("报警代码", "Alarms", text("报警", "Alarm", most=40, required=True), most=50, merge=UNION)
    done_before = text("故障前操作", "Operations before", most=2000, merge=LATEST)
    done_after = text("故障后操作", "Operations after", most=2000, merge=LATEST)
    wanted_on = day("期望完成日期", "Wanted completion", merge=LATEST)
    special_needs = text("特殊需求", "Special needs", most=2000, merge=LATEST, personal=True)
    reported_at = instant("报修时间", "Reported at", required=True, merge=FROZEN)
    read_back_at = instant("复述确认时间", "Read back at", merge=LATEST)
    # What the office made of it.
    first_diagnosis = text("初步诊断", "First diagnosis", most=4000, merge=OFFICE)
    advice = text("给客户的建议", "Advice to the customer", most=4000, merge=OFFICE)
    fix_id = reference("已知解决办法", "Known fix", "known_fix", merge=OFFICE)
    warranty_outcome = choice("保修结论", "Warranty verdict", ("in", "out", "doubtful"), merge=OFFICE)
    warranty_checked_at = instant("保修查询时间", "Warranty looked up at", merge=OFFICE)
    order_id = reference("工单", "Work order", "work_order", follows=True, merge=OFFICE)
    duplicate_id = reference("重复于", "Duplicate of", "request", merge=OFFICE)
    refusal_reason = text("不受理原因", "Reason of the refusal", most=1000, merge=OFFICE)
    decided_at = instant("处理时间", "Decided at", merge=OFFICE)
    rating = group("客户评价", "Rating", Rating, merge=OFFICE)
    rated_at = instant("评价时间", "Rated at", merge=OFFICE)


class RequestNote(RecordSchema):
    """Something added to a request by the customer or to the customer: a word, a file, or both. Source: R3, S1.

    Its order is set when the request becomes one; what does not belong there is set aside with the reason.
    """

    kind = "request_note"
    label = ("请求补充", "Addition to a request")
    writers = OFFICE_WRITERS
    ended_by = "set_aside_reason"

    request_id = reference("服务请求", "Request", "request", required=True, follows=True, merge=FROZEN)
    order_id = reference("工单", "Work order", "work_order", follows=True, merge=OFFICE)
    author = choice("作者", "By", NOTE_AUTHORS, required=True, merge=FROZEN)
    channel = choice("来源", "Channel", CHANNELS, merge=FROZEN)
    words = text("内容", "Words", most=8000, merge=FROZEN, personal=True)
    file_sha256 = sha256("文件", "File", tells_of=("request_id",))
    file_name = text("文件名", "File name", most=120, merge=FROZEN)
    media_type = text("类型", "Media type", most=100, merge=FROZEN)
    size_bytes = whole("大小", "Size", unit="byte", merge=FROZEN)
    added_at = instant("补充时间", "Added at", required=True, merge=FROZEN)
    set_aside_reason = text("搁置原因", "Why it is set aside", merge=OFFICE)


class KnownFix(RecordSchema):
    """A fault that was solved before: how it shows, its cause, its remedy, what the customer can do himself.

    Source: handbook R3, F8.
    """

    kind = "known_fix"
    label = ("已知解决办法", "Known fix")
    audience = Audience.EVERYBODY
    writers = frozenset({"dispatcher", "manager", "admin"})
    ended_by = "state"

    title = text("标题", "Title", least=1, required=True)
    title_en = text("英文标题", "Title in English")
    state = choice("状态", "State", ("in_use", "retired"), required=True)
    family = pattern("机型族", "Family", KEY_PATTERN)
    model_id = reference("机型", "Model", "model", indexed=True)
    alarms = many("报警代码", "Alarms", text("报警", "Alarm", most=40, required=True), most=50, merge=UNION)
    words = many("现象用词", "Symptom words", text("用词", "Word", most=40, required=True), most=50, merge=UNION)
    cause = text("原因", "Cause", most=4000)
    remedy = text("处理措施", "Remedy", most=4000)
    customer_steps = many(
        "客户可自行操作", "What the customer can do", text("步骤", "Step", most=500, required=True), most=20
    )
    customer_steps_en = many(
        "客户可自行操作（英文）", "The same in English", text("步骤", "Step", most=500, required=True), most=20
    )
    order_id = reference("来自工单", "From order", "work_order", merge=FROZEN)


MATCH_REASONS: Final[dict[str, tuple[str, str]]] = {
    "same_machine": ("同一台设备 {serial}", "the same machine {serial}"),
    "same_serial": ("出厂编号相同 {serial}", "the same serial number {serial}"),
    "same_phone": ("电话相同", "the same telephone number"),
    "same_email": ("邮箱相同", "the same e-mail address"),
    "same_customer": ("同一客户", "the same customer"),
    "same_alarm": ("报警相同：{alarms}", "the same alarm: {alarms}"),
    "similar_symptom": ("现象描述相似 {percent}%", "a symptom described alike ({percent} %)"),
    "hours_apart": ("相隔 {hours} 小时", "{hours} hours apart"),
    "days_apart": ("相隔 {days} 天", "{days} days apart"),
    "same_model": ("机型相同", "the same model"),
    "same_family": ("同一机型族", "the same family of machines"),
    "word_met": ("现象提到：{words}", "the symptom says: {words}"),
}
"""Why something is offered: sentence in Chinese, in English."""


@dataclass(frozen=True, slots=True)
class MatchReason:
    """One reason why a request or fix is offered, with what it stands on."""

    code: str
    facts: dict[str, Any] = field(default_factory=dict)

    def sentence(self, language: str) -> str:
        """Return the reason in Chinese (``zh``) or English."""
        zh, en = MATCH_REASONS[self.code]
        return (zh if language.startswith("zh") else en).format(**self.facts)


_READ_BACK_FIELDS: Final = (
    *("customer_name", "contact", "phone", "email", "machine_model", "machine_serial", "machine_address"),
    *("commissioned_on", "service", "grade", "symptom", "since", "frequency", "alarms", "done_before", "done_after"),
    *("wanted_on", "special_needs"),
)
_READ_BACK: Final = {
    "zh": ("我复述一遍，请您核对：", "以上是否正确？请求号是 {number}。"),
    "en": ("Let me read this back to you:", "Is all of this right? Your request has the number {number}."),
}


def read_back(values: Mapping[str, Any], language: str) -> str:
    """Return what is read back to the customer, a line for each thing he told. Source: handbook R2."""
    begin, end = _READ_BACK["zh" if language.startswith("zh") else "en"]
    lines = [begin, *_tell(values, language), end.format(number=values.get("number") or "-")]
    return "\n".join(lines)


def _tell(values: Mapping[str, Any], language: str) -> Iterator[str]:
    chinese = language.startswith("zh")
    labels = {"service": SERVICE_LABELS, "grade": GRADE_LABELS}
    fields = Request().fields
    for name in _READ_BACK_FIELDS:
        value = values.get(name)
        if not value:
            continue
        rule = fields[name].metadata["rule"]
        if name in labels:
            value = labels[name][value][0 if chinese else 1]
        elif isinstance(value, list):
            value = ("、" if chinese else ", ").join(value)
        yield f"{rule.label_zh}：{value}" if chinese else f"{rule.label_en}: {value}"
