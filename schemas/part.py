"""Parts: suppliers, catalogue, batches, the customer's choice, and the facts of fitting and removing.

Source: handbook P1-P3.
"""

from schemas.base import (
    KEY_PATTERN,
    UUID_PATTERN,
    Audience,
    Nature,
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
    truth,
    whole,
)
from schemas.equipment import GTIN_PATTERN
from schemas.merge_rules import FROZEN, OFFICE

STOCK_WRITERS = frozenset({"stock_keeper", "manager", "admin"})
DESTINATIONS = ("returned", "scrapped", "customer", "unknown")
DESTINATION_LABELS = {
    "returned": ("返厂", "Returned"),
    "scrapped": ("报废", "Scrapped"),
    "customer": ("留给客户", "Left with the customer"),
    "unknown": ("不明", "Unknown"),
}

PART_GRADES = ("original", "authorised", "alternative")
"""Source: handbook P2, P3."""

PART_GRADE_LABELS = {
    "original": ("原厂", "Original"),
    "authorised": ("授权", "Authorised"),
    "alternative": ("认证替代", "Certified alternative"),
}

SCANNED_MOST = 500
"""Five times what a part's label holds; of a longer code the beginning is kept."""

SERIAL_MOST = 60
"""Longer than GS1 AI (21) and (10), which carry at most 20 characters: makers without GS1 numbers write longer ones."""


CONDITIONS = ("new", "refurbished")
CONDITION_LABELS = {"new": ("新件", "New"), "refurbished": ("翻新件", "Refurbished")}

INTERVAL_DAYS_MOST = 3660


class Supplier(RecordSchema):
    """Who delivers a part."""

    kind = "supplier"
    label = ("供应商", "Supplier")
    audience = Audience.EVERYBODY
    writers = STOCK_WRITERS

    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    code = text("供应商编号", "Supplier code", most=40)


class PartInterval(Part):
    """How often a part is to be replaced in machines of one model. Source: handbook P6."""

    model_id = pattern("机型", "Model", UUID_PATTERN, required=True)
    interval_days = whole("建议更换周期", "Recommended interval", least=1, most=INTERVAL_DAYS_MOST, unit="day")


class CatalogueItem(RecordSchema):
    """A part one can order. Source: handbook P2, P3, P6, W2, W3."""

    kind = "part"
    label = ("备件", "Part")
    audience = Audience.EVERYBODY
    writers = STOCK_WRITERS

    part_number = text("备件号", "Part number", most=60, required=True, merge=FROZEN, indexed=True)
    name = text("名称", "Name", required=True)
    name_en = text("英文名称", "Name in English")
    manufacturer = text("制造商", "Manufacturer")
    gtin = pattern("全球贸易项目代码", "GTIN", GTIN_PATTERN, merge=FROZEN, indexed=True)
    grade = choice("等级", "Grade", PART_GRADES)
    # What the part is in a machine, in the words of the model's component terms. Parts of one component that fit the
    # same machine stand in for each other.
    component = text("部件", "Component", most=80, indexed=True)
    # Without either it fits every machine: a fuse.
    families = many("适用机型族", "Fits families", pattern("机型族", "Family", KEY_PATTERN, required=True), most=100)
    model_ids = many("适用机型", "Fits models", pattern("机型", "Model", UUID_PATTERN, required=True), most=100)
    serialised = truth("按序列号管理", "Has serial numbers")
    wear_part = truth("易损件", "Wear part")
    warranty_months = whole("保修月数", "Warranty", most=240, unit="month")
    price_cents = whole("单价", "Price", unit="0.01 CNY", merge=OFFICE)
    # Expensive or rare: somebody approves it before it is bought. Source: handbook P5.
    on_approval = truth("采购须审批", "Bought on approval", merge=OFFICE)
    # After how many days a consumable is to be replaced: in every machine it fits, or as its model asks for.
    interval_days = whole(
        "建议更换周期", "Recommended interval", least=1, most=INTERVAL_DAYS_MOST, unit="day", merge=OFFICE
    )
    intervals = many(
        "按机型的更换周期", "Intervals by model", group("机型", "Model", PartInterval, required=True), most=100
    )


