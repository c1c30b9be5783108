"""What goes wrong is said in a sentence with its code, in the person's language, and nothing typed is lost."""

from __future__ import annotations

import pytest
from flask.testing import FlaskClient

from field_client.drafts import read_draft
from field_client.ui.keeper import DeskKeeper
from tests.field_client.ui.conftest import ORIGIN, PIN, PORT

OURS = {"Origin": ORIGIN}


@pytest.fixture
def opened(browser: FlaskClient, keeper: DeskKeeper) -> FlaskClient:
    """The pages of an open device."""
    keeper.open(PIN)
    return browser


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/sync", 405, "method_not_allowed"),
        ("POST", "/drafts/discard", 400, "malformed"),
        ("GET", "/orders/00000000-0000-7000-8000-000000000000", 404, "not_found"),
        ("POST", "/orders/x/undo?seq=first", 422, "value_invalid"),
        ("PUT", "/drafts", 400, "malformed"),
    ],
)
def test_a_wrong_request_is_answered_by_a_page(
    opened: FlaskClient, method: str, path: str, status: int, code: str
) -> None:
    answer = opened.open(path, method=method, base_url=ORIGIN, headers=OURS)

    assert answer.status_code == status
    assert f"<code>{code}</code>" in answer.text


def test_another_device_s_pages_on_this_machine_do_not_push_these_out(opened: FlaskClient) -> None:
    opened.set_cookie("gongdan_token_9000", "another device's", domain="127.0.0.1")
    opened.set_cookie("gongdan_token", "another device's", domain="127.0.0.1")

    assert opened.get("/", base_url=ORIGIN).status_code == 200
    opened.delete_cookie(f"gongdan_token_{PORT}", domain="127.0.0.1")
    assert "<code>page_not_yours</code>" in opened.get("/", base_url=ORIGIN).text


def test_a_script_is_answered_in_json(opened: FlaskClient) -> None:
    answer = opened.get("/nowhere", base_url=ORIGIN, headers={"X-Gongdan-Script": "1"})

    assert answer.get_json()["code"] == "not_found"


def test_what_was_typed_into_a_refused_form_stands_there_again(opened: FlaskClient, keeper: DeskKeeper) -> None:
    form = {"draft": "order:x:findings", "back": "/sync", "diagnosis": "控制板", "extra": "1"}
    answer = opened.post("/orders/x/findings", data=form, base_url=ORIGIN, headers=OURS)

    assert (answer.status_code, answer.headers["Location"]) == (303, "/sync")
    typed = read_draft(keeper.desk().store, "order:x:findings")
    assert typed == {"diagnosis": ["控制板"], "extra": ["1"]}
    assert "<code>not_found</code>" in opened.get("/sync", base_url=ORIGIN).text
    assert "<code>not_found</code>" not in opened.get("/sync", base_url=ORIGIN).text


def test_what_fails_inside_is_said_and_told_to_the_log(
    opened: FlaskClient, keeper: DeskKeeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("field_client.ui.pages.today.list_today", fail)
    answer = opened.get("/", base_url=ORIGIN)

    assert answer.status_code == 500
    assert "<code>internal</code>" in answer.text
    assert "ZeroDivisionError" in keeper.settings.log.read_text(encoding="utf-8")


def test_the_language_is_remembered_by_the_browser(opened: FlaskClient) -> None:
    assert "<h1>今天</h1>" in opened.get("/", base_url=ORIGIN).text
    opened.post("/language", data={"language": "en", "back": "/"}, base_url=ORIGIN, headers=OURS)

    assert "<h1>Today</h1>" in opened.get("/", base_url=ORIGIN).text
