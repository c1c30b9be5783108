"""Making a failing run small: fewer steps, fewer kinds of misfortune, fewer things that happen at all.

A run is repeated from its plan, so anything can be left out of the plan and the run tried again. What is kept is
what still breaks the same promise; the words before the first figure or id tell which promise that is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from tests.simulation.fleet import Outcome, Plan
from tests.simulation.weather import EVENTS, MISFORTUNES

Run = Callable[[Plan], Outcome]


def shrink(outcome: Outcome, run: Run, runs_max: int = 300) -> Outcome:
    """Return the smallest outcome found that breaks the same promise, trying at most `runs_max` runs."""
    return _Shrinking(outcome, run, runs_max).go()


def promise_of(broken: str) -> str:
    """Return what a complaint is about, without the ids and figures of its run."""
    return re.sub(r"[0-9a-f]*[0-9][0-9a-f-]*", "#", broken)[:40]


class _Shrinking:
    def __init__(self, outcome: Outcome, run: Run, runs_max: int) -> None:
        assert outcome.broken is not None
        self.best, self.run, self.runs_left = outcome, run, runs_max
        self.promise = promise_of(outcome.broken)

    def go(self) -> Outcome:
        self.cut_steps()
        kinds = sorted({*MISFORTUNES, *EVENTS} - self.best.plan.kinds_off)
        for kind in kinds:
            self.attempt(kinds_off=self.best.plan.kinds_off | {kind})
        for tablets in range(1, self.best.plan.tablets):
            if self.attempt(tablets=tablets):
                break
        self.cut_steps()
        self.leave_out()
        return self.best

    def cut_steps(self) -> None:
        """Halve the distance to the fewest steps that still break, as far as that goes."""
        low, high = 0, min(self.best.plan.steps, self.best.world.steps)
        while high - low > 10 and self.runs_left:
            middle = (low + high) // 2
            if self.attempt(steps=middle):
                high = middle
            else:
                low = middle

    def leave_out(self) -> None:
        """Leave out single things that happened, in halves, then quarters, and so on down to one."""
        size = max(1, len(self.best.world.moves) // 2)
        while self.runs_left:
            moves = list(self.best.world.moves)
            for start in range(0, len(moves), size):
                self.attempt(without=self.best.plan.without | frozenset(moves[start : start + size]))
            if size == 1:
                return
            size //= 2

    def attempt(self, **other: int | Iterable[str]) -> bool:
        """Try another plan; keep it when it breaks the same promise."""
        if not self.runs_left:
            return False
        self.runs_left -= 1
        outcome = self.run(replace(self.best.plan, **other))  # type: ignore[arg-type]
        if outcome.broken is None or promise_of(outcome.broken) != self.promise:
            return False
        self.best = outcome
        return True
