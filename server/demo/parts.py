"""Suppliers, the catalogue of parts, and their batches with certificates."""

from __future__ import annotations

from typing import Any, Final

from server.demo.records import DemoRecord, gtin, refer

_SUPPLIERS: Final = (
    ("qinghe", "S-01", "清河离心机厂备件部", "Qinghe Centrifuge, spare parts"),
    ("mingxi", "S-02", "明析仪器备件中心", "Mingxi Instruments, spare parts"),
    ("chengyue", "S-03", "承岳数控备件仓", "Chengyue CNC, spare parts"),
    ("jiali", "S-04", "佳力轴承有限公司", "Jiali Bearings"),
    ("hongda", "S-05", "宏达电子元件有限公司", "Hongda Electronic Components"),
    ("ruifeng", "S-06", "瑞丰密封件厂", "Ruifeng Seals"),
)

_PARTS: Final = (
    # part number, GTIN item, Chinese, English, maker, grade, serialised, wear part, months, price in cents
    ("MC12-MOT", 5001, "直流无刷电机", "Brushless motor", "清河离心机厂", "original", True, False, 36, 68000),
    ("MC12-ROT", 5002, "12 孔转子", "12-place rotor", "清河离心机厂", "original", True, False, 24, 45000),
    ("MC12-PCB", 5003, "主控板", "Main control board", "清河离心机厂", "original", True, False, 36, 52000),
    ("MC12-LID", 5004, "上盖锁组件", "Lid lock", "清河离心机厂", "original", False, False, 12, 8600),
    ("MC12-PAD", 5005, "减震胶垫", "Rubber foot", "瑞丰密封件厂", "authorised", False, True, None, 600),
    ("MC12-MOT-R", 5006, "直流无刷电机（原厂翻新）", "Brushless motor, refurbished by its maker", "清河离心机厂",
     "authorised", True, False, 24, 46000),
    ("MC12-MOT-C", 5007, "直流无刷电机（认证替代）", "Brushless motor, certified alternative", "佳力电机",
     "alternative", True, False, 12, 31000),
    ("HC20-CMP", 5011, "制冷压缩机", "Compressor", "清河离心机厂", "original", True, False, 36, 320000),
    ("HC20-ROT", 5012, "角转子 6×50", "Angle rotor 6x50", "清河离心机厂", "original", True, False, 24, 260000),
    ("HC20-SEA", 5013, "腔体密封圈", "Chamber seal", "瑞丰密封件厂", "original", False, True, None, 4200),
    ("HC20-FAN", 5014, "冷凝风机", "Condenser fan", "宏达电子元件", "authorised", False, False, 12, 18800),
    (
        "BA40-LMP",
        5021,
        "卤素灯 12V 20W",
        "Halogen lamp 12 V 20 W",
        "明析医疗仪器",
        "original",
        False,
        True,
        None,
        38000,
    ),
    ("BA40-NDL", 5022, "加样针", "Sample needle", "明析医疗仪器", "original", True, False, 6, 126000),
    ("BA40-OPT", 5023, "光路模块", "Optical module", "明析医疗仪器", "original", True, False, 24, 880000),
    ("BA40-CUV", 5024, "比色杯（20 只）", "Cuvettes, 20 pieces", "明析医疗仪器", "original", False, True, None, 56000),
    ("BA40-PMP", 5025, "蠕动泵", "Peristaltic pump", "明析医疗仪器", "original", True, False, 12, 94000),
    ("BA40-LMP-C", 5026, "卤素灯 12V 20W（认证替代）", "Halogen lamp 12 V 20 W, certified alternative", "宏达电子元件",
     "alternative", False, True, None, 16500),
    ("AS90-PMT", 5031, "光电倍增管", "Photomultiplier", "明析光学仪器", "original", True, False, 24, 540000),
    ("AS90-NEB", 5032, "雾化器", "Nebuliser", "明析光学仪器", "original", True, False, 6, 78000),
    (
        "AS90-HCL",
        5033,
        "铅空心阴极灯",
        "Hollow cathode lamp, lead",
        "明析光学仪器",
        "original",
        False,
        True,
        None,
        66000,
    ),
    ("AS90-ORG", 5034, "燃烧头 O 形圈", "Burner O-ring", "瑞丰密封件厂", "alternative", False, True, None, 900),
    ("LC30-PMP", 5041, "高压泵头", "High-pressure pump head", "明析光学仪器", "original", True, False, 24, 460000),
    ("LC30-LMP", 5042, "氘灯", "Deuterium lamp", "明析光学仪器", "original", True, False, 12, 290000),
    ("LC30-SEA", 5043, "柱塞密封圈", "Plunger seal", "瑞丰密封件厂", "authorised", False, True, None, 12800),
    ("LC30-CHK", 5044, "单向阀", "Check valve", "明析光学仪器", "original", False, False, 12, 46000),
    ("VM85-SPN", 5051, "主轴单元", "Spindle unit", "承岳数控机床", "original", True, False, 36, 3800000),
    ("VM85-SRV", 5052, "伺服驱动器", "Servo drive", "承岳数控机床", "original", True, False, 24, 960000),
    ("VM85-BRG", 5053, "主轴轴承 7014C", "Spindle bearing 7014C", "佳力轴承", "authorised", False, False, 12, 128000),
    ("VM85-BAT", 5054, "编码器电池", "Encoder battery", "宏达电子元件", "authorised", False, True, 12, 3800),
    ("VM85-CLN", 5055, "冷却泵", "Coolant pump", "承岳数控机床", "original", True, False, 12, 210000),
    ("VM85-SRV-C", 5056, "伺服驱动器（认证替代）", "Servo drive, certified alternative", "宏达电子元件",
     "alternative", True, False, 12, 610000),
    ("TL36-TUR", 5061, "八工位刀塔", "8-station turret", "承岳数控机床", "original", True, False, 24, 1880000),
    ("TL36-BLT", 5062, "主轴皮带", "Spindle belt", "佳力轴承", "alternative", False, True, None, 9800),
    ("GEN-FUS", 5091, "保险管 5A", "Fuse 5 A", "宏达电子元件", "alternative", False, True, None, 200),
    ("GEN-PSU", 5092, "开关电源 24V", "Power supply 24 V", "宏达电子元件", "authorised", True, False, 24, 36000),
)  # fmt: skip

