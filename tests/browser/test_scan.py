"""Scanning before a real camera picture: the label's order opens, and a form's fields are filled."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.camera import film_label
from tests.browser.tablet import Tablet

Check = Callable[[Page], None]
Picture = Callable[[Page, str], None]


def test_try(phone: Page, tablet: Tablet, accessible: Check, tmp_path: Path) -> None:
    phone.goto(tablet.address + "/scan")
    phone.wait_for_timeout(1000)
    phone.screenshot(path="/tmp/img_scan.png")
    accessible(phone)
