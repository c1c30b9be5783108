"""A dishonest device: enrolled like any other, and then forging, forking, replaying and sending rubbish.

Whatever she sends, nobody else is harmed: no honest device is frozen, no set of hers counts that she did not sign,
and what she could not have written changes nothing.

She is an insider: her requests are signed as they should be, by a device in service, and what is forged is inside.
Frozen, she is thawed by an office that believes her, or enrols once more; revoked, she signs on with the old key and
hands in under another device's name, or in a bundle.
"""

from __future__ import annotations

import json
import random
import zipfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from nacl.signing import SigningKey

from schemas.problems import Refused
from server.clock import unix_now, utc_now
from server.keys import new_id
from server.services import devices, enrolment, thawing
from server.store.database import writing
from sync import chain, openings
from sync.changeset import Change, ChangeSet
from sync.request_signature import sign_request
from tests.simulation.firm import Firm
from tests.simulation.headquarters import Headquarters
from tests.simulation.ledger import Ledger
from tests.simulation.radio import BASE_URL, Answering, Request
from tests.simulation.world import World

PUSH: Final = "/api/v1/push"

DEVICES_MAX: Final = 6
"""An office that gives her one after the other stops some time."""

Body = dict[str, Any]
Trick = Callable[[random.Random], list[bytes]]


@dataclass(slots=True)
class Chain:
    """One of her devices: its key, and the end of its chain as she continues it."""

    key: SigningKey
    device: str = ""
    seq: int = 0
    prev: str = chain.FIRST_PREV

    def sign(self, message: bytes) -> bytes:
        """Sign as this device does."""
        return self.key.sign(message).signature


