"""The way into the office's pages, the keys, the languages, and news of what happens elsewhere."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from server.demo.seeding import PASSWORD
from tests.browser.tablet import Office


def test_one_signs_in_and_comes_to_the_page_one_wanted(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("dana")
    page.get_by_role("button", name="退出").click()
    page.goto(f"{desk_office.address}/desk/orders?grade=urgent")
    accessible(page)
    page.get_by_label("账号").fill("dana")
    page.get_by_label("密码").fill("wrong password")
    page.keyboard.press("Enter")

    expect(page.locator(".refusal")).to_contain_text("sign_in_failed")
    expect(page.get_by_label("账号")).to_have_value("dana")
    page.get_by_label("密码").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url("**/desk/orders?grade=urgent")


def test_keys_are_listed_and_lead_to_the_pages(desk: Page, accessible: Callable[[Page], None]) -> None:
    desk.keyboard.press("?")
    listed = desk.get_by_role("dialog")
    expect(listed).to_contain_text("工单")
    accessible(desk)
    desk.keyboard.press("Escape")
    desk.goto(desk.url.replace("/desk/orders", "/desk/orders?x=1"))
    desk.keyboard.press("g")
    desk.keyboard.press("o")
    desk.wait_for_url("**/desk/orders")


def test_the_language_is_chosen_and_kept(desk: Page) -> None:
    desk.get_by_role("button", name="English").click()
    expect(desk.get_by_role("button", name="Sign out")).to_be_visible()
    desk.reload()
    expect(desk.get_by_role("button", name="Sign out")).to_be_visible()


def test_an_open_page_hears_at_once_what_somebody_else_did(sign_in: Callable[..., Page], desk_office: Office) -> None:
    page = sign_in("dana")
    expect(page.locator("body[data-heard=yes]")).to_be_attached()
    page.evaluate("document.body.addEventListener('gongdan:changed', () => { document.body.dataset.told = 'yes'; })")

    answer = page.request.get(f"{desk_office.address}/api/v1/orders?limit=1")
    order = answer.json()["orders"][0]["id"]
    change = {"kind": "work_order", "id": order, "op": "update", "set": {"contact": "王工"}, "was": {"contact": None}}
    page.request.post(f"{desk_office.address}/api/v1/changes", data={"intent": "order.note", "changes": [change]})

    expect(page.locator("body[data-told=yes]")).to_be_attached()
