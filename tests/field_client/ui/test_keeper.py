"""The device opens with the PIN, locks when nobody is there, and is never open to strangers."""

from __future__ import annotations

import threading

import pytest
from flask.testing import FlaskClient

from field_client.settings import Settings
from field_client.ui.keeper import DeskKeeper, Stage
from field_client.ui.syncing import Syncer
from schemas.problems import Refused
from tests.field_client.ui.conftest import ORIGIN, PIN, TOKEN, Clock


def test_the_device_opens_with_the_pin_and_no_other(keeper: DeskKeeper) -> None:
    assert keeper.stage is Stage.LOCKED
    with pytest.raises(Refused, match="pin_wrong"):
        keeper.open("000000")
    with pytest.raises(Refused, match="device_locked"):
        keeper.desk()

    keeper.open(PIN)

    assert keeper.stage is Stage.OPEN
    assert keeper.desk().store.recall("person_name") == "卫东明"
    keeper.close()


def test_the_device_locks_when_nobody_has_touched_it_for_long(
    keeper: DeskKeeper, settings: Settings, clock: Clock
) -> None:
    keeper.open(PIN)
    clock.now = settings.lock_s - 1
    keeper.touch()
    clock.now += settings.lock_s
    assert keeper.stage is Stage.OPEN

    clock.now += 1

    assert keeper.stage is Stage.LOCKED


def test_an_empty_folder_must_be_enrolled_first(settings: Settings) -> None:
    settings.keyring.unlink()

    assert DeskKeeper(settings).stage is Stage.FIRST


def test_a_script_that_asks_by_itself_does_not_keep_the_device_open(
    browser: FlaskClient, keeper: DeskKeeper, settings: Settings, clock: Clock
) -> None:
    keeper.open(PIN)
    clock.now = settings.lock_s - 1
    assert browser.get("/strip", base_url=ORIGIN, headers={"X-Gongdan-Quiet": "1"}).status_code == 200
    clock.now += 2

    answer = browser.get("/strip", base_url=ORIGIN, headers={"X-Gongdan-Quiet": "1", "HX-Request": "true"})

    assert (answer.status_code, answer.get_json()["code"]) == (423, "device_locked")


def test_a_touch_keeps_it_open(browser: FlaskClient, keeper: DeskKeeper, settings: Settings, clock: Clock) -> None:
    keeper.open(PIN)
    clock.now = settings.lock_s - 1
    assert browser.get("/", base_url=ORIGIN).status_code == 200
    clock.now += settings.lock_s - 1

    assert browser.get("/", base_url=ORIGIN).status_code == 200
    keeper.close()


def test_a_locked_page_shows_the_pin_and_leads_back(browser: FlaskClient, keeper: DeskKeeper) -> None:
    locked = browser.get("/sync", base_url=ORIGIN)
    form = {"pin": PIN, "wanted": "/sync"}
    opened = browser.post("/unlock", data=form, base_url=ORIGIN, headers={"Origin": ORIGIN})

    assert locked.status_code == 423
    assert 'value="/sync"' in locked.text
    assert opened.headers["Location"] == "/sync"
    keeper.close()


@pytest.mark.parametrize("wanted", ["//evil.example", "https://evil.example", "/\\evil.example"])
def test_the_way_back_never_leads_away(browser: FlaskClient, keeper: DeskKeeper, wanted: str) -> None:
    form = {"pin": PIN, "wanted": wanted}
    opened = browser.post("/unlock", data=form, base_url=ORIGIN, headers={"Origin": ORIGIN})

    assert opened.headers["Location"] == "/"
    keeper.close()


@pytest.mark.parametrize(
    ("headers", "base_url"),
    [
        ({"Origin": ORIGIN}, "http://gongdan.evil.example:8377"),
        ({"Origin": "http://evil.example"}, ORIGIN),
        ({"Origin": "null"}, ORIGIN),
        ({"Sec-Fetch-Site": "cross-site"}, ORIGIN),
        ({}, ORIGIN),
    ],
)
def test_a_foreign_page_changes_nothing(
    browser: FlaskClient, keeper: DeskKeeper, headers: dict[str, str], base_url: str
) -> None:
    keeper.open(PIN)
    host = base_url.removeprefix("http://")
    answer = browser.post("/lock", base_url=base_url, headers={**headers, "Host": host})

    assert answer.status_code == 403
    assert keeper.stage is Stage.OPEN
    keeper.close()


def test_whoever_does_not_know_the_secret_sees_nothing(browser: FlaskClient, keeper: DeskKeeper) -> None:
    keeper.open(PIN)
    stranger = browser.application.test_client()
    stranger.environ_base["HTTP_HOST"] = ORIGIN.removeprefix("http://")
    guessed = stranger.get("/enter?token=" + "x" * len(TOKEN), base_url=ORIGIN)

    assert stranger.get("/", base_url=ORIGIN).status_code == guessed.status_code == 403
    assert "卫东明" not in stranger.get("/", base_url=ORIGIN).text
    keeper.close()


def test_every_page_forbids_what_it_does_not_need(browser: FlaskClient, keeper: DeskKeeper) -> None:
    keeper.open(PIN)
    headers = browser.get("/", base_url=ORIGIN).headers

    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Cache-Control"] == "no-store"
    assert "camera=(self)" in headers["Permissions-Policy"]
    keeper.close()


def test_a_sync_runs_beside_the_pages_and_tells_what_stopped_it(keeper: DeskKeeper, syncer: Syncer) -> None:
    keeper.open(PIN)

    assert syncer.start()
    syncer.wait()

    report = syncer.view.report
    assert report is not None
    assert report.fault is not None
    assert report.fault.code == "server_unreachable"
    assert not syncer.view.is_running
    keeper.close()


def test_syncs_begin_by_themselves_when_due_and_only_while_open(
    keeper: DeskKeeper, syncer: Syncer, settings: Settings, clock: Clock
) -> None:
    assert not syncer.start_when_due()
    keeper.open(PIN)
    assert syncer.start_when_due()
    syncer.wait()
    assert not syncer.start_when_due()

    clock.now += settings.sync_every_s

    assert syncer.start_when_due()
    syncer.wait()
    keeper.close()


def test_a_request_and_the_timer_never_wait_for_each_other_for_ever(keeper: DeskKeeper, syncer: Syncer) -> None:
    keeper.open(PIN)
    ends = []

    def press() -> None:
        with keeper.lock:
            keeper.desk()
            ends.append(syncer.start())

    threads = [threading.Thread(target=press) for _ in range(4)]
    threads += [threading.Thread(target=lambda: ends.append(syncer.start_when_due())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    syncer.wait()

    assert len(ends) == 8
    assert any(ends)
    keeper.close()
