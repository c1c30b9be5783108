"""The real client and the real server over links that lose, delay and break: all arrives, once, sets before photos.

The links are crossed side by side, each by a device and a server of its own. `make networks`
brings more over worse ones.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from field_client.transport import BLOCK_BYTES
from field_client.transport_line import UNSENT_BYTES
from field_client.transport_tcp import UNDER_WAY_LEAST_BYTES
from tests.network.link import Conditions
from tests.network.stage import Sent, stage

LIMIT_S = 300
SECOND_GENERATION = "second generation"
FORGETFUL = "forgetful"
HARSH = "harsh"


@dataclass(frozen=True)
class Case:
    """A link, and what goes over it."""

    conditions: Conditions
    sets: int
    photos: int
    photo_bytes: int


CASES = {
    SECOND_GENERATION: Case(Conditions(20_000, 0.15, 0.05, 0.02, 4, 1, seed=3), 20, 2, 25_000),
    FORGETFUL: Case(
        Conditions(60_000, 0.05, 0, 0.01, 6, 0.5, forgets=True, queue_bytes=16_000, seed=7), 20, 1, 350_000
    ),
    HARSH: Case(Conditions(10_000, 0.3, 0.1, 0.3, 8, 1, seed=5), 4, 4, 3_000),
}

Crossings = dict[str, Future[Sent]]


@pytest.fixture(scope="module")
def crossings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Crossings]:
    """What it cost to cross each link."""
    with ThreadPoolExecutor(len(CASES)) as pool:
        yield {name: pool.submit(cross, tmp_path_factory.mktemp("stage"), case) for name, case in CASES.items()}


def cross(folder: Path, case: Case) -> Sent:
    """Bring the work over; fail unless all is there, once and in order, and sets came before files."""
    with stage(folder) as built:
        built.fill(case.sets, case.photos, case.photo_bytes)
        sent = built.sync(case.conditions, LIMIT_S)
        arrived = built.arrived()
    assert arrived.seqs == list(range(1, case.sets + 1))
    assert set(arrived.verdicts) == {"applied"}
    assert arrived.files == ["verified"] * (2 * case.photos)
    waiting_as_files_began = [waiting for run in sent.runs for step, _, waiting in run["steps"] if step == "files"]
    assert waiting_as_files_began == [0] * len(waiting_as_files_began)
    assert sent.link["cuts"] >= 1
    return sent


def test_over_a_second_generation_line_with_cuts_no_more_is_sent_twice_than_waited_unsent(crossings: Crossings) -> None:
    sent = crossings[SECOND_GENERATION].result()

    assert sent.handed_bytes - sent.payload_bytes <= sent.link["cuts"] * (UNSENT_BYTES + BLOCK_BYTES), sent


def test_connections_that_die_without_a_word_cost_no_more_than_was_under_way(crossings: Crossings) -> None:
    under_way_bytes = UNDER_WAY_LEAST_BYTES + UNSENT_BYTES + 2 * BLOCK_BYTES

    sent = crossings[FORGETFUL].result()

    assert sent.handed_bytes - sent.payload_bytes <= sent.link["cuts"] * under_way_bytes, sent


def test_where_a_third_is_lost_sets_arrive_and_then_photos(crossings: Crossings) -> None:
    sent = crossings[HARSH].result()

    assert sent.link["up_lost_packets"] > sent.link["up_packets"] / 5
    assert sent.resent <= 0.2, sent
