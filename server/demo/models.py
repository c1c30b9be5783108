"""Models of machines, and checklists with measured limits."""

from __future__ import annotations

from typing import Any, Final

from server.demo.records import DemoRecord, gtin

Item = dict[str, Any]

_MODELS: Final = (
    # name, GTIN item, maker, model, English, family, months, own terms of components
    ("mc12", 100, "清河离心机厂", "MC-12 微型离心机", "MC-12 mini centrifuge", "mini_centrifuge", 12,
     (("电机", 36), ("转子", 24), ("控制板", 36))),
    ("hc20r", 110, "清河离心机厂", "HC-20R 冷冻离心机", "HC-20R refrigerated centrifuge", "refrigerated_centrifuge", 18,
     (("压缩机", 36), ("转子", 24))),
    ("ba400", 200, "明析医疗仪器", "BA-400 全自动生化分析仪", "BA-400 biochemical analyser", "biochemical_analyser", 12,
     (("光路模块", 24), ("加样针", 6))),
    ("as900", 300, "明析光学仪器", "AS-900 原子吸收光谱仪", "AS-900 atomic absorption spectrometer",
     "atomic_absorption", 12, (("光电倍增管", 24), ("雾化器", 6))),
    ("lc30", 310, "明析光学仪器", "LC-30 高效液相色谱仪", "LC-30 liquid chromatograph", "liquid_chromatograph", 12,
     (("高压泵", 24), ("氘灯", 12))),
    ("vm850", 400, "承岳数控机床", "VM-850 立式加工中心", "VM-850 machining centre", "machining_centre", 24,
     (("主轴", 36), ("数控系统", 36), ("伺服驱动器", 24))),
    ("tl360", 410, "承岳数控机床", "TL-360 数控车床", "TL-360 CNC lathe", "lathe", 24, (("主轴", 36), ("刀塔", 24))),
)  # fmt: skip

_PACKING: Final = {
    "mc12": (
        "取出转子，单独包裹。 / Take the rotor out and wrap it on its own.",
        "锁紧电机减震座的运输螺钉。 / Tighten the transport screws of the motor mounts.",
        "装入原包装箱，四周衬垫不少于 5 厘米。 / Use the original box with 5 cm of padding all round.",
    ),
}
"""What whoever sends one to the factory must do. Source: handbook X1."""

_TOOLS: Final = {
    "mini_centrifuge": (("转速表", "Tachometer"), ("内六角扳手组", "Hex keys")),
    "refrigerated_centrifuge": (("转速表", "Tachometer"), ("冷媒检漏仪", "Refrigerant leak detector")),
    "biochemical_analyser": (("光路校准件", "Optics alignment set"), ("质控品", "Control samples")),
    "atomic_absorption": (("检漏液", "Leak detection fluid"), ("标准溶液", "Standard solutions")),
    "liquid_chromatograph": (("压力表", "Pressure gauge"), ("管路扳手", "Tubing wrenches")),
    "machining_centre": (("千分表和表座", "Dial gauge with base"), ("绝缘电阻测试仪", "Insulation tester")),
    "lathe": (("水平仪", "Spirit level"), ("绝缘电阻测试仪", "Insulation tester")),
}
_GEAR: Final = {
    "machining_centre": ("安全帽、护目镜、防滑鞋", "Helmet, goggles, safety shoes"),
    "lathe": ("安全帽、护目镜、防滑鞋", "Helmet, goggles, safety shoes"),
    "biochemical_analyser": ("隔离衣、手套、护目镜", "Gown, gloves, goggles"),
}
"""What work on a family of machines takes. Source: handbook D2."""


def _preparation(family: str) -> list[Item]:
    items: list[Item] = [{"what": "tool", "label": zh, "label_en": en, "quantity": 1} for zh, en in _TOOLS[family]]
    if family in _GEAR:
        items.append({"what": "safety", "label": _GEAR[family][0], "label_en": _GEAR[family][1]})
    paper = {"what": "paper", "label": "验收单和培训记录表", "label_en": "Acceptance sheet and training record"}
    return [*items, paper | {"service": "installation"}]


def models() -> list[DemoRecord]:
    """Return the models. Source: handbook W1, W2."""
    return [
        DemoRecord(
            "model",
            name,
            {
                "manufacturer": maker,
                "name": model,
                "name_en": english,
                "family": family,
                "gtin": gtin(item),
                "warranty_months": months,
                "component_terms": [{"component": part, "months": term} for part, term in components],
                "packing": list(_PACKING.get(name, ())) or None,
                "preparation": _preparation(family),
            },
        )
        for name, item, maker, model, english, family, months, components in _MODELS
    ]


def _measure(key: str, zh: str, en: str, unit: str, low: str | None, high: str | None, beyond: str = "block") -> Item:
    texts: Item = {"key": key, "label": zh, "label_en": en, "type": "number", "unit": unit}
    return texts | {"low": low, "high": high, "beyond_limit": beyond, "mandatory": True}


def _question(key: str, zh: str, en: str, mandatory: bool = True) -> Item:
    return {"key": key, "label": zh, "label_en": en, "type": "yes_no", "mandatory": mandatory}


_SURROUNDINGS: Final = (
    _measure("room_temperature", "环境温度", "Room temperature", "℃", "10", "35", "warn"),
    _measure("room_humidity", "环境湿度", "Relative humidity", "%", None, "80", "warn"),
)
"""Looked at before anything is touched. Source: handbook V2."""

_ELECTRICAL: Final = (
    _measure("insulation_resistance", "绝缘电阻", "Insulation resistance", "MΩ", "2", None),
    _measure("earth_resistance", "接地电阻", "Earth resistance", "Ω", None, "4"),
)
"""Source: handbook I2."""


