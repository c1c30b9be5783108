"""Short service manuals of some families, as PDF; the others have none, as in life."""

from __future__ import annotations

from typing import Any, Final

from printing.paper import HEIGHT, WIDTH, Paper

_MANUALS: Final = {
    # short name: families, Chinese, English, lines of the one page
    "mc12": (
        ("mini_centrifuge",),
        "MC-12 微型离心机维修手册",
        "MC-12 service manual",
        (
            "E05 转速不足：测量电机三相电阻，各相相差不超过 5 %。 / Speed too low: phases differ by at most 5 %.",
            "E11 温度过高：检查风道与控制板散热片。 / Too hot: look at air duct and heat sink of the board.",
            "更换电机：断电 5 分钟，拆下底座四颗 M4 螺钉。 / Motor: power off 5 minutes, four M4 screws in the base.",
            "空载试机：12000 r/min，电流不超过 0.8 A。 / No-load run: 12,000 r/min, at most 0.8 A.",
        ),
    ),
    "hc20r": (
        ("refrigerated_centrifuge",),
        "HC-20R 冷冻离心机保养手册",
        "HC-20R maintenance manual",
        (
            "每年更换腔体密封圈，检查转子裂纹。 / Replace the chamber seal yearly, look for cracks in the rotor.",
            "制冷剂 R404A，充注量 480 g。 / Refrigerant R404A, 480 g.",
        ),
    ),
    "vm850": (
        ("machining_centre",),
        "VM-850 立式加工中心电气手册",
        "VM-850 electrical manual",
        (
            "SV0411 伺服驱动器：测量直流母线 540 V ± 10 %。 / Servo drive: DC link 540 V ± 10 %.",
            "更换驱动器后恢复参数 1815、1850。 / Restore parameters 1815 and 1850 after a change of drive.",
        ),
    ),
}

NAMES: Final = tuple(_MANUALS)
MADE_AT: Final = "2026-01-05 09:00"


def describe_manual(name: str) -> dict[str, Any]:
    """Return what the record of a manual says beside its file."""
    families, chinese, english, _ = _MANUALS[name]
    return {"name": chinese, "name_en": english, "families": list(families), "language": "zh", "edition": "1"}


def print_manual(name: str) -> bytes:
    """Return a manual as PDF, the same bytes everywhere."""
    _, chinese, english, lines = _MANUALS[name]
    paper = Paper(60, HEIGHT - 60)
    paper.text(60, 80, chinese, 20, "#0b3d4a", bold=True)
    paper.text(60, 104, english, 12, "#45565e")
    place = 150.0
    for line in lines:
        for said in line.split(" / "):
            paper.text(60, place, said, 11, "#0e1c22")
            place += 18
        place += 10
    return paper.render(
        chinese,
        "Gongdan",
        MADE_AT,
        "UTC+08:00",
        lambda page, pages: paper.text(WIDTH - 60, HEIGHT - 40, f"{page} / {pages}", 9, "#45565e", "right"),
    )
