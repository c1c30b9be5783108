"""The week ahead: planned visits of every engineer, what waits for the dispatcher, and who is away."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any, Final

from server.demo.orders import ANSWERED_AFTER, describe_order
from server.demo.records import DemoRecord, refer
from server.domain.calendar import read_calendar
from server.domain.presets import china_calendar
from server.domain.times import spell

FIRST_NUMBER: Final = 101
"""Behind those that are told one by one (`server/demo/orders.py`)."""

# Engineer: centre, grade, checklist, and the machines he visits. Wei's day is told in orders.py.
_ROUNDS: Final = {
    "lin": (
        "pudong",
        "general",
        "ba400-repair",
        ("BA400-24-0150", "BA400-24-0151", "BA400-26-0260"),
    ),
    "zhao": ("suzhou", "general", "vm850-repair", ("VM850-24-0007", "VM850-25-0019", "VM850-24-0006")),
    "qian": ("hangzhou", "general", "as900-maintenance", ("AS900-24-0012", "LC30-24-0018")),
    "sun": ("tianjin", "general", "lc30-repair", ("LC30-23-0010", "LC30-26-0040", "LC30-25-0028")),
    "zhou": ("jinan", "general", "visit-general", ("MC12-2311-0440", "AS900-23-0008")),
    "wu": ("shenzhen", "important", "vm850-repair", ("VM850-25-0022", "VM850-26-0001")),
    "zheng": ("dongguan", "general", "visit-general", ("TL360-24-0060", "TL360-24-0061", "VM850-23-0002")),
    "feng": ("pudong", "general", "visit-general", ("MC12-2501-0103", "BA400-25-0214")),
    "chu": ("hangzhou", "general", "ba400-repair", ("BA400-22-0066", "AS900-24-0012")),
    "jiang": ("tianjin", "general", "visit-general", ("AS900-24-0015", "AS900-25-0021")),
    "shen": ("shenzhen", "general", "as900-maintenance", ("AS900-25-0017", "MC12-2505-0230")),
    "han": ("suzhou", "general", "visit-general", ("TL360-23-0052", "VM850-25-0019")),
}
_STARTS: Final = (time(9), time(13), time(14), time(16, 15))
_SYMPTOMS: Final = (
    ("repair", "报警后停机，复位无效。 / Stops with an alarm; a reset does not help.", 120),
    ("maintenance", "季度保养。 / Quarterly maintenance.", 180),
    ("repair", "精度漂移，客户要求复测。 / Accuracy drifts; the customer wants it measured again.", 90),
    ("maintenance", "更换易损件并清洁。 / Replace wear parts and clean.", 60),
    ("training", "新操作员培训。 / Training of new operators.", 120),
)
_WAITING: Final = (
    # machine, centre, service, grade, reported hours ago, symptom
    ("VM850-25-0019", "suzhou", "repair", "urgent", 1, "主轴异响，操作员已停机。 / Spindle noise; stopped."),
    ("BA400-24-0151", "pudong", "repair", "urgent", 3, "比色杯清洗站漏液。 / The wash station leaks."),
    ("LC30-25-0031", "pudong", "repair", "important", 2, "基线噪声大。 / Noisy baseline."),
    ("TL360-24-0061", "dongguan", "repair", "important", 5, "卡盘夹紧力不足。 / Weak chuck."),
    ("AS900-23-0008", "jinan", "maintenance", "general", 26, "年度校准到期。 / Yearly calibration is due."),
    ("VM850-26-0001", "shenzhen", "installation", "general", 30, "移机后重新调平。 / Level after a move."),
    ("HC20R-26-0120", "pudong", "repair", "urgent", 1, "腔体不制冷。 / The chamber does not cool."),
    ("MC12-2505-0230", "shenzhen", "repair", "important", 4, "盖锁打不开。 / The lid lock is stuck."),
)
_AWAY: Final = (("zhou", 2, 2, "training"), ("han", 3, 5, "leave"), ("qian", 1, 1, "sick"))
"""Who is away, from which of the working days ahead to which, and why."""

DAYS: Final = 5

_CALENDAR: Final = read_calendar(china_calendar())

TWO_AT_A_TIME: Final = ("zheng", 2)
"""Whose visits overlap on which of the days ahead, as happens when a customer moves one.

