"""Scanning before a real picture of a label: its order opens, a form's fields are filled, or advice is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.browser.camera import film, film_label
from tests.browser.conftest import CHROMIUM, FLAGS, PHONE
from tests.browser.tablet import Office, Tablet
from tests.pictures import machine_photo

Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]
Camera = Callable[[Path], Page]

SERIAL = "MC12-2403-0017"
"""The machine of Wei's first order in the demo."""


@pytest.fixture
def before(browser: Browser) -> Iterator[Camera]:
    """A phone of its own whose camera shows a film."""
    with ExitStack() as stack:

        def start(shown: Path) -> Page:
            flags = [*FLAGS, "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={shown}"]
            launched = browser.browser_type.launch(executable_path=CHROMIUM, args=flags)
            stack.callback(launched.close)
            return launched.new_context(viewport=PHONE, has_touch=True, is_mobile=True, locale="zh-CN").new_page()

        yield start


def test_a_label_before_the_camera_opens_the_order_of_its_machine(
    before: Camera, tablet: Tablet, tmp_path: Path
) -> None:
    page = before(film_label(f"https://fuwu.example.cn/21/{SERIAL}", tmp_path / "link.mjpeg"))
    page.goto(tablet.door)
    page.get_by_role("link", name="扫码").click()
    expect(page.get_by_role("heading", name="本机未知")).to_be_visible()

    page = before(film_label(SERIAL, tmp_path / "label.mjpeg"))
    page.goto(tablet.door)
    page.get_by_role("link", name="扫码").click()

    page.wait_for_url("**/orders/*")
    expect(page.get_by_role("heading", name="GD260001")).to_be_visible()
    page.go_back()
    expect(page.locator("video")).to_be_visible()


def test_what_the_camera_cannot_read_is_answered_with_advice_and_typed_instead(
    before: Camera, tablet: Tablet, tmp_path: Path, accessible: Check, picture: Picture
) -> None:
    page = before(film(Image.new("RGB", (1280, 960), (12, 12, 12)), tmp_path / "dark.mjpeg"))
    page.goto(tablet.door)
    page.goto(tablet.address + "/scan")

    expect(page.locator("[data-advice]")).to_have_text("太暗：请打开补光")
    accessible(page)
    picture(page, "scan")
    page.get_by_label("或输入标签上的内容").fill("MC12-MOT")
    page.get_by_role("button", name="查找").click()

    expect(page.get_by_role("heading", name="直流无刷电机")).to_be_visible()
    accessible(page)


def test_without_a_camera_a_photo_from_the_gallery_is_read(phone: Page, tablet: Tablet, accessible: Check) -> None:
    phone.goto(tablet.address + "/scan")
    expect(phone.locator("[data-advice]")).to_contain_text("没有可用的相机")
    accessible(phone)

    phone.locator("[name=photo]").set_input_files([{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"no photo"}])
    expect(phone.locator("[data-advice]")).to_contain_text("这不是可识别的照片")
    phone.locator("[name=photo]").set_input_files(
        [{"name": "b.jpg", "mimeType": "image/jpeg", "buffer": machine_photo()}]
    )

    expect(phone.get_by_role("heading", name="LX-2024-00317")).to_be_visible()
    accessible(phone)


def test_an_ambiguous_label_is_chosen_from(phone: Page, tablet: Tablet, accessible: Check) -> None:
    phone.goto(tablet.address + "/scan?from=/sync")
    phone.get_by_label("或输入标签上的内容").fill("0109506000050010" + "10B260120" + "21S-9")
    phone.get_by_role("button", name="查找").click()

    expect(phone.get_by_role("heading", name="是哪一个？")).to_be_visible()
    accessible(phone)
    phone.get_by_role("link", name="序列号 S-9").click()

    expect(phone.locator(".facts")).to_contain_text("B260120")
    expect(phone.locator(".facts")).to_contain_text("S-9")
    accessible(phone)


def test_a_scanned_code_fills_the_field_of_a_form(
    before: Camera, seeded_office: Office, fresh_tablet: Tablet, tmp_path: Path, accessible: Check
) -> None:
    with seeded_office.plugged_in():
        invitation = seeded_office.call("enrol", "--person", "lin", "--no-code").splitlines()[0]
    page = before(film_label(invitation, tmp_path / "enrol.mjpeg"))
    page.goto(fresh_tablet.door)
    page.get_by_role("button", name="扫码登记").click()

    expect(page.get_by_label("登记码")).to_have_value(invitation)
    expect(page.locator("dialog.sheet")).to_have_count(0)
    accessible(page)
