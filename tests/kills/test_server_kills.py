"""The server process dies under load; no receipt it gave is lost, no set is there twice, uploads go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kills.resumption import Death, Sending, follow
from tests.kills.server_kills import Outcome, kill_server

KILLS = 2
"""Each is a start of the server, which takes a second or two; `make kills` makes hundreds."""


def assert_nothing_lost(outcome: Outcome, kills: int) -> None:
    """Fail unless the server was killed as often, had work, and lost nothing."""
    assert outcome.faults == []
    assert outcome.kills == kills
    assert outcome.sets > kills
    assert outcome.files > kills
    assert outcome.resumed > 0
    assert outcome.spared_bytes > 0


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_server_that_is_killed_under_load_loses_and_doubles_nothing(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_database") if kind == "postgresql" else ""

    outcome = kill_server(tmp_path, KILLS, seed=1, database_url=url)

    assert_nothing_lost(outcome, KILLS)


def test_what_the_server_had_and_was_sent_again_is_found() -> None:
    deaths, hashes = [Death(10.0, {"u1": 500, "u2": 300})], {"u1": "aa", "u2": "bb"}
    begun_before, gone_on_with = Sending("aa", 0, 9.0), Sending("u1", 500, 11.0)

    sound = follow(deaths, [begun_before, gone_on_with], hashes)
    by_hash = follow(deaths, [gone_on_with, Sending("bb", 0, 12.0)], hashes)
    by_upload = follow(deaths, [Sending("u1", 499, 13.0)], hashes)

    assert (sound.resumed, sound.spared_bytes, sound.faults) == (1, 500, [])
    assert by_hash.faults == ["of upload u2 300 bytes were there, and it was sent from 0 on"]
    assert by_upload.faults == ["of upload u1 500 bytes were there, and it was sent from 499 on"]
