"""The customer reads, signs with a finger and gets his paper, with no server; later the office prints the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pypdfium2
import zxingcpp
from playwright.sync_api import Page, expect

from tests.browser.tablet import Office, Tablet, copy_office

Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]

STROKES = [
    [(0.15, 0.7), (0.2, 0.3), (0.3, 0.2), (0.35, 0.6), (0.3, 0.8), (0.45, 0.35)],
    [(0.5, 0.3), (0.62, 0.75), (0.7, 0.3), (0.8, 0.7)],
]


def open_sign_off(page: Page) -> str:
    """Open the sign-off of the first order of today and return the order's address."""
    page.locator(".order a").first.click()
    page.wait_for_url("**/orders/*")
    order = page.url
    page.get_by_role("link", name="客户签字").click()
    page.wait_for_url("**/sign")
    return order


def draw(page: Page, strokes: list[list[tuple[float, float]]]) -> None:
    """Draw with a finger: real touches, as the screen gives them."""
    pad = page.locator("[data-pad][data-ready] canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    assert box is not None
    screen = page.context.new_cdp_session(page)
    for stroke in strokes:
        places = [{"x": box["x"] + x * box["width"], "y": box["y"] + y * box["height"]} for x, y in stroke]
        screen.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [places[0]]})
        for place in places[1:]:
            screen.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [place]})
        screen.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    screen.detach()


def strokes_of(page: Page) -> list[list[list[int]]]:
    """Return what the form would send."""
    spelled = page.locator("[data-strokes]").input_value()
    strokes: list[list[list[int]]] = json.loads(spelled) if spelled else []
    return strokes


def read_code(pdf: bytes) -> str:
    """Return the text of the code on the last page of a sheet."""
    document = pypdfium2.PdfDocument(pdf)
    picture = document[len(document) - 1].render(scale=3).to_pil()
    document.close()
    (found,) = zxingcpp.read_barcodes(picture)
    return found.text


def record_findings(page: Page) -> None:
    """Fill in what the sheet still lacks."""
    missing = page.locator(".caution form")
    missing.get_by_label("故障原因").fill("控制板电容鼓包，转速反馈丢失。")
    missing.get_by_label("处理措施").fill("更换控制板，空载运行 30 min 正常。")
    missing.get_by_label("处理结果").select_option("solved")
    missing.get_by_role("button", name="记录").click()
    expect(page.locator(".paper")).to_contain_text("控制板电容鼓包")


def test_what_a_customer_has_drawn_outlives_a_flat_battery(
    phone: Page, tablet: Tablet, accessible: Check, picture: Picture
) -> None:
    order = open_sign_off(phone)
    phone.get_by_role("link", name="English").click()
    expect(phone.locator(".paper")).to_contain_text("Service report")
    expect(phone.locator(".paper")).to_contain_text("Renhe Hospital Laboratory")
    accessible(phone)
    phone.goto(order + "/sign")
    picture(phone, "sign-off")

    phone.get_by_label("签字人", exact=True).fill("陈主任")
    phone.get_by_role("button", name="签字确认").click()
    expect(phone.locator("[data-empty-word]")).to_be_visible()
    with phone.expect_response("**/drafts"):
        draw(phone, STROKES)
    drawn = strokes_of(phone)
    assert [len(stroke) > 2 for stroke in drawn] == [True, True]
    assert all(before[2] <= after[2] for stroke in drawn for before, after in pairwise(stroke))
    phone.get_by_role("button", name="清除").click()
    assert strokes_of(phone) == []
    with phone.expect_response("**/drafts"):
        phone.get_by_role("button", name="恢复").click()
    tablet.kill()
    tablet.start()
    phone.goto(order + "/sign")

    assert [len(stroke) for stroke in strokes_of(phone)] == [len(stroke) for stroke in drawn]
    expect(phone.get_by_label("签字人", exact=True)).to_have_value("陈主任")
    phone.get_by_role("button", name="撤回一笔").click()
    assert len(strokes_of(phone)) == 1


def test_a_signed_sheet_is_on_paper_at_once_as_the_office_prints_it_later(
    phone: Page, tablet: Tablet, seeded_office: Office, tmp_path: Path, accessible: Check, picture: Picture
) -> None:
    order = open_sign_off(phone)
    record_findings(phone)
    draw(phone, STROKES)
    phone.get_by_label("签字人", exact=True).fill("陈主任")
    phone.get_by_label("签字人职务").fill("检验科主任")
    phone.get_by_role("button", name="签字确认").click()
    phone.wait_for_url("**/sheet")
    expect(phone.locator("#signed")).to_contain_text("客户已签字")
    expect(phone.locator(".drawn polyline")).to_have_count(2)
    accessible(phone)
    picture(phone, "signed-sheet")
    on_device = phone.request.get(order + "/sheet.pdf").body()

    number = phone.locator(".paper .number").inner_text()
    office = copy_office(seeded_office, tmp_path / "office")
    with office.plugged_in():
        tablet.call("sync")
    office.call("sheet", number, "--out", str(tmp_path / "office.pdf"))
    (tmp_path / "code.txt").write_text(read_code(on_device), encoding="utf-8")

    assert on_device.startswith(b"%PDF-")
    assert (tmp_path / "office.pdf").read_bytes() == on_device
    checked = office.call("check-sheet", str(tmp_path / "code.txt"))
    assert all(words in checked for words in (number, "与日志相符", "陈主任"))

    change_remedy(phone, order)
    accessible(phone)
    assert phone.request.get(order + "/sheet.pdf").body() == on_device
    with office.plugged_in():
        tablet.call("sync")
    assert number in office.call("exceptions")


def change_remedy(page: Page, order: str) -> None:
    """Record another remedy than the one that was signed, and see it told."""
    page.goto(order + "/findings")
    page.get_by_label("处理措施").fill("更换控制板和电容。")
    page.get_by_role("button", name="记录").click()
    expect(page.get_by_role("link", name="客户签字")).to_contain_text("签字后有改动")
    page.goto(order + "/sheet")
    expect(page.locator("#changed")).to_contain_text("处理措施")


def test_a_sheet_is_closed_with_the_reason_why_nobody_signed(phone: Page, accessible: Check, picture: Picture) -> None:
    order = open_sign_off(phone)
    phone.get_by_text("没有签字").click()
    phone.get_by_label("客户拒签").check()
    phone.get_by_label("原因", exact=True).fill("对收费有异议")
    accessible(phone)
    phone.get_by_role("button", name="不签字，结束报告").click()

    phone.wait_for_url("**/sheet")
    expect(phone.locator("#signed")).to_contain_text("客户拒签")
    expect(phone.locator("#signed")).to_contain_text("对收费有异议")
    accessible(phone)
    picture(phone, "declined-sheet")
    phone.goto(order)
    expect(phone.get_by_role("link", name="客户签字")).to_contain_text("客户拒签")


def test_a_sheet_that_changed_while_it_was_read_is_read_again(phone: Page) -> None:
    order = open_sign_off(phone)
    record_findings(phone)
    draw(phone, STROKES)
    phone.get_by_label("签字人", exact=True).fill("陈主任")
    phone.context.request.post(
        order + "/findings", form={"diagnosis": "另一个原因"}, headers={"Origin": "/".join(order.split("/", 3)[:3])}
    )

    phone.get_by_role("button", name="签字确认").click()

    expect(phone.locator(".word.refused")).to_contain_text("sheet_changed")
    expect(phone.locator(".paper")).to_contain_text("另一个原因")
    assert len(strokes_of(phone)) == 2
    phone.get_by_role("button", name="签字确认").click()
    phone.wait_for_url("**/sheet")
