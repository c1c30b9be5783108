"""The frame of the pages: the first run, the PIN, drafts, the strip, and who is kept out."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.tablet import PIN, Office, Tablet

Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]


def open_first_order(page: Page) -> str:
    """Open the first order of today and return its address."""
    page.locator(".order a").first.click()
    page.wait_for_url("**/orders/*")
    return page.url


def test_a_tablet_is_enrolled_in_the_browser_and_shows_its_orders(
    context: BrowserContext, seeded_office: Office, fresh_tablet: Tablet, accessible: Check, picture: Picture
) -> None:
    with seeded_office.plugged_in():
        page = context.new_page()
        page.goto(fresh_tablet.door)
        accessible(page)
        picture(page, "first-run")
        page.get_by_label("登记码").fill(seeded_office.call("enrol", "--person", "wei", "--no-code").splitlines()[0])
        page.locator("[name=pin]").nth(0).fill(PIN)
        page.get_by_label("再输一次 PIN").fill("135791")
        page.get_by_role("button", name="登记", exact=True).click()
        expect(page.get_by_role("alert").first).to_contain_text("两次输入不一致")

        page.locator("[name=pin]").nth(0).fill(PIN)
        page.get_by_label("再输一次 PIN").fill(PIN)
        page.get_by_role("button", name="登记", exact=True).click()
        page.wait_for_url(fresh_tablet.address + "/")
        expect(page.locator(".strip.safe")).to_be_visible()
        page.reload()

        expect(page.locator(".order")).not_to_have_count(0)


def test_today_can_be_read_with_the_server_unplugged(phone: Page, accessible: Check, picture: Picture) -> None:
    expect(phone.locator(".order").first).to_contain_text("仁禾医院检验科")
    expect(phone.locator(".strip")).to_contain_text("全部内容已送达")

    accessible(phone)
    picture(phone, "today")


def test_what_is_typed_outlives_a_flat_battery(phone: Page, tablet: Tablet, accessible: Check) -> None:
    order = open_first_order(phone)
    phone.goto(order + "/findings")
    with phone.expect_response("**/drafts"):
        phone.get_by_label("处理措施").fill("更换控制板 B260120")
    tablet.kill()
    tablet.start()

    page = phone.context.new_page()
    page.goto(order + "/findings")

    expect(page.get_by_label("处理措施")).to_have_value("更换控制板 B260120")
    accessible(page)
    page.get_by_role("button", name="收起").click()
    expect(page.get_by_label("处理措施")).to_have_value("")
    page.get_by_role("button", name="撤销").click()
    expect(page.get_by_label("处理措施")).to_have_value("更换控制板 B260120")


def test_a_lock_in_the_middle_of_a_form_takes_nothing_away(phone: Page, tablet: Tablet, accessible: Check) -> None:
    order = open_first_order(phone)
    phone.goto(order + "/findings")
    tablet.kill()
    tablet.start(unlocked=False)

    phone.get_by_label("故障原因").fill("控制板烧毁")
    expect(phone.get_by_role("heading", name="已锁定")).to_be_visible()
    accessible(phone)
    phone.locator("#locked [name=pin]").fill("000000")
    phone.locator("#locked button").click()
    expect(phone.locator("#locked [data-error]")).to_contain_text("PIN")
    tablet.kill()
    phone.locator("#locked [name=pin]").fill(PIN)
    phone.locator("#locked button").click()
    expect(phone.locator("#locked [data-error]")).to_contain_text("没有运行")
    tablet.start(unlocked=False)
    phone.locator("#locked button").click()
    expect(phone.locator("#locked")).not_to_be_visible()
    phone.get_by_role("button", name="记录").click()
    phone.wait_for_url(order)
    phone.goto(order + "/findings")

    expect(phone.get_by_label("故障原因")).to_have_value("控制板烧毁")


def test_the_device_locks_and_asks_for_the_pin(phone: Page, tablet: Tablet, accessible: Check) -> None:
    phone.goto(tablet.address + "/more")
    accessible(phone)
    phone.get_by_role("button", name="锁定终端").click()
    phone.goto(tablet.address + "/sync")
    accessible(phone)
    phone.get_by_label("PIN", exact=True).fill(PIN)
    phone.get_by_role("button", name="解锁").click()

    phone.wait_for_url("**/sync")
    accessible(phone)


def test_the_pin_is_changed(phone: Page, tablet: Tablet) -> None:
    phone.goto(tablet.address + "/more")
    phone.get_by_text("修改 PIN").first.click()
    phone.get_by_label("现在的 PIN").fill(PIN)
    phone.get_by_label("设置 PIN（至少六位）").fill("975310")
    phone.get_by_label("再输一次 PIN").fill("975310")
    phone.get_by_role("button", name="修改 PIN").click()
    expect(phone.locator(".word.done")).to_contain_text("PIN 已修改")
    phone.get_by_role("button", name="锁定终端").click()

    phone.get_by_label("PIN", exact=True).fill(PIN)
    phone.get_by_role("button", name="解锁").click()
    expect(phone.get_by_role("alert")).to_contain_text("pin_wrong")
    phone.get_by_label("PIN", exact=True).fill("975310")
    phone.get_by_role("button", name="解锁").click()
    phone.wait_for_url(tablet.address + "/")


def test_strangers_are_turned_away(phone: Page, tablet: Tablet, context: BrowserContext) -> None:
    stranger = context.browser.new_context() if context.browser else context
    unknown = stranger.request.get(tablet.address + "/")
    rebound = context.request.get(tablet.address + "/", headers={"Host": "evil.example"})
    forged = context.request.post(tablet.address + "/lock", headers={"Origin": "http://evil.example"})
    no_origin = context.request.post(tablet.address + "/lock")
    phone.reload()

    assert [answer.status for answer in (unknown, rebound, forged, no_origin)] == [403] * 4
    expect(phone.locator(".order").first).to_be_visible()
    stranger.close()


def test_a_second_program_on_the_port_says_so(tablet: Tablet) -> None:
    again = subprocess.run(
        [*tablet.process.args[:4], str(tablet.port)],  # type: ignore[union-attr, index]
        env=tablet._settings(),
        capture_output=True,
        text=True,
    )

    assert again.returncode == 1
    assert "[port_in_use]" in again.stderr
