"""One run of the simulation: a fleet of devices, an office, whatever the weather brings, and then the calm.

While the weather lasts, promises are checked at every step that could break them. Then all misfortune ends, and
within a bounded time everything must have arrived, and everybody must hold the same.
"""

from __future__ import annotations

import logging
import random
import shutil
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from server.clock import telling
from server.keys import drawing_from
from tests.simulation.events import Events
from tests.simulation.firm import Firm
from tests.simulation.headquarters import Premises
from tests.simulation.scene import Scene
from tests.simulation.weather import draw_weather, without_kinds
from tests.simulation.world import HOUR_MS, MINUTE_MS, Broken, World

CALM_MS: Final = 12 * HOUR_MS
"""A healed network drains within this: every device syncs every quarter of an hour."""

SYNC_EVERY_MS: Final = 15 * MINUTE_MS

FLEETS: Final = (1, 2, 3, 4, 4, 5, 6, 9)
"""Most faults need two or three devices; few need many."""

DAILY: Final[dict[str, float]] = {"work": 50, "sync": 28, "office": 14}
"""Shares of what happens in any weather."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes a run: the same plan and the same code do the same.

    `without` leaves out single things that would happen, `kinds_off` whole kinds of them.
    """

    seed: int
    steps: int = 2000
    tablets: int = 4
    without: frozenset[str] = frozenset()
    kinds_off: frozenset[str] = frozenset()


class Fleet:
    """A run. Use `run_fleet`."""

    def __init__(self, plan: Plan, world: World, premises: Premises, firm: Firm, folder: Path) -> None:
        """Set everything up."""
        self.plan, self.world = plan, world
        self.scene = scene = Scene(world, plan.tablets, premises, firm, folder)
        self.stimuli: dict[str, Callable[[random.Random], None]] = {
            "work": lambda chance: chance.choice(scene.tablets).act(chance),
            "sync": lambda chance: chance.choice(scene.tablets).sync(),
            "office": scene.work_at_office,
            **Events(scene).by_name,
        }

    def live(self) -> None:
        """Let things happen until there were enough of them."""
        for number in range(self.plan.tablets):
            self.scene.add_tablet(number % self.scene.engineers)
        for number in range(2 * self.scene.engineers):
            self.scene.dispatcher.chance = self.world.draw("first orders", number)
            self.scene.dispatcher.do(self.scene.dispatcher.open_order)
            self.scene.auditor.look()
        self.happen(0)
        while self.world.steps < self.plan.steps:
            self.world.go_on()

    def happen(self, number: int) -> None:
        """Let the next thing happen, and plan the one after it."""
        chance = self.world.draw("stimulus", number)
        shares = DAILY | self.world.weather.shares
        (kind,) = chance.choices(list(shares), list(shares.values()))
        if self.world.calm or self.world.steps >= self.plan.steps:
            return
        if self.world.may(f"stimulus {number}"):
            self.world.counts[kind] += 1
            self.world.tell("stimulus", number, kind)
            self.stimuli[kind](chance)
        gap_ms = round(chance.expovariate(1 / (4 * MINUTE_MS / self.plan.tablets)))
        self.world.plan(gap_ms, lambda: self.happen(number + 1))

    def calm_down(self) -> None:
        """End all misfortune, and see that everything arrives in time."""
        world = self.world
        world.calm = True
        world.tell("calm")
        self.scene.releases.upgrade_server()
        self.scene.hq.start()
        for tablet in self.scene.tablets:
            tablet.boot()
            tablet.radio.is_cut = False
        end_ms = world.now_ms + CALM_MS
        self.sync_all(end_ms)
        while world.now_ms < end_ms and not self.scene.is_quiet():
            world.go_on()
        if not self.scene.is_quiet():
            waiting = [tablet.name for tablet in self.scene.tablets if not tablet.is_settled()]
            raise Broken(f"after {CALM_MS // HOUR_MS} hours of calm {waiting} have still not come to rest")

    def sync_all(self, end_ms: int) -> None:
        """Let every device sync now and every quarter of an hour."""
        for tablet in self.scene.tablets:
            tablet.sync()
        if not self.scene.forgetting.is_at_rest():
            self.scene.forgetting.make_round()
        if self.world.now_ms < end_ms:
            self.world.plan(SYNC_EVERY_MS, lambda: self.sync_all(end_ms))


@dataclass(slots=True)
class Outcome:
    """What came of a run: the world as it was at its end, and what broke, if anything did."""

    plan: Plan
    world: World
    broken: str | None = None


PAGE_SIZES: Final = (3, 10, 40, 2000)
"""Records in a page; in the smallest a change-set is often cut in two."""


def draw_plan(seed: int, steps: int, tablets: int = 0) -> Plan:
    """Return the plan of a seed; it draws how many devices there are when that is not said."""
    return Plan(seed, steps, tablets or random.Random(f"fleet {seed}").choice(FLEETS))


def run_fleet(plan: Plan, premises: Premises, firm: Firm) -> Outcome:
    """Run a plan to its end."""
    weather = without_kinds(draw_weather(random.Random(f"weather {plan.seed}")), plan.kinds_off)
    folder = premises.folder / "tablets"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    world = World(plan.seed, weather, plan.without)
    fleet = Fleet(plan, world, premises, firm, folder)
    scene = fleet.scene
    outcome = Outcome(plan, world)
    with ExitStack() as stack:
        stack.callback(scene.close)
        # What the product logs is not a promise, and costs as much as the simulation.
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        stack.enter_context(telling(scene.hq.now_ms))
        stack.enter_context(drawing_from(world.draw("server")))
        stack.enter_context(scene.hq.fragile())
        stack.enter_context(scene.hq.paging(world.draw("page").choice(PAGE_SIZES)))
        stack.enter_context(scene.hq.tiling(scene.tile_levels))
        stack.enter_context(scene.releases.in_force())
        try:
            with ExitStack() as watch:
                watch.push(break_on_error)
                fleet.live()
                fleet.calm_down()
                scene.check_end()
        except Broken as broken:
            outcome.broken = str(broken)
    return outcome


def break_on_error(_kind: object, error: BaseException | None, _trace: object) -> None:
    """Take an error that nobody expected for a broken promise; raises Broken."""
    if isinstance(error, Exception) and not isinstance(error, Broken):
        place = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{Path(place.filename).name}:{place.lineno}"
        raise Broken(f"{type(error).__name__} at {where}: {error}") from error
