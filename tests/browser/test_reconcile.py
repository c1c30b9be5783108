"""The reconciliation inbox: a conflict that a device pushes, two dispatchers, a question to the engineer, undo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.conftest import PHONE
from tests.browser.tablet import Office, Tablet, enrol_tablet

NUMBER = "GD260001"
TABLET_SCREEN = {"width": 1024, "height": 768}


def open_inbox(page: Page, office: Office, query: str = "") -> None:
    page.goto(f"{office.address}/desk/reconcile{query}")
    expect(page.locator("body[data-heard=yes]")).to_be_attached()


def answer_on_the_tablet(browser: Browser, tablet: Tablet, office: Office) -> None:
    """Let Wei find the question on Today and answer it; then sync."""
    tablet.start()
    context = browser.new_context(viewport=PHONE, locale="zh-CN")  # type: ignore[arg-type]
    phone = context.new_page()
    phone.goto(tablet.door)
    expect(phone.locator("main")).to_contain_text("以哪个为准")
    phone.get_by_role("link", name="答复").first.click()
    phone.get_by_text("现场的值对").click()
    phone.locator("textarea[name=answer]").fill("到现场看过，不急")
    phone.get_by_role("button", name="答复", exact=True).click()
    expect(phone.locator(".word.done")).to_be_visible()
    context.close()
    tablet.kill()
    tablet.call("sync")


def ask_wei(page: Page, entry: Locator) -> None:
    """Put a question about the first entry, by keys."""
    page.keyboard.press("j")
    expect(entry).to_be_focused()
    page.keyboard.press("q")
    entry.locator("textarea[name=question]").press("Control+End")
    entry.get_by_role("button", name="询问").click()
    expect(page.locator(".word.done")).to_contain_text("已询问")


def test_a_conflict_reaches_two_dispatchers_and_is_settled_once(
    browser: Browser,
    sign_in: Callable[..., Page],
    desk_office: Office,
    tmp_path: Path,
    accessible: Callable[[Page], None],
) -> None:
    tablet = enrol_tablet(desk_office, tmp_path / "wei")
    dana, he = sign_in("dana"), sign_in("he", viewport=TABLET_SCREEN)
    open_inbox(dana, desk_office)
    open_inbox(he, desk_office)
    desk_office.call("orders", "set", NUMBER, "grade=important", "--by", "dana")
    tablet.call("start", NUMBER, "--grade", "general")
    tablet.call("sync")

    entry = dana.locator(".case", has_text=NUMBER).locator(".entry", has_text="故障等级")
    expect(entry.locator(".side.office .value")).to_have_text("重要")
    expect(entry.locator(".side.incoming .value")).to_have_text("一般")
    expect(entry.locator(".verified")).to_have_count(2)
    accessible(dana)

    ask_wei(dana, entry)
    tablet.call("sync")
    answer_on_the_tablet(browser, tablet, desk_office)
    expect(entry.locator(".answered")).to_contain_text("到现场看过")

    theirs = he.locator(".case", has_text=NUMBER).locator(".entry", has_text="故障等级")
    theirs.focus()
    dana.locator("body").click(position={"x": 5, "y": 5})
    dana.locator(".entry").last.focus()
    expect(dana.locator(".case", has_text=NUMBER).locator("[data-lookers]")).to_contain_text("何静")
    entry.locator("[data-note]").fill("我来定")
    he.keyboard.press("3")
    expect(theirs.locator(".settling .refusal")).to_contain_text("note_missing")
    expect(theirs.locator("[data-note]")).to_be_focused()
    he.keyboard.type("工程师已确认")
    he.keyboard.press("Enter")
    expect(he.locator(".word.done")).to_contain_text("已裁定")
    expect(theirs).to_have_count(0)

    expect(entry.locator(".stale")).to_be_visible()
    expect(entry.locator("[data-note]")).to_have_value("我来定")
    entry.locator(".side.office .take").click()
    expect(entry.locator(".settling .refusal")).to_contain_text("conflict_settled")

    he.keyboard.press("u")
    expect(he.locator(".word.done")).to_contain_text("已撤销")
    expect(theirs).to_be_visible()
    accessible(he)


def test_safe_ones_are_accepted_together_and_exceptions_show_their_evidence(
    sign_in: Callable[..., Page], desk_office: Office, tmp_path: Path, accessible: Callable[[Page], None]
) -> None:
    tablet = enrol_tablet(desk_office, tmp_path / "wei")
    page = sign_in("dana", language="en-US")
    desk_office.call("orders", "set", "GD260002", "diagnosis=Seal worn", "--by", "dana")
    tablet.call("start", "GD260002")
    tablet.call("finish", "GD260002", "--diagnosis", "seal  worn.", "--remedy", "Seal replaced", "--result", "solved")
    tablet.call("sync")
    open_inbox(page, desk_office)

    entry = page.locator(".case", has_text="GD260002").locator(".entry", has_text="Diagnosis")
    expect(entry.locator(".chip.safe")).to_contain_text("spelled otherwise")
    page.keyboard.press("A")
    expect(page.locator(".word.done")).to_contain_text("settled")
    expect(entry).to_have_count(0)

    open_inbox(page, desk_office, "?kind=exception")
    exception = page.locator(".entry.exception").first
    expect(exception.locator(".evidence")).to_be_visible()
    accessible(page)
    exception.focus()
    page.keyboard.press("l")
    exception.locator("select[name=until]").select_option("tomorrow")
    exception.locator("input[name=why]").fill("call the customer first")
    exception.get_by_role("button", name="Put off").click()
    expect(page.locator(".word.done")).to_contain_text("Put off")
    open_inbox(page, desk_office, "?show=later")
    expect(page.locator(".later-word")).to_contain_text("call the customer first")
    open_inbox(page, desk_office, "?show=settled")
    expect(page.locator(".entry", has_text="Diagnosis").locator(".decided").first).to_contain_text("spelled otherwise")
