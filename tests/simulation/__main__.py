"""`make simulate`: run seed after seed for as long as asked, in as many processes as asked, and tell what was met.

Nothing is left behind but what is said: where a run breaks, the command that repeats it.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any, Final

import click

from tests.simulation.firm import open_premises
from tests.simulation.fleet import Outcome, Plan, draw_plan, run_fleet
from tests.simulation.shrink import shrink

TELL_EVERY_S: Final = 20

RUN_TIMEOUT_S: Final = 60
"""A run takes a second or two, also on a busy machine."""


@dataclass(slots=True)
class Told:
    """What one run comes to, as it goes from process to process."""

    plan: Plan
    asked: tuple[int, int]
    """devices and steps of the run as it was before it was made small"""
    steps: int
    counts: Counter[str]
    cpu_s: float
    broken: str | None
    history: list[str]


@dataclass(slots=True)
class Total:
    """What all runs come to."""

    runs: int = 0
    steps: int = 0
    cpu_s: float = 0.0
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[Told] = field(default_factory=list)

    def add(self, told: Told) -> None:
        """Add a run; only clean steps count."""
        self.runs += 1
        self.cpu_s += told.cpu_s
        self.counts += told.counts
        if told.broken is None:
            self.steps += told.steps
        else:
            self.broken.append(told)

    def line(self) -> str:
        """Return how far it is, in one line."""
        rate = self.steps / self.cpu_s if self.cpu_s else 0.0
        return f"{self.runs:,} runs, {self.steps:,} clean steps, {rate:,.0f} steps/s of CPU, {len(self.broken)} broken"


@click.command()
@click.option("--seed", default=1, help="The first seed.")
@click.option("--steps", default=100_000, help="Clean steps in all.")
@click.option("--fleet", default=0, help="Devices in each run; 0 lets each seed draw.")
@click.option("--run", "run_steps", default=2000, help="Steps of each run before the calm.")
@click.option("--jobs", default=1, help="Processes.")
@click.option("--keep-going", is_flag=True, help="Go on after a run that broke.")
def main(seed: int, steps: int, fleet: int, run_steps: int, jobs: int, keep_going: bool) -> None:
    """Simulate a fleet, from a seed on, until there were enough steps.

    A run that breaks is made small, its history printed, and then it ends; but not when it is to keep going.
    """
    results: Any = multiprocessing.Queue()
    stop = multiprocessing.Event()
    shape = (fleet, run_steps, not keep_going)
    workers = [
        multiprocessing.Process(target=work, args=(seed + job, jobs, *shape, results, stop), daemon=True)
        for job in range(jobs)
    ]
    for worker in workers:
        worker.start()
    total, told_at = Total(), time.monotonic()
    try:
        while total.steps < steps and (keep_going or not total.broken):
            total.add(told := _next_result(results, workers))
            if told.broken is not None:
                _tell_broken(told, tells_history=not keep_going)
            if time.monotonic() - told_at > TELL_EVERY_S:
                told_at = time.monotonic()
                click.echo(total.line())
    finally:
        stop.set()
        for worker in workers:
            # It ends its run and clears its folder away; what it still had to tell is of no more use.
            worker.join(RUN_TIMEOUT_S)
            worker.terminate()
    for name, times in sorted(total.counts.items()):
        click.echo(f"{times:12,}  {name}")
    click.echo(total.line())
    sys.exit(1 if total.broken else 0)


def work(seed: int, stride: int, fleet: int, run_steps: int, shrinks: bool, results: Any, stop: Any) -> None:
    """Run every `stride`-th seed until told to stop."""
    parent = os.getppid()
    results.cancel_join_thread()
    root = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="gongdan-simulation-", dir=root) as folder:
        premises, firm = open_premises(Path(folder))
        while not stop.is_set() and os.getppid() == parent:
            started = time.process_time()
            outcome = run_fleet(draw_plan(seed, run_steps, fleet), premises, firm)
            asked = (outcome.plan.tablets, outcome.plan.steps)
            cpu_s = time.process_time() - started
            if shrinks and outcome.broken is not None:
                outcome = shrink(outcome, lambda plan: run_fleet(plan, premises, firm))
            results.put(_tell(outcome, asked, cpu_s))
            seed += stride


def _tell(outcome: Outcome, asked: tuple[int, int], cpu_s: float) -> Told:
    world = outcome.world
    history = world.history if outcome.broken else []
    return Told(outcome.plan, asked, world.steps, world.counts, cpu_s, outcome.broken, history)


def _next_result(results: Any, workers: list[Any]) -> Told:
    while True:
        try:
            told: Told = results.get(timeout=1)
            return told
        except Empty:
            if not all(worker.is_alive() for worker in workers):
                raise SystemExit("a process of the simulation ended by itself; see above") from None


def _tell_broken(told: Told, tells_history: bool) -> None:
    plan = told.plan
    if tells_history:
        click.echo("\n".join(told.history))
        click.echo(
            f"shrunk to {plan.tablets} devices and {told.steps} steps, without {', '.join(sorted(plan.kinds_off))}"
        )
    click.echo(f"seed {plan.seed} broke at step {told.steps}: {told.broken}")
    click.echo(f"again: make simulate SEED={plan.seed} STEPS=1 FLEET={told.asked[0]} RUN={told.asked[1]}")


if __name__ == "__main__":
    main()
