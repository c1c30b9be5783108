"""A fleet of devices, an office, a bad network and dying processes: nothing is lost, and all come to hold the same."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from field_client.store_feed import Feed
from server.reception import Reception
from sync import ledger, merge
from sync.session import PushSession
from tests.postgres import PostgresServer
from tests.simulation.firm import Firm, open_premises
from tests.simulation.fleet import Plan, draw_plan, run_fleet
from tests.simulation.headquarters import Premises
from tests.simulation.postgres_premises import KINDS_OFF, PostgresPremises
from tests.simulation.shrink import promise_of, shrink
from tests.simulation.weather import EVENTS, MISFORTUNES
from tests.simulation.world import World

SEEDS = 210
STEPS = 600
POSTGRES_SEEDS = 6
GROUP = 10

Site = tuple[Premises, Firm]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """The server's premises with a founded company, in memory where that is possible."""
    root = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="gongdan-simulation-", dir=root) as folder:
        yield open_premises(Path(folder))


@pytest.fixture(scope="module")
def met() -> Counter[str]:
    """What has happened in the runs of this module so far."""
    return Counter()


def expect_promises_kept(site: Site, plan: Plan) -> World:
    """Run a plan and return its world, or fail with what broke and how to repeat it."""
    outcome = run_fleet(plan, *site)
    again = f"make simulate SEED={plan.seed} STEPS=1 FLEET={plan.tablets} RUN={plan.steps}"
    assert outcome.broken is None, f"{outcome.broken}\nagain: {again}"
    return outcome.world


@pytest.mark.parametrize("first", range(0, SEEDS, GROUP))
def test_promises_are_kept_in_any_weather(site: Site, met: Counter[str], first: int) -> None:
    for seed in range(first, first + GROUP):
        met.update(expect_promises_kept(site, draw_plan(seed, STEPS)).counts)


def test_every_misfortune_and_verdict_occurs(site: Site, met: Counter[str]) -> None:
    wanted = {*MISFORTUNES, *EVENTS, "receipt applied", "receipt merged", "receipt contested", "log replayed"}
    wanted |= {"receipt held gap_in_sequence", "receipt held schema_unknown", "receipt refused device_revoked"}
    wanted |= {"receipt refused sequence_reused", "receipt refused out_of_scope", "sets lost by the restored server"}
    wanted |= {"receipt refused bad_signature", "receipt refused chain_broken", "sets settled by hand"}

    for seed in range(SEEDS, 2 * SEEDS):
        if not wanted - {name for name, times in met.items() if times}:
            break
        met.update(expect_promises_kept(site, draw_plan(seed, STEPS)).counts)

    assert not wanted - {name for name, times in met.items() if times}


def test_promises_are_kept_on_postgresql(postgres_server: PostgresServer, tmp_path: Path) -> None:
    site = open_premises(tmp_path, lambda folder: PostgresPremises(folder, postgres_server))

    for seed in range(POSTGRES_SEEDS):
        world = expect_promises_kept(site, replace(draw_plan(seed, STEPS), kinds_off=KINDS_OFF))
        assert any("server commits" in line for line in world.history)
    # Connections that nobody closes are complained of when the run of tests ends.
    site[0].engine.dispose()


def read_found_seeds() -> list[Plan]:
    """Return the plans that once broke a promise."""
    lines = Path(__file__).with_name("found_seeds.txt").read_text(encoding="utf-8").splitlines()
    rows = [line.split(maxsplit=3) for line in lines if not line.startswith("#")]
    return [Plan(int(seed), int(steps), int(tablets)) for seed, tablets, steps, _ in rows]


@pytest.mark.parametrize("plan", read_found_seeds(), ids=lambda plan: str(plan.seed))
def test_what_once_broke_holds(site: Site, plan: Plan) -> None:
    expect_promises_kept(site, plan)


TELL_DIGEST = """
import sys, tempfile
from pathlib import Path
from tests.simulation.firm import open_premises
from tests.simulation.fleet import draw_plan, run_fleet
with tempfile.TemporaryDirectory() as folder:
    outcome = run_fleet(draw_plan(5, 800), *open_premises(Path(folder)))
sys.stdout.write(outcome.world.digest())
"""


def test_a_seed_writes_the_same_history_in_every_process() -> None:
    """Byte for byte, also where Python orders its sets differently."""
    digests = [
        subprocess.run(
            [sys.executable, "-c", TELL_DIGEST],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    ]

    assert digests[0] == digests[1]
    assert len(digests[0]) == 64


def find_bug(site: Site, seeds: int = 30) -> str:
    """Return what the first seeds break; fail when they find nothing."""
    for seed in range(seeds):
        outcome = run_fleet(draw_plan(seed, STEPS), *site)
        if outcome.broken is not None:
            return outcome.broken
    raise AssertionError(f"{seeds} seeds found nothing wrong")


def test_a_receipt_without_a_commit_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Reception.submit

    def forget(self: Reception, organisation: str, device: str, lines: list[bytes]) -> list[str]:
        answers = real(self, organisation, device, lines)
        with self._engine.begin() as connection:
            connection.exec_driver_sql("DELETE FROM log WHERE position = (SELECT max(position) FROM log)")
        return answers

    monkeypatch.setattr(Reception, "submit", forget)

    assert find_bug(site)


def test_a_set_applied_twice_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.intake.decide", lambda *_: ledger.Accept())

    assert find_bug(site)


def test_an_edit_that_overwrites_silently_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def overwrite(standing: object, new: dict[str, object], *_: object) -> merge.Merged:
        return merge.Merged(dict(new))

    monkeypatch.setattr("server.intake_apply.merge_record", overwrite)

    assert find_bug(site)


def test_a_set_settled_by_anothers_receipt_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "field_client.outbox.Outbox.settle",
        lambda self, receipts: self.store.db.execute("UPDATE outbox SET state = 'settled'") and 0,
    )

    assert find_bug(site)


def test_a_failing_run_is_made_small(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def overwrite(standing: object, new: dict[str, object], *_: object) -> merge.Merged:
        return merge.Merged(dict(new))

    monkeypatch.setattr("server.intake_apply.merge_record", overwrite)
    outcomes = (run_fleet(draw_plan(seed, STEPS), *site) for seed in count())
    first = next(outcome for outcome in outcomes if outcome.broken)

    small = shrink(first, lambda plan: run_fleet(plan, *site), runs_max=40)

    again = run_fleet(small.plan, *site)
    assert again.broken == small.broken
    assert again.world.history == small.world.history
    assert promise_of(small.broken or "") == promise_of(first.broken or "")
    assert len(small.world.moves) < len(first.world.moves)


def test_a_page_that_takes_effect_before_the_last_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Feed, "restart", lambda self, cursor: None)
    monkeypatch.setattr("field_client.store_feed.apply_incoming", lambda store, total, held: (total, held))

    assert find_bug(site)


def test_a_set_that_is_never_sent_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    real = PushSession.next_body

    def forget(self: PushSession) -> bytes | None:
        body = real(self)
        return b"\n".join(body.split(b"\n")[1:]) or None if body else None

    monkeypatch.setattr(PushSession, "next_body", forget)

    assert "come to rest" in find_bug(site)
