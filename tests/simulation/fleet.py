"""One run of the simulation: a fleet of devices, an office, whatever the weather brings, and then the calm.

While the weather lasts, promises are checked at every step that could break them. Then all misfortune ends, and
within a bounded time everything must have arrived, and everybody must hold the same.
"""

from __future__ import annotations

import logging
import random
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from schemas.problems import Refused
from server.clock import telling
from server.keys import drawing_from
from server.services import enrolment
from server.store.database import writing
from tests.simulation.auditor import Auditor
from tests.simulation.dispatcher import Dispatcher
from tests.simulation.events import Events
from tests.simulation.firm import Firm
from tests.simulation.headquarters import Headquarters, Premises
from tests.simulation.ledger import Ledger
from tests.simulation.radio import BASE_URL, Answer, Radio, Request
from tests.simulation.tablet import Tablet
from tests.simulation.weather import Weather, draw_weather
from tests.simulation.world import HOUR_MS, MINUTE_MS, Broken, World

CALM_MS: Final = 12 * HOUR_MS
"""A healed network drains within this: every device syncs every quarter of an hour."""
SYNC_EVERY_MS: Final = 15 * MINUTE_MS
ENGINEERS_OF_TABLETS: Final = 0.7
"""Some people have two devices."""

FLEETS: Final = (1, 2, 3, 4, 4, 5, 6, 9)
"""Most faults need two or three devices; few need many."""

DAILY: Final[dict[str, float]] = {"work": 50, "sync": 28, "office": 14}
"""Shares of what happens in any weather."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What makes a run: repeat it with the same plan and the same code, and the same happens."""

    seed: int
    steps: int = 2000
    tablets: int = 4
    without: frozenset[str] = frozenset()
    kinds_off: frozenset[str] = frozenset()


