"""The dispatcher's orders: what needs her, finding anything, the order's page, accepting and sending back."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.tablet import Office

TABLET = {"width": 1024, "height": 768}


def test_the_strip_leads_to_what_needs_somebody(desk: Page, accessible: Callable[[Page], None]) -> None:
    strip = desk.get_by_role("navigation", name="待处理")
    expect(strip.get_by_role("link")).to_have_count(9)
    expect(strip.get_by_role("link", name="请求").locator("strong")).to_have_text("4")
    accessible(desk)
    strip.get_by_role("link", name="未派工").click()

    desk.wait_for_url("**show=unassigned")
    expect(desk.locator("tbody tr")).not_to_have_count(0)
    expect(desk.locator("tbody tr").first).to_contain_text("未派")


def test_an_order_is_found_opened_and_left_by_keys_alone(desk: Page, accessible: Callable[[Page], None]) -> None:
    desk.keyboard.press("/")
    desk.keyboard.type("MC12-2403-0017")
    desk.keyboard.press("Enter")
    desk.wait_for_url("**q=MC12*")
    rows = desk.locator("tbody tr")
    expect(rows.first).to_contain_text("仁禾医院检验科")
    desk.keyboard.press("j")
    desk.keyboard.press("Enter")

    expect(desk.get_by_role("heading", name="经过")).to_be_visible()
    expect(desk.get_by_text("签名已验证").first).to_be_visible()
    accessible(desk)
    desk.keyboard.press("b")
    desk.wait_for_url("**/desk/orders")


def test_a_view_is_saved_and_forgotten(desk: Page) -> None:
    desk.get_by_label("等级").select_option("urgent")
    desk.get_by_role("button", name="显示").click()
    desk.wait_for_url("**grade=urgent")
    desk.get_by_text("保存此视图").click()
    desk.get_by_label("视图名称").fill("早上先看")
    desk.get_by_role("button", name="保存", exact=True).click()

    expect(desk.get_by_text("视图已保存。")).to_be_visible()
    desk.get_by_role("link", name="早上先看").click()
    desk.wait_for_url("**grade=urgent")
    desk.get_by_text("保存此视图").click()
    desk.get_by_role("button", name="删除视图“早上先看”").click()
    expect(desk.get_by_role("link", name="早上先看")).to_have_count(0)


def test_work_is_sent_back_with_a_word_and_not_without_one(desk: Page, accessible: Callable[[Page], None]) -> None:
    desk.goto(desk.url.split("/desk")[0] + "/desk/orders?show=finished")
    desk.locator("tbody a.number").first.click()
    expect(desk.get_by_role("heading", name="工程师已完工")).to_be_visible()
    accessible(desk)
    desk.get_by_role("button", name="退回").click()
    expect(desk.locator(".refusal:not(:empty)")).to_contain_text("field_missing")

    desk.keyboard.press("Escape")
    desk.get_by_label("缺什么").fill("请补拍铭牌照片")
    desk.get_by_role("button", name="退回").click()
    expect(desk.get_by_text("工单已退回工程师。")).to_be_visible()
    expect(desk.get_by_text("退回补充").first).to_be_visible()


def test_an_open_list_shows_what_somebody_else_changed(sign_in: Callable[..., Page], desk_office: Office) -> None:
    page = sign_in("dana", viewport=TABLET)
    other = sign_in("gao", language="en-US")
    order = other.request.get(f"{desk_office.address}/api/v1/orders?status=received&limit=1").json()["orders"][0]
    page.goto(f"{desk_office.address}/desk/orders?q={order['number']}")
    row = page.locator("tbody tr", has_text=order["number"])
    expect(row).to_be_visible()
    expect(page.locator("body[data-heard=yes]")).to_be_attached()

    change = {"kind": "work_order", "id": order["id"], "op": "update"}
    change |= {"set": {"status": "cancelled"}, "was": {"status": "received"}}
    answer = other.request.post(
        f"{desk_office.address}/api/v1/changes", data={"intent": "order.cancel", "changes": [change]}
    )

    assert answer.ok, answer.text()
    expect(row).to_have_count(0)
