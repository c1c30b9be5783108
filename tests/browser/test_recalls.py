"""A recall in a real browser, by keys: looked at before it is opened, orders raised, devices told of, closed."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from playwright.sync_api import Page, expect

from server.demo.week import HEARD_MINUTES_AGO
from tests.browser.tablet import Office

NARROW = {"width": 1024, "height": 768}


def test_a_recall_is_opened_followed_and_closed(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("gao")
    page.keyboard.press("g")
    page.keyboard.press("c")
    demo = page.get_by_role("row", name="RC260001")
    expect(demo).to_contain_text("伺服驱动器电容")
    accessible(page)
    page.keyboard.press("n")
    write_recall(page)
    page.get_by_role("combobox", name="备件 1").press("Escape")
    page.keyboard.press("p")

    preview = page.locator("#preview")
    expect(preview).to_contain_text("B250611-0219")
    expect(preview).to_contain_text("41 个号")
    accessible(page)
    page.get_by_label("名称").press("Control+Enter")
    expect(page.locator(".word.done")).to_contain_text("召回 RC260002 已发起")

    expect(page.get_by_role("row", name="B250611-0219")).to_contain_text("未安排")
    # Everybody's device, since the recall was opened a moment ago.
    devices = page.locator("#devices tbody tr")
    assert devices.count() >= len(HEARD_MINUTES_AGO)
    expect(page.locator("#missing")).to_contain_text(f"{devices.count()} 台终端尚未同步")
    accessible(page)
    page.get_by_role("row", name="B250611-0219").get_by_role("link").first.focus()
    page.keyboard.press("t")
    page.keyboard.press("o")
    expect(page.locator(".word.done")).to_contain_text("已开 1 张工单")
    expect(page.get_by_role("row", name="B250611-0219")).to_contain_text("已开工单")
    page.keyboard.press("r")
    expect(page.locator(".word.done")).to_contain_text("1 台设备已有工单")
    answer = page.request.get(f"{page.url.partition('?')[0]}/export?form=csv")
    rows = list(csv.reader(io.StringIO(answer.body().decode("utf-8-sig"))))
    assert [row[15][:2] for row in rows if row[11] == "B250611-0219"] == ["GD"]

    let_it_grow(page, accessible)
    page.keyboard.press("e")
    expect(page.get_by_role("alert").filter(has_text="关闭说明")).to_be_visible()
    page.get_by_label("关闭说明").fill("客户已自行更换")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator(".word.done")).to_contain_text("召回已关闭")
    expect(page.get_by_text("客户已自行更换")).to_be_visible()


def let_it_grow(page: Page, accessible: Callable[[Page], None]) -> None:
    """Add a batch, looked at before; raise its orders; strike it out again, and see what was raised for it."""
    page.keyboard.press("a")
    page.wait_for_url("**/extend")
    page.get_by_role("combobox", name="备件 1").fill("MC12-ROT")
    page.get_by_label("批号 1").fill("R250902")
    page.get_by_label("追加原因").fill("供应商补充通知")
    page.get_by_label("追加原因").press("Escape")
    page.keyboard.press("p")
    expect(page.locator("#preview")).to_contain_text("将新增")
    expect(page.locator("#preview")).to_contain_text("R250902-0104")
    expect(page.locator("#preview")).not_to_contain_text("B250611-0219")
    accessible(page)
    page.get_by_label("追加原因").press("Control+Enter")
    expect(page.locator(".word.done")).to_contain_text("已追加 1 项范围")
    expect(page.locator(".named")).to_contain_text("供应商补充通知")
    page.keyboard.press("r")
    expect(page.locator(".word.done")).to_contain_text("张工单: GD")

    added = page.locator(".named li").filter(has_text="R250902")
    added.get_by_text("误列……").click()
    added.get_by_label("更正原因").fill("批号抄错")
    added.get_by_role("button", name="更正作废").click()
    expect(page.locator(".word.done")).to_contain_text("已更正作废")
    expect(page.locator(".named .corrected")).to_contain_text("批号抄错")
    expect(page.get_by_role("region", name="为不在范围内的设备所开的工单")).to_contain_text("GD")
    accessible(page)


def write_recall(page: Page) -> None:
    """Fill the form in: a batch in the first row, a range from a pasted list."""
    page.get_by_role("combobox", name="备件 1").fill("MC12-MOT")
    page.get_by_label("批号 1").fill("B250611")
    page.get_by_text("粘贴清单").click()
    page.get_by_label("每行一条").fill("TL36-TUR\t\tTU2506-0100\tTU2506-0140")
    page.get_by_label("名称").fill("电机绕组")
    page.get_by_label("原因").fill("绝缘不良，可能起火")


def test_a_dispatcher_reads_and_raises_but_opens_none(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("dana", language="en-GB", viewport=NARROW)
    page.goto(f"{desk_office.address}/desk/recalls")
    expect(page.get_by_role("link", name="New recall")).to_have_count(0)
    page.get_by_role("link", name="RC260001").click()

    expect(page.get_by_role("row", name="SV2510-0031")).to_contain_text("Nothing done")
    stock = page.get_by_role("region", name="In vans and centres")
    expect(stock).to_contain_text("SV2510-0060")
    devices = page.get_by_role("region", name="Devices")
    expect(page.locator("#missing")).to_contain_text("4 devices have not synced since the recall was opened")
    expect(devices.get_by_role("row", name="Zhao Jianguo")).to_contain_text("not synced since")
    expect(devices.get_by_role("row", name="Lin Xiaoyu")).to_contain_text("since ")
    expect(page.get_by_role("button", name="Close the recall")).to_have_count(0)
    accessible(page)


def test_a_lot_leads_to_its_recalls_and_to_a_recall_of_it(sign_in: Callable[..., Page], desk_office: Office) -> None:
    page = sign_in("gao")
    page.goto(f"{desk_office.address}/desk/trace/batch?q=SV2510")
    expect(page.locator(".trace-head").get_by_role("link", name="RC260001")).to_be_visible()

    page.get_by_role("link", name="为此批次发起召回").click()

    page.wait_for_url("**/desk/recalls/new?**")
    expect(page.get_by_role("combobox", name="备件 1")).to_have_value("VM85-SRV")
    expect(page.get_by_label("批号 1")).to_have_value("SV2510")
    expect(page.get_by_role("combobox", name="供应商")).not_to_have_value("")
