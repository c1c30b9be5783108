"""A dishonest device: enrolled like any other, and then forging, forking, replaying and sending rubbish.

Whatever she sends, nobody else is harmed: no honest device is frozen, no set of hers counts that she did not sign,
and what she could not have written changes nothing.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any, Final

from nacl.signing import SigningKey

from schemas.problems import Refused
from server.clock import unix_now, utc_now
from server.keys import new_id
from server.services import enrolment, thawing
from server.store.database import writing
from sync import chain
from sync.request_signature import sign_request
from tests.simulation.firm import Firm
from tests.simulation.headquarters import Headquarters
from tests.simulation.ledger import Ledger
from tests.simulation.radio import BASE_URL, Answering, Request
from tests.simulation.world import World

PUSH: Final = "/api/v1/push"


class Mallory:
    """She knows all that ever went over the air, and the ids of everything."""

    def __init__(self, world: World, hq: Headquarters, ledger: Ledger, firm: Firm, answering: Answering) -> None:
        """Be there, without a device as yet."""
        self.world, self.hq, self.ledger, self.firm, self.answering = world, hq, ledger, firm, answering
        self.key = SigningKey(world.draw("Mallory").randbytes(32))
        self.person = firm.engineers[-1]
        self.device = ""
        self.seq, self.prev = 0, chain.FIRST_PREV

    def act(self, chance: random.Random) -> None:
        """Do some harm."""
        if not self.device:
            self.enrol()
            return
        tricks: list[Callable[[random.Random], list[bytes]]] = [
            self.behave,
            self.behave,
            self.forge,
            self.steal,
            self.replay,
            self.replay,
            self.fork,
            self.jump,
            self.break_bytes,
        ]
        trick = chance.choice(tricks)
        self.world.counts[f"dishonest: {trick.__name__}"] += 1
        self.world.tell("Mallory", trick.__name__)
        self.send(trick(chance))

    def enrol(self) -> None:
        """Enrol as anybody would."""
        try:
            enrolled = self.hq.act(self._enrol)
        except Refused:
            return
        if enrolled is not None:
            self.device = enrolled.device
            self.ledger.strangers.add(self.device)

    def be_thawed(self) -> None:
        """Be let in again by an office that believes her, and go on from where the log has her."""
        if self.device:
            office, where = self.hq.parts.office, (self.firm.organisation, self.firm.dana, self.device)
            try:
                self.hq.act(lambda: thawing.thaw(self.hq.engine, office, *where))
            except Refused:
                return
            self.ledger.auditor.look()
            self.seq, self.prev = self.ledger.auditor.truth.heads.get(self.device, (0, chain.FIRST_PREV))

    def behave(self, chance: random.Random) -> list[bytes]:
        """Write an honest set, so that there is a chain to break."""
        order = {"number": f"M{self.seq}", "status": "in_progress", "service": "repair", "grade": "general"}
        order |= {"customer_id": self.firm.customers[0], "engineer_id": self.person}
        return [self.seal({"kind": "work_order", "id": new_id(), "op": "create", "set": order, "was": {}})]

    def forge(self, chance: random.Random) -> list[bytes]:
        """Alter what somebody else signed."""
        return [line.replace(b'"seq":', b'"seq":1', 1) for line in self.overhear(chance, 1)]

    def steal(self, chance: random.Random) -> list[bytes]:
        """Write in somebody else's name, into records that are not hers."""
        records = sorted(self.ledger.auditor.live)
        record_id = chance.choice(records)
        kind = self.ledger.auditor.live[record_id][0]
        change = {"kind": kind, "id": record_id, "op": "update", "set": {"name": "M"}, "was": {"name": None}}
        other = chance.choice([{}, {"actor": self.firm.dana}, {"organisation": new_id()}, {"schema": 9}])
        kept = self.seq, self.prev
        line = self.seal(change, **other)
        if other:
            self.seq, self.prev = kept
        return [line]

    def replay(self, chance: random.Random) -> list[bytes]:
        """Hand in what others signed, in any order."""
        return self.overhear(chance, 8)

    def fork(self, chance: random.Random) -> list[bytes]:
        """Say two things under one number."""
        kept = self.seq, self.prev
        one = self.behave(chance)
        self.seq, self.prev = kept
        return one + self.behave(chance)

    def jump(self, chance: random.Random) -> list[bytes]:
        """Leave numbers out, and go back later to fill them otherwise."""
        kept = self.seq, self.prev
        self.seq += chance.randint(1, 1500)
        lines = self.behave(chance)
        self.seq, self.prev = kept
        return lines

    def break_bytes(self, chance: random.Random) -> list[bytes]:
        """Send what is no set."""
        kept = self.seq, self.prev
        line = self.behave(chance)[0]
        self.seq, self.prev = kept
        cut = chance.randrange(1, len(line))
        rubbish = [line[:cut], line[cut:], b"\xff" * 200, b"{}", line.replace(b":", b": ", 1)]
        return [chance.choice(rubbish).replace(b"\n", b"") or b"x"]

    def overhear(self, chance: random.Random, most: int) -> list[bytes]:
        """Return some sets of others."""
        known = [promise.line for promises in self.ledger.saved.values() for promise in promises]
        return chance.sample(known, min(len(known), most))

    def seal(self, change: dict[str, Any], **other: Any) -> bytes:
        """Return her next set."""
        self.seq += 1
        payload = {
            "id": new_id(),
            "organisation": self.firm.organisation,
            "device": self.device,
            "seq": self.seq,
            "prev": self.prev,
            "actor": self.person,
            "intent": "mischief",
            "schema": self.world.draw("Mallory's release", self.seq).choice([1, 1, 2]),
            "captured_at": utc_now(),
            "offset_ms": 0,
            "clock": "9999999999999-ffff",
            "basis": 0,
            "witness": "",
            "changes": [change],
        }
        text = json.dumps(payload | other, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        sealed = chain.seal(text.encode(), lambda message: self.key.sign(message).signature)
        self.prev = sealed.digest
        return sealed.line

    def send(self, lines: list[bytes]) -> None:
        """Push lines under her own signature."""
        if not lines:
            return
        body = b"\n".join(lines) + b"\n"
        sign = lambda message: self.key.sign(message).signature  # noqa: E731
        headers = sign_request(self.firm.organisation, self.device, "POST", PUSH, "", body, unix_now(), sign)
        headers |= {"Content-Length": str(len(body)), "Content-Type": "application/vnd.gongdan.change-sets"}
        self.answering(Request("POST", PUSH, "", headers, body))

    def _enrol(self) -> enrolment.Enrolled:
        with writing(self.hq.engine) as connection:
            code = enrolment.issue_code(connection, self.firm.organisation, self.person, BASE_URL).code
        public_key = bytes(self.key.verify_key).hex()
        return enrolment.enrol(self.hq.engine, self.hq.parts.office, code, public_key, "Mallory")