NO_LOAD_RUN: Final = "no_load_run"


def _no_load_run(current: str, voltage: tuple[str, str], speed: tuple[str, str]) -> tuple[Item, ...]:
    return (
        _measure("no_load_current", "空载电流", "No-load current", "A", None, current),
        _measure("no_load_voltage", "空载电压", "No-load voltage", "V", *voltage),
        _measure("no_load_speed", "空载转速", "No-load speed", "r/min", *speed),
        {
            "key": NO_LOAD_RUN,
            "label": "空载运行曲线",
            "label_en": "No-load run",
            "type": "series",
            "beyond_limit": "warn",
            "channels": [
                {"key": "current", "label": "电流", "label_en": "Current", "unit": "A", "high": current},
                {"key": "voltage", "label": "电压", "label_en": "Voltage", "unit": "V"}
                | dict(zip(("low", "high"), voltage, strict=True)),
                {"key": "speed", "label": "转速", "label_en": "Speed", "unit": "r/min", "high": speed[1]},
            ],
        },
    )


_LEVELNESS: Final = _measure("levelness", "水平度", "Levelness", "°", "-1", "1")
_WIRING: Final = {
    "key": "wiring_photo", "label": "接线与接地照片", "label_en": "Photo of wiring and earthing", "type": "photo",
}  # fmt: skip
_FEET: Final = _question("feet_fixed", "地脚与螺栓已紧固", "Feet and bolts are fixed")
_CLEAN: Final = _question("site_cleaned", "现场已清理", "The site has been cleaned")
_NOISE: Final = _measure("noise", "噪声", "Noise", "dB", None, "70", "warn")
_FINDINGS: Final = {"key": "findings", "label": "其他情况", "label_en": "Other findings", "type": "text"}
_STATE: Final = {
    "key": "state_after", "label": "修后状态", "label_en": "State after repair", "type": "choice",
    "options": ["正常", "限制使用", "停用"], "mandatory": True,
}  # fmt: skip

_SINGLE_PHASE: Final = ("209", "231")
_THREE_PHASE: Final = ("361", "399")

_CHECKLISTS: Final = (
    ("mc12-installation", "微型离心机安装调试", "Mini centrifuge, installation", "mini_centrifuge", "installation",
     (_LEVELNESS, _FEET, *_ELECTRICAL, _WIRING, *_no_load_run("0.8", _SINGLE_PHASE, ("11800", "12200")), _NOISE)),
    ("mc12-repair", "微型离心机维修", "Mini centrifuge, repair", "mini_centrifuge", "repair",
     (*_SURROUNDINGS, _LEVELNESS, *_ELECTRICAL, _WIRING,
      *_no_load_run("0.8", _SINGLE_PHASE, ("11800", "12200")), _STATE, _CLEAN)),
    ("hc20r-maintenance", "冷冻离心机保养", "Refrigerated centrifuge, maintenance", "refrigerated_centrifuge",
     "maintenance", (_LEVELNESS, *_ELECTRICAL, _measure("chamber_temperature", "腔体温度",
      "Chamber temperature", "℃", "3", "5"),
                     _question("rotor_free_of_cracks", "转子无裂纹", "The rotor has no cracks"), _FINDINGS)),
    ("ba400-repair", "生化分析仪维修", "Biochemical analyser, repair", "biochemical_analyser", "repair",
     (*_SURROUNDINGS, *_ELECTRICAL, _measure("cuvette_temperature", "反应盘温度", "Cuvette temperature", "℃",
      "36.8", "37.2"),
      _measure("lamp_voltage", "光源灯电压", "Lamp voltage", "V", "11.4", "12.6"), _STATE, _CLEAN)),
    ("as900-maintenance", "原子吸收光谱仪保养", "Atomic absorption spectrometer, maintenance", "atomic_absorption",
     "maintenance", (*_SURROUNDINGS, *_ELECTRICAL,
                     _measure("wavelength_error", "波长误差", "Wavelength error", "nm", "-0.25", "0.25"),
                     _question("gas_tight", "气路无泄漏", "The gas lines are tight"), _FINDINGS)),
    ("lc30-repair", "液相色谱仪维修", "Liquid chromatograph, repair", "liquid_chromatograph", "repair",
     (*_SURROUNDINGS, *_ELECTRICAL, _measure("pump_pressure", "泵压力脉动", "Pump ripple", "%", None, "1"),
      _STATE, _CLEAN)),
    ("vm850-repair", "加工中心维修", "Machining centre, repair", "machining_centre", "repair",
     (*_SURROUNDINGS, _LEVELNESS, *_ELECTRICAL, *_no_load_run("6.5", _THREE_PHASE, ("7900", "8100")),
      _measure("spindle_runout", "主轴径向跳动", "Spindle runout", "mm", None, "0.005"), _NOISE, _STATE, _CLEAN)),
    ("tl360-installation", "数控车床安装调试", "CNC lathe, installation", "lathe", "installation",
     (_LEVELNESS, _FEET, *_ELECTRICAL, *_no_load_run("5.0", _THREE_PHASE, ("3950", "4050")), _NOISE)),
    ("visit-general", "通用上门检查", "General visit", None, None, (*_SURROUNDINGS, *_ELECTRICAL, _FINDINGS, _CLEAN)),
)  # fmt: skip


def checklists() -> list[DemoRecord]:
    """Return the checklists. Source: handbook I2, V2, V6."""
    return [
        DemoRecord(
            "checklist",
            name,
            {
                "name": chinese,
                "name_en": english,
                "family": family,
                "service": service,
                "version": 1,
                "items": list(items),
            },
        )
        for name, chinese, english, family, service, items in _CHECKLISTS
    ]
