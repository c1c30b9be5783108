"""The sync page: what waits, how far it is, what disagrees, and the file that is carried by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.tablet import Office, Tablet, copy_office

Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]


@pytest.fixture
def office(seeded_office: Office, tmp_path: Path) -> Office:
    """An office of this test's own, where the tablet's server address leads."""
    return copy_office(seeded_office, tmp_path / "office")


def start_work(page: Page) -> str:
    """Begin work on the first order and return its address."""
    page.locator(".order a").first.click()
    page.get_by_role("button", name="出发").click()
    expect(page.locator(".word.done")).to_be_visible()
    return page.url


def test_work_reaches_the_office_and_a_disagreement_is_shown_until_it_is_decided(
    phone: Page, tablet: Tablet, office: Office, accessible: Check, picture: Picture
) -> None:
    number = phone.locator(".order .number").first.inner_text()
    start_work(phone)
    phone.goto(tablet.address + "/sync")
    expect(phone.locator("main")).to_contain_text("出发")
    expect(phone.locator(".strip.here")).to_contain_text("1 项仅在本机")
    phone.get_by_role("button", name="同步", exact=True).click()
    expect(phone.locator(".word")).to_contain_text("server_unreachable")
    accessible(phone)

    with office.plugged_in():
        office.call("orders", "set", number, "status=on_hold", "--by", "dana")
        phone.get_by_role("button", name="同步", exact=True).click()
        expect(phone.locator(".strip.safe")).to_be_visible()
        expect(phone.locator("main")).to_contain_text("与派工台的记录不一致")
        accessible(phone)
        picture(phone, "sync-disagreement")

        conflict = json.loads(office.call("conflicts", "--order", number, "--json"))[0]["id"]
        office.call("conflicts", "settle", conflict, "--choose", "incoming", "--note", "已开工", "--by", "dana")
        phone.get_by_role("button", name="同步", exact=True).click()
        expect(phone.locator("main")).to_contain_text("派工台已裁定")

    expect(phone.locator("main")).to_contain_text("已开工")
    expect(phone.locator("main")).not_to_contain_text("与派工台的记录不一致")


def test_the_outbox_is_carried_by_hand(phone: Page, tablet: Tablet, office: Office, tmp_path: Path) -> None:
    start_work(phone)
    phone.goto(tablet.address + "/sync")
    with phone.expect_download() as download:
        phone.get_by_role("link", name="保存文件").click()
    bundle, receipts = tmp_path / "outbox.zip", tmp_path / "receipts"
    download.value.save_as(bundle)
    office.call("import", str(bundle), "--receipts", str(receipts))

    phone.get_by_label("回执文件").set_input_files(receipts)
    phone.get_by_role("button", name="导入").click()

    expect(phone.locator(".word.done").first).to_contain_text("1 项已有结果")
    expect(phone.locator(".strip.safe")).to_be_visible()
    assert list(tablet.folder.glob(".outbox-*")) == []


def test_what_is_no_receipt_is_refused_in_place(phone: Page, tablet: Tablet, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_text("no receipt", encoding="utf-8")
    phone.goto(tablet.address + "/sync")
    phone.get_by_label("回执文件").set_input_files(tmp_path / "note.txt")
    phone.get_by_role("button", name="导入").click()

    expect(phone.locator(".word.refused")).to_contain_text("bundle_invalid")
    assert phone.url.endswith("/sync")