Not the first day: the visits told one by one are so many hours from the seeding, and may reach into it."""

HEARD_MINUTES_AGO: Final = {
    "lin": 4, "zhao": 320, "qian": 35, "sun": 2, "zhou": 1700, "wu": 11, "zheng": 290, "feng": 18, "chu": 7,
    "jiang": 25, "shen": 265, "han": 1,
}  # fmt: skip
"""When each engineer's device last called; one has been silent since yesterday. Wei's device is yet to be enrolled."""


def orders(now: datetime) -> list[DemoRecord]:
    """Return the visits of the working days ahead, and the orders that wait for somebody."""
    made = [*_visits(now), *_waiting(now)]
    return [DemoRecord("work_order", number, values) for number, values in made]


def absences(now: datetime) -> list[DemoRecord]:
    """Return who is away."""
    days = working_days(now)
    return [
        DemoRecord(
            "absence",
            name,
            {
                "person_id": refer("person", name),
                "starts_at": spell(days[first - 1]),
                "ends_at": spell(days[last - 1] + timedelta(days=1)),
                "reason": reason,
            },
        )
        for name, first, last, reason in _AWAY
    ]


def working_days(now: datetime) -> list[datetime]:
    """Return the beginnings of the DAYS working days after today, by the calendar of mainland China."""
    today = now.astimezone(_CALENDAR.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    ahead = (today + timedelta(days=number) for number in range(1, 4 * DAYS))
    return [day for day in ahead if _CALENDAR.is_working_day(day.date())][:DAYS]


def _visits(now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    number, away = FIRST_NUMBER, {(name, day) for name, first, last, _ in _AWAY for day in range(first, last + 1)}
    for place, (name, (centre, grade, checklist, machines)) in enumerate(_ROUNDS.items()):
        for day, begins in enumerate(working_days(now), start=1):
            twice = (place + day) % 3 == 0 or (name, day) == TWO_AT_A_TIME
            visits = 0 if (name, day) in away else 2 if twice else 1
            for turn in range(visits):
                service, symptom, minutes = _SYMPTOMS[(place + day + 2 * turn) % len(_SYMPTOMS)]
                start = datetime.combine(begins.date(), _STARTS[(place + day) % 2 + 2 * turn], _CALENDAR.zone)
                if (name, day) == TWO_AT_A_TIME:
                    start, minutes = begins + timedelta(hours=9.5 + turn), 120
                row = (f"GD26{number:04d}", service, "hotline", machines[(day + turn) % len(machines)], name, centre,
                       grade, checklist if service == "repair" else None, 8 + 3 * place, None, symptom, ())  # fmt: skip
                yield row[0], _plan(describe_order(now, *row).values, start, minutes)
                number += 1


def _plan(values: dict[str, Any], start: datetime, minutes: int) -> dict[str, Any]:
    begins = spell(start)
    planned = {"planned_start_at": begins, "planned_end_at": spell(start + timedelta(minutes=minutes))}
    # Whoever has been told when somebody comes has his answer.
    planned["answered_at"] = spell(datetime.fromisoformat(values["reported_at"]) + ANSWERED_AFTER)
    return values | planned | {"appointment_at": begins, "expected_minutes": minutes}


def _waiting(now: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, (machine, centre, service, grade, reported, symptom) in enumerate(_WAITING):
        number = f"GD26{FIRST_NUMBER + 99 + place:04d}"
        row = (number, service, "hotline", machine, None, centre, grade, None, reported, None, symptom, ())
        yield number, describe_order(now, *row).values | {"expected_minutes": 120}
