"""Sticks that people carry: bundles from devices to the office, and receipts back, in any order and again.

Whoever sends a stick often has no network until its answer is back: then receipts that came by hand are the first he
gets, perhaps some of them only, and not in the order of his sets.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from schemas.problems import Refused
from server.services.bundles import write_answer
from tests.simulation.scene import Scene
from tests.simulation.tablet import Tablet
from tests.simulation.world import MINUTE_MS

LEG_MINUTES_MAX: Final = 15


class Sticks:
    """The sticks of one fleet."""

    def __init__(self, scene: Scene) -> None:
        """Carry between the devices of `scene` and its office."""
        self.scene, self.world = scene, scene.world
        self.sticks: list[Path] = []
        self.answers: list[Path] = []

    def carry(self, chance: random.Random) -> None:
        """Send a stick on its way and back, or carry an old one once more, an old answer to anybody."""
        chance.choice([self.send_out, self.send_out, self.hand_in_again, self.bring_anywhere])(chance)

    def send_out(self, chance: random.Random) -> None:
        """Let somebody who has something to hand in write it on a stick."""
        tablets = [tablet for tablet in self.scene.tablets if tablet.has_waiting()]
        if not tablets:
            return
        tablet = chance.choice(tablets)
        stick = self.scene.folder / f"stick-{len(self.sticks)}.zip"
        if not tablet.export(stick):
            return
        self.world.tell(tablet.name, "sends", stick.name)
        self.sticks.append(stick)
        tablet.radio.is_cut = tablet.radio.is_cut or chance.random() < 0.7
        later = random.Random(chance.random())
        self.plan_leg(later, lambda: self.hand_in(later, stick, tablet))

    def hand_in(self, chance: random.Random, stick: Path, tablet: Tablet) -> None:
        """Let the office take a stick in, and send the answer back."""
        answer = self.take_in(chance, stick)
        self.plan_leg(chance, lambda: self.bring_back(answer, tablet))

    def bring_back(self, answer: Path | None, tablet: Tablet) -> None:
        """Give a device its answer, if there is one, and its network back."""
        if answer is not None:
            tablet.import_answer(answer)
        tablet.radio.is_cut = False

    def hand_in_again(self, chance: random.Random) -> None:
        """Let the office take in a stick that it may have had."""
        if self.sticks:
            self.take_in(chance, chance.choice(self.sticks))

    def bring_anywhere(self, chance: random.Random) -> None:
        """Give some answer to some device."""
        if self.answers:
            chance.choice(self.scene.tablets).import_answer(chance.choice(self.answers))

    def take_in(self, chance: random.Random, stick: Path) -> Path | None:
        """Take a stick in and return its answer; None when it was damaged, or nobody was there."""
        if self.world.strikes("stick damaged", len(self.answers), stick.name):
            stick.write_bytes(stick.read_bytes()[: chance.randrange(max(stick.stat().st_size, 1))])
        with suppress(Refused):
            imported = self.scene.hq.take_stick(stick)
            self.scene.auditor.look()
            if imported is None:
                return None
            for receipt in imported.receipts:
                self.scene.ledger.note_receipt(receipt)
            receipts = imported.receipts
            if chance.random() < 0.5:
                # Somebody copies some of the lines, as they come to hand.
                receipts = chance.sample(receipts, chance.randint(0, len(receipts)))
            self.answers.append(self.scene.folder / f"answer-{len(self.answers)}.zip")
            write_answer(self.answers[-1], imported.organisation, imported.device, receipts)
            return self.answers[-1]
        return None

    def plan_leg(self, chance: random.Random, arrive: Callable[[], None]) -> None:
        """Let something arrive after a while."""
        self.world.plan(chance.randint(1, LEG_MINUTES_MAX) * MINUTE_MS, arrive)
