"""The organisation's own: service centres, people, devices."""

from schemas.base import (
    KEY_PATTERN,
    SHA256_PATTERN,
    Audience,
    Part,
    RecordSchema,
    choice,
    day,
    decimal,
    group,
    instant,
    many,
    pattern,
    reference,
    text,
    truth,
    whole,
)
from schemas.merge_rules import FROZEN, LATEST, OFFICE, UNION

ROLES = ("engineer", "dispatcher", "stock_keeper", "auditor", "manager", "admin")
LEVELS = ("junior", "intermediate", "senior")
"""From the lowest. Source: handbook H1."""

LEVEL_LABELS = {
    "junior": ("初级", "Junior"),
    "intermediate": ("中级", "Intermediate"),
    "senior": ("高级", "Senior"),
}

ABSENCE_REASONS = ("leave", "sick", "training", "other")
ABSENCE_LABELS = {
    "leave": ("休假", "Leave"),
    "sick": ("病假", "Sick"),
    "training": ("培训", "Training"),
    "other": ("其他", "Other"),
}

CLOCK_PATTERN = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]\Z"

ROLE_LABELS = {
    "engineer": ("工程师", "Engineer"),
    "dispatcher": ("派工员", "Dispatcher"),
    "stock_keeper": ("库管员", "Stock keeper"),
    "auditor": ("审计员", "Auditor"),
    "manager": ("主管", "Manager"),
    "admin": ("管理员", "Administrator"),
}
OFFICE_ROLES = ("dispatcher", "stock_keeper", "auditor", "manager", "admin")
"""Roles that sign in at the office; an engineer writes through a device only."""


class ServiceCentre(RecordSchema):
    """A service point: national centre, region or outlet. Source: handbook G6, D3, H4."""

    kind = "service_centre"
    label = ("服务网点", "Service centre")
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "manager"})

    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    tier = choice("级别", "Tier", ("national", "region", "outlet"), required=True)
    parent_id = reference("上级网点", "Belongs to", "service_centre")
    city = text("城市", "City")
    address = text("地址", "Address")
    phone = text("电话", "Telephone", most=40)
    stars = choice("星级", "Stars", ("3", "4", "5"))
    latitude = decimal("纬度", "Latitude", unit="degree")
    longitude = decimal("经度", "Longitude", unit="degree")


class Skill(Part):
    """What a person may work on; without a component all of the machine. Source: handbook D1, H1."""

    family = pattern("机型族", "Machine family", KEY_PATTERN, required=True)
    level = choice("等级", "Level", LEVELS, required=True)
    component = text("部件", "Component", most=80)
    certificate = text("证书号", "Certificate", most=80)
    certificate_until = day("证书有效期至", "Certificate valid until")


class WorkingHours(Part):
    """When somebody works, by the clock of the place, on some days of the week: 1 is Monday."""

    weekdays = many("星期", "Weekdays", whole("星期", "Weekday", least=1, most=7, required=True), most=7, required=True)
    from_time = pattern("上班", "From", CLOCK_PATTERN, required=True)
    until_time = pattern("下班", "Until", CLOCK_PATTERN, required=True)


class Person(RecordSchema):
    """Somebody who works for the organisation. Source: handbook H1, H2."""

    kind = "person"
    label = ("人员", "Person")
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "manager"})
    ended_by = "active"

    name = text("姓名", "Name", required=True, personal=True)
    name_en = text("英文姓名", "Name in English", personal=True)
    roles = many("角色", "Roles", choice("角色", "Role", ROLES, required=True), required=True, merge=OFFICE)
    centre_id = reference("所属网点", "Service centre", "service_centre")
    level = choice("等级", "Level", LEVELS)
    skills = many("技能", "Skills", group("技能", "Skill", Skill, required=True), merge=OFFICE)
    phone = text("电话", "Telephone", most=40, personal=True)
    email = text("邮箱", "E-mail", most=120, merge=LATEST, personal=True)
    active = truth("在职", "Active", merge=OFFICE)
    # Where he sets out from when it is not his service point. Every device holds it: a district, not a front door.
    latitude = decimal("出发地纬度", "Sets out from, latitude", unit="degree", merge=OFFICE)
    longitude = decimal("出发地经度", "Sets out from, longitude", unit="degree", merge=OFFICE)
    working_hours = many(
        "工作时间",
        "Working hours",
        group("工作时间", "Working hours", WorkingHours, required=True),
        most=14,
        merge=OFFICE,
    )
    # Of somebody who is new: how many orders he had finished before this system counted; nothing where nobody asks.
    finished_before = whole("此前完工单数", "Orders finished before", most=100_000, merge=OFFICE)
    master_id = reference("带教师傅", "Master", "person", merge=OFFICE)


class Absence(RecordSchema):
    """A time in which somebody is not to be sent anywhere. No device holds it: the reason is nobody's business."""

    kind = "absence"
    label = ("缺勤", "Absence")
    audience = Audience.OFFICE
    writers = frozenset({"dispatcher", "manager", "admin"})

    person_id = reference("人员", "Person", "person", required=True, merge=FROZEN)
    starts_at = instant("开始", "Starts at", required=True)
    ends_at = instant("结束", "Ends at", required=True)
    reason = choice("原因", "Reason", ABSENCE_REASONS)
    note = text("说明", "Note", most=500, personal=True)


class Device(RecordSchema):
    """A device that may hand in change-sets, with the public half of its key."""

    kind = "device"
    label = ("设备终端", "Device")
    audience = Audience.OFFICE
    writers = frozenset({"admin", "dispatcher", "system"})
    ended_by = "state"

    person_id = reference("使用人", "Used by", "person", required=True, merge=FROZEN)
    public_key = pattern("公钥", "Public key", r"[0-9a-f]{64}\Z", required=True, merge=FROZEN)
    name = text("名称", "Name", merge=LATEST, personal=True)
    state = choice("状态", "State", ("active", "revoked"), required=True, merge=OFFICE)
    # Sets up to this one are given up: a restored server has lost them, and so has the device.
    resumed_seq = whole("续接序号", "Goes on after set", merge=OFFICE)
    resumed_digest = pattern("续接摘要", "Digest of that set", SHA256_PATTERN, merge=OFFICE)
    enrolled_at = instant("登记时间", "Enrolled at", merge=FROZEN)
    tags = many("标签", "Tags", text("标签", "Tag", most=40, required=True), merge=UNION)
