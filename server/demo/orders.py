"""Work orders in every state, with times counted from the day of seeding."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from server.demo.customers import customer_of, customers
from server.demo.machines import site_of
from server.demo.records import DemoRecord, refer
from server.domain.times import spell

_ORDERS: Final = (
    # number, service, channel, machine, engineer, centre, grade, checklist, reported hours ago, visit in hours,
    # symptom, alarms
    ("GD260001", "repair", "hotline", "MC12-2403-0017", "wei", "pudong", "urgent", "mc12-repair", 2, 2,
     "开机后转速升到 8000 转即停机，有焦糊味。 / Stops at 8,000 r/min, smells of burning.", ("E05", "E11")),
    ("GD260002", "maintenance", "account_manager", "HC20R-22-0045", "wei", "pudong", "general",
     "hc20r-maintenance", 50, 26,
     "年度保养，地下室无网络。 / Yearly maintenance; no network in the cellar.", ()),
    ("GD260003", "repair", "app", "BA400-23-0101", "lin", "pudong", "urgent", "ba400-repair", 6, 5,
     "吸光度漂移，质控失控。 / Absorbance drifts, controls out of range.", ("W-21",)),
    ("GD260004", "repair", "telemetry", "VM850-24-0006", "zhao", "suzhou", "urgent", "vm850-repair", 3, 1,
     "主轴温升报警停机。 / Stopped on spindle temperature.", ("ALM-401", "ALM-409")),
    ("GD260005", "repair", "hotline", "TL360-23-0052", "zhao", "suzhou", "important", "visit-general", 30, -2,
     "刀塔换刀不到位。 / The turret does not index fully.", ("ALM-2030",)),
    ("GD260006", "installation", "account_manager", "TL360-26-0003", "zhao", "suzhou", "general",
     "tl360-installation", 70, 44,
     "新机安装调试与培训。 / Install and commission a new machine; training.", ()),
    ("GD260007", "maintenance", "web", "AS900-22-0005", "qian", "hangzhou", "important", "as900-maintenance", 20, 22,
     "灵敏度下降，申请保养。 / Sensitivity has fallen.", ()),
    ("GD260008", "repair", "hotline", "LC30-23-0009", "sun", "tianjin", "urgent", "lc30-repair", 28, -4,
     "泵压力波动，无法进样。 / Pump pressure fluctuates.", ("P-07",)),
    ("GD260009", "repair", "wechat", "VM850-25-0023", "wu", "shenzhen", "urgent", "vm850-repair", 4, 4,
     "X 轴伺服驱动器红灯。 / Red light on the X servo drive.", ("SV0411",)),
    ("GD260010", "repair", "app", "VM850-23-0002", "zheng", "dongguan", "important", "vm850-repair", 16, 20,
     "冷却液流量不足。 / Too little coolant.", ()),
    ("GD260011", "repair", "wechat", "BA400-22-0066", None, "hangzhou", "urgent", "ba400-repair", 1, None,
     "开机自检不过，加样针碰撞。 / Self-test fails, the needle collides.", ("E-33",)),
    ("GD260012", "advice", "web", "MC12-2311-0440", None, "jinan", "general", None, 9, None,
     "询问转子更换周期。 / Asks when to replace the rotor.", ()),
    ("GD260013", "repair", "hotline", "AS900-25-0021", "sun", "tianjin", "important", "as900-maintenance", 75, -50,
     "无信号，疑光电倍增管损坏。 / No signal; the photomultiplier is suspected.", ("L-02",)),
    ("GD260014", "repair", "app", "BA400-24-0150", "lin", "pudong", "urgent", "ba400-repair", 250, -230,
     "光源灯报警。 / Lamp alarm.", ("W-12",)),
    ("GD260015", "repair", "telemetry", "VM850-24-0007", "zhao", "suzhou", "urgent", "vm850-repair", 4500, -4496,
     "Y 轴伺服驱动器报警。 / Y servo drive alarm.", ("SV0438",)),
    ("GD260016", "repair", "hotline", "VM850-25-0022", "wu", "shenzhen", "urgent", "vm850-repair", 900, -890,
     "Z 轴抖动。 / The Z axis trembles.", ("SV0410",)),
    ("GD260017", "training", "email", "AS900-24-0015", "sun", "tianjin", "general", None, 400, -300,
     "操作培训，客户改期后取消。 / Training, called off by the customer.", ()),
    ("GD260018", "repair", "hotline", "MC12-2501-0102", "wei", "pudong", "urgent", "mc12-repair", 3000, -2995,
     "电机异响。 / The motor is noisy.", ("E05",)),
    ("GD260019", "repair", "hotline", "MC12-2403-0017", "wei", "pudong", "important", "mc12-repair", 2190, -2180,
     "转速波动。 / The speed wanders.", ()),
    ("GD260021", "repair", "hotline", "MC12-2311-0440", "zhou", "jinan", "important", "mc12-repair", 5210, -5200,
     "转子有裂纹。 / A crack in the rotor.", ()),
    ("GD260022", "repair", "app", "MC12-2505-0230", "shen", "shenzhen", "important", "mc12-repair", 4810, -4800,
     "转子失衡报警。 / Imbalance alarm.", ("E07",)),
    ("GD260023", "repair", "hotline", "MC12-2208-0009", "chu", "hangzhou", "general", "mc12-repair", 4120, -4100,
     "转子锁紧不牢。 / The rotor does not lock.", ()),
    ("GD260024", "repair", "wechat", "MC12-2505-0230", "shen", "shenzhen", "important", "mc12-repair", 2610, -2600,
     "离心时振动。 / Vibrates while spinning.", ("E07",)),
    ("GD260025", "repair", "app", "MC12-2208-0009", "chu", "hangzhou", "important", "mc12-repair", 810, -800,
     "转子腐蚀。 / The rotor is corroded.", ()),
    ("GD260026", "repair", "hotline", "MC12-2501-0103", "feng", "pudong", "general", "mc12-repair", 310, -300,
     "转子孔磨损。 / Worn places in the rotor.", ()),
    ("GD260027", "maintenance", "hotline", "MC12-2311-0440", "zhou", "jinan", "general", "mc12-repair", 160, -150,
     "年度保养。 / Yearly maintenance.", ()),
)  # fmt: skip

_NEEDED: Final = {
    "GD260001": ("MC12-MOT", "MC12-PCB", "MC12-LID"),
    "GD260002": ("HC20-SEA",),
    "GD260003": ("BA40-LMP", "BA40-NDL"),
    "GD260009": ("VM85-SRV",),
    "GD260010": ("VM85-CLN",),
}
"""Parts the fault may need, by number; not all of them are on the vans."""

RESCHEDULED: Final = ("GD260007", 46)
"""An order whose appointment the office moves, to so many hours ahead, before the engineer's device has synced."""

