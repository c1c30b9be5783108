"""What customers asked for and what is known to help: open requests, one answered, one with a photo, known fixes."""

from __future__ import annotations

import io
from datetime import datetime
from typing import Any, Final

from PIL import Image, ImageDraw, ImageFont

from server.demo.customers import customer_of
from server.demo.machines import site_of
from server.demo.orders import order_time
from server.demo.records import DemoRecord, refer

PHOTOGRAPHED: Final = "RQ260002"
"""The request that came with a photo, by the code on the machine."""

_PHOTO: Final = (960, 720)
"""A telephone's photo would make the seeding slow."""

_FIXES: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("mc12-hot", {
        "title": "电机过热保护停机", "title_en": "Stops on motor overheating", "model_id": refer("model", "mc12"),
        "alarms": ["E05", "E11"], "words": ["停机", "焦糊", "过热"],
        "cause": "进风口堵塞或碳刷磨损。 / Blocked air inlet, or worn brushes.",
        "remedy": "清理风道，碳刷短于 6 mm 时更换电机。 / Clear the duct; below 6 mm of brush replace the motor.",
        "customer_steps": ["断电十分钟", "清理背面进风口", "空载 1000 转试转一分钟"],
        "customer_steps_en": ["Cut the power for ten minutes", "Clear the air inlet at the back",
                              "Run empty at 1,000 r/min for a minute"],
    }),
    ("vm850-servo", {
        "title": "伺服驱动器报警 SV04xx", "title_en": "Servo drive alarm SV04xx", "family": "machining_centre",
        "alarms": ["SV0411", "SV0438", "SV0410"], "words": ["伺服", "驱动器", "抖动"],
        "cause": "批次 SV2510 的驱动器电容早期失效。 / Early capacitor failures in batch SV2510.",
        "remedy": "换上其他批次的驱动器，并记录批号。 / Fit a drive of another batch and record its number.",
    }),
    ("lc30-pressure", {
        "title": "泵压波动", "title_en": "Pump pressure fluctuates", "model_id": refer("model", "lc30"),
        "alarms": ["P-07"], "words": ["压力波动", "气泡"],
        "cause": "流动相有气泡，或单向阀脏污。 / Bubbles in the mobile phase, or a dirty check valve.",
        "remedy": "排气；仍波动则超声清洗单向阀。 / Purge; if it goes on, clean the check valve by ultrasound.",
        "customer_steps": ["打开排空阀", "以 5 mL/min 冲洗五分钟", "关闭排空阀再看压力"],
        "customer_steps_en": ["Open the purge valve", "Flush at 5 mL/min for five minutes", "Close it and watch again"],
    }),
    ("ba400-old", {
        "title": "清洗站漏液（旧型密封）", "title_en": "Wash station leaks (old seal)", "state": "retired",
        "model_id": refer("model", "ba400"), "words": ["漏液"],
        "remedy": "更换旧型密封圈；新机已改型。 / Replace the old seal; newer machines have another.",
    }),
)  # fmt: skip

_REQUESTS: Final[tuple[tuple[str, str, str, str | None, float, dict[str, Any]], ...]] = (
    # number, channel, machine, grade, reported hours ago, what was told and what the office made of it
    ("RQ260001", "hotline", "VM850-25-0023", "urgent", 0.4, {
        "symptom": "X 轴驱动器又报警，整条线停了。 / The X drive alarms again; the whole line stands.",
        "alarms": ["SV0411"], "since": "今天早上 / this morning", "wanted_on": None,
    }),
    (PHOTOGRAPHED, "qr", "LC30-26-0040", "important", 1.5, {
        "symptom": "压力上下跳，屏幕报 P-07，照片附上。 / The pressure jumps, the screen says P-07; photo attached.",
        "alarms": ["P-07"], "frequency": "每次开机 / at each start",
    }),
    ("RQ260003", "email", "MC12-2501-0103", "general", 20, {
        "symptom": "转子盖要不要每年换？ / Should the rotor lid be replaced every year?", "service": "advice",
        "email": "lab@puyuan.example",
    }),
    ("RQ260004", "web", "MC12-2505-0230", None, 3, {
        "symptom": "偶尔盖锁弹不开，还能用。 / The lid lock sometimes sticks; it still works.", "alarms": ["E21"],
    }),
    ("RQ260005", "wechat", "LC30-24-0018", "general", 52, {
        "symptom": "泵压力波动。 / The pump pressure fluctuates.", "alarms": ["P-07"], "state": "solved",
        "first_diagnosis": "流动相有气泡。 / Bubbles in the mobile phase.",
        "advice": "按步骤排气后恢复正常。 / Purged by the steps; it is well again.",
        "fix_id": refer("known_fix", "lc30-pressure"),
    }),
)  # fmt: skip