class Batch(RecordSchema):
    """A production lot with its certificate; what was refurbished together is a lot of its own.

    Source: handbook P1, P2.
    """

    kind = "batch"
    label = ("批次", "Batch")
    audience = Audience.EVERYBODY
    writers = STOCK_WRITERS

    part_id = reference("备件", "Part", "part", required=True, merge=FROZEN)
    supplier_id = reference("供应商", "Supplier", "supplier", required=True, merge=FROZEN)
    number = text("批号", "Batch number", most=SERIAL_MOST, least=1, required=True, merge=FROZEN, indexed=True)
    produced_on = day("生产日期", "Produced on")
    expires_on = day("有效期至", "Expires on")
    certificate = text("合格证号", "Certificate of conformity", most=80)
    certificate_sha256 = sha256("合格证文件", "Certificate file")
    inspection_report = text("检验报告号", "Inspection report", most=80)
    inspection_sha256 = sha256("检验报告文件", "Inspection report file")
    condition = choice("新旧", "Condition", CONDITIONS, merge=FROZEN)
    made_from_id = reference("翻新自批次", "Refurbished from", "batch", merge=FROZEN)
    recalled_on = day("召回日期", "Recalled on", merge=OFFICE)
    recall_reason = text("召回原因", "Reason of recall", most=1000, merge=OFFICE)


class OfferedPart(Part):
    """A part as it was offered to the customer, with what it costs him. Source: handbook P3."""

    part_id = pattern("备件", "Part", UUID_PATTERN, required=True)
    part_number = text("备件号", "Part number", most=60)
    name = text("名称", "Name")
    grade = choice("等级", "Grade", PART_GRADES)
    price_cents = whole("单价", "Price", unit="0.01 CNY")
    warranty_months = whole("保修月数", "Warranty", most=240, unit="month")
    cover = choice("保修结论", "Cover", ("in", "out", "doubtful"))


class PartChoice(RecordSchema):
    """Which of several parts the customer chose, and what he was shown. Source: handbook P3."""

    kind = "part_choice"
    label = ("客户选件", "Choice of part")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", required=True, follows=True, merge=FROZEN)
    component = text("部件", "Component", most=80, merge=FROZEN)
    offered = many("可选备件", "Offered", group("备件", "Part", OfferedPart, required=True), most=50, merge=FROZEN)
    chosen_id = reference("所选备件", "Chosen", "part", required=True, merge=FROZEN)
    chosen_by = text("选择人", "Chosen by", most=80, merge=FROZEN, personal=True)
    chosen_at = instant("选择时间", "Chosen at", required=True, merge=FROZEN)


class PartFitted(RecordSchema):
    """A part was put into a machine. Source: handbook P1, V4, V7."""

    kind = "part_fitted"
    label = ("装入备件", "Part fitted")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", required=True, follows=True, merge=FROZEN)
    part_id = reference("备件", "Part", "part", merge=FROZEN)
    part_name = text("备件名称", "Part name", required=True, merge=FROZEN)
    gtin = pattern("全球贸易项目代码", "GTIN", GTIN_PATTERN, merge=FROZEN)
    serial = text("序列号", "Serial number", most=SERIAL_MOST, indexed=True, merge=FROZEN)
    batch_id = reference("批次记录", "Batch record", "batch", merge=FROZEN)
    batch = text("批号", "Batch number", most=SERIAL_MOST, merge=FROZEN)
    supplier_id = reference("供应商", "Supplier", "supplier", merge=FROZEN)
    place = text("装入部位", "Position", most=80, merge=FROZEN)
    quantity = whole("数量", "Quantity", least=1, most=10_000, merge=FROZEN)
    fitted_at = instant("装入时间", "Fitted at", required=True, merge=FROZEN)
    scanned = text("扫描原文", "Scanned text", most=SCANNED_MOST, merge=FROZEN)
    choice_id = reference("客户选件", "Choice of part", "part_choice", merge=FROZEN)
    warranty_months = whole("承诺保修月数", "Warranty promised", most=240, unit="month", merge=FROZEN)
    replaces_id = reference("更正", "Corrects", "part_fitted", merge=FROZEN)


class PartRemoved(RecordSchema):
    """A part was taken out of a machine. The office records a removal that nobody wrote down, with its `reason`."""

    kind = "part_removed"
    label = ("拆下备件", "Part removed")
    nature = Nature.FACT
    writers = frozenset({"engineer", "dispatcher", "manager"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", required=True, follows=True, merge=FROZEN)
    fitted_id = reference("换上的备件", "Replaced by", "part_fitted", merge=FROZEN)
    part_id = reference("备件", "Part", "part", merge=FROZEN)
    part_name = text("备件名称", "Part name", merge=FROZEN)
    gtin = pattern("全球贸易项目代码", "GTIN", GTIN_PATTERN, merge=FROZEN)
    serial = text("序列号", "Serial number", most=SERIAL_MOST, merge=FROZEN)
    batch = text("批号", "Batch number", most=SERIAL_MOST, merge=FROZEN)
    destination = choice("去向", "Goes to", DESTINATIONS, merge=FROZEN)
    removed_at = instant("拆下时间", "Removed at", required=True, merge=FROZEN)
    reason = text("补记依据", "Grounds of the office", most=500, merge=FROZEN)
