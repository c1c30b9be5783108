"""An admin erases what is known of somebody who asked: every slip is told beside what was typed, the act is listed."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.tablet import Office

NARROW = {"width": 1024, "height": 768}
REQUEST = "RQ260002"


def correct_the_sheet(page: Page) -> None:
    """Fill in one field beside those that were erased: they say so, and stay as they are."""
    page.get_by_text("补填受理单").click()
    erased = page.locator("form [data-erased]")
    expect(erased.first).to_have_attribute("placeholder", "（已删除）")
    names = [field.get_attribute("name") or "" for field in erased.all()]
    assert all(field.input_value() == "" for field in erased.all()), names
    page.get_by_label("发生频率").fill("每天")
    page.get_by_role("button", name="保存", exact=True).click()
    expect(page.locator(".facts")).to_contain_text("每天")
    page.get_by_text("补填受理单").click()
    assert [field.get_attribute("name") for field in page.locator("form [data-erased]").all()] == names


def test_a_request_is_erased_with_its_photo_and_pages_say_so(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    page = sign_in("gao")
    home = f"{desk_office.address}/desk/erasures"
    page.goto(home)
    accessible(page)
    alert, look = page.get_by_role("alert"), page.get_by_role("button", name="查看会删除什么")
    words, record = page.get_by_label("姓名、电话"), page.get_by_label("某工单、请求")
    slips = (("陈", "", "至少 2 个字"), ("", "RQ999999", "RQ999999"), ("没有这个人", "", "没有找到"))
    for typed, called, said in slips:
        words.fill(typed)
        record.fill(called)
        look.click()
        expect(alert).to_contain_text(said)
        assert (words.input_value(), record.input_value()) == (typed, called)
    words.fill("")
    record.fill(REQUEST)
    page.get_by_label("连同为这些工单拍摄的照片").check()
    look.click()

    found = page.get_by_role("region", name="将要删除的内容")
    expect(found).to_contain_text("下午三点以后可以停机")
    expect(found.get_by_role("row", name="请求补充").locator("img")).to_be_visible()
    expect(found).to_contain_text("文件 1 个")
    accessible(page)
    found.get_by_label("案号").fill("DSR-7")
    found.get_by_role("button", name="删除").click()
    expect(alert).to_contain_text("确认")
    assert found.get_by_label("案号").input_value() == "DSR-7"
    found.get_by_label("永久删除").check()
    found.get_by_role("button", name="删除").click()

    expect(page.locator(".word.done")).to_contain_text("文件 1 个")
    expect(page.get_by_role("row", name="DSR-7")).to_contain_text("高雅")
    accessible(page)
    page.goto(f"{desk_office.address}/desk/requests/{REQUEST}")
    told = page.get_by_role("region", name="照片与补充")
    expect(told).to_contain_text(re.compile(r"屏幕\.jpg: 已于 \d{4}-\d\d-\d\d 删除"))
    expect(told.locator("img")).to_have_count(0)
    accessible(page)

    correct_the_sheet(page)

    english = sign_in("gao", language="en-GB", viewport=NARROW)
    english.goto(home)
    expect(english.get_by_role("row", name="DSR-7")).to_contain_text("The person asks for it")
    accessible(english)