_INTERVALS_DAYS: Final = {
    "BA40-LMP": 180, "BA40-CUV": 365, "AS90-HCL": 365, "AS90-ORG": 180,
    "LC30-LMP": 365, "HC20-SEA": 730, "VM85-BAT": 365,
}  # fmt: skip
"""After how many days its maker has a consumable replaced. Source: handbook P6."""

_ON_APPROVAL: Final = frozenset({"VM85-SPN", "TL36-TUR"})
"""What is too dear to lie on a shelf. Source: handbook P5."""

_COMPONENTS: Final = {
    # component, as in the models' own terms: part numbers, the families they fit
    "电机": (("MC12-MOT", "MC12-MOT-R", "MC12-MOT-C"), ("mini_centrifuge",)),
    "控制板": (("MC12-PCB",), ("mini_centrifuge",)),
    "上盖锁": (("MC12-LID",), ("mini_centrifuge",)),
    "减震胶垫": (("MC12-PAD",), ("mini_centrifuge",)),
    "压缩机": (("HC20-CMP",), ("refrigerated_centrifuge",)),
    "腔体密封圈": (("HC20-SEA",), ("refrigerated_centrifuge",)),
    "冷凝风机": (("HC20-FAN",), ("refrigerated_centrifuge",)),
    "光源灯": (("BA40-LMP", "BA40-LMP-C"), ("biochemical_analyser",)),
    "加样针": (("BA40-NDL",), ("biochemical_analyser",)),
    "光路模块": (("BA40-OPT",), ("biochemical_analyser",)),
    "比色杯": (("BA40-CUV",), ("biochemical_analyser",)),
    "蠕动泵": (("BA40-PMP",), ("biochemical_analyser",)),
    "光电倍增管": (("AS90-PMT",), ("atomic_absorption",)),
    "雾化器": (("AS90-NEB",), ("atomic_absorption",)),
    "空心阴极灯": (("AS90-HCL",), ("atomic_absorption",)),
    "燃烧头 O 形圈": (("AS90-ORG",), ("atomic_absorption",)),
    "高压泵": (("LC30-PMP",), ("liquid_chromatograph",)),
    "氘灯": (("LC30-LMP",), ("liquid_chromatograph",)),
    "柱塞密封圈": (("LC30-SEA",), ("liquid_chromatograph",)),
    "单向阀": (("LC30-CHK",), ("liquid_chromatograph",)),
    "主轴": (("VM85-SPN",), ("machining_centre",)),
    "伺服驱动器": (("VM85-SRV", "VM85-SRV-C"), ("machining_centre",)),
    "主轴轴承": (("VM85-BRG",), ("machining_centre", "lathe")),
    "编码器电池": (("VM85-BAT",), ("machining_centre", "lathe")),
    "冷却泵": (("VM85-CLN",), ("machining_centre",)),
    "刀塔": (("TL36-TUR",), ("lathe",)),
    "主轴皮带": (("TL36-BLT",), ("lathe",)),
    "转子": (("MC12-ROT",), ("mini_centrifuge",)),
    "角转子": (("HC20-ROT",), ("refrigerated_centrifuge",)),
    "保险管": (("GEN-FUS",), ()),
    "开关电源": (("GEN-PSU",), ()),
}
"""What a part is in a machine, and which it fits; what fits every machine names no family."""

