"""Every request leaves one line that names its trace, its counts, and nothing that a caller wrote."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import select

from schemas.problems import Refused
from server.event_log import EVENTS, JsonLines, TextLines
from server.services import devices
from server.store.database import reading
from server.store.tables import Contact, LogEntry
from sync import receipt
from sync.device_report import DeviceReport, spell_report
from sync.trace_context import TraceContext
from tests.cast import PASSWORD, Device
from tests.server.builders import photo, update
from tests.server.web.conftest import PREFIX, House, problem_of

CALLER = TraceContext("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")
TRACED = {"traceparent": CALLER.header}
CHANGE_SETS = {"Content-Type": "application/vnd.gongdan.change-sets"}


class Lines(logging.Handler):
    """Keeps what would be written, as it would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.written: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(self.format(record))

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The lines of requests, without what differs at every run."""
        read = [json.loads(line) for line in self.written]
        return [
            {k: v for k, v in line.items() if k not in ("at", "ms", "span")}
            for line in read
            if line["event"] == "request"
        ]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """The event log of this process."""
    handler, level = Lines(), EVENTS.level
    EVENTS.addHandler(handler)
    EVENTS.setLevel(logging.DEBUG)
    yield handler
    EVENTS.removeHandler(handler)
    EVENTS.setLevel(level)


def push(house: House, device: Device, *lines: bytes, **headers: str) -> list[receipt.Receipt]:
    answer = house.ask(
        device, "POST", "/push", b"".join(line + b"\n" for line in lines), headers={**CHANGE_SETS, **headers}
    )
    assert answer.status_code == 200, answer.text
    return [receipt.load(text) for text in answer.data.splitlines()]


def contact_of(house: House, device: Device) -> Any:
    house.parts.contacts.write()
    with reading(house.parts.engine) as connection:
        return connection.execute(select(Contact.__table__).where(Contact.device == device.id)).first()


def figures(house: House) -> dict[str, float]:
    """Return every sample as it is scraped: name and labels -> value."""
    text = generate_latest(house.parts.metrics.registry).decode()
    return {
        "".join([sample.name, *(f" {value}" for _, value in sorted(sample.labels.items()))]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_a_push_is_told_with_its_trace_verdicts_and_positions(house: House, wei: Device, lines: Lines) -> None:
    order = house.ours.order
    sets = [wei.seal("photo.take", photo(order)), wei.seal("photo.take", photo(order))]
    lost = wei.seal("work.note", update("customer", house.ours.chen, name=("陈氏实验室", "秘密")))

    receipts = push(house, wei, *sets, lost, **TRACED)

    (line,) = lines.requests
    positions = [found.position for found in receipts]
    assert line.pop("received_bytes") and line.pop("sent_bytes")
    assert line == {
        "level": "info",
        "event": "request",
        "trace": CALLER.trace_id,
        "method": "POST",
        "route": "/api/v1/push",
        "status": 200,
        "organisation": house.ours.organisation,
        "device": wei.id,
        "person": house.ours.wei,
        "verdicts": {"applied": 2, "refused": 1},
        "refusals": ["writer_not_allowed"],
        "first_position": positions[0],
        "last_position": positions[-1],
    }
    with reading(house.parts.engine) as connection:
        where = (LogEntry.organisation == house.ours.organisation, LogEntry.position == positions[0])
        assert connection.execute(select(LogEntry.__table__.c.trace_id).where(*where)).scalar_one() == CALLER.trace_id


@pytest.mark.parametrize(
    ("method", "path", "status", "route", "problem"),
    [
        ("GET", "/pull?since=0&epoch=", 401, "/api/v1/pull", "request_not_signed"),
        ("GET", "/orders", 401, "/api/v1/orders", "not_signed_in"),
        ("GET", "/orders/GD-SECRET", 401, "/api/v1/orders/<order_id>", "not_signed_in"),
        ("GET", "/secret/place?token=secret", 404, "unmatched", "not_found"),
        ("DELETE", "/push", 405, "unmatched", "method_not_allowed"),
        ("BREW", "/secret", 404, "unmatched", "not_found"),
    ],
)
def test_a_refusal_is_told_by_its_code_and_route_and_nothing_the_caller_wrote(
    house: House, lines: Lines, method: str, path: str, status: int, route: str, problem: str
) -> None:
    answer = house.client().open(PREFIX + path, method=method, headers={"Cookie": "a=secret", "X-Secret": "secret"})

    (line,) = lines.requests
    assert answer.status_code == line["status"] == status
    assert (line["route"], line["problem"]) == (route, problem)
    assert len(line["trace"]) == 32 and "device" not in line
    assert "secret" not in "".join(lines.written).lower()


def test_neither_passwords_nor_cookies_nor_tokens_are_in_the_log(house: House, wei: Device, lines: Lines) -> None:
    browser = house.sign_in("dana")
    browser.get(f"{PREFIX}/orders")
    token = house.ask(wei, "POST", "/token", b"{}", headers={"Content-Type": "application/json"}).json["token"]
    house.client().get(f"{PREFIX}/pull?since=0&epoch=", headers={"Authorization": f"Bearer {token}"})

    text = "".join(lines.written)
    cookie = browser.get_cookie("gongdan_session")
    assert [line["status"] for line in lines.requests] == [200, 200, 200, 200]
    assert lines.requests[1]["person"] == house.ours.dana
    assert cookie is not None
    for secret in (PASSWORD, token, cookie.value, "dana", "Wei"):
        assert secret not in text


def test_a_failure_has_its_stack_in_the_log_and_its_number_in_the_answer(
    house: House, wei: Device, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("inside")

    monkeypatch.setattr(devices, "find_signer", fail)
    answer = house.ask(wei, "GET", "/pull?since=0&epoch=", headers=TRACED)

    assert problem_of(answer) == "internal"
    assert answer.json["trace"] == CALLER.trace_id[:8]
    failed = json.loads(lines.written[0])
    assert failed["trace"] == CALLER.trace_id and "ZeroDivisionError: inside" in failed["stack"]
    assert [(line["level"], line["status"]) for line in lines.requests] == [("error", 500)]


def test_health_is_told_only_to_who_wants_every_detail_or_when_it_is_bad(house: House, lines: Lines) -> None:
    EVENTS.setLevel(logging.INFO)

    house.client().get(f"{PREFIX}/health/live")
    assert lines.written == []

    EVENTS.setLevel(logging.DEBUG)
    house.client().get(f"{PREFIX}/health/live")
    assert [line["level"] for line in lines.requests] == ["debug"]


def test_text_for_people_says_the_same(house: House, lines: Lines) -> None:
    lines.setFormatter(TextLines())

    house.client().get(f"{PREFIX}/orders", headers=TRACED)

    (line,) = lines.written
    assert f'trace="{CALLER.trace_id}"' in line and 'problem="not_signed_in"' in line and " request " in line


def test_requests_and_sets_are_counted(house: House, wei: Device) -> None:
    order = house.ours.order
    push(house, wei, wei.seal("photo.take", photo(order)), wei.seal("photo.take", photo(order)))
    push(house, wei, wei.seal("work.note", update("customer", house.ours.chen, name=("陈氏实验室", "改"))))
    house.client().get(f"{PREFIX}/orders")
    house.client().open("/x", method="BREW")

    found = figures(house)

    assert found["gongdan_requests_total POST /api/v1/push 200"] == 2
    assert found["gongdan_requests_total GET /api/v1/orders 401"] == 1
    assert found["gongdan_requests_total OTHER unmatched 404"] == 1
    assert found["gongdan_request_seconds_count /api/v1/push"] == 2
    assert found["gongdan_problems_total not_signed_in"] == 1
    assert (found["gongdan_change_sets_total applied"], found["gongdan_change_sets_total refused"]) == (2, 1)
    assert found["gongdan_refused_sets_total writer_not_allowed"] == 1
    assert (found["gongdan_commit_sets_sum"], found["gongdan_commit_sets_count"]) == (3, 2)


def test_a_device_is_heard_of_with_what_it_told_and_how_far_it_came(house: House, wei: Device) -> None:
    report = DeviceReport(3, "2026-11-20T08:00:00.000Z", 2, 8_388_608, -1500, 1, "gongdan-field/0.1.0", 52_428_800)

    head = json.loads(house.ask(wei, "GET", f"/pull?since=0&epoch=&told={spell_report(report)}").data.splitlines()[0])

    found = contact_of(house, wei)
    assert found.contacted_at == found.synced_at == found.told_at
    assert found.position == head["until"]
    assert (found.waiting_sets, found.waiting_files, found.waiting_bytes) == (3, 2, 8_388_608)
    assert found.oldest_at == "2026-11-20T07:59:58.500Z"
    assert (found.offset_ms, found.client, found.free_bytes) == (-1500, "gongdan-field/0.1.0", 52_428_800)
    assert found.problem is None


def test_a_device_that_is_refused_is_heard_of_with_the_reason(house: House, wei: Device) -> None:
    house.ask(wei, "GET", "/pull?since=0&epoch=")
    refused = house.ask(wei, "GET", "/pull?since=0&epoch=another")

    found = contact_of(house, wei)
    assert found.problem == problem_of(refused) == "feed_epoch_changed"
    assert found.synced_at is not None and found.failed_at >= found.synced_at


def test_a_revoked_device_is_heard_of_and_a_stranger_is_not(house: House, wei: Device) -> None:
    stranger = Device(house.ours.organisation, house.ours.wei, wei.id)
    assert problem_of(house.ask(stranger, "GET", "/pull?since=0&epoch=")) == "request_not_signed"
    assert contact_of(house, wei) is None

    devices.revoke(house.parts.office, house.ours.organisation, house.ours.dana, wei.id)
    assert problem_of(house.ask(wei, "GET", "/pull?since=0&epoch=")) == "device_revoked"
    assert contact_of(house, wei).problem == "device_revoked"


def test_a_database_that_is_away_forgets_nothing_that_was_heard(
    house: House, wei: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.ask(wei, "GET", "/pull?since=0&epoch=")

    def be_busy(*_: object) -> None:
        raise Refused("database_busy")

    with monkeypatch.context() as patched:
        patched.setattr("server.services.contacts.write_contacts", be_busy)
        with pytest.raises(Refused):
            house.parts.contacts.write()
    house.ask(wei, "GET", "/pull?since=0&epoch=another")

    found = contact_of(house, wei)
    assert found.synced_at is not None and found.problem == "feed_epoch_changed"
    assert house.parts.contacts.write() == 0
