"""Working calendar and service terms to begin with: the handbooks' values and the State Council's holidays.

Each is the values of a record; an organisation edits them as its own.
"""

from __future__ import annotations

from typing import Any, Final

Values = dict[str, Any]

_WORKING_WEEK: Final = ("monday", "tuesday", "wednesday", "thursday", "friday")

_SPECIAL_DAYS: Final = (
    # first day, last day, name, English name
    ("2025-01-01", None, "元旦", "New Year"),
    ("2025-01-28", "2025-02-04", "春节", "Spring Festival"),
    ("2025-04-04", "2025-04-06", "清明节", "Qingming"),
    ("2025-05-01", "2025-05-05", "劳动节", "Labour Day"),
    ("2025-05-31", "2025-06-02", "端午节", "Dragon Boat Festival"),
    ("2025-10-01", "2025-10-08", "国庆节、中秋节", "National Day and Mid-Autumn Festival"),
    ("2026-01-01", "2026-01-03", "元旦", "New Year"),
    ("2026-02-15", "2026-02-23", "春节", "Spring Festival"),
    ("2026-04-04", "2026-04-06", "清明节", "Qingming"),
    ("2026-05-01", "2026-05-05", "劳动节", "Labour Day"),
    ("2026-06-19", "2026-06-21", "端午节", "Dragon Boat Festival"),
    ("2026-09-25", "2026-09-27", "中秋节", "Mid-Autumn Festival"),
    ("2026-10-01", "2026-10-07", "国庆节", "National Day"),
)

_MAKE_UP_DAYS: Final = (
    ("2025-01-26", "春节调休", "for Spring Festival"),
    ("2025-02-08", "春节调休", "for Spring Festival"),
    ("2025-04-27", "劳动节调休", "for Labour Day"),
    ("2025-09-28", "国庆节调休", "for National Day"),
    ("2025-10-11", "国庆节调休", "for National Day"),
    ("2026-01-04", "元旦调休", "for New Year"),
    ("2026-02-14", "春节调休", "for Spring Festival"),
    ("2026-02-28", "春节调休", "for Spring Festival"),
    ("2026-05-09", "劳动节调休", "for Labour Day"),
    ("2026-09-20", "国庆节调休", "for National Day"),
    ("2026-10-10", "国庆节调休", "for National Day"),
)

_ANNOUNCED: Final = (
    (2025, "国务院办公厅关于2025年部分节假日安排的通知（国办发明电〔2024〕12号）"),
    (2026, "国务院办公厅关于2026年部分节假日安排的通知（国办发明电〔2025〕7号）"),
)


def china_calendar() -> Values:
    """Return the working calendar of mainland China. Source: notices of the General Office of the State Council."""
    days: list[Values] = [
        {"type": "holiday", "first_on": first, "name": name, "name_en": english} | ({"last_on": last} if last else {})
        for first, last, name, english in _SPECIAL_DAYS
    ]
    days += [
        {"type": "working_day", "first_on": on, "name": name, "name_en": english} for on, name, english in _MAKE_UP_DAYS
    ]
    return {
        "name": "中国大陆工作日历",
        "name_en": "Mainland China",
        "zone": "Asia/Shanghai",
        "hours": [
            {"weekday": weekday, "opens": opens, "closes": closes}
            for weekday in _WORKING_WEEK
            for opens, closes in (("08:30", "12:00"), ("13:00", "17:30"))
        ],
        "special_days": sorted(days, key=lambda row: row["first_on"]),
        "announced_years": [{"year": year, "source": source} for year, source in _ANNOUNCED],
    }


def service_terms(calendar_id: str) -> dict[str, Values]:
    """Return the handbooks' service terms by short name; A is the standard. Source: handbook G2, G3, G4, G5, I1."""
    sets: dict[str, tuple[str, str, list[Values]]] = {
        "a": ("标准服务（A）", "Standard service (A)", _preset_a()),
        "b": ("分析仪器服务（B）", "Laboratory service (B)", _preset_b()),
        "d": ("设备保障合同（D）", "Equipment contract (D)", _preset_d(_row("on_site", 10, "hour"))),
        "d3": ("设备保障合同（D，三个工作日到场）", "Equipment contract (D, on site in three working days)",
               _preset_d(_row("on_site", 3, "working_day"))),
        "key": ("关键设备保障（E）", "Key equipment (E)", _preset_key()),
    }  # fmt: skip
    return {
        short: {"name": name, "name_en": english, "standard": short == "a", "calendar_id": calendar_id, "limits": rows}
        for short, (name, english, rows) in sets.items()
    }


def _row(step: str, amount: int, unit: str, **about: Any) -> Values:
    return {"step": step, "amount": amount, "unit": unit} | about


def _preset_a() -> list[Values]:
    """Return the limits of handbook A, and G5's for key equipment. Source: handbook G2 (A4, A2.2), G5."""
    return [
        _row("answer", 4, "hour", area="city"),
        _row("answer", 8, "hour", area="remote"),
        _row("answer", 24, "hour", grade="general"),
        _row("on_site", 4, "hour", grade="urgent"),
        _row("on_site", 8, "hour", grade="important"),
        _row("on_site", 2, "hour", key_equipment=True),
        _row("solved", 24, "hour", grade="urgent"),
        _row("solved", 48, "hour", grade="important"),
        _row("solved", 7, "working_day", grade="general"),
        _row("solved", 48, "hour", service="spare_part"),
        _row("solved", 5, "working_day", service="retrofit"),
    ]


def _preset_key() -> list[Values]:
    """Return A's limits, but for the arrival. Source: handbook G5 (E1.1)."""
    return [*(row for row in _preset_a() if row["step"] != "on_site"), _row("on_site", 2, "hour")]


def _preset_b() -> list[Values]:
    """Return the limits of handbook B. Source: handbook G3 (B4, B5), X2."""
    return [
        _row("answer", 2, "hour"),
        _row("proposal", 12, "hour"),
        _row("on_site", 24, "hour", area="city"),
        _row("on_site", 48, "hour", area="remote"),
        _row("solved", 5, "working_day", service="workshop"),
    ]


def _preset_d(on_site: Values) -> list[Values]:
    """Return the limits of handbook D; a loan machine the same day counts as solved. Source: handbook G4 (D1.1), I1."""
    return [
        _row("answer", 1, "hour"),
        on_site,
        _row("solved", 24, "hour", grade="urgent"),
        _row("solved", 7, "day", grade="important"),
        _row("solved", 48, "hour", grade="general"),
        _row("solved", 7, "day", service="installation"),
    ]