CANCELLED: Final = "GD260017"


def orders(now: datetime) -> list[DemoRecord]:
    """Return the work orders as they are first written: received, or assigned to an engineer."""
    return [describe_order(now, *row) for row in _ORDERS]


def order_time(now: datetime, hours: float) -> str:
    """Return a moment some hours from `now`, to the minute."""
    return spell((now + timedelta(hours=hours)).replace(second=0, microsecond=0))


def visit_hours(number: str) -> int:
    """Return when the visit of an order is, in hours from the seeding."""
    hours = next(row[9] for row in _ORDERS if row[0] == number)
    assert hours is not None
    return hours


def machine_of(number: str) -> str:
    """Return the serial number of an order's machine."""
    return next(row[3] for row in _ORDERS if row[0] == number)


def checklist_of(number: str) -> str | None:
    """Return the short name of an order's checklist."""
    return next(row[7] for row in _ORDERS if row[0] == number)


ANSWERED_AFTER: Final = timedelta(minutes=12)


def describe_order(
    now: datetime, number: str, service: str, channel: str, machine: str, engineer: str | None, centre: str,
    grade: str, checklist: str | None, reported_hours: int, visit: int | None, symptom: str, alarms: tuple[str, ...],
) -> DemoRecord:  # fmt: skip
    """Return an order, with what follows from its machine."""
    site = site_of(machine)
    customer = next(record for record in customers() if record.name == customer_of(site))
    values: dict[str, Any] = {
        "number": number,
        "status": "assigned" if engineer else "received",
        "service": service,
        "grade": grade,
        "channel": channel,
        "customer_id": customer.id,
        "site_id": refer("site", site),
        "machine_id": refer("machine", machine),
        "centre_id": refer("service_centre", centre),
        "engineer_id": refer("person", engineer) if engineer else None,
        "checklist_id": refer("checklist", checklist) if checklist else None,
        "symptom": symptom,
        "alarms": list(alarms),
        "contact": customer.values["contact"],
        "phone": customer.values["phone"],
        "reported_at": order_time(now, -reported_hours),
        # Whoever has been told when somebody comes has his answer.
        "answered_at": order_time(now + ANSWERED_AFTER, -reported_hours) if visit is not None else None,
        "appointment_at": order_time(now, visit) if visit is not None else None,
        "needed_parts": [{"part_id": refer("part", name), "quantity": 1} for name in _NEEDED.get(number, ())] or None,
        "instructions": "出发前电话确认时间和现场条件。 / Call before leaving to confirm time and conditions.",
    }
    return DemoRecord("work_order", number, values)
