"""Each reason for silence is found when it holds, and not when it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas import SCHEMA_VERSION
from schemas.fleet import REASONS
from server.domain.fleet import Fare, find_reasons
from server.domain.times import milliseconds

NOON = milliseconds("2026-11-21T12:00:00.000Z")
WELL = Fare(
    state="active",
    is_frozen=False,
    next_seq=8,
    held_sets=0,
    contacted_at="2026-11-21T11:59:00.000Z",
    synced_at="2026-11-21T11:59:00.000Z",
    waiting_sets=0,
    waiting_files=0,
    offset_ms=-1500,
    free_bytes=10**10,
    schema_version=SCHEMA_VERSION,
)
TROUBLES = {
    "revoked": {"state": "revoked"},
    "frozen": {"is_frozen": True},
    "never_heard": {"contacted_at": None, "synced_at": None},
    "never_synced": {"synced_at": None},
    "refused": {"failed_at": "2026-11-21T11:59:30.000Z", "problem": "database_busy"},
    "held_gap": {"held_sets": 3},
    "schema_ahead": {"schema_version": SCHEMA_VERSION + 1},
    "schema_behind": {"schema_version": SCHEMA_VERSION - 1},
    "clock_off": {"offset_ms": -360_000},
    "disk_low": {"free_bytes": 10**8},
    "unsent": {"waiting_sets": 2, "oldest_at": "2026-11-21T09:30:00.000Z"},
    "files_unsent": {"waiting_files": 4},
    "no_contact": {"contacted_at": "2026-11-18T12:00:00.000Z"},
}


def test_of_a_device_that_fares_well_nothing_is_said() -> None:
    assert find_reasons(WELL, NOON) == []


def test_every_reason_of_the_catalogue_is_tried() -> None:
    assert TROUBLES.keys() == REASONS.keys()


@pytest.mark.parametrize("code", TROUBLES)
def test_each_trouble_is_the_reason_and_is_told_in_both_languages(code: str) -> None:
    (reason,) = find_reasons(replace(WELL, **TROUBLES[code]), NOON)  # type: ignore[arg-type]

    assert reason.code == code
    for language in ("zh", "en"):
        assert "{" not in reason.sentence(language)
    assert reason.sentence("zh") != reason.sentence("en")


def test_the_facts_are_in_the_sentences() -> None:
    held = replace(WELL, held_sets=3, waiting_sets=2, oldest_at="2026-11-21T09:30:00.000Z")

    assert [reason.sentence("en") for reason in find_reasons(held, NOON)] == [
        "3 change-sets wait for number 8, which has not come.",
        "2 change-sets are not sent; the oldest is 2 hours old.",
    ]


def test_a_refusal_before_the_last_sync_is_over() -> None:
    over = replace(WELL, failed_at="2026-11-21T11:58:00.000Z", problem="database_busy")

    assert find_reasons(over, NOON) == []


def test_of_a_revoked_device_nothing_else_matters() -> None:
    gone = replace(WELL, state="revoked", is_frozen=True, held_sets=3, contacted_at=None)

    assert [reason.code for reason in find_reasons(gone, NOON)] == ["revoked"]


def test_reasons_come_most_serious_first() -> None:
    codes = list(REASONS)
    several = replace(
        WELL, is_frozen=True, held_sets=1, offset_ms=10**7, waiting_files=1, contacted_at="2026-11-18T12:00:00.000Z"
    )

    found = [codes.index(reason.code) for reason in find_reasons(several, NOON)]

    assert found == sorted(found) and len(found) == 5
