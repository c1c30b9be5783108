"""The server process dies under load; no receipt it gave is lost, no set is there twice, uploads go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kills.server_kills import Outcome, kill_server

KILLS = 2
"""Each is a start of the server, which takes a second or two; `make kills` makes hundreds."""


def assert_nothing_lost(outcome: Outcome, kills: int) -> None:
    """Fail unless the server was killed as often, had work, and lost nothing."""
    assert outcome.faults == []
    assert outcome.kills == kills
    assert outcome.sets > kills
    assert outcome.files > kills


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_server_that_is_killed_under_load_loses_and_doubles_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_database") if kind == "postgresql" else ""

    outcome = kill_server(tmp_path, KILLS, seed=1, database_url=url)

    assert_nothing_lost(outcome, KILLS)
