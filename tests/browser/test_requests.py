"""From the code on a machine to the customer's page: a telephone, a dispatcher's screen, and the telephone again."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from urllib.parse import urlsplit

from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.tablet import Office

LIMIT_MS = 20_000
MACHINE = "MC12-2403-0017"
SYMPTOM = "开机后转速升到 8000 转就停，有焦糊味"


def photo() -> bytes:
    """Return a photo as a telephone takes one."""
    out = io.BytesIO()
    Image.new("RGB", (640, 480), (180, 60, 40)).save(out, "JPEG")
    return out.getvalue()


def test_a_customer_scans_reports_and_follows_while_the_dispatcher_decides(
    browser: Browser, sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    desk = sign_in("dana")
    desk.goto(f"{desk_office.address}/desk/known-fixes")
    write_fix(desk)
    accessible(desk)
    desk.goto(f"{desk_office.address}/desk/requests")
    expect(desk.locator("body[data-heard=yes]")).to_be_attached()

    phone = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN", has_touch=True).new_page()
    phone.set_default_timeout(LIMIT_MS)
    phone.goto(f"{desk_office.address}{label_path(desk_office)}")
    expect(phone.get_by_text(MACHINE)).to_be_visible()
    expect(phone.get_by_text("这是我们的标签。")).to_be_visible()
    accessible(phone)
    send_report(phone)
    heading = phone.get_by_role("heading", name=re.compile("请求 RQ"))
    number = heading.inner_text().split()[-1]
    expect(phone.locator(".steps [aria-current]")).to_have_text("已受理")

    desk.get_by_role("link", name=number).click()
    expect(desk.get_by_role("region", name="可能是同一故障")).to_contain_text(f"同一台设备 {MACHINE}")
    expect(desk.get_by_role("region", name="已知解决办法")).to_contain_text("报警相同：E05")
    expect(desk.get_by_role("region", name="保修")).to_contain_text("保")
    shown = desk.get_by_role("img", name="焦.jpg")
    expect(shown).to_be_visible()
    assert shown.evaluate("image => image.naturalWidth") == 640
    accessible(desk)
    desk.get_by_label("工程师").select_option(index=1)
    desk.get_by_role("button", name="建立工单").click()
    expect(desk.locator(".word.done")).to_contain_text("已建立")
    order = desk.locator(".facts a.number").inner_text()

    phone.reload()
    expect(phone.locator(".steps [aria-current]")).to_have_text("已安排上门")
    expect(phone.locator(".facts")).to_contain_text(order)
    accessible(phone)
    phone.get_by_label("补充说明").fill("现在完全不转了")
    phone.get_by_role("button", name="补充", exact=True).click()
    expect(phone.get_by_text("现在完全不转了")).to_be_visible()
    desk.reload()
    expect(desk.get_by_text("现在完全不转了")).to_be_visible()
    phone.get_by_role("button", name="English").click()
    expect(phone.get_by_text("Visit arranged")).to_be_visible()
    phone.context.close()
    desk.locator(".facts a.number").click()
    expect(desk.get_by_role("region", name="请求")).to_contain_text("现在完全不转了")
    expect(desk.get_by_role("region", name="请求").get_by_role("link", name="焦.jpg")).to_be_visible()


def write_fix(desk: Page) -> None:
    """Write down what helps against an alarm, and retire it and take it into use again."""
    desk.get_by_text("记录一条解决办法", exact=True).click()
    desk.get_by_label("标题").fill("电机过热保护")
    desk.get_by_label("报警代码").fill("E05")
    desk.get_by_label("处理措施").fill("更换电机碳刷")
    desk.get_by_label("客户可自行操作").fill("断电十分钟\n清理进风口后再开机")
    desk.get_by_role("button", name="保存").click()
    fix = desk.get_by_role("article").filter(has_text="更换电机碳刷")
    expect(fix.get_by_role("heading", name="电机过热保护")).to_be_visible()
    fix.get_by_role("button", name="停用").click()
    expect(fix.locator(".chip")).to_have_text("已停用")
    fix.get_by_role("button", name="重新启用").click()
    expect(desk.get_by_text("该办法重新提供。")).to_be_visible()
    fix.get_by_role("link", name="修改").click()
    desk.locator("input[name=title]").fill("电机过热保护停机后的处理")
    desk.keyboard.press("Control+Enter")
    expect(desk.get_by_role("heading", name="电机过热保护停机后的处理")).to_be_visible()


def send_report(phone: Page) -> None:
    """Tell what is wrong, with a photo, and send it."""
    phone.get_by_label("您看到、听到或闻到了什么？").fill(SYMPTOM)
    phone.get_by_label("完全不能用").check()
    phone.get_by_label("照片").set_input_files({"name": "焦.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    phone.get_by_label("屏幕上的报警代码").fill("E05")
    phone.get_by_label("您的姓名").fill("陈敏")
    phone.get_by_label("电话").fill("13800138000")
    phone.get_by_role("button", name="发送").click()
    phone.wait_for_url("**/follow/*")


def label_path(office: Office) -> str:
    """Return the path of what the label on the machine holds, with its seal."""
    return urlsplit(office.call("label", MACHINE).splitlines()[-1])._replace(scheme="", netloc="").geturl()


def test_the_hotline_takes_a_sheet_down_and_it_is_read_back(desk: Page, desk_office: Office) -> None:
    desk.goto(f"{desk_office.address}/desk/requests")
    desk.keyboard.press("n")
    desk.get_by_label("客户名称").fill("新安诊所")
    desk.get_by_label("故障现象").fill("屏幕不亮")
    desk.get_by_label("电话").fill("0512-555-0101")
    desk.get_by_role("button", name="受理").click()
    desk.get_by_text("向客户复述", exact=True).first.click()

    expect(desk.get_by_text("我复述一遍")).to_contain_text("客户名称：新安诊所")
    desk.get_by_text("不予受理", exact=True).first.click()
    desk.get_by_label("原因（会告知客户）").fill("不是我们的设备")
    desk.get_by_role("button", name="不予受理").click()
    expect(desk.locator(".word.done")).to_contain_text("不予受理")
    desk.get_by_role("button", name="撤销").click()
    expect(desk.get_by_role("button", name="建立工单")).to_be_visible()
