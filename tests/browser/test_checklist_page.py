"""The checklist on a phone: answered item by item, out of limits, skipped, struck out, with curves and a photo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.tablet import Tablet
from tests.pictures import machine_photo

Check = Callable[[Page], None]
Picture = Callable[..., None]

ORDER = "GD260001"


def open_checklist(phone: Page) -> str:
    """Open the checklist of the order whose machine has been visited before; return the order's address."""
    phone.locator(".order a", has_text=ORDER).click()
    phone.wait_for_url("**/orders/*")
    order = phone.url
    phone.get_by_role("link", name="检查表").click()
    phone.wait_for_url("**/checks")
    return order


def record(phone: Page) -> None:
    """Press the button at the thumb."""
    phone.get_by_role("button", name="记录", exact=True).click()


def test_items_are_answered_one_after_another(phone: Page, tablet: Tablet, accessible: Check, picture: Picture) -> None:
    order = open_checklist(phone)
    expect(phone.locator("#levelness")).to_contain_text("上次：0.3 °")
    accessible(phone)
    phone.get_by_role("link", name="开始").click()
    expect(phone.get_by_role("heading", level=1)).to_have_text("环境温度")
    phone.get_by_label("环境温度").fill("24.5")
    record(phone)
    expect(phone.get_by_role("heading", level=1)).to_have_text("环境湿度")
    phone.get_by_text("跳过或撤回").click()
    phone.get_by_label("跳过的原因").fill("没有湿度计")
    phone.get_by_role("button", name="跳过").click()

    expect(phone.get_by_role("heading", level=1)).to_have_text("水平度")
    expect(phone.locator(".facts")).to_contain_text("0.3 °")
    phone.get_by_label("水平度").fill("1.6")
    accessible(phone)
    record(phone)
    expect(phone.locator(".word.refused")).to_contain_text("limit_exceeded")
    expect(phone.get_by_label("水平度")).to_have_value("1.6")
    phone.get_by_label("原因（超限").fill("地面沉降")
    picture(phone, "check")
    record(phone)
    expect(phone.locator(".word.warning")).to_contain_text("不合格")
    phone.goto(order + "/checks/site_cleaned")
    accessible(phone)
    phone.get_by_role("button", name="是，正常").click()

    phone.goto(order + "/checks")
    expect(phone.locator("#levelness")).to_contain_text("地面沉降")
    expect(phone.locator("#levelness .verdict")).to_have_text("不合格")
    expect(phone.locator("#site_cleaned .verdict")).to_have_text("合格")
    expect(phone.locator("#room_humidity .verdict")).to_have_text("未做")
    accessible(phone)
    picture(phone, "checklist")

    phone.goto(order + "/checks/levelness")
    phone.get_by_text("跳过或撤回").click()
    phone.get_by_label("撤回的原因").fill("读错刻度")
    phone.get_by_role("button", name="撤回", exact=True).click()
    expect(phone.locator(".word.done")).to_contain_text("已撤回")
    expect(phone.locator(".asked")).to_have_class("card asked open")
    phone.goto(order)
    phone.get_by_role("link", name="已撤回").click()
    expect(phone.locator("main .card")).to_contain_text("水平度 1.6 °")
    accessible(phone)
    phone.get_by_role("button", name="恢复").click()
    expect(phone.locator(".word.done")).to_contain_text("已恢复")
    phone.goto(order + "/checks")
    expect(phone.locator("#levelness .verdict")).to_have_text("不合格")


def test_a_no_load_run_is_drawn_while_it_is_typed_and_outlives_a_flat_battery(
    phone: Page, tablet: Tablet, accessible: Check, picture: Picture
) -> None:
    order = open_checklist(phone)
    phone.goto(order + "/checks/no_load_run")
    expect(phone.locator(".plot canvas")).to_have_count(3)
    rows = [("0.79", "221", "0"), ("0.66", "220", "6100"), ("0.58", "221", "11200"), ("0.55", "222", "11950")]
    for number, values in enumerate(rows, 1):
        for label, value in zip(("电流", "电压", "转速"), values, strict=True):
            phone.get_by_label(f"{label} {number}", exact=True).fill(value)
    expect(phone.locator(".plot").first).to_have_attribute("data-drawn", "3")
    phone.get_by_role("button", name="加一行").click()
    expect(phone.get_by_label("时间 7", exact=True)).to_have_value("70")
    with phone.expect_response("**/drafts"):
        phone.get_by_label("电流 7", exact=True).fill("0.54")
    accessible(phone)
    tablet.kill()
    tablet.start()
    phone.goto(order + "/checks/no_load_run")
    expect(phone.get_by_label("电流 7", exact=True)).to_have_value("0.54")
    picture(phone, "no-load-run", ".plots")

    record(phone)
    phone.wait_for_url(lambda url: not url.endswith("no_load_run"))
    phone.goto(order + "/checks")

    expect(phone.locator("#no_load_run")).to_contain_text("电流 0.54–0.79 A")
    expect(phone.locator("#no_load_run .verdict")).to_have_text("合格")


def test_an_item_is_answered_by_a_photo(phone: Page, tablet: Tablet, accessible: Check, tmp_path: Path) -> None:
    order = open_checklist(phone)
    phone.goto(order + "/checks/wiring_photo")
    record(phone)
    expect(phone.locator(".word.refused")).to_contain_text("field_missing")
    picture = tmp_path / "wiring.jpg"
    picture.write_bytes(machine_photo())
    phone.get_by_label("拍照或选择照片").set_input_files(picture)
    record(phone)
    expect(phone.locator(".word.done")).to_contain_text("已记录")

    phone.goto(order + "/checks/wiring_photo")
    expect(phone.locator(".asked .chip.verdict")).to_have_text("已记录")
    accessible(phone)
