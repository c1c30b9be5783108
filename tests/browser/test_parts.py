"""Parts on the phone, with the server unplugged: what is missing, what the machine is, fitting, choosing, the van."""

from __future__ import annotations

import re
from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser.tablet import Tablet

Check = Callable[[Page], None]
Picture = Callable[..., None]

URGENT = "GD260001"
"""Wei's order for the centrifuge that stopped."""


def open_order(page: Page, number: str = URGENT) -> str:
    """Open an order from today's page and return its address."""
    page.locator(".order", has_text=number).get_by_role("link").click()
    page.wait_for_url("**/orders/*")
    return page.url


def open_fitting(page: Page) -> None:
    """Go from an order to the form of fitting a part."""
    page.get_by_role("link", name="备件").click()
    page.get_by_role("link", name="装备件").click()
    expect(page.get_by_role("heading", name="装备件")).to_be_visible()


def test_before_departure_one_sees_what_is_missing_and_whose_warranty_it_is(
    phone: Page, tablet: Tablet, accessible: Check, picture: Picture
) -> None:
    expect(phone.locator(".order", has_text=URGENT)).to_contain_text("车上缺 上盖锁组件 × 1")
    open_order(phone)
    readiness, card = phone.locator(".readiness"), phone.locator(".machine-card")

    expect(readiness).to_contain_text("直流无刷电机 × 1 在车上")
    expect(readiness).to_contain_text("手册：MC-12 微型离心机维修手册")
    expect(readiness.locator(".lacking")).to_have_count(1)
    expect(card).to_contain_text("保修期内")
    expect(card).to_contain_text(re.compile(r"整机保修到 \d{4}-\d\d-\d\d"))
    accessible(phone)
    picture(phone, "order-readiness", at=".readiness")

    card.get_by_role("link").click()
    expect(phone.locator("#warranty")).to_contain_text("W1")
    phone.get_by_text("全部保修期").click()
    expect(phone.locator(".terms")).to_contain_text("电机")
    accessible(phone)
    picture(phone, "machine")
    manual = phone.get_by_role("link", name="MC-12 微型离心机维修手册")
    answer = phone.request.get(tablet.address + str(manual.get_attribute("href")))
    assert (answer.headers["content-type"], answer.body()[:5]) == ("application/pdf", b"%PDF-")


def test_what_failed_and_what_is_excluded_decide_the_warranty(phone: Page, accessible: Check) -> None:
    order = open_order(phone)
    phone.goto(f"{order}/findings")
    phone.get_by_label("故障部件").select_option("电机")
    phone.get_by_label("保修除外").select_option("使用不当")
    accessible(phone)
    phone.get_by_role("button", name="记录").click()
    expect(phone.locator(".machine-card")).to_contain_text("除外责任：使用不当")

    phone.goto(f"{order}/findings")
    expect(phone.get_by_label("故障部件")).to_have_value("电机")
    phone.get_by_label("保修除外").select_option("没有发现")
    phone.get_by_role("button", name="记录").click()
    expect(phone.locator(".machine-card")).to_contain_text(re.compile(r"部件“电机”保修到 \d{4}-\d\d-\d\d。 条款 W2"))


def test_a_part_from_the_van_is_fitted_warned_of_and_struck_out(
    phone: Page, tablet: Tablet, accessible: Check, picture: Picture
) -> None:
    open_order(phone)
    open_fitting(phone)
    phone.get_by_label("备件号").fill("HC20-SEA")
    phone.get_by_label("批号").first.fill("RF2023-044")
    expect(phone.locator("#known")).to_contain_text("不适用于机型")
    expect(phone.locator("#known")).to_contain_text("已于 2026-04-01 过期")
    accessible(phone)
    picture(phone, "part-warned")

    phone.get_by_label("从车上取").select_option(label="直流无刷电机 · B260120-0301 · B260120")
    expect(phone.get_by_label("序列号").first).to_have_value("B260120-0301")
    expect(phone.locator("#known")).to_contain_text("清河离心机厂备件部")
    expect(phone.locator("#known")).to_contain_text("¥0.00")
    expect(phone.locator("#known .word.refused")).to_have_count(0)
    phone.get_by_label("序列号").nth(1).fill("B240107-0001")
    phone.get_by_label("去向").select_option("returned")
    picture(phone, "part-fit")
    phone.get_by_role("button", name="记录").click()
    expect(phone.locator(".part")).to_contain_text("B260120-0301")
    expect(phone.locator(".part")).to_contain_text("拆下：B240107-0001")
    accessible(phone)
    picture(phone, "parts")

    phone.goto(tablet.address + "/stock")
    expect(phone.locator(".stock")).not_to_contain_text("B260120-0301")
    accessible(phone)
    picture(phone, "van")

    phone.go_back()
    phone.get_by_text("记错了？").click()
    phone.get_by_label("原因").fill("扫错了")
    phone.get_by_role("button", name="撤回").click()
    expect(phone.locator("s")).to_contain_text("B260120-0301")
    phone.goto(tablet.address + "/stock")
    expect(phone.locator(".stock")).to_contain_text("B260120-0301")


def test_the_customer_chooses_and_the_choice_goes_with_the_part(
    phone: Page, accessible: Check, picture: Picture
) -> None:
    open_order(phone)
    phone.get_by_role("link", name="备件").click()
    phone.get_by_role("link", name="电机").click()
    expect(phone.locator(".offer")).to_have_count(3)
    expect(phone.locator(".offer").first).to_contain_text("原厂")
    expect(phone.locator(".offer").last).to_contain_text("认证替代")
    accessible(phone)
    picture(phone, "part-choice")

    phone.locator(".offer").last.click()
    phone.get_by_role("button", name="记录选择").click()
    expect(phone.get_by_label("备件号")).to_have_value("MC12-MOT-C")
    expect(phone.locator("#known")).to_contain_text("由 陈敏 选择")
    phone.get_by_label("序列号").first.fill("JLM2605-0077")
    phone.get_by_role("button", name="记录").click()
    expect(phone.locator(".part")).to_contain_text("认证替代")
    expect(phone.get_by_role("link", name="电机")).to_contain_text("陈敏")


def test_a_refused_form_still_holds_what_was_typed_and_stock_is_counted(
    phone: Page, tablet: Tablet, accessible: Check
) -> None:
    open_order(phone)
    open_fitting(phone)
    phone.get_by_label("装入部位").fill("转轴")
    phone.get_by_role("button", name="记录").click()
    expect(phone.locator(".word.refused")).to_contain_text("field_missing")
    expect(phone.get_by_label("装入部位")).to_have_value("转轴")

    phone.goto(tablet.address + "/stock")
    phone.get_by_label("盘点短少").check()
    phone.get_by_label("备件号").fill("GEN-FUS")
    phone.get_by_label("数量").fill("4")
    phone.get_by_role("button", name="记录").click()
    expect(phone.locator(".word.done")).to_contain_text("车上还有 6 件")
    expect(phone.locator(".stock-line", has_text="GEN-FUS")).to_contain_text("6")
    accessible(phone)
