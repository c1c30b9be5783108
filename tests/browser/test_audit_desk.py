"""An auditor at work: from a lot to its machines, one machine's past, a part's life with its evidence, what is missing.

Its pictures are those of the auditor's guide.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from server.domain.timetable import PLACE_TIME
from tests.browser.tablet import Office

LOT = "R250902"
TRAVELLER = f"{LOT}-0117"
"""It was in MC12-2505-0230 from two hundred days ago until a hundred and eight days ago."""

IN_ITS_DAYS = 150
SMALL = {"width": 1024, "height": 768}

Picture = Callable[..., None]
Accessible = Callable[[Page], None]


@pytest.fixture
def auditor(sign_in: Callable[..., Page]) -> Page:
    """The screen of the auditor, signed in, in Chinese."""
    return sign_in("aud")


def search(page: Page, text: str) -> None:
    """Search by keys, as a scanner does: the text, and Enter."""
    page.keyboard.press("/")
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_a_recalled_lot_is_answered_to_the_last_machine_and_proved(
    auditor: Page, accessible: Accessible, picture: Picture
) -> None:
    auditor.keyboard.press("g")
    auditor.keyboard.press("t")
    auditor.wait_for_url("**/desk/trace")
    picture(auditor, "audit-search")

    search(auditor, LOT)
    auditor.wait_for_url("**/trace/batch?**")
    expect(auditor.locator(".figures strong").first).to_have_text("4")
    expect(auditor.locator(".tree .box.machine")).to_have_count(4)
    expect(auditor.locator(".steps tbody tr.struck")).to_have_count(1)
    expect(auditor.get_by_role("link", name="为此批次发起召回")).to_have_count(0)
    accessible(auditor)
    picture(auditor, "audit-lot")

    look_at_a_machine(auditor, picture)
    follow_a_part(auditor, accessible, picture)
    take_it_away(auditor)


def look_at_a_machine(page: Page, picture: Picture) -> None:
    """Ask which parts a machine held on a day, with the date typed."""
    page.get_by_role("link", name="MC12-2505-0230").first.click()
    page.wait_for_url("**/trace/machine/**")
    day = datetime.now(PLACE_TIME).date() - timedelta(days=IN_ITS_DAYS)
    page.keyboard.press("d")
    expect(page.get_by_label("某日", exact=True)).to_be_focused()
    page.get_by_label("某日", exact=True).fill(day.isoformat())
    page.get_by_role("button", name="显示").click()

    expect(page.get_by_role("heading", name=f"{day} 装在其中的备件")).to_be_visible()
    expect(page.locator(".told")).to_contain_text(f"所示：{day} 当日的情况")
    expect(page.locator("#answer tbody a.serial").first).to_have_text(TRAVELLER)
    expect(page.locator("#answer tbody tr")).to_have_count(1)
    expect(page.locator(".lifeline .day")).to_have_count(1)
    picture(page, "audit-machine")


def follow_a_part(page: Page, accessible: Accessible, picture: Picture) -> None:
    """Read a part's life, look at a photo, and ask by keys alone what was known before anything was."""
    page.locator("#answer tbody a.serial").first.click()
    page.wait_for_url("**/trace/serial?**")
    expect(page.locator(".lifeline .lane-name")).to_have_count(8)
    expect(page.locator("table.steps tbody tr[data-item]")).to_have_count(10)
    expect(page.locator(".chip.safe")).to_have_count(10)
    accessible(page)
    picture(page, "audit-life")
    picture(page, "audit-evidence", at=".thumbs")

    page.locator(".thumbs .photo").first.click()
    expect(page.locator("#gallery")).to_be_visible()
    expect(page.locator("#gallery [data-stage]")).to_have_js_property("naturalWidth", 960)
    page.keyboard.press("Escape")

    slider = page.get_by_label("截至某日所知，滑块")
    slider.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("截至某日所知", exact=True)).not_to_have_value("")
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="当时还没有记录")).to_be_visible()
    page.go_back()


def take_it_away(page: Page) -> None:
    """Take the answer along in three forms."""
    with page.expect_download() as got:
        page.get_by_role("link", name="EPCIS 2.0").click()
    events = json.loads(Path(got.value.path()).read_bytes())["epcisBody"]["eventList"]
    assert [event["bizStep"] for event in events].count("installing") == 2
    with page.expect_download() as got:
        page.keyboard.press("p")
    assert Path(got.value.path()).read_bytes().startswith(b"%PDF-")
    with page.expect_download() as got:
        page.get_by_role("link", name="CSV").click()
    assert TRAVELLER in Path(got.value.path()).read_text("utf-8-sig")


def test_doubts_and_gaps_are_shown_as_such(
    sign_in: Callable[..., Page], desk_office: Office, accessible: Accessible, picture: Picture
) -> None:
    page = sign_in("aud", "en-GB", SMALL)
    page.goto(f"{desk_office.address}/desk/trace")
    search(page, f"{LOT}-0104")
    expect(page.locator("h1 .chip.bad")).to_have_text("two places at once")
    expect(page.locator(".lifeline .bar.elsewhere")).to_have_count(2)
    accessible(page)

    search(page, f"{LOT}-0112")
    expect(page.locator("tr.struck + .why")).to_contain_text("corrected by Chu Hang")

    page.keyboard.press("u")
    page.wait_for_url("**/desk/trace/gaps")
    page.get_by_role("link", name="No certificate for the lot").first.click()
    expect(page.locator("table[data-list] tbody tr")).to_have_count(1)
    expect(page.locator("table[data-list] tbody tr")).to_contain_text("L250330")
    accessible(page)
    picture(page, "audit-gaps")
    with page.expect_download() as got:
        page.get_by_role("link", name="CSV").click()
    assert "L250330" in Path(got.value.path()).read_text("utf-8-sig")


def test_who_may_not_export_is_offered_none(sign_in: Callable[..., Page], desk_office: Office) -> None:
    page = sign_in("dana")
    page.goto(f"{desk_office.address}/desk/trace/batch?q={LOT}")

    expect(page.locator(".figures")).to_be_visible()
    expect(page.locator(".exports")).to_have_count(0)
    assert page.request.get(f"{desk_office.address}/desk/trace/batch/export?q={LOT}").status == 403
