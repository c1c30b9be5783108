"""One order from setting out to finishing, with the wrong button pressed on the way."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.tablet import Tablet

Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]


def press(page: Page, name: str) -> None:
    """Press a button and wait until the page tells what it did."""
    page.get_by_role("button", name=name, exact=True).click()
    expect(page.locator(".word.done")).to_be_visible()


def test_a_visit_goes_step_by_step_and_every_step_can_be_taken_back(
    phone: Page, tablet: Tablet, accessible: Check, picture: Picture
) -> None:
    phone.locator(".order a").first.click()
    accessible(phone)
    picture(phone, "order")
    press(phone, "出发")
    press(phone, "已到场")
    press(phone, "开工")
    expect(phone.locator(".chip.status")).to_have_text("处理中")
    expect(phone.get_by_role("heading", name="完工之前")).to_be_visible()
    accessible(phone)

    press(phone, "完工")
    expect(phone.locator(".chip.status")).to_have_text("已完工")
    expect(phone.locator(".word.warning")).not_to_have_count(0)
    phone.locator(".word.done").get_by_role("button", name="撤销").click()
    expect(phone.locator(".chip.status")).to_have_text("处理中")

    phone.get_by_text("其他操作").click()
    phone.get_by_label("等待").first.select_option(label="等待客户")
    phone.get_by_label("暂停原因").fill("等待停机窗口")
    accessible(phone)
    press(phone, "暂停")
    expect(phone.locator("main")).to_contain_text("等待停机窗口")
    expect(phone.locator("main .caution").first).to_contain_text("等待客户")
    press(phone, "继续处理")
    expect(phone.locator(".chip.status")).to_have_text("处理中")
    expect(phone.locator("main")).not_to_contain_text("等待停机窗口")

    phone.get_by_text("其他操作").click()
    phone.get_by_label("请求支援的原因").fill("主控板烧毁，原因不明")
    press(phone, "请求支援")
    phone.get_by_text("其他操作").click()
    expect(phone.locator("main")).to_contain_text("目前支持：总部专家")


def test_a_button_of_an_old_page_is_refused_in_place(phone: Page, tablet: Tablet) -> None:
    phone.locator(".order a").first.click()
    old = phone.context.new_page()
    old.goto(phone.url)
    press(phone, "出发")
    press(phone, "已到场")
    press(phone, "开工")
    press(phone, "完工")

    old.get_by_role("button", name="出发", exact=True).click()

    expect(old.locator(".word.refused")).to_contain_text("move_not_allowed")
    expect(old.locator(".chip.status")).to_have_text("已完工")
