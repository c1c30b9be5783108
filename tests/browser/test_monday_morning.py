"""A dispatcher's Monday morning: a call, an order, somebody for it, a disagreement, finished work, and a look around.

Its pictures are those of the dispatcher's guide.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.tablet import Office, enrol_tablet

NUMBER = "GD260004"
"""Zhao's: he is on his way."""

Picture = Callable[..., None]


def test_a_monday_morning(
    desk: Page, desk_office: Office, tmp_path: Path, accessible: Callable[[Page], None], picture: Picture
) -> None:
    expect(desk.locator("body[data-heard=yes]")).to_be_attached()
    picture(desk, "desk-orders")

    order = take_a_call(desk, picture)
    find_somebody(desk, order, picture)
    settle_a_disagreement(desk, desk_office, tmp_path, picture)
    accept_finished_work(desk, desk_office, picture)

    desk.keyboard.press("g")
    desk.keyboard.press("f")
    expect(desk.locator("nav [aria-current]")).to_have_attribute("data-go", "f")
    picture(desk, "desk-fleet")
    accessible(desk)
    desk.goto(f"{desk_office.address}/desk/imports/machine")
    picture(desk, "desk-import")
    desk.goto(f"{desk_office.address}/desk/stock?state=expired")
    picture(desk, "desk-stock")
    desk.goto(f"{desk_office.address}/desk/recalls")
    desk.get_by_role("link", name="RC260001").click()
    expect(desk.locator("#missing")).to_be_visible()
    picture(desk, "desk-recall")


def take_a_call(desk: Page, picture: Picture) -> str:
    """Take a request down and make it an order; return its number."""
    desk.keyboard.press("g")
    desk.keyboard.press("q")
    desk.wait_for_url("**/desk/requests")
    desk.keyboard.press("n")
    desk.get_by_label("出厂编号").fill("MC12-2501-0102")
    desk.get_by_label("故障现象").fill("高速段振动大，报警停机")
    desk.get_by_label("联系人").fill("许静")
    desk.get_by_label("电话").fill("021-5556-0301")
    desk.get_by_label("等级").select_option("important")
    desk.get_by_role("button", name="受理").click()
    expect(desk.get_by_role("region", name="保修")).to_be_visible()
    picture(desk, "desk-request")
    desk.get_by_role("button", name="建立工单").click()
    expect(desk.locator(".word.done")).to_contain_text("已建立")
    return desk.locator(".facts a.number").inner_text()


def find_somebody(desk: Page, order: str, picture: Picture) -> None:
    """Assign the order to the best candidate, by keys."""
    desk.keyboard.press("g")
    desk.keyboard.press("s")
    desk.wait_for_url("**/desk/schedule")
    picture(desk, "desk-schedule")
    desk.locator(f".waiting .visit[data-number={order}]").press("Enter")
    expect(desk.get_by_role("heading", name=f"{order} 派给谁")).to_be_visible()
    expect(desk.locator(".candidates .reasons").first).to_contain_text("公里")
    desk.locator(".candidates [data-begin]").press("Enter")
    expect(desk.locator(".words .word")).to_contain_text(order)


def settle_a_disagreement(desk: Page, office: Office, folder: Path, picture: Picture) -> None:
    """Change an order that an engineer changes too; be told of it where one is, and decide."""
    tablet = enrol_tablet(office, folder / "zhao", "zhao")
    desk.goto(f"{office.address}/desk/orders")
    conflicts = desk.get_by_role("navigation", name="待处理").get_by_role("link", name="冲突").locator("strong")
    before = int(conflicts.inner_text())
    office.call("orders", "set", NUMBER, "grade=important", "--by", "dana")
    tablet.call("start", NUMBER, "--grade", "general")
    tablet.call("sync")

    expect(conflicts).to_have_text(str(before + 1))
    desk.keyboard.press("g")
    desk.keyboard.press("r")
    entry = desk.locator(".case", has_text=NUMBER).locator(".entry", has_text="故障等级")
    expect(entry.locator(".side.incoming .value")).to_have_text("一般")
    picture(desk, "desk-reconcile")


def accept_finished_work(desk: Page, office: Office, picture: Picture) -> None:
    """Look at finished work and accept it."""
    desk.goto(f"{office.address}/desk/orders?show=finished")
    desk.locator("tbody a.number").first.press("Enter")
    expect(desk.get_by_role("heading", name="工程师已完工")).to_be_visible()
    picture(desk, "desk-order")
    desk.keyboard.press("a")
    expect(desk.get_by_text("已验收。")).to_be_visible()
