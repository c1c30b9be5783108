"""The real client and the real server over links that lose, delay and break: all arrives, once, sets before photos.

One device and one server for all; each test brings further work over a link of its own. `make networks` brings more.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from field_client.transport import BLOCK_BYTES
from field_client.transport_line import UNSENT_BYTES
from field_client.transport_tcp import UNDER_WAY_LEAST_BYTES
from tests.network.link import Conditions
from tests.network.stage import Sent, Stage, stage

SETS = 20
LIMIT_S = 300

SECOND_GENERATION = Conditions(
    rate_bytes_s=20_000, delay_s=0.3, jitter_s=0.1, loss=0.02, cut_every_s=6, cut_for_s=2, seed=3
)
FORGETFUL = Conditions(
    rate_bytes_s=60_000, delay_s=0.05, loss=0.01, cut_every_s=5, cut_for_s=1, forgets=True, queue_bytes=16_000, seed=7
)
HARSH = Conditions(rate_bytes_s=10_000, delay_s=0.55, jitter_s=0.1, loss=0.3, cut_every_s=10, cut_for_s=1, seed=5)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A server and Wei's device, which has synced."""
    with stage(tmp_path_factory.mktemp("stage")) as built:
        yield built


def bring(built: Stage, conditions: Conditions, photo_bytes: int, photos: int, sets: int = SETS) -> Sent:
    """Bring some more work over a link; fail unless all is there, once and in order, and sets came before files."""
    before = built.arrived()
    built.fill(sets, photos, photo_bytes, seed=len(before.seqs))
    sent = built.sync(conditions, LIMIT_S)
    arrived = built.arrived()
    assert arrived.seqs == list(range(1, len(before.seqs) + sets + 1))
    assert set(arrived.verdicts) == {"applied"}
    assert arrived.files == ["verified"] * (len(before.files) + 2 * photos)
    waiting_as_files_began = [waiting for run in sent.runs for step, _, waiting in run["steps"] if step == "files"]
    assert waiting_as_files_began == [0] * len(waiting_as_files_began)
    assert sent.link["cuts"] >= 1
    return sent


def test_over_a_second_generation_line_with_cuts_no_more_is_sent_twice_than_waited_unsent(built: Stage) -> None:
    sent = bring(built, SECOND_GENERATION, 20_000, photos=1)

    assert sent.handed_bytes - sent.payload_bytes <= sent.link["cuts"] * (UNSENT_BYTES + BLOCK_BYTES), sent


def test_connections_that_die_without_a_word_cost_no_more_than_was_under_way(built: Stage) -> None:
    under_way_bytes = UNDER_WAY_LEAST_BYTES + UNSENT_BYTES + 2 * BLOCK_BYTES

    sent = bring(built, FORGETFUL, 200_000, photos=1)

    assert sent.handed_bytes - sent.payload_bytes <= sent.link["cuts"] * under_way_bytes, sent


def test_where_a_third_is_lost_sets_arrive_and_photos_after_them_over_several_connections(built: Stage) -> None:
    sent = bring(built, HARSH, 4_000, sets=4, photos=3)

    assert sent.link["up_lost_packets"] > sent.link["up_packets"] / 5
    assert sent.link["connections"] > 2, "a lane of its own for each of several files"
    assert sent.resent <= 0.2, sent
