"""The schedule by hand: an order assigned by keys alone and taken back, a visit dragged, an overlap shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from playwright.sync_api import Locator, Page, expect

from server.demo.week import TWO_AT_A_TIME, working_days
from tests.browser.tablet import Office

TABLET = {"width": 1024, "height": 768}


def open_day(page: Page, office: Office, day: int = 1, **more: str) -> None:
    """Show a working day with plans, counted from one, and wait until the page hears of news."""
    asked = "".join(f"&{name}={value}" for name, value in more.items())
    shown = working_days(office.seeded_at)[day - 1].date().isoformat()
    page.goto(f"{office.address}/desk/schedule?day={shown}{asked}")
    expect(page.locator("body[data-heard=yes]")).to_be_attached()


def visits_of(page: Page, name: str) -> Locator:
    """Return the visits of an engineer."""
    return page.locator(f".board .track[data-name='{name}'] .visit")


def told(page: Page) -> Locator:
    """Return what the page tells was done."""
    return page.locator(".words .word")


def test_an_order_is_assigned_moved_and_taken_back_by_keys_alone(
    desk: Page, desk_office: Office, accessible: Callable[[Page], None]
) -> None:
    open_day(desk, desk_office)
    accessible(desk)
    waits = desk.get_by_role("heading", name="待派").inner_text()

    desk.keyboard.press("j")
    number = desk.locator(".waiting .visit:focus").get_attribute("data-number") or ""
    desk.keyboard.press("Enter")
    expect(desk.get_by_role("heading", name=f"{number} 派给谁")).to_be_visible()
    expect(desk.locator(".candidates [data-begin]")).to_be_focused()
    expect(desk.locator(".candidates .reasons").first).to_contain_text("公里")
    accessible(desk)
    desk.keyboard.press("Enter")

    expect(told(desk)).to_contain_text(number)
    visit = desk.locator(f".board .visit[data-number={number}]")
    expect(visit).to_be_focused()
    before = visit.get_attribute("data-start")
    desk.keyboard.press("ArrowRight")
    desk.keyboard.press("Shift+ArrowRight")
    expect(desk.locator(".tray-text")).to_contain_text(number)
    accessible(desk)
    desk.keyboard.press("Enter")
    expect(visit).not_to_have_attribute("data-start", before or "")
    moved = visit.get_attribute("data-start") or ""
    assert datetime.fromisoformat(moved) - datetime.fromisoformat(before or "") == timedelta(minutes=45)
    expect(visit).to_be_focused()

    desk.keyboard.press("ArrowDown")
    desk.keyboard.press("Escape")
    expect(visit).to_have_attribute("data-start", moved)
    desk.keyboard.press("u")
    expect(visit).to_have_attribute("data-start", before or "")

    desk.goto(f"{desk_office.address}/desk/schedule?order={visit.get_attribute('data-order')}")
    desk.get_by_role("button", name="收回").press("Enter")
    expect(told(desk)).to_contain_text(f"{number} 待派工程师")
    expect(desk.get_by_role("heading", name="待派")).to_have_text(waits)


def test_a_visit_is_dragged_to_another_engineer_and_an_overlap_is_told(
    sign_in: Callable[..., Page], desk_office: Office
) -> None:
    page, other = sign_in("dana", viewport=TABLET), sign_in("he", language="en-US", viewport=TABLET)
    name, day = TWO_AT_A_TIME
    assert name == "zheng"
    open_day(page, desk_office, day)
    open_day(other, desk_office, day)
    busy = visits_of(page, "郑凯")
    expect(busy).to_have_count(2)
    for visit in busy.all():
        expect(visit).to_contain_text("重叠")

    grip, target = busy.last, page.locator(".board .track[data-name='韩磊']")
    number = grip.get_attribute("data-number")
    box, height = grip.bounding_box(), TABLET["height"]
    assert box
    page.mouse.move(box["x"] + 8, box["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + 40, box["y"] + 30, steps=4)
    # However many lines lie between the two: at the edge of the screen the board comes along.
    page.mouse.move(box["x"] + 40, height - 10, steps=4)
    page.wait_for_function("() => scrollY + innerHeight >= document.documentElement.scrollHeight - 1")
    page.mouse.move(box["x"] + 40, height / 2, steps=2)
    # Only now does it stand still; one aims at where the lines are.
    expect(target).to_be_in_viewport(ratio=1)
    row = target.bounding_box()
    assert row
    page.mouse.move(row["x"] + row["width"] * 0.7, row["y"] + row["height"] / 2, steps=8)
    expect(page.locator(".tray-text")).to_contain_text("韩磊")
    page.mouse.up()

    expect(told(page)).to_contain_text("韩磊")
    expect(visits_of(page, "韩磊").filter(has_text=number or "")).to_have_count(1)
    expect(visits_of(page, "郑凯")).to_have_count(1)
    expect(visits_of(page, "郑凯")).not_to_contain_text("重叠")
    expect(visits_of(other, "Han Lei").filter(has_text=number or "")).to_have_count(1)

    open_day(page, desk_office, span="week")
    expect(page.locator("td[data-name='钱立'] .absence").first).to_contain_text("病假")
    page.get_by_role("link", name="郑凯").click()
    page.get_by_role("button", name="生成地址").click()
    address = page.get_by_label("地址").input_value()
    assert page.request.get(address).text().startswith("BEGIN:VCALENDAR")


def test_somebody_unsuitable_is_sent_only_when_that_is_said(desk: Page, desk_office: Office) -> None:
    open_day(desk, desk_office)
    visit = visits_of(desk, "蒋帆").first
    start, number = visit.get_attribute("data-start"), visit.get_attribute("data-number") or ""
    visit.focus()
    expect(desk.locator(".silent .chip").first).to_contain_text("失联")
    for _ in range(20):
        desk.keyboard.press("ArrowUp")
    desk.keyboard.press("Enter")
    refusal = desk.locator(".tray .refusal")
    expect(refusal).to_contain_text("engineer_unsuitable")
    desk.get_by_label("仍然派工").press("Space")
    desk.get_by_label("仍然派工").press("Enter")

    expect(told(desk)).to_contain_text(number)
    desk.keyboard.press("u")
    expect(visits_of(desk, "蒋帆").filter(has_text=number)).to_have_attribute("data-start", start or "")
