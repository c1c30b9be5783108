"""The real client and the real server over links that lose, delay and break: all arrives, once, sets before photos."""

from __future__ import annotations

from pathlib import Path

from field_client.transport import BLOCK_BYTES
from field_client.transport_line import UNSENT_BYTES
from tests.network.link import Conditions
from tests.network.stage import Sent, Stage, stage

SETS, PHOTOS = 40, 2
FILES = 2 * PHOTOS
LIMIT_S = 300

SECOND_GENERATION = Conditions(
    rate_bytes_s=20_000, delay_s=0.3, jitter_s=0.1, loss=0.02, cut_every_s=8, cut_for_s=2, seed=3
)
FORGETFUL = Conditions(
    rate_bytes_s=60_000, delay_s=0.05, loss=0.01, cut_every_s=12, cut_for_s=1, forgets=True, queue_bytes=16_000, seed=7
)


def expect_all_there(built: Stage, sent: Sent) -> None:
    """Fail unless each set was taken in once and in order, each file was verified, and sets came before files."""
    arrived = built.arrived()
    assert arrived.seqs == list(range(1, SETS + 1))
    assert set(arrived.verdicts) == {"applied"}
    assert arrived.files == ["verified"] * FILES
    waiting_as_files_began = [waiting for run in sent.runs for step, _, waiting in run["steps"] if step == "files"]
    assert waiting_as_files_began == [0] * len(waiting_as_files_began)


def test_over_a_second_generation_line_with_cuts_no_more_is_sent_twice_than_waited_unsent(tmp_path: Path) -> None:
    with stage(tmp_path) as built:
        built.fill(SETS, PHOTOS, 40_000)
        sent = built.sync(SECOND_GENERATION, LIMIT_S)

        expect_all_there(built, sent)
    assert sent.handed_bytes - sent.payload_bytes <= sent.link["cuts"] * (UNSENT_BYTES + BLOCK_BYTES), sent


def test_connections_that_die_without_a_word_cost_no_more_than_was_under_way(tmp_path: Path) -> None:
    way_s = 4 * FORGETFUL.delay_s
    under_way_bytes = FORGETFUL.queue_bytes + FORGETFUL.rate_bytes_s * way_s + UNSENT_BYTES + 2 * BLOCK_BYTES

    with stage(tmp_path) as built:
        built.fill(SETS, PHOTOS, 350_000)
        sent = built.sync(FORGETFUL, LIMIT_S)

        expect_all_there(built, sent)
    assert sent.link["cuts"] >= 1
    assert sent.handed_bytes - sent.payload_bytes <= sent.link["cuts"] * under_way_bytes, sent