_BATCHES: Final = (
    # part number, supplier, batch number, produced on, expires on
    ("MC12-MOT", "qinghe", "B250611", "2025-06-11", None),
    ("MC12-MOT", "qinghe", "B260120", "2026-01-20", None),
    ("MC12-ROT", "qinghe", "R250902", "2025-09-02", None),
    ("MC12-ROT", "qinghe", "R260308", "2026-03-08", None),
    ("MC12-PCB", "hongda", "P2517A", "2025-04-25", None),
    ("MC12-PCB", "hongda", "P2604C", "2026-01-30", None),
    ("MC12-LID", "qinghe", "L250330", "2025-03-30", None),
    ("MC12-PAD", "ruifeng", "RF2025-118", "2025-05-18", "2028-05-17"),
    ("HC20-CMP", "qinghe", "C250715", "2025-07-15", None),
    ("HC20-ROT", "qinghe", "HR250101", "2025-01-01", None),
    ("HC20-ROT", "qinghe", "HR260214", "2026-02-14", None),
    ("HC20-SEA", "ruifeng", "RF2023-044", "2023-04-02", "2026-04-01"),
    ("HC20-SEA", "ruifeng", "RF2026-009", "2026-01-16", "2029-01-15"),
    ("HC20-FAN", "hongda", "F2533", "2025-08-14", None),
    ("BA40-LMP", "mingxi", "LM2512", "2025-12-05", None),
    ("BA40-LMP", "mingxi", "LM2605", "2026-05-06", None),
    ("BA40-NDL", "mingxi", "N25-330", "2025-10-21", None),
    ("BA40-NDL", "mingxi", "N26-041", "2026-02-11", None),
    ("BA40-OPT", "mingxi", "OP2601", "2026-01-08", None),
    ("BA40-CUV", "mingxi", "CV2606", "2026-06-01", "2031-05-31"),
    ("BA40-PMP", "mingxi", "PP2509", "2025-09-19", None),
    ("AS90-PMT", "mingxi", "PM2507", "2025-07-22", None),
    ("AS90-NEB", "mingxi", "NB2602", "2026-02-03", None),
    ("AS90-HCL", "mingxi", "HCL-PB-26", "2026-03-15", "2028-03-14"),
    ("AS90-ORG", "ruifeng", "RF2025-201", "2025-09-30", "2028-09-29"),
    ("LC30-PMP", "mingxi", "HP2511", "2025-11-11", None),
    ("LC30-LMP", "mingxi", "D2-2604", "2026-04-09", None),
    ("LC30-SEA", "ruifeng", "RF2026-033", "2026-03-02", "2029-03-01"),
    ("LC30-CHK", "mingxi", "CK2512", "2025-12-18", None),
    ("VM85-SPN", "chengyue", "SP2508", "2025-08-28", None),
    ("VM85-SRV", "chengyue", "SV2510", "2025-10-10", None),
    ("VM85-SRV", "chengyue", "SV2603", "2026-03-03", None),
    ("VM85-BRG", "jiali", "JL7014-25", "2025-02-20", None),
    ("VM85-BRG", "jiali", "JL7014-26", "2026-02-20", None),
    ("VM85-BAT", "hongda", "BT2545", "2025-11-07", "2030-11-06"),
    ("VM85-CLN", "chengyue", "CP2601", "2026-01-12", None),
    ("TL36-TUR", "chengyue", "TU2506", "2025-06-16", None),
    ("TL36-BLT", "jiali", "JLB-2603", "2026-03-12", "2029-03-11"),
    ("MC12-MOT-R", "qinghe", "RB2604", "2026-04-12", None),
    ("MC12-MOT-C", "jiali", "JLM2605", "2026-05-20", None),
    ("BA40-LMP-C", "hongda", "HL2606", "2026-06-11", None),
    ("VM85-SRV-C", "hongda", "HS2607", "2026-07-01", None),
    ("GEN-FUS", "hongda", "FU26", "2026-01-05", None),
    ("GEN-PSU", "hongda", "PS2549", "2025-12-02", None),
    ("GEN-PSU", "hongda", "PS2610", "2026-03-05", None),
)

