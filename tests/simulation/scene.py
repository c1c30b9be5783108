"""Who and what is there in one run: the server, the office, the devices, and what happens between them."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Final

from schemas.problems import Refused
from server.services import enrolment
from server.services.proofs import replay, verify_log
from server.store.database import writing
from tests.simulation.auditor import Auditor
from tests.simulation.clerk import Clerk
from tests.simulation.dispatcher import Dispatcher
from tests.simulation.firm import Firm
from tests.simulation.forgetting import Forgetting
from tests.simulation.headquarters import Headquarters, Premises
from tests.simulation.ledger import Ledger
from tests.simulation.mallory import Mallory
from tests.simulation.radio import BASE_URL, Answer, Radio, Request
from tests.simulation.read_models import check_questions, check_read_models
from tests.simulation.releases import Releases
from tests.simulation.tablet import Tablet
from tests.simulation.world import HOUR_MS, MINUTE_MS, Broken, World

ENGINEERS_OF_TABLETS: Final = 0.7
"""Some people have two devices."""

TILE_LEVELS: Final = (2, 3, 4)
"""Levels between the subtrees whose roots the server keeps; it serves people with eight."""

REPLAYED: Final = 0.15
"""The share of runs at whose end the log is replayed by the product itself; it costs as much as 500 steps."""


REPLAYED_ERASED: Final = 0.5
"""The same of those in which something was erased."""


class Scene:
    """See the module's text."""

    def __init__(self, world: World, tablets: int, premises: Premises, firm: Firm, folder: Path) -> None:
        """Set everything up but the devices."""
        self.world, self.firm, self.folder = world, firm, folder
        self.hq = Headquarters(world, premises)
        self.releases = Releases(world)
        key, blobs = bytes.fromhex(premises.wiring.key.public_key), premises.settings.blob_folder
        self.auditor = Auditor(premises.open_reader, blobs / firm.organisation, key, self.releases)
        self.ledger = Ledger(self.auditor, world)
        self.engineers = max(1, round(tablets * ENGINEERS_OF_TABLETS))
        self.dispatcher = Dispatcher(world, self.hq, self.auditor, firm, self.engineers)
        self.clerk = Clerk(self.dispatcher)
        self.forgetting = Forgetting(world, self.hq, self.auditor, firm)
        self.dispatcher.people = self.forgetting.people_known_to_office
        self.dispatcher.more = self.clerk.acts()
        self.mallory = Mallory(world, self.hq, self.ledger, firm, self.answer, folder)
        self.tablets: list[Tablet] = []
        self.tile_levels = world.draw("tiles").choice(TILE_LEVELS)

    def answer(self, request: Request) -> Answer | None:
        """Let the server answer, and look at once at what it did."""
        answer = self.hq.answer(request)
        self.auditor.look()
        if answer is not None:
            self.ledger.note_answer(request, answer)
        return answer

    def add_tablet(self, engineer: int) -> None:
        """Give an engineer a device to be enrolled."""
        name = f"t{len(self.tablets)}"
        radio = Radio(self.world, name, self.answer)
        release = self.releases.draw_client(name)
        tablet = Tablet(self.world, name, self.folder / name, radio, self.auditor, self.ledger, release)
        tablet.engineer = engineer
        tablet.people = lambda: self.forgetting.people_known_to(tablet)
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
        self.clerk.check(self.auditor.truth)

    def state_of(self, tablet: Tablet) -> str | None:
        """Return what the log says of a device: ``active``, ``revoked``, or None when it knows of none such."""
        fact = self.auditor.truth.facts.get(tablet.device)
        return fact.body["state"] if fact else None

    def is_quiet(self) -> bool:
        """Tell whether everything has arrived everywhere."""
        if not self.forgetting.is_at_rest():
            return False
        return all(tablet.is_gone or (tablet.is_settled() and self.is_abreast(tablet)) for tablet in self.tablets)

    def is_abreast(self, tablet: Tablet) -> bool:
        """Tell whether a device has pulled all there is and sent its files; a revoked one neither gets nor gives."""
        is_revoked = self.state_of(tablet) == "revoked"
        if is_revoked:
            return True
        return tablet.place() == (self.auditor.epoch, self.auditor.truth.position) and not tablet.has_files()

    def check_end(self) -> None:
        """Hold everything to everything."""
        self.auditor.check_all()
        check_read_models(self.auditor.db, self.auditor.truth, self.tile_levels)
        check_questions(self.auditor.truth)
        self.ledger.check_log()
        in_service = [tablet for tablet in self.tablets if not tablet.is_gone and self.state_of(tablet) != "revoked"]
        self.forgetting.check_end(in_service)
        self.check_proofs()
        for tablet in self.tablets:
            if not tablet.is_gone:
                tablet.check()
                tablet.check_checksum(tablet.check_scope())
                tablet.check_files(is_rested=self.state_of(tablet) != "revoked")
        for device, promises in self.ledger.saved.items():
            for promise in promises:
                if not self.is_lost(device) and not self.ledger.is_kept(promise.digest):
                    raise Broken(f"saved and lost: set {promise.seq} of {device}")
        refusals = self.ledger.unjust_refusals()
        if refusals:
            raise Broken(f"work of honest people was refused: {refusals}")

    def check_proofs(self) -> None:
        """Let the product prove its log, and at times replay it into another database."""
        proofs = [verify_log(self.hq.engine, self.firm.organisation)]
        if self.world.draw("replay").random() < (REPLAYED_ERASED if self.forgetting.told else REPLAYED):
            scratch = self.folder / "replay.sqlite"
            proofs.append(replay(self.hq.engine, self.firm.organisation, f"sqlite:///{scratch}"))
            self.world.counts["log replayed"] += 1
        for proof in proofs:
            if not proof.holds:
                raise Broken(f"the product's own proof does not hold: {proof.discrepancies[:3]}")

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
