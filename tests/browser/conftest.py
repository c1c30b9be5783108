"""Wei's tablet in a real browser: an office with the demo company, unplugged unless a test plugs it in."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.tablet import Office, Tablet, complaints_of_axe, copy_tablet, enrol_tablet

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream"]
PHONE = {"width": 390, "height": 844}
LIMIT_MS = 20_000
PICTURE_QUALITY = 60


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium; not for longer, since no other test could run an event loop beside Playwright's."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def seeded_office(tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The demo company, not plugged in."""
    office = Office(tmp_path_factory.mktemp("office"))
    office.call("migrate")
    office.call("demo")
    return office


@pytest.fixture(scope="session")
def seeded_tablet(seeded_office: Office, tmp_path_factory: pytest.TempPathFactory) -> Tablet:
    """Wei's tablet after its first sync; tests work on copies."""
    with seeded_office.plugged_in():
        return enrol_tablet(seeded_office, tmp_path_factory.mktemp("tablet") / "wei")


@pytest.fixture
def tablet(seeded_tablet: Tablet, tmp_path: Path) -> Iterator[Tablet]:
    """A copy of Wei's tablet that serves its pages, with the server unplugged."""
    tablet = copy_tablet(seeded_tablet, tmp_path / "wei")
    tablet.start()
    yield tablet
    tablet.kill()


@pytest.fixture
def fresh_tablet(tmp_path: Path) -> Iterator[Tablet]:
    """A tablet out of its box, which serves its pages."""
    tablet = Tablet(tmp_path / "fresh")
    tablet.start()
    yield tablet
    tablet.kill()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A phone."""
    context = browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True, device_scale_factor=2, locale="zh-CN")
    context.set_default_timeout(LIMIT_MS)
    yield context
    context.close()


@pytest.fixture
def phone(context: BrowserContext, tablet: Tablet) -> Iterator[Page]:
    """Today's page on the phone; a script that fails, or breaks the content policy, fails the test."""
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
    page.goto(tablet.door)
    yield page
    assert faults == []


def _is_fault(message: Any) -> bool:
    """Tell whether the browser complains; that a request was refused or the program was stopped is the test's."""
    told = ("Failed to load resource", "Response Status Error Code", "htmx:", "net::ERR_")
    return message.type == "error" and not any(words in message.text for words in told)


@pytest.fixture
def accessible(request: pytest.FixtureRequest) -> Callable[[Page], None]:
    """A check that a page has no fault of accessibility, light and dark; who takes pictures has no use for it."""
    takes_pictures = bool(request.config.getoption("--pictures"))

    def check(page: Page) -> None:
        if takes_pictures:
            return
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert complaints_of_axe(page) == [], f"{page.url} in {scheme}"
        page.emulate_media(color_scheme="light")

    return check


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[..., None]:
    """A way to photograph a page in both languages for the guide, where ``--pictures`` names a folder."""
    folder = request.config.getoption("--pictures")

    def take(page: Page, name: str, at: str = "") -> None:
        if not folder:
            return
        here = page.url
        # What was typed a moment ago is kept while the page is left; the pictures are of the page after that.
        page.goto(here)
        for language in ("en", "zh"):
            page.request.post(
                f"{here.split('/', 3)[0]}//{here.split('/', 3)[2]}/language",
                form={"language": language, "back": "/"},
                headers={"Origin": "/".join(here.split("/", 3)[:3])},
            )
            page.goto(here)
            page.wait_for_load_state("networkidle")
            if at:
                page.locator(at).first.evaluate("element => element.scrollIntoView({block: 'center'})")
            (Path(folder) / f"{name}-{language}.webp").write_bytes(shrink(page.screenshot()))

    return take


def shrink(screenshot: bytes) -> bytes:
    """Return a picture for the guide: as sharp as a page shows it, and a tenth of the screenshot's bytes."""
    small = io.BytesIO()
    with Image.open(io.BytesIO(screenshot)) as image:
        image.convert("RGB").save(small, "WEBP", quality=PICTURE_QUALITY, method=6)
    return small.getvalue()
