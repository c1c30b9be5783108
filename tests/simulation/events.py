"""What comes over a fleet by itself: no network, wrong clocks, lost and new devices, a server restored."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Final

from schemas.problems import Refused
from server.services import devices
from tests.simulation.scene import Scene
from tests.simulation.sticks import Sticks
from tests.simulation.tablet import Tablet
from tests.simulation.world import DAY_MS, HOUR_MS, MINUTE_MS

TABLETS_MAX: Final = 14
"""A fleet that loses devices all the time is not given new ones for ever."""


class Events:
    """The events of one fleet, by the names under which the weather knows them."""

    def __init__(self, scene: Scene) -> None:
        """Come over `scene`."""
        self.scene, self.world = scene, scene.world
        self.by_name: dict[str, Callable[[random.Random], None]] = {
            "no network": self.cut_network,
            "weeks away": self.go_away,
            "device clock jumps": self.turn_device_clock,
            "server clock jumps": self.turn_server_clock,
            "server restarts": lambda chance: scene.hq.stop(chance.randint(1, 60) * MINUTE_MS),
            "device set up anew": self.set_up_anew,
            "device revoked": self.revoke,
            "server backed up": self.back_up,
            "server restored": self.restore,
            "stick carried": Sticks(scene).carry,
            "dishonest device": scene.mallory.act,
            "device thawed": lambda _chance: scene.mallory.be_thawed(),
            "new release": self.release,
            "person forgotten": self.forget,
        }

    def cut_network(self, chance: random.Random) -> None:
        """Leave a device, or all of them, without a network for some hours."""
        everybody = self.scene.tablets
        for tablet in chance.choice([everybody, *[[tablet] for tablet in everybody] * 2]):
            tablet.radio.is_cut = True
            self.world.plan(chance.randint(1, 48) * HOUR_MS, lambda found=tablet: self.reconnect(found))

    def go_away(self, chance: random.Random) -> None:
        """Leave a device without a network for weeks, while its engineer works on."""
        tablet = chance.choice(self.scene.tablets)
        tablet.radio.is_cut = True
        self.world.plan(chance.randint(7, 40) * DAY_MS, lambda: self.reconnect(tablet))
        for _ in range(chance.randint(5, 40)):
            act = random.Random(chance.random())
            self.world.plan(chance.randint(1, 7 * DAY_MS), lambda drawn=act: tablet.act(drawn))

    def reconnect(self, tablet: Tablet) -> None:
        """Give a device its network back."""
        self.world.tell(tablet.name, "has a network")
        tablet.radio.is_cut = False

    def turn_device_clock(self, chance: random.Random) -> None:
        """Set a device's clock wrong, or right again."""
        tablet = chance.choice(self.scene.tablets)
        tablet.clock_ms = chance.choice([0, chance.randint(-400, 400) * DAY_MS, chance.randint(-20, 20) * MINUTE_MS])

    def turn_server_clock(self, chance: random.Random) -> None:
        """Set the server's clock wrong, or right again."""
        self.scene.hq.clock_ms = chance.choice([0, chance.randint(-3, 3) * DAY_MS, chance.randint(-20, 20) * MINUTE_MS])

    def set_up_anew(self, chance: random.Random) -> None:
        """Lose a device with all that is on it, and give its engineer another; at times it is revoked later."""
        tablet = chance.choice(self.scene.tablets)
        if tablet.is_gone or len(self.scene.tablets) >= TABLETS_MAX:
            return
        tablet.leave()
        self.scene.add_tablet(tablet.engineer)
        if chance.random() < 0.5:
            self.world.plan(chance.randint(1, 48) * HOUR_MS, lambda: self.revoke_one(tablet))

    def revoke(self, chance: random.Random) -> None:
        """Revoke a device that may well be in use, and give its engineer another."""
        tablet = chance.choice(self.scene.tablets)
        if not tablet.is_gone and len(self.scene.tablets) < TABLETS_MAX and self.revoke_one(tablet):
            self.scene.add_tablet(tablet.engineer)

    def revoke_one(self, tablet: Tablet) -> bool:
        """Revoke a device; tell whether that was done."""
        hq, firm = self.scene.hq, self.scene.firm
        if self.scene.state_of(tablet) != "active":
            return False
        try:
            receipt = hq.act(lambda: devices.revoke(hq.parts.office, firm.organisation, firm.dana, tablet.device))
        except Refused as refusal:
            self.world.tell(tablet.name, "is not revoked", refusal.code)
            return False
        self.scene.auditor.look()
        return receipt is not None

    def back_up(self, chance: random.Random) -> None:
        """Keep a copy of the server's database."""
        if not self.scene.hq.is_down:
            self.scene.hq.back_up()
            self.scene.auditor.mark()

    def restore(self, chance: random.Random) -> None:
        """Lose the server's database, and go on from the last copy of it."""
        if self.scene.auditor.marked is None or self.world.calm:
            return
        self.world.tell("server is restored to", self.scene.auditor.marked.truth.position)
        self.scene.auditor.close()
        self.scene.hq.restore()
        self.scene.auditor.rewind()
        self.scene.ledger.forget_receipts()
        # Who was enrolled since the backup is unknown to the server: such a device is replaced.
        for tablet in list(self.scene.tablets):
            if not tablet.is_gone and tablet.device and self.scene.state_of(tablet) is None:
                self.world.counts["device forgotten by the restored server"] += 1
                tablet.leave()
                self.scene.add_tablet(tablet.engineer)

    def forget(self, chance: random.Random) -> None:
        """Erase what is known of somebody; where servers are restored, a backup may bring it back."""
        self.scene.forgetting.erase(chance)
        if "server restored" in self.world.weather.shares and chance.random() < 0.4:
            later = random.Random(chance.random())
            self.world.plan(chance.randint(1, 240) * MINUTE_MS, lambda: self.restore(later))

    def release(self, chance: random.Random) -> None:
        """Bring the server to the next release, or a device."""
        tablet = chance.choice(self.scene.tablets)
        if chance.random() < 0.3:
            self.scene.releases.upgrade_server()
        elif not tablet.is_gone:
            tablet.upgrade(self.scene.releases.next_client(tablet.release))
