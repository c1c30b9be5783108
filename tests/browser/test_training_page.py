"""Operators are trained at the machine and each signs on the phone, with the server unplugged."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.tablet import Tablet

Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]


def draw_name(phone: Page) -> None:
    """Draw two strokes on the pad."""
    box = phone.locator("[data-pad][data-ready] canvas").bounding_box()
    assert box is not None
    for left in (0.2, 0.5):
        phone.mouse.move(box["x"] + left * box["width"], box["y"] + 0.3 * box["height"])
        phone.mouse.down()
        phone.mouse.move(box["x"] + (left + 0.2) * box["width"], box["y"] + 0.7 * box["height"], steps=6)
        phone.mouse.up()


def test_each_attendee_signs_for_himself(phone: Page, tablet: Tablet, accessible: Check, picture: Picture) -> None:
    phone.locator(".order a").first.click()
    phone.wait_for_url("**/orders/*")
    phone.get_by_role("link", name="操作培训").click()
    phone.get_by_label("参加人员").fill("陈敏\n周洁\n吴明")
    accessible(phone)
    phone.get_by_role("button", name="记录培训").click()
    expect(phone.get_by_role("link", name="签字")).to_have_count(3)

    phone.get_by_role("link", name="陈敏").click()
    expect(phone.locator("main")).to_contain_text("日常保养")
    phone.get_by_role("button", name="签字确认", exact=True).click()
    expect(phone.locator("[data-empty-word]")).to_be_visible()
    draw_name(phone)
    accessible(phone)
    phone.get_by_role("button", name="签字确认", exact=True).click()
    expect(phone.get_by_role("link", name="签字")).to_have_count(2)

    phone.get_by_role("link", name="周洁").click()
    phone.get_by_text("没有签字").click()
    phone.get_by_label("客户不在场").check()
    phone.get_by_label("原因").fill("提前离开")
    phone.get_by_role("button", name="不签字").click()
    expect(phone.get_by_role("link", name="签字")).to_have_count(1)
    expect(phone.locator(".attendee")).to_have_count(2)
    accessible(phone)
    picture(phone, "training")
