"""The organisation's own: service centres, people, devices."""

from schemas.base import (
    KEY_PATTERN,
    SHA256_PATTERN,
    Audience,
    Part,
    RecordSchema,
    choice,
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


class Skill(Part):
    """What a person may work on. Source: handbook H1."""

    family = pattern("机型族", "Machine family", KEY_PATTERN, required=True)
    level = choice("等级", "Level", ("junior", "intermediate", "senior"), required=True)


class Person(RecordSchema):
    """Somebody who works for the organisation. Source: handbook H1, H2."""

    kind = "person"
    label = ("人员", "Person")
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "manager"})
    ended_by = "active"

    name = text("姓名", "Name", required=True)
    name_en = text("英文姓名", "Name in English")
    roles = many("角色", "Roles", choice("角色", "Role", ROLES, required=True), required=True, merge=OFFICE)
    centre_id = reference("所属网点", "Service centre", "service_centre")
    level = choice("等级", "Level", ("junior", "intermediate", "senior"))
    skills = many("技能", "Skills", group("技能", "Skill", Skill, required=True), merge=OFFICE)
    phone = text("电话", "Telephone", most=40)
    email = text("邮箱", "E-mail", most=120, merge=LATEST)
    active = truth("在职", "Active", merge=OFFICE)


class Device(RecordSchema):
    """A device that may hand in change-sets, with the public half of its key."""

    kind = "device"
    label = ("设备终端", "Device")
    audience = Audience.OFFICE
    writers = frozenset({"admin", "dispatcher", "system"})
    ended_by = "state"

    person_id = reference("使用人", "Used by", "person", required=True, merge=FROZEN)
    public_key = pattern("公钥", "Public key", r"[0-9a-f]{64}\Z", required=True, merge=FROZEN)
    name = text("名称", "Name", merge=LATEST)
    state = choice("状态", "State", ("active", "revoked"), required=True, merge=OFFICE)
    # Sets up to this one are given up: a restored server has lost them, and so has the device.
    resumed_seq = whole("续接序号", "Goes on after set", merge=OFFICE)
    resumed_digest = pattern("续接摘要", "Digest of that set", SHA256_PATTERN, merge=OFFICE)
    enrolled_at = instant("登记时间", "Enrolled at", merge=FROZEN)
    tags = many("标签", "Tags", text("标签", "Tag", most=40, required=True), merge=UNION)
