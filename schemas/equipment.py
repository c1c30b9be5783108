"""What is serviced: models, machines, and the checklists and manuals that belong to them."""

from schemas.base import (
    KEY_PATTERN,
    Audience,
    Part,
    RecordSchema,
    choice,
    day,
    decimal,
    group,
    many,
    pattern,
    reference,
    sha256,
    text,
    truth,
    whole,
)
from schemas.merge_rules import FROZEN, OFFICE
from schemas.preparation import PREPARATION_MOST, PreparationItem

GTIN_PATTERN = r"[0-9]{14}\Z"


class ComponentTerm(Part):
    """A core component with a warranty of its own. Source: handbook W2."""

    component = text("部件", "Component", most=80, required=True)
    months = whole("保修月数", "Warranty", most=240, required=True, unit="month")


class Model(RecordSchema):
    """A type of machine. Source: handbook A1, W1, W2."""

    kind = "model"
    label = ("机型", "Model")
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "manager"})

    manufacturer = text("制造商", "Manufacturer", required=True)
    name = text("型号", "Model", required=True)
    name_en = text("英文名称", "Name in English")
    family = pattern("机型族", "Family", KEY_PATTERN, required=True)
    gtin = pattern("全球贸易项目代码", "GTIN", GTIN_PATTERN, merge=FROZEN, indexed=True)
    warranty_months = whole("整机保修月数", "Warranty", most=240, unit="month")
    component_terms = many("部件保修", "Component terms", group("部件", "Component", ComponentTerm, required=True))
    # Told to whoever sends the machine to the factory. Source: handbook X1.
    packing = many("包装要求", "Packing instructions", text("要求", "Instruction", most=300, required=True), most=20)
    # Tools, papers and safety gear that work on it takes. Source: handbook D2.
    preparation = many(
        "出发准备",
        "To prepare",
        group("准备", "Preparation", PreparationItem, required=True),
        most=PREPARATION_MOST,
        merge=OFFICE,
    )


class Machine(RecordSchema):
    """One machine, by maker and serial number. Source: handbook M3, R2."""

    kind = "machine"
    label = ("设备", "Machine")
    audience = Audience.LINKED
    writers = frozenset({"dispatcher", "manager", "admin", "engineer"})

    model_id = reference("机型", "Model", "model", required=True)
    serial = text("出厂编号", "Serial number", most=60, least=1, required=True, merge=FROZEN, indexed=True)
    customer_id = reference("客户", "Customer", "customer", carries=True)
    site_id = reference("现场", "Site", "site", carries=True)
    place = text("安装位置", "Place")
    accepted_on = day("验收日期", "Accepted on")
    warranty_months = whole("合同保修月数", "Warranty by contract", most=240, unit="month", merge=OFFICE)
    # What the contract promises for this machine; where it is silent, its site and customer say.
    service_terms_id = reference("服务条款", "Service terms", "service_terms", merge=OFFICE)
    remote = truth("偏远地区", "Remote area", merge=OFFICE)
    key_equipment = truth("关键设备", "Key equipment", merge=OFFICE)
    state = choice("状态", "State", ("running", "limited", "down", "retired"))
    firmware = text("固件版本", "Firmware", most=60)
    # The record that counts, where one machine was registered twice; this one stays for what was recorded under it.
    same_as_id = reference("与此为同一设备", "Same machine as", "machine", merge=OFFICE)


CHECK_TYPES = ("yes_no", "choice", "number", "text", "photo", "series")

CHANNELS_MAX = 8
"""The no-load run of the handbook has three: current, voltage, speed."""


class Channel(Part):
    """One quantity of a reading series, with limits that every reading must keep. Source: handbook I2."""

    key = pattern("键", "Key", KEY_PATTERN, required=True)
    label = text("通道", "Channel", most=80, required=True)
    label_en = text("英文通道", "Channel in English", most=80)
    unit = text("单位", "Unit", most=20)
    low = decimal("下限", "Lower limit")
    high = decimal("上限", "Upper limit")


class ChecklistItem(Part):
    """One thing to look at or measure, with its limits. Source: handbook I2, V2, M1.

    A `series` has channels, each with its own unit and limits; a `photo` is answered by a photo of the order.
    """

    key = pattern("键", "Key", KEY_PATTERN, required=True)
    label = text("项目", "Item", required=True)
    label_en = text("英文项目", "Item in English")
    type = choice("类型", "Type", CHECK_TYPES, required=True)
    options = many("选项", "Options", text("选项", "Option", most=80, required=True), most=20)
    unit = text("单位", "Unit", most=20)
    low = decimal("下限", "Lower limit")
    high = decimal("上限", "Upper limit")
    channels = many("通道", "Channels", group("通道", "Channel", Channel, required=True), most=CHANNELS_MAX)
    beyond_limit = choice("超限处理", "Beyond the limit", ("warn", "block"))
    mandatory = truth("必填", "Mandatory")


class Checklist(RecordSchema):
    """A version of a list of checks for a family of machines and a kind of service."""

    kind = "checklist"
    label = ("检查表", "Checklist")
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "manager"})

    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    family = pattern("机型族", "Family", KEY_PATTERN)
    service = text("服务类型", "Kind of service", most=40)
    version = whole("版本", "Version", least=1, required=True)
    # What was published is answered item by item on devices: another list is another version.
    items = many("项目", "Items", group("项目", "Item", ChecklistItem, required=True), required=True, merge=FROZEN)
    retired = truth("已停用", "Retired", merge=OFFICE)


class Manual(RecordSchema):
    """A manual for families of machines or for one model; the file is named by its hash. Source: handbook D2, S3."""

    kind = "manual"
    label = ("手册", "Manual")
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "manager"})

    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    families = many(
        "适用机型族", "For families", pattern("机型族", "Family", KEY_PATTERN, required=True), most=20, indexed=True
    )
    model_id = reference("机型", "Model", "model", indexed=True)
    service = text("服务类型", "Kind of service", most=40)
    language = choice("语言", "Language", ("zh", "en"))
    edition = text("版本", "Edition", most=40)
    file_sha256 = sha256("文件", "File", merge=OFFICE)
    media_type = text("类型", "Media type", most=100)
    size_bytes = whole("大小", "Size", unit="byte")
