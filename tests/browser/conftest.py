"""Wei's tablet and the desk in a real browser: an office with the demo company, unplugged unless a test plugs it in."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from server.demo.seeding import PASSWORD
from tests.browser.tablet import Office, Tablet, complaints_of_axe, copy_tablet, enrol_tablet

CHROMIUM = "/usr/bin/chromium"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--use-fake-ui-for-media-stream"]
SCREEN = {"width": 1280, "height": 800}
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
    office.seeded_at = datetime.now(UTC)
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


@pytest.fixture(scope="module")
def desk_office(seeded_office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The demo company's server, which answers all the while; what a test writes, the next one of its module finds."""
    office = Office(tmp_path_factory.mktemp("desk") / "office", seeded_at=seeded_office.seeded_at)
    shutil.copytree(seeded_office.folder, office.folder)
    with office.plugged_in():
        yield office


@pytest.fixture
def sign_in(browser: Browser, desk_office: Office) -> Iterator[Callable[..., Page]]:
    """A way to sit somebody down at a screen of his own, signed in; a script that fails fails the test."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def sit_down(login: str = "dana", language: str = "zh-CN", viewport: dict[str, int] = SCREEN) -> Page:
        context = browser.new_context(viewport=viewport, locale=language)  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(LIMIT_MS)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if _is_fault(message) else None)
        page.goto(f"{desk_office.address}/desk/sign-in")
        page.locator("input[name=login]").fill(login)
        page.locator("input[name=password]").fill(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url("**/desk/orders*")
        return page

    yield sit_down
    for context in contexts:
        context.close()
    assert faults == []


@pytest.fixture
def desk(sign_in: Callable[..., Page]) -> Page:
    """The screen of the dispatcher Dana, signed in, in Chinese."""
    return sign_in("dana")


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
        origin = "/".join(here.split("/", 3)[:3])
        chooser = f"{origin}/desk/language" if here.startswith(f"{origin}/desk") else f"{origin}/language"
        # What was typed a moment ago is kept while the page is left; the pictures are of the page after that.
        page.goto(here)
        for language in ("en", "zh"):
            page.request.post(chooser, form={"language": language, "back": "/"}, headers={"Origin": origin})
            page.goto(here)
            # A page that listens for news is never idle; what it still fetches for itself is marked.
            expect(page.locator(".htmx-request")).to_have_count(0)
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
