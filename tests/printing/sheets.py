"""A job sheet with something of everything, for the tests of what is printed."""

from __future__ import annotations

import hashlib
import io
import json
import math
from typing import Any

from PIL import Image, ImageDraw

from printing.job_sheet import JobSheetSource, compose_job_sheet
from printing.job_sheet_form import SignedSheet

ORGANISATION = "01933e5c-0000-7000-8000-0000000000b1"
JOB_SHEET = "01933e5c-0000-7000-8000-0000000000f1"
CHECKPOINT = f"gongdan/log/{ORGANISATION}\n120345\n{'A' * 43}=\n\n— gongdan/log/{ORGANISATION} {'B' * 91}=\n"


def draw_thumbnail() -> bytes:
    """Return a small JPEG."""
    picture = Image.new("RGB", (320, 240), "#7799aa")
    ImageDraw.Draw(picture).ellipse((60, 40, 260, 200), fill="#ddaa33")
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=75)
    return out.getvalue()


def draw_strokes() -> bytes:
    """Return a signature: two curves and a dot."""
    curves = [[[100 + 4 * t, round(100 + 40 * math.cos(t / 5 + k)), 8 * t] for t in range(60)] for k in range(2)]
    return json.dumps({"format": "gongdan-strokes/1", "strokes": [*curves, [[420, 90, 500]]]}).encode()


THUMBNAIL, STROKES = draw_thumbnail(), draw_strokes()
FILES = {hashlib.sha256(data).hexdigest(): data for data in (THUMBNAIL, STROKES)}
THUMBNAIL_NAME, STROKES_NAME = FILES

ORDER = {
    "number": "GD-2026-0001",
    "service": "repair",
    "grade": "urgent",
    "symptom": "离心机运行时振动大，伴随异响，转速达到 8000 rpm 时自动停机报警。",
    "alarms": ["E101", "E205"],
    "reported_at": "2026-11-20T01:10:00.000Z",
    "arrived_at": "2026-11-21T01:00:00.000Z",
    "started_at": "2026-11-21T01:10:00.000Z",
    "diagnosis": "转子轴承磨损，径向间隙 0.12 mm（允许 0.05 mm 以内）；monitoring board reports imbalance.",
    "remedy": "更换主轴电机与轴承，重新动平衡，空载运行 30 min，各项均在允许范围内。",
    "result": "solved",
}
ITEMS = [
    {"key": "level", "label": "水平度", "label_en": "Level", "low": "-1", "high": "1"},
    {"key": "clean", "label": "外观清洁", "label_en": "Clean"},
]
CHECKS = [
    {"item": "level", "value": "0.4", "unit": "°", "verdict": "passed"},
    {"item": "clean", "value": "no", "verdict": "failed", "reason": "客户要求继续使用"},
]
PART = {"part_name": "主轴电机", "serial": "SN-2026-000123", "batch": "B2601", "place": "主轴", "quantity": 1}


def compose(**more: Any) -> str:
    """Return the content of a sheet; `more` replaces parts of its source."""
    source: dict[str, Any] = {
        "order": ORDER,
        "composed_at": "2026-11-21T03:00:00.000Z",
        "engineer": "魏工",
        "organisation": ORGANISATION,
        "checkpoint": CHECKPOINT,
        "utc_offset_minutes": 480,
        "centre": {"name": "晟远上海服务站", "name_en": "Shengyuan Shanghai", "phone": "400-820-0000"},
        "customer": {"name": "华东医院", "name_en": "Huadong Hospital"},
        "site": {"name": "检验楼 3 层", "city": "上海"},
        "machine": {"serial": "MC12-0007", "place": "离心机房"},
        "model": {"manufacturer": "恒安仪器", "name": "MC-12"},
        "items": ITEMS,
        "checks": CHECKS,
        "parts": [(PART, "精工轴承有限公司")],
        "removed": [{"part_name": "主轴电机", "serial": "SN-2023-000777", "destination": "returned"}],
        "photos": [
            {"purpose": "fault", "caption": "轴承", "original_sha256": "ab" * 32, "thumbnail_sha256": THUMBNAIL_NAME}
        ],
    }
    return compose_job_sheet(JobSheetSource(**(source | more)))


def sign(content: str, **more: Any) -> SignedSheet:
    """Return a sheet with this content that Director Chen signed."""
    said = {
        "outcome": "signed",
        "signer_name": "陈主任",
        "signer_role": "设备科主任",
        "job_sheet_sha256": hashlib.sha256(content.encode()).hexdigest(),
        "strokes_sha256": STROKES_NAME,
        "signed_at": "2026-11-21T03:01:00.000Z",
    }
    return SignedSheet(content, JOB_SHEET, said | more)