class Mallory:
    """She knows all that ever went over the air, and the ids of everything."""

    def __init__(
        self, world: World, hq: Headquarters, ledger: Ledger, firm: Firm, answering: Answering, folder: Path
    ) -> None:
        """Be there, without a device as yet; her bundles lie in `folder`."""
        self.world, self.hq, self.ledger, self.firm, self.answering = world, hq, ledger, firm, answering
        self.person = firm.engineers[-1]
        self.stick = folder / "mallory.zip"
        self.own: list[Chain] = []
        self.orders: list[str] = []
        self._sets = 0
        self._tricks: list[Trick] = [
            *[self.behave] * 2,
            *[self.boast] * 3,
            *[self.replay] * 2,
            *[self.carry] * 3,
            *[self.impersonate] * 2,
            *[self.outlive] * 2,
            self.forge,
            self.deny,
            *[self.steal] * 2,
            self.fork,
            self.jump,
            self.break_bytes,
        ]

    @property
    def last(self) -> Chain:
        """The device she uses."""
        return self.own[-1]

    def act(self, chance: random.Random) -> None:
        """Do some harm."""
        if not self.own or (len(self.own) < DEVICES_MAX and self.is_barred(self.last)):
            self.enrol()
        if not self.own:
            return
        trick = chance.choice(self._tricks)
        self.world.counts[f"dishonest: {trick.__name__}"] += 1
        self.world.tell("Mallory", trick.__name__)
        lines = trick(chance)
        if lines and chance.random() < 0.3:
            self.hand_over(lines, chance.choice([*self.ledger.saved, self.last.device]))
        elif lines:
            self.send(lines)

    def enrol(self) -> None:
        """Enrol as anybody would."""
        begun = Chain(SigningKey(self.world.draw("Mallory", len(self.own)).randbytes(32)))
        with suppress(Refused):
            enrolled = self.hq.act(lambda: self._enrol(begun))
            if enrolled is not None:
                begun.device = enrolled.device
                self.own.append(begun)
                self.ledger.strangers.add(begun.device)

    def is_barred(self, own: Chain) -> bool:
        """Tell whether the office has frozen, revoked or forgotten a device of hers."""
        if self.is_revoked(own) or own.device not in self.ledger.auditor.truth.facts:
            return True
        sql = "SELECT frozen FROM devices WHERE device = ?"
        return any(frozen for (frozen,) in self.ledger.auditor.db.execute(sql, (own.device,)).fetchall())

    def is_revoked(self, own: Chain) -> bool:
        """Tell whether a device of hers was revoked."""
        known = self.ledger.auditor.truth.facts.get(own.device)
        return known is not None and known.body["state"] == "revoked"

    def be_thawed(self) -> None:
        """Be let in again by an office that believes her, and go on from where the log has her."""
        if self.own:
            office, where = self.hq.parts.office, (self.firm.organisation, self.firm.dana, self.last.device)
            try:
                self.hq.act(lambda: thawing.thaw(self.hq.engine, office, *where))
            except Refused:
                return
            self.ledger.auditor.look()
            self.go_on(self.last)

    def go_on(self, own: Chain) -> Chain:
        """Continue a chain of hers from where the log has it, as one does who was told."""
        own.seq, own.prev = self.ledger.auditor.truth.heads.get(own.device, (0, chain.FIRST_PREV))
        return own

    def behave(self, chance: random.Random) -> list[bytes]:
        """Write an honest set, so that there is a chain to break."""
        return [self.seal(self.last, self.make_order())]

    def boast(self, chance: random.Random) -> list[bytes]:
        """Write into an order of hers what should stand, by a clock that is centuries ahead, having seen it or not."""
        live = self.ledger.auditor.live
        orders = [found for found in self.orders if found in live]
        if not orders:
            return self.behave(chance)
        record_id, name = orders[0], chance.choice(["contact", "phone"])
        seen = {name: chance.choice([live[record_id][1].get(name), "M"])}
        values = {name: f"M{chance.randrange(50)}"}
        change = {"kind": "work_order", "id": record_id, "op": "update", "set": values, "was": seen}
        return [self.seal(self.go_on(self.last), change, schema=2)]

    def forge(self, chance: random.Random) -> list[bytes]:
        """Alter what somebody else signed and has not handed in yet, or what he has."""
        lines = self.carry(chance)[:1] or self.overhear(chance, 1)
        return [line.replace(b'"intent":"', b'"intent":"m', 1) for line in lines]

    def impersonate(self, chance: random.Random) -> list[bytes]:
        """Write what comes next in somebody else's chain, and sign it with a key of her own."""
        victims = sorted(self.ledger.saved)
        if not victims:
            return []
        victim = Chain(self.last.key, chance.choice(victims))
        known = self.ledger.auditor.truth.facts.get(victim.device)
        return [
            self.seal(self.go_on(victim), self.make_order(), actor=known.body["person_id"] if known else self.person)
        ]

    def steal(self, chance: random.Random) -> list[bytes]:
        """Write into what is not hers, at times in somebody else's name."""
        live = self.ledger.auditor.live
        orders = sorted(found for found, row in live.items() if row[0] == "work_order" and found not in self.orders)
        record_id = chance.choice(orders if orders and chance.random() < 0.5 else sorted(live))
        values, seen = {"contact": "M"}, {"contact": None}
        change = {"kind": live[record_id][0], "id": record_id, "op": "update", "set": values, "was": seen}
        other = chance.choice([*[{}] * 3, {"actor": self.firm.dana}, {"organisation": new_id()}, {"schema": 9}])
        kept = self.last.seq, self.last.prev
        line = self.seal(self.last, change, **other)
        if other:
            self.last.seq, self.last.prev = kept
        return [line]

    def replay(self, chance: random.Random) -> list[bytes]:
        """Hand in what others signed, in any order."""
        return self.overhear(chance, 8)

    def carry(self, chance: random.Random) -> list[bytes]:
        """Hand in what somebody else's device has yet to hand in, a revoked one's too."""
        heads = self.ledger.auditor.truth.heads
        waiting = {
            device: found
            for device, promises in self.ledger.saved.items()
            if (found := promises[heads.get(device, (0, ""))[0] :])
        }
        if not waiting:
            return []
        found = waiting[chance.choice(sorted(waiting))]
        return [promise.line for promise in found[: chance.randint(1, 4)]]

    def outlive(self, chance: random.Random) -> list[bytes]:
        """Have a device of hers revoked, and go on signing with it."""
        revoked = [own for own in self.own if self.is_revoked(own)]
        if not revoked:
            if len(self.own) < DEVICES_MAX:
                self.be_revoked()
            return []
        return [self.seal(self.go_on(chance.choice(revoked)), self.make_order())]

    def be_revoked(self) -> None:
        """Report the device she uses as lost."""
        office, where = self.hq.parts.office, (self.firm.organisation, self.firm.dana, self.last.device)
        with suppress(Refused):
            self.hq.act(lambda: devices.revoke(office, *where))
        self.ledger.auditor.look()

    def deny(self, chance: random.Random) -> list[bytes]:
        """Write the next number, after a set that never was."""
        self.go_on(self.last).prev = chance.randbytes(32).hex()
        return self.behave(chance)

    def fork(self, chance: random.Random) -> list[bytes]:
        """Say two things under one number."""
        kept = self.last.seq, self.last.prev
        one = self.behave(chance)
        self.last.seq, self.last.prev = kept
        return one + self.behave(chance)

    def jump(self, chance: random.Random) -> list[bytes]:
        """Leave numbers out, and go back later to fill them otherwise."""
        kept = self.last.seq, self.last.prev
        self.last.seq += chance.randint(1, 1500)
        lines = self.behave(chance)
        self.last.seq, self.last.prev = kept
        return lines

    def break_bytes(self, chance: random.Random) -> list[bytes]:
        """Send what is no set."""
        kept = self.last.seq, self.last.prev
        line = self.behave(chance)[0]
        self.last.seq, self.last.prev = kept
        cut = chance.randrange(1, len(line))
        rubbish = [line[:cut], line[cut:], b"\xff" * 200, b"{}", line.replace(b":", b": ", 1)]
        return [chance.choice(rubbish).replace(b"\n", b"") or b"x"]

    def overhear(self, chance: random.Random, most: int) -> list[bytes]:
        """Return some sets of others."""
        known = [promise.line for promises in self.ledger.saved.values() for promise in promises]
        return chance.sample(known, min(len(known), most))

    def make_order(self) -> Body:
        """Return the creation of an order that is hers."""
        order = {"number": f"M{self._sets}", "status": "in_progress", "service": "repair", "grade": "general"}
        order |= {"customer_id": self.firm.customers[0], "engineer_id": self.person}
        self.orders.append(new_id())
        return {"kind": "work_order", "id": self.orders[-1], "op": "create", "set": order, "was": {}}

    def seal(self, own: Chain, change: Body, **other: Any) -> bytes:
        """Return the next set of a device."""
        own.seq, self._sets = own.seq + 1, self._sets + 1
        payload = {
            "id": new_id(),
            "organisation": self.firm.organisation,
            "device": own.device,
            "seq": own.seq,
            "prev": own.prev,
            "actor": self.person,
            "intent": "mischief",
            "schema": self.world.draw("Mallory's release", self._sets).choice([1, 1, 2]),
            "captured_at": utc_now(),
            "offset_ms": 0,
            "clock": "9999999999999-ffff",
            "basis": 0,
            "witness": "",
            "changes": [change],
        }
        frame = payload | other | {"changes": tuple(Change(**said) for said in payload["changes"])}
        sealed = openings.seal(ChangeSet(**frame), own.sign, self.world.draw("Mallory's salts", self._sets).randbytes)
        own.prev = sealed.digest
        return sealed.line

    def send(self, lines: list[bytes]) -> None:
        """Push lines under her own signature."""
        body, own = b"\n".join(lines) + b"\n", self.last
        headers = sign_request(self.firm.organisation, own.device, "POST", PUSH, "", body, unix_now(), own.sign)
        headers |= {"Content-Length": str(len(body)), "Content-Type": "application/vnd.gongdan.change-sets"}
        self.answering(Request("POST", PUSH, "", headers, body))

    def hand_over(self, lines: list[bytes], device: str) -> None:
        """Let the office take lines in from a bundle that says to be some device's."""
        manifest = {"format": "gongdan-bundle/1", "organisation": self.firm.organisation, "device": device}
        with zipfile.ZipFile(self.stick, "w") as bundle:
            bundle.writestr("manifest", spell(manifest | {"made_at": utc_now()}))
            bundle.writestr("change-sets", b"".join(line + b"\n" for line in lines))
        with suppress(Refused):
            imported = self.hq.take_stick(self.stick)
            self.ledger.auditor.look()
            for receipt in imported.receipts if imported is not None else ():
                self.ledger.note_receipt(receipt)

    def _enrol(self, own: Chain) -> enrolment.Enrolled:
        with writing(self.hq.engine) as connection:
            code = enrolment.issue_code(connection, self.firm.organisation, self.person, BASE_URL).code
        public_key = bytes(own.key.verify_key).hex()
        return enrolment.enrol(self.hq.engine, self.hq.parts.office, code, public_key, "Mallory")


def spell(document: Body) -> str:
    """Return a document in the one spelling that is accepted."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