_NOTES: Final = (
    # request, author, hours ago, words
    ("RQ260003", "office", 19.5,
     "不用每年换：密封唇无裂纹、能锁紧即可；每 2000 次检查一次。 / Not every year: inspect it every 2,000 runs."),
    (PHOTOGRAPHED, "customer", 1.4, "下午三点以后可以停机。 / It may be stopped after three."),
)  # fmt: skip


def known_fixes() -> list[DemoRecord]:
    """Return what solved faults taught. Source: handbook R3, F8."""
    return [DemoRecord("known_fix", name, {"state": "in_use"} | values) for name, values in _FIXES]


def requests(now: datetime) -> list[DemoRecord]:
    """Return the requests, as customers told them and the office left them. Source: handbook R1, R2."""
    return [_describe(now, *row) for row in _REQUESTS]


def notes(now: datetime, photo_sha256: str, size_bytes: int) -> list[DemoRecord]:
    """Return what was added to the requests; the photo is named by its hash."""
    found = [
        DemoRecord("request_note", f"{number} {author}", _note(now, number, author, hours) | {"words": words})
        for number, author, hours, words in _NOTES
    ]
    photo = {"file_sha256": photo_sha256, "file_name": "屏幕.jpg", "media_type": "image/jpeg", "size_bytes": size_bytes}
    values = _note(now, PHOTOGRAPHED, "customer", 1.5) | photo
    return [*found, DemoRecord("request_note", f"{PHOTOGRAPHED} photo", values)]


def numbers() -> list[str]:
    """Return the numbers of the requests."""
    return [row[0] for row in _REQUESTS]


def draw_photo() -> bytes:
    """Return the photo that a customer took of his instrument's screen, as JPEG."""
    picture = Image.linear_gradient("L").resize(_PHOTO).point(lambda grey: 40 + grey // 3).convert("RGB")
    pen = ImageDraw.Draw(picture)
    pen.rounded_rectangle((150, 120, 810, 560), 24, fill=(18, 32, 40), outline=(150, 160, 165), width=14)
    for height, text, colour in ((170, "PUMP  ALARM", (240, 90, 70)), (280, "P-07", (255, 210, 80)),
                                 (430, "18.2 MPa  +/- 4.6", (120, 220, 170))):  # fmt: skip
        pen.text((200, height), text, fill=colour, font=ImageFont.load_default(96 if text == "P-07" else 56))
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=80)
    return out.getvalue()


def _describe(
    now: datetime, number: str, channel: str, machine: str, grade: str | None, hours: float, told: dict[str, Any]
) -> DemoRecord:
    site = site_of(machine)
    customer = customer_of(site)
    values = {
        "number": number,
        "state": "received",
        "channel": channel,
        "language": "zh",
        "service": "repair",
        "grade": grade,
        "customer_id": refer("customer", customer),
        "site_id": refer("site", site),
        "machine_id": refer("machine", machine),
        "machine_serial": machine,
        "reported_at": order_time(now, -hours),
    }
    values |= told
    if values["state"] != "received":
        values["decided_at"] = order_time(now, -hours + 1)
    return DemoRecord("request", number, values)


def _note(now: datetime, number: str, author: str, hours: float) -> dict[str, Any]:
    channel = next(row[1] for row in _REQUESTS if row[0] == number)
    added_at = order_time(now, -hours)
    return {"request_id": refer("request", number), "author": author, "channel": channel, "added_at": added_at}
