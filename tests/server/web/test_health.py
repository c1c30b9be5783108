"""The server says whether it lives, and what keeps it from working."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from schemas.problems import Refused
from server.domain.times import milliseconds
from server.services import readiness
from server.services.readiness import CLOCK_BEHIND_MS, SENTENCES, Readiness, explain
from server.store import schema_state
from server.store.database import reading
from server.store.pulse import newest_instant
from server.store.tables import Contact
from tests.server.web.conftest import PREFIX, House


def test_a_process_that_answers_is_alive(house: House) -> None:
    assert house.client().get(f"{PREFIX}/health/live").json["status"] == "ok"


def test_a_database_with_older_tables_is_not_ready(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_state, "newest_revisions", lambda: frozenset({"of_a_later_release"}))

    answer = house.client().get(f"{PREFIX}/health/ready")

    assert answer.status_code == 503
    assert answer.json["checks"] == {"database": "ok", "migrations": "pending", "disk": "ok", "files": "ok"}
    (reason,) = answer.json["reasons"]
    assert (reason["check"], reason["code"]) == ("migrations", "pending")
    assert "gongdan-server migrate" in reason["zh"] and "gongdan-server migrate" in reason["en"]


def test_a_server_at_work_says_what_it_looked_at(house: House) -> None:
    answer = house.client().get(f"{PREFIX}/health/ready")

    checks = dict.fromkeys(("database", "migrations", "writing", "clock", "disk", "files"), "ok")
    assert answer.json == {"status": "ok", "checks": checks, "reasons": []}


def test_too_little_room_is_not_ready(house: House) -> None:
    settings = replace(house.parts.settings, disk_free_bytes_min=2**62)
    ready = Readiness(settings, house.parts.engine, house.parts.files)

    assert ready.read()["disk"] == "disk_low"
    assert [reason["code"] for reason in explain(ready.read())] == ["disk_low"]


def test_a_clock_behind_the_log_is_not_ready(house: House) -> None:
    with reading(house.parts.engine) as connection:
        newest = newest_instant(connection)
    assert newest is not None
    latest_ms = milliseconds(newest) - CLOCK_BEHIND_MS

    assert readiness.check_clock(house.parts.engine, latest_ms - 1) == {"clock": "clock_behind"}
    assert readiness.check_clock(house.parts.engine, latest_ms) == {"clock": "ok"}


def test_a_write_that_was_tried_leaves_nothing(house: House) -> None:
    assert readiness.check_writing(house.parts.engine) == {"writing": "ok"}

    with reading(house.parts.engine) as connection:
        assert connection.execute(select(Contact.__table__)).all() == []


def test_a_database_that_takes_no_writes_is_not_ready(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def be_busy(*_: object) -> None:
        raise Refused("database_busy")

    monkeypatch.setattr(readiness, "try_writing", be_busy)

    answer = house.client().get(f"{PREFIX}/health/ready")

    assert answer.status_code == 503
    assert [(reason["check"], reason["code"]) for reason in answer.json["reasons"]] == [("writing", "database_busy")]


def test_while_a_check_hangs_everybody_is_answered_soon_and_one_check_runs(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, begun = threading.Event(), []

    def hang(*_: object) -> dict[str, str]:
        begun.append(1)
        may_end.wait()
        return {"database": "ok"}

    monkeypatch.setattr(readiness, "check_everything", hang)
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.01)
    ready = Readiness(house.parts.settings, house.parts.engine, house.parts.files)

    assert [ready.read() for _ in range(3)] == [{"checks": "check_slow"}] * 3
    assert len(begun) == 1
    monkeypatch.setattr(readiness, "PATIENCE_S", 30)
    may_end.set()
    assert ready.read() == {"database": "ok"}


def test_a_good_answer_is_repeated_while_the_next_check_is_slow_but_not_for_ever(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready = Readiness(house.parts.settings, house.parts.engine, house.parts.files)
    good, may_end = ready.read(), threading.Event()
    monkeypatch.setattr(readiness, "FRESH_S", 0)
    monkeypatch.setattr(readiness, "SETTLED_WAIT_S", 0.01)
    monkeypatch.setattr(readiness, "PATIENCE_S", 0.01)
    monkeypatch.setattr(readiness, "check_everything", lambda *_: may_end.wait() and good)

    assert ready.read() == good
    monkeypatch.setattr(readiness, "TRUSTED_S", 0)
    assert ready.read() == {"checks": "check_slow"}
    may_end.set()


def test_every_code_has_a_sentence() -> None:
    for code in (*SENTENCES, "database_busy", "disk_full", "file_storage_away"):
        (reason,) = explain({"any": code})
        assert reason["zh"] and reason["en"]


def test_a_database_that_cannot_be_read_is_not_ready(house: House) -> None:
    house.parts.engine.dispose()
    for file in house.parts.settings.data.glob("gongdan.sqlite*"):
        file.unlink()
    (house.parts.settings.data / "gongdan.sqlite").mkdir()

    answer = house.client().get(f"{PREFIX}/health/ready")

    assert answer.status_code == 503
    assert answer.json["checks"]["database"] == "database_busy"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    assert readiness.check_disk(tmp_path) == {"disk": "ok"}
    assert readiness.check_disk(tmp_path / "missing") == {"disk": "not_writable"}