_UNCERTIFIED: Final = ("L250330",)

_RECALLS: Final = {"SV2510": "电容批次不良，上电后可能失效 / faulty capacitors may fail after power-on"}


def suppliers() -> list[DemoRecord]:
    """Return the suppliers."""
    fields = ("code", "name", "name_en")
    return [DemoRecord("supplier", name, dict(zip(fields, row, strict=True))) for name, *row in _SUPPLIERS]


def parts() -> list[DemoRecord]:
    """Return the catalogue; the short name of a part is its part number. Source: handbook P2, P3, W2, W3."""
    fields = ("name", "name_en", "manufacturer", "grade", "serialised", "wear_part", "warranty_months", "price_cents")
    return [
        DemoRecord(
            "part",
            number,
            {"part_number": number, "gtin": gtin(item), "interval_days": _INTERVALS_DAYS.get(number)}
            | dict(zip(fields, row, strict=True))
            | ({"on_approval": True} if number in _ON_APPROVAL else {})
            | _place_of(number),
        )
        for number, item, *row in _PARTS
    ]


def batches() -> list[DemoRecord]:
    """Return the batches; the short name of a batch is its number. Source: handbook P1, P2."""
    return [
        DemoRecord(
            "batch",
            number,
            {
                "part_id": refer("part", part),
                "supplier_id": refer("supplier", supplier),
                "number": number,
                "produced_on": produced_on,
                "expires_on": expires_on,
                "certificate": None if number in _UNCERTIFIED else f"HGZ-{number}",
                "inspection_report": f"JY-{produced_on[:4]}-{count:04d}",
            },
        )
        for count, (part, supplier, number, produced_on, expires_on) in enumerate(_BATCHES, start=1)
    ]


def recalls(recalled_on: str) -> dict[str, dict[str, str]]:
    """Return what is written on batches that are recalled after parts of them were fitted, by number."""
    return {number: {"recalled_on": recalled_on, "recall_reason": reason} for number, reason in _RECALLS.items()}


def recall(opened_at: str) -> list[DemoRecord]:
    """Return a recall of a batch, and of some serial numbers of the one before it. Source: handbook P1."""
    number = "RC260001"
    values = {
        "number": number,
        "name": "伺服驱动器电容",
        "reason": _RECALLS["SV2510"],
        "action": "replace",
        "urgency": "important",
        "instructions": "断电 10 分钟后更换，旧件贴红标寄回。 / Switch off, wait, replace; return it tagged red.",
        "supplier_id": refer("supplier", "chengyue"),
        "notice": "CY-FSN-2510",
        "state": "open",
        "opened_by": refer("person", "xu"),
        "opened_at": opened_at,
    }
    named = {"recall_id": refer("recall", number), "part_id": refer("part", "VM85-SRV")}
    ends = {"first_serial": "SV2509-0180", "last_serial": "SV2509-0220"}
    return [
        DemoRecord("recall", number, values),
        DemoRecord("recalled_part", f"{number} SV2510", named | {"batch": "SV2510"}),
        DemoRecord("recalled_part", f"{number} SV2509", named | ends),
    ]


def describe_part(number: str, batch: str) -> dict[str, str]:
    """Return what a fact of fitting a part of a batch says of it; without a batch, what is known all the same."""
    part = next(record for record in parts() if record.name == number)
    if not batch:
        return {"part_id": part.id, "part_name": part.values["name"], "gtin": part.values["gtin"]}
    supplier = next(row[1] for row in _BATCHES if row[2] == batch)
    return {
        "part_id": part.id,
        "part_name": part.values["name"],
        "gtin": part.values["gtin"],
        "batch": batch,
        "batch_id": refer("batch", batch),
        "supplier_id": refer("supplier", supplier),
    }


def _place_of(number: str) -> dict[str, Any]:
    component, families = next((name, fits) for name, (numbers, fits) in _COMPONENTS.items() if number in numbers)
    return {"component": component, "families": list(families)}
