"""What is answered past Flask is what Flask would have answered."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest
from flask import request
from werkzeug.test import Client, TestResponse

from server.web.call import has_known_length
from sync.changeset import Change
from tests.cast import Device
from tests.server.web.conftest import PREFIX, House

_TIMES = re.compile(rb'"(server_time|received_at)":"[^"]*"')

GOOD = "since=0&epoch="
QUERIES = ["", GOOD, "since=x", "since=0&epoch=other", "since=0&epoch=&after=1.2", "since=0&since=9", "since=99999999"]


def ask_both(
    house: House, device: Device, method: str, path: str, query: str, body: bytes, more: Mapping[str, str]
) -> tuple[TestResponse, TestResponse]:
    """Send a request to the application as it is served, and to Flask alone."""
    headers = {**device.headers(method, PREFIX + path, query, body), **more}
    behind = house.app.wsgi_app._behind
    answers = (
        Client(application).open(PREFIX + path, method=method, query_string=query, data=body, headers=headers)
        for application in (house.app, behind)
    )
    first, second = answers
    return first, second


def assert_alike(answers: tuple[TestResponse, TestResponse]) -> None:
    direct, flask = answers
    assert direct.status_code == flask.status_code
    assert {*direct.headers} == {*flask.headers} or direct.content_encoding
    assert direct.headers.get("Content-Encoding") == flask.headers.get("Content-Encoding")
    if not direct.content_encoding:
        assert _TIMES.sub(b"", direct.data) == _TIMES.sub(b"", flask.data)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("more", [{}, {"Signature": "x"}, {"Accept-Encoding": "gzip"}, {"Accept-Encoding": "zstd"}])
def test_a_pull_is_answered_as_by_flask(house: House, wei: Device, query: str, more: dict[str, str]) -> None:
    assert_alike(ask_both(house, wei, "GET", "/pull", query, b"", more))


def test_a_push_is_answered_as_by_flask(house: House, wei: Device) -> None:
    start = Change("work_order", house.ours.order, "update", {"status": "in_progress"}, {"status": "assigned"})
    line = wei.seal("work.start", start) + b"\n"

    for body in (line, line, line[:-1], b"\n", b"", b"x\n", line * 501):
        for more in ({}, {"Content-Encoding": "br"}, {"Content-Encoding": "gzip"}, {"Signature": "x"}):
            assert_alike(ask_both(house, wei, "POST", "/push", "", body, more))


def test_flask_sees_neither_but_all_that_is_unusual(house: House, wei: Device) -> None:
    seen: list[str] = []
    house.app.before_request_funcs[None].insert(0, lambda: seen.append(request.path))

    assert house.ask(wei, "GET", f"/pull?{GOOD}").status_code == 200
    assert house.ask(wei, "POST", "/push", wei.seal("work.start") + b"\n").status_code == 200
    assert seen == []
    assert house.ask(wei, "GET", f"/pull?{GOOD}&after=%00").status_code == 400
    assert house.ask(wei, "GET", "/receipts?from_seq=1").status_code == 200
    assert seen == [f"{PREFIX}/pull", f"{PREFIX}/receipts"]


@pytest.mark.parametrize("length", ["²", "١", "9" * 5000, "-1", "1 ", "0x1"])
def test_a_length_that_is_no_number_is_left_to_flask(length: str) -> None:
    assert not has_known_length({"CONTENT_LENGTH": length}, 1000)
