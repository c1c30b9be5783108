"""The browser takes the pages for an app that can be put on the home screen."""

from pathlib import Path

from playwright.sync_api import Browser

from tests.browser.conftest import CHROMIUM, FLAGS
from tests.browser.tablet import Tablet


def test_the_pages_can_be_installed(browser: Browser, fresh_tablet: Tablet, tmp_path: Path) -> None:
    # A context of the tests counts as a private window, which installs nothing.
    person = browser.browser_type.launch_persistent_context(tmp_path / "person", executable_path=CHROMIUM, args=FLAGS)
    page = person.pages[0]
    page.goto(fresh_tablet.door, wait_until="networkidle")
    asked = person.new_cdp_session(page)

    found = asked.send("Page.getInstallabilityErrors")
    manifest = asked.send("Page.getAppManifest")

    assert found["installabilityErrors"] == []
    assert manifest["errors"] == []
    assert manifest["url"] == fresh_tablet.address + "/manifest.webmanifest"
    person.close()
