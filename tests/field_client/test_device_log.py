"""The device's log names the trace its requests carry, stays small, and holds nothing it must not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from field_client.device_log import FILE_BYTES_MAX, FILES_KEPT, close_device_log, open_device_log, tell
from field_client.outbox import Edit
from field_client.telling import CLIENT, read_device_report
from schemas import SCHEMA_VERSION
from sync.blobs import LocalBlob
from sync.device_report import read_report
from sync.trace_context import read_header, shorten
from tests.field_client.office import Office, hang_up
from tests.field_client.scope import ORDER, Tablet
from tests.field_client.test_commands import PIN, Phone, address, enrolled, phone

__all__ = ["address", "enrolled", "phone"]


@pytest.fixture(autouse=True)
def closed_afterwards() -> Iterator[None]:
    """Let go of the file."""
    yield
    close_device_log()


def read_log(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_sync_is_in_the_log_under_the_trace_its_requests_carried(enrolled: Phone, office: Office) -> None:
    office.headers.clear()

    assert enrolled.call("sync").exit_code == 0

    events = read_log(enrolled.folder / "data" / "device.log")
    began = max(index for index, event in enumerate(events) if event["event"] == "sync_began")
    run = events[began:]
    carried = [read_header(headers["traceparent"]) for headers in office.headers]
    assert {event["trace"] for event in run} == {context.trace_id for context in carried if context}
    asked = [(event["path"], event["status"], event["span"]) for event in run if event["event"] == "request"]
    assert asked == [("/api/v1/pull", 200, carried[0].span_id if carried[0] else "")]
    assert run[-1]["event"] == "sync_ended" and "problem" not in run[-1] and run[-1]["is_consistent"] is True


def test_the_number_for_the_hotline_is_the_beginning_of_the_trace(enrolled: Phone, office: Office) -> None:
    office.interfere = hang_up

    failed = enrolled.call("sync", GONGDAN_LANGUAGE="en")

    ended, refused = read_log(enrolled.folder / "data" / "device.log")[-2:]
    assert f"Tell the hotline: {shorten(ended['trace'])}\n" in failed.stderr
    assert (ended["problem"], refused["problem"], refused["command"]) == ("server_unreachable",) * 2 + ("sync",)
    assert failed.exit_code == 1 and "[server_unreachable]" in failed.stderr


def test_nothing_secret_or_personal_is_in_the_log(enrolled: Phone, office: Office) -> None:
    enrolled.call("start", "GD-1", GONGDAN_FIELD_LOG_LEVEL="debug")
    enrolled.call("finish", "GD-1", "--diagnosis", "患者张三的样本")
    enrolled.call("sync", GONGDAN_FIELD_LOG_LEVEL="debug")

    text = (enrolled.folder / "data" / "device.log").read_text()

    assert office.stored
    assert "/api/v1/push" in text
    for secret in (PIN, "CODE", "魏工", "华东医院", "张三", "轴承", "Signature", "GD-1"):
        assert secret not in text


def test_a_crash_is_told_by_its_kind_and_place_alone(enrolled: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError("the customer's telephone number")

    monkeypatch.setattr("field_client.commands.pages.read_status", fail)
    with pytest.raises(ValueError, match="telephone"):
        enrolled.call("status")

    last = read_log(enrolled.folder / "data" / "device.log")[-1]
    assert (last["event"], last["level"], last["error"]) == ("failed", "error", "ValueError")
    assert "telephone" not in json.dumps(last) and last["at_code"][-1].startswith("test_device_log.py:")


def test_the_log_stays_small(tmp_path: Path) -> None:
    open_device_log(tmp_path / "device.log", "info")

    for _ in range(9000):
        tell("request", path="/api/v1/pull", trace="4bf92f3577b34da6a3ce929d0e0e4736", filler="x" * 100)

    files = sorted(tmp_path.iterdir())
    assert len(files) == 1 + FILES_KEPT
    assert all(file.stat().st_size <= FILE_BYTES_MAX for file in files)


def test_a_level_leaves_out_what_is_below_it(tmp_path: Path) -> None:
    open_device_log(tmp_path / "device.log", "warning")

    tell("request")
    tell("request", logging.WARNING, failure="ReadTimeoutError", status=None)

    (event,) = read_log(tmp_path / "device.log")
    assert {**event, "at": ""} == {"at": "", "level": "warning", "event": "request", "failure": "ReadTimeoutError"}


def test_a_log_that_cannot_be_written_disturbs_nobody(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    open_device_log(tmp_path / "missing" / "device.log", "info")
    tell("request")
    full = tmp_path / "device.log"
    full.symlink_to("/dev/full")
    open_device_log(full, "info")

    tell("request")

    assert capfd.readouterr() == ("", "")


def test_pushes_and_pulls_tell_what_waits_on_the_device(enrolled: Phone, office: Office) -> None:
    enrolled.call("start", "GD-1")
    office.queries.clear()

    assert enrolled.call("sync").exit_code == 0

    told = {path: read_report(query["told"]) for path, query in office.queries if "told" in query}
    assert set(told) == {"/push", "/pull"}
    pushed, pulled = told["/push"], told["/pull"]
    assert pushed is not None and pulled is not None
    assert (pushed.waiting_sets, pulled.waiting_sets, pulled.oldest_at) == (1, 0, None)
    assert pushed.oldest_at is not None
    assert (pushed.client, pushed.schema_version) == (CLIENT, SCHEMA_VERSION)
    assert pushed.free_bytes is not None and pushed.free_bytes > 0


def test_files_count_until_the_server_has_verified_them(tablet: Tablet) -> None:
    name = tablet.files.keep(b"strokes", "application/json")
    tablet.outbox.write("order.note", [Edit("work_order", ORDER, {"remedy": "更换"})], [LocalBlob(name, 7, 0)])
    tablet.store.db.execute("UPDATE blobs SET offset = 3")

    before = read_device_report(tablet.store, tablet.path.parent, -1500)
    tablet.store.db.execute("UPDATE blobs SET state = 'verified'")
    after = read_device_report(tablet.store, tablet.path.parent, -1500)

    assert (before.waiting_files, before.waiting_bytes, before.offset_ms) == (1, 4, -1500)
    assert (after.waiting_files, after.waiting_bytes) == (0, 0)
