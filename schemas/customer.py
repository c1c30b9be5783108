"""Whom the work is done for: customers and their sites."""

from schemas.base import Audience, RecordSchema, decimal, reference, text, truth
from schemas.merge_rules import FROZEN, LATEST, OFFICE

OFFICE_WRITERS = frozenset({"dispatcher", "manager", "admin"})


class Customer(RecordSchema):
    """An organisation that owns or uses machines. Source: handbook R2."""

    kind = "customer"
    label = ("客户", "Customer")
    audience = Audience.LINKED
    writers = OFFICE_WRITERS

    code = text("客户编号", "Customer code", most=40, merge=FROZEN)
    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    contact = text("联系人", "Contact", most=80, merge=LATEST, personal=True)
    phone = text("电话", "Telephone", most=40, merge=LATEST, personal=True)
    email = text("邮箱", "E-mail", most=120, merge=LATEST, personal=True)
    address = text("地址", "Address")
    service_terms_id = reference("服务条款", "Service terms", "service_terms", merge=OFFICE)
    remote = truth("偏远地区", "Remote area", merge=OFFICE)


class Site(RecordSchema):
    """A place where machines stand. Source: handbook D2 (site conditions), G2 (remote areas), V1, V2."""

    kind = "site"
    label = ("现场", "Site")
    audience = Audience.LINKED
    writers = OFFICE_WRITERS | {"engineer"}

    customer_id = reference("客户", "Customer", "customer", required=True, carries=True)
    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    city = text("城市", "City", most=80)
    address = text("地址", "Address")
    contact = text("联系人", "Contact", most=80, merge=LATEST, personal=True)
    phone = text("电话", "Telephone", most=40, merge=LATEST, personal=True)
    remote = truth("偏远地区", "Remote area")
    service_terms_id = reference("服务条款", "Service terms", "service_terms", merge=OFFICE)
    latitude = decimal("纬度", "Latitude", unit="degree")
    longitude = decimal("经度", "Longitude", unit="degree")
    centre_id = reference("服务网点", "Served by", "service_centre")
    conditions = text("现场条件", "Site conditions", most=2000)
    safety = text("安全须知", "Safety rules", most=2000)