class Fleet:
    """A run. Use `run_fleet`."""

    def __init__(self, plan: Plan, weather: Weather, premises: Premises, firm: Firm, folder: Path) -> None:
        """Set everything up."""
        self.plan, self.firm, self.folder = plan, firm, folder
        self.world = World(plan.seed, weather, plan.without)
        self.hq = Headquarters(self.world, premises)
        office_key = bytes.fromhex(premises.wiring.key.public_key)
        self.auditor = Auditor(premises.file, office_key)
        self.ledger = Ledger(self.auditor, self.world)
        self.engineers = max(1, round(plan.tablets * ENGINEERS_OF_TABLETS))
        self.dispatcher = Dispatcher(self.world, self.hq, self.auditor, firm, self.engineers)
        self.tablets: list[Tablet] = []
        self.stimuli: dict[str, Callable[[random.Random], None]] = {
            "work": lambda chance: chance.choice(self.tablets).act(chance),
            "sync": lambda chance: chance.choice(self.tablets).sync(),
            "office": self.work_at_office,
            **Events(self).by_name,
        }

    def answer(self, request: Request) -> Answer | None:
        """Let the server answer, and look at once at what it did."""
        answer = self.hq.answer(request)
        self.auditor.look()
        if answer is not None:
            self.ledger.note_answer(request, answer)
        return answer

    def live(self) -> None:
        """Let things happen until there were enough of them."""
        for number in range(self.plan.tablets):
            self.add_tablet(number % self.engineers)
        for number in range(2 * self.engineers):
            self.dispatcher.chance = self.world.draw("first orders", number)
            self.dispatcher.do(self.dispatcher.open_order)
            self.auditor.look()
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

    def add_tablet(self, engineer: int) -> None:
        """Give an engineer a device to be enrolled."""
        name = f"t{len(self.tablets)}"
        radio = Radio(self.world, name, self.answer)
        tablet = Tablet(self.world, name, self.folder / name, radio, self.auditor, self.ledger)
        tablet.engineer = engineer
        self.tablets.append(tablet)
        self.give_code(tablet, self.firm.engineers[engineer])

    def give_code(self, tablet: Tablet, person: str) -> None:
        """Hand out an enrolment code, again if the office fails to make one, or it ran out."""
        if not tablet.device and not tablet.is_gone:
            try:
                tablet.code = self.hq.act(lambda: self._issue(person)) or ""
            except Refused as refusal:
                self.world.tell("no code", refusal.code)
            tablet.sync()
            self.world.plan(20 * MINUTE_MS, tablet.sync)
            self.world.plan(HOUR_MS, lambda: self.give_code(tablet, person))

    def _issue(self, person: str) -> str:
        with writing(self.hq.engine) as connection:
            return enrolment.issue_code(connection, self.firm.organisation, person, BASE_URL).code

    def work_at_office(self, chance: random.Random) -> None:
        """Let Dana do something, and look at once at what it did."""
        self.dispatcher.act(chance)
        self.auditor.look()

    def state_of(self, tablet: Tablet) -> str | None:
        """Return what the log says of a device: ``active``, ``revoked``, or None when it knows of none such."""
        fact = self.auditor.truth.facts.get(tablet.device)
        return fact.body["state"] if fact else None

    def calm_down(self) -> None:
        """End all misfortune, and see that everything arrives in time."""
        world = self.world
        world.calm = True
        world.tell("calm")
        self.hq.start()
        for tablet in self.tablets:
            tablet.boot()
            tablet.radio.is_cut = False
        end_ms = world.now_ms + CALM_MS
        self.sync_all(end_ms)
        while world.now_ms < end_ms and not self.is_quiet():
            world.go_on()
        if not self.is_quiet():
            waiting = [tablet.name for tablet in self.tablets if not tablet.is_settled()]
            raise Broken(f"after {CALM_MS // HOUR_MS} hours of calm {waiting} have still not come to rest")

    def sync_all(self, end_ms: int) -> None:
        """Let every device sync now and every quarter of an hour."""
        for tablet in self.tablets:
            tablet.sync()
        if self.world.now_ms < end_ms:
            self.world.plan(SYNC_EVERY_MS, lambda: self.sync_all(end_ms))

    def is_quiet(self) -> bool:
        """Tell whether everything has arrived everywhere."""
        return all(tablet.is_gone or (tablet.is_settled() and self.is_abreast(tablet)) for tablet in self.tablets)

    def is_abreast(self, tablet: Tablet) -> bool:
        """Tell whether a device has pulled all there is; a revoked one gets nothing more."""
        is_revoked = self.state_of(tablet) == "revoked"
        return is_revoked or tablet.place() == (self.auditor.epoch, self.auditor.truth.position)

    def check_end(self) -> None:
        """Hold everything to everything."""
        self.auditor.check_all()
        self.ledger.check_log()
        for tablet in self.tablets:
            if not tablet.is_gone:
                tablet.check()
                tablet.check_checksum(tablet.check_scope())
        for device, promises in self.ledger.saved.items():
            for promise in promises:
                if not self.is_lost(device) and not self.ledger.is_kept(promise.digest):
                    raise Broken(f"saved and lost: set {promise.seq} of {device}")
        refusals = self.ledger.unjust_refusals()
        if refusals:
            raise Broken(f"work of honest people was refused: {refusals}")

    def is_lost(self, device: str) -> bool:
        """Tell whether a device is gone with what it had, or may not hand in again what a restored server forgot."""
        (tablet,) = [tablet for tablet in self.tablets if tablet.device == device]
        return tablet.is_gone or (self.state_of(tablet) == "revoked" and self.ledger.forgotten > 0)

    def close(self) -> None:
        """Close all files."""
        for tablet in self.tablets:
            if tablet.is_on:
                tablet.leave()
        self.auditor.close()


@dataclass(slots=True)
class Outcome:
    """What came of a run: the world as it was at its end, and what broke, if anything did."""

    plan: Plan
    world: World
    broken: str | None = None


def draw_plan(seed: int, steps: int, tablets: int = 0) -> Plan:
    """Return the plan of a seed; it draws how many devices there are when that is not said."""
    return Plan(seed, steps, tablets or random.Random(f"fleet {seed}").choice(FLEETS))


def run_fleet(plan: Plan, premises: Premises, firm: Firm) -> Outcome:
    """Run a plan to its end."""
    weather = draw_weather(random.Random(f"weather {plan.seed}"))
    folder = premises.folder / "tablets"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    fleet = Fleet(plan, weather, premises, firm, folder)
    outcome = Outcome(plan, fleet.world)
    with ExitStack() as stack:
        stack.callback(fleet.close)
        # What the product logs is not a promise, and costs as much as the simulation.
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        stack.enter_context(telling(fleet.hq.now_ms))
        stack.enter_context(drawing_from(fleet.world.draw("server")))
        stack.enter_context(fleet.hq.fragile())
        try:
            fleet.live()
            fleet.calm_down()
            fleet.check_end()
        except Broken as broken:
            outcome.broken = str(broken)
    return outcome
