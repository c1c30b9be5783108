"""Orders made on the phone, unplugged: at a machine nobody knows, for the office, as follow-up, for the workshop."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.tablet import Tablet

Check = Callable[[Page], None]
Picture = Callable[..., None]

ORDER = "GD260001"


def record(phone: Page) -> None:
    """Press the button at the thumb."""
    phone.get_by_role("button", name="记录", exact=True).click()


def test_an_order_is_taken_down_at_a_machine_nobody_knows(
    phone: Page, tablet: Tablet, accessible: Check, picture: Picture
) -> None:
    phone.get_by_role("link", name="新建工单").click()
    phone.get_by_label("登记新设备").check()
    phone.get_by_label("机型").select_option(label="MC-12 微型离心机")
    phone.get_by_label("铭牌上的出厂编号").fill("MC12-2611-0001")
    phone.get_by_label("故障现象").fill("开机无反应")
    phone.get_by_label("紧急").check()
    accessible(phone)
    record(phone)
    expect(phone.locator(".word.refused")).to_contain_text("field_missing")
    expect(phone.get_by_label("铭牌上的出厂编号")).to_have_value("MC12-2611-0001")
    picture(phone, "create")
    phone.get_by_label("客户（未建档）").fill("新安诊所")
    record(phone)

    phone.wait_for_url("**/orders/*")
    expect(phone.locator(".chip.status")).to_have_text("处理中")
    expect(phone.locator("main")).to_contain_text("新安诊所")
    expect(phone.locator("main")).to_contain_text("MC12-2611-0001")


def test_a_request_for_the_office_stays_in_sight(phone: Page, tablet: Tablet, accessible: Check) -> None:
    phone.goto(tablet.address + "/create")
    phone.get_by_label("没有或不清楚").check()
    phone.get_by_label("客户（未建档）").fill("新安诊所")
    phone.get_by_label("故障现象").fill("想买一台离心机")
    phone.get_by_label("服务类型").select_option("advice")
    phone.get_by_label("交派工台安排").check()
    record(phone)

    expect(phone.locator(".word.done")).to_contain_text("已记录")
    expect(phone.locator(".handed")).to_contain_text("想买一台离心机")
    expect(phone.locator(".handed .chip")).to_have_text("仅在本机")
    accessible(phone)


def test_a_failed_check_raises_a_follow_up(phone: Page, tablet: Tablet, accessible: Check, picture: Picture) -> None:
    phone.locator(".order a", has_text=ORDER).click()
    phone.wait_for_url("**/orders/*")
    order = phone.url
    phone.goto(order + "/checks/site_cleaned")
    phone.get_by_role("button", name="否，有问题").click()
    phone.goto(order + "/checks/site_cleaned")
    phone.get_by_role("link", name="新建后续工单").click()
    expect(phone.get_by_label("故障现象")).to_have_value("工单 GD260001 检查“现场已清理”不合格：否。")
    accessible(phone)
    picture(phone, "follow-up")
    phone.get_by_role("button", name="新建工单").click()

    phone.wait_for_url(order)
    phone.get_by_role("link", name="后续工单").click()
    expect(phone.locator("main .card").first).to_contain_text("现场已清理")


def test_a_machine_is_packed_for_the_workshop(phone: Page, tablet: Tablet, accessible: Check, picture: Picture) -> None:
    phone.locator(".order a", has_text=ORDER).click()
    phone.wait_for_url("**/orders/*")
    order = phone.url
    phone.get_by_role("link", name="返厂").click()
    expect(phone.locator(".caution")).to_contain_text("锁紧电机减震座")
    expect(phone.get_by_label("出厂编号").first).to_have_value("MC12-2403-0017")
    phone.get_by_label("外观与状态").first.fill("外壳右侧有划痕")
    phone.get_by_role("button", name="加一项").click()
    phone.get_by_label("物品名称").nth(2).fill("转子")
    phone.get_by_role("button", name="已装箱").click()
    expect(phone.locator(".word.refused")).to_contain_text("field_missing")
    expect(phone.get_by_label("物品名称").nth(2)).to_have_value("转子")
    phone.get_by_label("外观与状态").nth(2).fill("完好")
    accessible(phone)
    picture(phone, "return", at=".rows")
    phone.get_by_role("button", name="已装箱").click()

    expect(phone.locator(".word.done")).to_contain_text("返厂工单 F")
    phone.goto(order + "/return")
    expect(phone.locator("main .card").first).to_contain_text("外壳右侧有划痕")


def test_a_label_nobody_knows_leads_to_a_new_machine(phone: Page, tablet: Tablet, accessible: Check) -> None:
    phone.goto(tablet.address + "/scan/found?typed=MC12-2611-0002")
    phone.get_by_role("link", name="登记这台设备").click()

    expect(phone.get_by_label("登记新设备")).to_be_checked()
    expect(phone.get_by_label("铭牌上的出厂编号")).to_have_value("MC12-2611-0002")
    accessible(phone)
