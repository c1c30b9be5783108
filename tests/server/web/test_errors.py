"""Every refusal and failure is one kind of document, in two languages."""

from __future__ import annotations

import logging

import pytest
from flask import Response

from schemas.problems import PROBLEMS, Fault, Refused
from server.event_log import JsonLines
from server.services import devices
from server.web.errors import PROBLEM_TYPE, RETRY_AFTER_S, render_problem
from tests.cast import Device
from tests.server.web.conftest import PREFIX, House, problem_of


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_of_the_catalogue_can_be_answered(house: House, code: str) -> None:
    facts = {"detail": "why", "limit": 5, "status": "not the member", "server_time": "2026-11-21T00:00:00Z"}
    with house.app.test_request_context():
        answer = render_problem(Fault(code, facts))

    assert answer.mimetype == PROBLEM_TYPE
    assert answer.status_code == PROBLEMS[code].status == answer.json["status"]
    assert (answer.json["code"], answer.json["retry"]) == (code, PROBLEMS[code].retry)
    assert answer.json["detail"] == "why" and answer.json["limit"] == 5


@pytest.mark.parametrize(
    ("accepted", "detail"),
    [("zh-CN,zh;q=0.9,en;q=0.5", "请先登录。"), ("en-GB", "Sign in first."), ("fr", "Sign in first.")],
)
def test_the_detail_is_in_the_readers_language(house: House, accepted: str, detail: str) -> None:
    answer = house.client().get(f"{PREFIX}/orders", headers={"Accept-Language": accepted})

    assert answer.json["detail"] == detail
    assert (answer.json["title"], answer.json["title_zh"]) == ("Sign in first.", "请先登录。")


def test_an_address_nobody_has_and_a_method_it_does_not_take(house: House) -> None:
    nowhere = house.client().get(f"{PREFIX}/nowhere/<script>")
    wrong = house.client().delete(f"{PREFIX}/push")

    assert problem_of(nowhere) == "not_found"
    assert problem_of(wrong) == "method_not_allowed"
    assert "POST" in wrong.headers["Allow"]


def test_a_busy_database_says_when_to_come_back(house: House, wei: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def be_busy(*_: object) -> None:
        raise Refused("database_busy")

    monkeypatch.setattr(devices, "find_signer", be_busy)
    answer = house.ask(wei, "GET", "/pull?since=0&epoch=")

    assert problem_of(answer) == "database_busy"
    assert answer.headers["Retry-After"] == str(RETRY_AFTER_S)


def test_a_failure_nobody_foresaw_is_logged_under_what_the_answer_names(
    house: House, wei: Device, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> Response:
        raise ZeroDivisionError("the secret inside")

    monkeypatch.setattr(devices, "find_signer", fail)
    caplog.handler.setFormatter(JsonLines())
    with caplog.at_level(logging.ERROR):
        answer = house.ask(wei, "GET", "/pull?since=0&epoch=")

    assert problem_of(answer) == "internal"
    assert "secret" not in answer.text
    assert answer.json["trace"] in caplog.text and "the secret inside" in caplog.text
