"""The job sheet on paper: the same bytes everywhere, readable by others, and never broken by what it holds."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pypdfium2
import pytest
import zxingcpp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from printing.job_sheet_form import SignedSheet, files_of, print_job_sheet
from printing.paper import PAGES_MAX, PICTURE_BYTES_MAX
from printing.sheet_code import SheetCode, read_sheet_code
from schemas.problems import Refused
from tests.printing.sheets import (
    CHECKPOINT,
    FILES,
    JOB_SHEET,
    ORDER,
    ORGANISATION,
    PART,
    STROKES_NAME,
    THUMBNAIL_NAME,
    compose,
    sign,
)

FORM_SHA256 = "89231481f8c91045b276cab2d26f5d0ef4887d96a4aab4e8dcfcbb59e7028bcc"
"""The bytes of the sheet without photos. Another form, library or typeface prints others, which must be meant."""


def texts_of(pdf: bytes) -> list[str]:
    """Return the text of each page, as a stranger's program reads it."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded().replace("\r\n", "\n") for page in document]
    finally:
        document.close()


def flat(pdf: bytes) -> str:
    """Return all text without the breaks of lines."""
    return re.sub(r"\s+", " ", " ".join(texts_of(pdf)))


def paint(pdf: bytes, page: int = -1, scale: float = 3) -> Image.Image:
    """Return a page as it looks."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        picture: Image.Image = document[len(document) + page if page < 0 else page].render(scale=scale).to_pil()
    finally:
        document.close()
    return picture


def print_whole() -> bytes:
    return print_job_sheet(sign(compose()), FILES)


def test_the_bytes_are_these() -> None:
    pdf = print_job_sheet(sign(compose(photos=())), FILES)

    assert hashlib.sha256(pdf).hexdigest() == FORM_SHA256


def test_the_same_sheet_is_the_same_bytes_on_another_machine() -> None:
    program = (
        "import sys; from tests.printing.test_job_sheet_form import print_whole;sys.stdout.buffer.write(print_whole())"
    )
    strange = {"TZ": "America/Lima", "LANG": "tr_TR.UTF-8", "SOURCE_DATE_EPOCH": "1", "PYTHONHASHSEED": "7"}

    elsewhere = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=True, env=os.environ | strange
    )

    assert elsewhere.stdout == print_whole()


def test_sheets_printed_at_once_are_the_same_as_one_by_one() -> None:
    contents = [compose(engineer=f"工程师 {name}") for name in "甲乙丙丁"] * 2
    one_by_one = [print_job_sheet(sign(content), FILES) for content in contents]

    with ThreadPoolExecutor(4) as pool:
        at_once = list(pool.map(lambda content: print_job_sheet(sign(content), FILES), contents))

    assert at_once == one_by_one


def test_all_that_was_signed_can_be_read_and_copied() -> None:
    said = flat(print_whole())

    for text in (
        "华东医院",
        "Huadong Hospital",
        "MC12-0007",
        "维修 Repair",
        "紧急 Urgent",
        "E101, E205",
        "晟远上海服务站",
    ):
        assert text in said
    assert ORDER["symptom"] in said.replace(" ", "") or ORDER["symptom"] in said
    assert "2026-11-20 09:10" in said and "UTC+08:00" in said
    assert "水平度 Level" in said and "-1 ~ 1 °" in said and "不合格 Failed" in said and "客户要求继续使用" in said
    assert "SN-2026-000123" in said and "精工轴承有限公司" in said and "返厂 Returned" in said
    assert "陈主任 设备科主任" in said and "2026-11-21 11:01" in said and "魏工" in said
    assert "SHA-256 abababababababab" in said
    assert hashlib.sha256(compose().encode()).hexdigest() in said


def test_no_date_or_program_of_the_machine_is_in_it() -> None:
    pdf = print_whole()

    assert b"D:202611211100" in pdf
    assert pdf.count(b"/Filter") == pdf.count(b"/DCTDecode") == 1


def test_the_code_on_paper_says_what_it_is_checked_by() -> None:
    content = compose()

    (found,) = zxingcpp.read_barcodes(paint(print_job_sheet(sign(content), FILES)))

    digest = hashlib.sha256(content.encode()).hexdigest()
    assert read_sheet_code(found.text) == SheetCode(ORGANISATION, JOB_SHEET, digest, CHECKPOINT)


def test_a_device_that_never_met_the_log_prints_a_code_without_it() -> None:
    content = compose(checkpoint=None)

    (found,) = zxingcpp.read_barcodes(paint(print_job_sheet(sign(content), FILES)))

    assert read_sheet_code(found.text).checkpoint == ""


@pytest.mark.parametrize("text", ["", "gongdan-sheet/1", f"gongdan-sheet/1 {ORGANISATION} {JOB_SHEET} 12", "https://a"])
def test_what_is_no_code_of_a_sheet_is_refused(text: str) -> None:
    with pytest.raises(Refused, match="code_invalid"):
        read_sheet_code(text)


def test_the_signature_is_drawn_as_lines_in_its_colour() -> None:
    signed, other = print_whole(), print_job_sheet(sign(compose(), outcome="absent", reason="已下班"), FILES)

    def blue(pdf: bytes) -> int:
        pixels = paint(pdf).convert("RGB").getcolors(1 << 24) or []
        return sum(count for count, colour in pixels if colour == (0x12, 0x30, 0x6B))

    assert blue(signed) > 500
    assert blue(other) == 0


@pytest.mark.parametrize(
    ("outcome", "words"), [("declined", "客户拒签 Declined to sign"), ("absent", "客户不在场 Absent")]
)
def test_why_nobody_signed_stands_in_the_place_of_the_signature(outcome: str, words: str) -> None:
    said = flat(print_job_sheet(sign(compose(), outcome=outcome, reason="对收费有异议", strokes_sha256=None), FILES))

    assert words in said and "对收费有异议" in said


def test_before_it_is_signed_it_is_a_draft_without_a_code() -> None:
    pdf = print_job_sheet(SignedSheet(compose()), FILES)

    assert "草稿" in flat(pdf) and "未签字 Not signed" in flat(pdf)
    assert zxingcpp.read_barcodes(paint(pdf)) == []


def test_a_signature_under_another_sheet_is_told() -> None:
    pdf = print_job_sheet(sign(compose(), job_sheet_sha256="0" * 64), FILES)

    assert "签字所附的报告摘要与本内容不符" in flat(pdf)


def test_a_character_without_a_shape_is_printed_as_its_number() -> None:
    order = ORDER | {"symptom": "客户 龘 先生 👍", "diagnosis": "喆 堃 é Ω μ ℃ ≤"}

    said = flat(print_job_sheet(sign(compose(order=order)), FILES))

    assert "客户〔U+9F98〕先生〔U+1F44D〕" in said.replace(" ", "")
    assert "喆 堃 é Ω μ ℃ ≤" in said
    assert "Stands for a character that this typeface lacks" in said
    assert "Stands for a character" not in flat(print_whole())


def test_a_long_sheet_goes_on_overleaf_under_its_titles() -> None:
    checks = [{"item": f"i{turn}", "value": "12.345", "unit": "MΩ", "verdict": "passed"} for turn in range(120)]

    pages = texts_of(print_job_sheet(sign(compose(items=(), checks=checks, parts=[(PART, "供应商")] * 40)), FILES))

    assert len(pages) > 4
    assert [f"Page {number} of {len(pages)}" in page for number, page in enumerate(pages, 1)] == [True] * len(pages)
    assert sum("结果 Result" in page for page in pages) >= 3
    assert all(f"i{turn}\n" in "\n".join(pages) or f"i{turn} " in "\n".join(pages) for turn in range(120))


def test_files_are_named_before_they_are_needed() -> None:
    assert set(files_of(sign(compose()))) == {STROKES_NAME, THUMBNAIL_NAME}
    assert files_of(SignedSheet(compose(photos=()))) == ()


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff\xe0 broken", bytes(PICTURE_BYTES_MAX + 1)])
def test_a_file_that_is_not_what_it_should_be_breaks_nothing(data: bytes) -> None:
    said = flat(print_job_sheet(sign(compose()), {THUMBNAIL_NAME: data, STROKES_NAME: data}))

    assert "no preview" in said and "cannot be read" in said


@pytest.mark.parametrize("content", ["", "{", "[]", "7", "[" * 30_000, '{"a":' * 20_000])
def test_content_that_is_no_sheet_is_refused(content: str) -> None:
    with pytest.raises(Refused, match="sheet_unreadable"):
        print_job_sheet(sign(content), FILES)


def test_content_of_line_breaks_only_is_refused_and_does_not_fill_the_disk() -> None:
    lines = "\n".join("x" for _ in range(75 * PAGES_MAX))

    with pytest.raises(Refused, match="sheet_unreadable"):
        print_job_sheet(sign(compose(order={"number": "GD-1", "symptom": lines})), FILES)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def parts_of(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yield each place of the document at which a value stands."""
    for name, value in document.items():
        yield document, name
        groups = value if isinstance(value, list) else [value]
        yield from ((group, inner) for group in groups if isinstance(group, dict) for inner in group)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_the_content_holds_it_is_printed(data: st.DataObject) -> None:
    document = json.loads(compose())
    places = list(parts_of(document))
    for place in data.draw(st.lists(st.integers(0, len(places) - 1), min_size=1, max_size=6)):
        group, name = places[place]
        group[name] = data.draw(VALUES)

    pdf = print_job_sheet(sign(json.dumps(document)), FILES)

    assert texts_of(pdf)
