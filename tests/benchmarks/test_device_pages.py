"""Every page is measured: the benchmark finds an address for each route, and the page is there."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from benchmarks.device_pages import SHOWN, find_addresses
from benchmarks.device_year import PIN, Year, make_device, make_records
from benchmarks.workload import make_catalogue
from field_client.device_log import close_device_log
from field_client.ui.app import create_ui
from field_client.ui.guard import COOKIE
from field_client.ui.keeper import DeskKeeper
from field_client.ui.pages.today import FIRST_SHOWN
from field_client.ui.syncing import Syncer
from schemas import kind_of

SMALL = Year(open_orders=FIRST_SHOWN + 4, finished_orders=4, machines=8, parts=40, batches=10)
PORT = 8377


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskKeeper]:
    """An engineer's device with a small year on it, open."""
    desk = make_device(tmp_path_factory.mktemp("device"), SMALL)
    desk.store.close()
    keeper = DeskKeeper(desk.settings)
    keeper.open(PIN)
    yield keeper
    keeper.close()
    close_device_log()


@pytest.fixture
def browser(keeper: DeskKeeper) -> FlaskClient:
    """The browser of the person at the device."""
    client = create_ui(keeper, Syncer(keeper), "secret", PORT).test_client()
    client.set_cookie(COOKIE, "secret", domain="127.0.0.1")
    return client


def test_every_page_is_measured_and_is_there(keeper: DeskKeeper, browser: FlaskClient) -> None:
    addresses = find_addresses(keeper.desk())

    answers = {
        address: browser.get(address, base_url=f"http://127.0.0.1:{PORT}", buffered=True)
        for address in addresses.values()
    }

    assert len(addresses) > 10
    assert {address: answer.status for address, answer in answers.items() if answer.status_code not in SHOWN} == {}


def test_today_begins_with_the_first_orders_and_has_all_one_touch_away(browser: FlaskClient) -> None:
    first, every = (browser.get(path, base_url=f"http://127.0.0.1:{PORT}").text for path in ("/", "/?all=1"))

    assert first.count('href="/orders/') == FIRST_SHOWN
    assert 'href="/?all=1"' in first
    assert every.count('href="/orders/') == SMALL.open_orders
    assert 'href="/?all=1"' not in every


def test_what_the_device_holds_is_valid() -> None:
    records = make_records(random.Random(1), make_catalogue(1, SMALL.machines), SMALL)

    kinds = {record.kind: kind_of(record.kind) for record in records}
    wrong = [
        record for record in records if (kind := kinds[record.kind]) is None or kind.schema().validate(record.values)
    ]

    assert wrong == []
