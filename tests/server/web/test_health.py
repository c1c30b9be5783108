"""The server says whether it lives, and what keeps it from working."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.services import readiness
from server.store import schema_state
from tests.server.web.conftest import PREFIX, House


def test_a_process_that_answers_is_alive(house: House) -> None:
    assert house.client().get(f"{PREFIX}/health/live").json["status"] == "ok"


def test_a_database_with_older_tables_is_not_ready(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_state, "newest_revisions", lambda: frozenset({"of_a_later_release"}))

    answer = house.client().get(f"{PREFIX}/health/ready")

    assert answer.status_code == 503
    assert answer.json["checks"] == {"database": "ok", "migrations": "pending", "disk": "ok", "files": "ok"}


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
