"""What Dana does at the office: the real services, drawn by chance from what her screen shows, which may be old."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final

from schemas import KINDS
from schemas.lifecycle import DISPATCHER, next_states
from schemas.problems import Refused
from server.keys import new_id
from server.services import reviews
from sync.changeset import Change
from tests.simulation.auditor import Auditor
from tests.simulation.firm import PEOPLE, Firm
from tests.simulation.headquarters import Headquarters
from tests.simulation.world import World

Body = dict[str, Any]

FREE_TEXT: Final[dict[str, tuple[str, ...]]] = {
    "work_order": ("diagnosis", "symptom", "appointment_note", "contact", "contact", "phone", "instructions"),
    "machine": ("place", "firmware"),
    "site": ("city", "conditions", "contact"),
    "customer": ("contact", "address"),
}


class Dispatcher:
    """Dana at her screen."""

    def __init__(self, world: World, hq: Headquarters, auditor: Auditor, firm: Firm, engineers: int) -> None:
        """Sit down; the first `engineers` of the firm's engineers have devices."""
        self.world, self.hq, self.auditor, self.firm = world, hq, auditor, firm
        self.engineers = firm.engineers[:engineers]
        self.screen: dict[str, tuple[str, Body]] = {}
        self.chance = random.Random(0)
        self.people: Callable[[], Sequence[str]] = lambda: PEOPLE
        """The people of whom she may tell."""
        self.more: list[Callable[[], None]] = []
        """What else she does."""

    def act(self, chance: random.Random) -> None:
        """Do something; what the product refuses, or a dying server does not answer, she lets be."""
        self.chance = chance
        acts: list[Callable[[], None]] = [
            *[self.write] * 5,
            *[self.move] * 3,
            *[self.settle] * 6,
            *[self.open_order] * 4,
            *[self.reassign] * 3,
            *[self.delete] * 2,
            self.relocate,
            self.recall,
            self.write_alarms,
            *self.more,
        ]
        if chance.random() < 0.6:
            self.look()
        self.do(chance.choice(acts))

    def look(self) -> None:
        """Bring the screen up to date."""
        self.screen = self.auditor.live_bodies()

    def do(self, act: Callable[[], None]) -> None:
        """Do one thing and note how it ended."""
        try:
            act()
            self.world.tell("Dana", act.__name__)
        except Refused as refusal:
            self.world.tell("Dana", act.__name__, "is refused", refusal.code)
            self.world.counts[f"refused: {act.__name__} {refusal.code}"] += 1

    def open_order(self) -> None:
        """Open an order for somebody or nobody."""
        order, machine = new_id(), self.chance.choice([*self.firm.machines, None])
        body = {"number": f"GD-{order[-12:]}", "status": "assigned", "service": "repair", "grade": "important"}
        body |= {"customer_id": self.chance.choice(self.firm.customers)}
        body |= {"symptom": self.words_of("work_order", "symptom")}
        body |= {"engineer_id": self.chance.choice([*self.engineers, *self.engineers, None]), "alarms": ["E1"]}
        self.write_set("order.create", Change("work_order", order, "create", body | {"machine_id": machine}, {}))

    def reassign(self) -> None:
        """Give an order to somebody else, or to nobody."""
        self.edit("work_order", engineer_id=self.chance.choice([*self.engineers, None]))

    def relocate(self) -> None:
        """Move a machine to another site or customer, or an order to another machine."""
        kind, values = self.chance.choice(
            [
                ("machine", {"site_id": self.chance.choice([*self.firm.sites, None])}),
                ("machine", {"customer_id": self.chance.choice([*self.firm.customers, None])}),
                ("work_order", {"machine_id": self.chance.choice([*self.firm.machines, None])}),
                ("site", {"customer_id": self.chance.choice(self.firm.customers)}),
            ]
        )
        self.edit(kind, **values)

    def write(self) -> None:
        """Write a field."""
        kind = self.chance.choice(["work_order", "work_order", "work_order", "machine", "site", "customer"])
        name = self.chance.choice(FREE_TEXT[kind])
        self.edit(kind, **{name: self.words_of(kind, name)})

    def write_alarms(self) -> None:
        """Write the alarms of an order anew."""
        self.edit("work_order", alarms=sorted({f"E{self.chance.randrange(8)}" for _ in range(3)}))

    def move(self) -> None:
        """Move an order on, as the life cycle allows."""
        found = self.any_of("work_order")
        if found is not None:
            following = next_states(found[1]["status"], DISPATCHER)
            if following:
                self.edit_one("work_order", *found, status=self.chance.choice(following))

    def recall(self) -> None:
        """Recall a batch, or take the recall back."""
        self.edit("batch", recalled_on=self.chance.choice(["2026-11-20", None]))

    def delete(self) -> None:
        """Delete an order or a machine, having seen some fields of it."""
        found = self.any_of(self.chance.choice(["work_order", "work_order", "machine"]))
        if found is not None:
            record_id, body = found
            kind = self.screen[record_id][0]
            seen = {
                name: body[name]
                for name in self.chance.sample(sorted(body), self.chance.choice([min(2, len(body)), len(body)]))
            }
            self.write_set("record.delete", Change(kind, record_id, "delete", {}, seen))

    def settle(self) -> None:
        """Settle a conflict or an exception that waits."""
        waiting = [i for i, (k, b) in self.screen.items() if k in ("conflict", "exception") and b["state"] == "open"]
        if waiting:
            review = self.chance.choice(sorted(waiting))
            choice = self.chance.choice(["office", "incoming", "incoming", "base"])
            office = self.hq.parts.office
            where = (self.firm.organisation, self.firm.dana, review)
            self.hq.act(lambda: reviews.settle(office, *where, choice, None, ""))

    def words(self) -> str:
        """Write something."""
        return f"办公室{self.chance.randrange(50)}"

    def words_of(self, kind: str, name: str) -> str:
        """Write something into a field: where it may tell of a person, it does."""
        return self.words() + (self.chance.choice(self.people()) if name in KINDS[kind].personal else "")

    def any_of(self, kind: str) -> tuple[str, Body] | None:
        """Choose one of the records of a kind on the screen."""
        found = sorted((record_id, body) for record_id, (known, body) in self.screen.items() if known == kind)
        return self.chance.choice(found) if found else None

    def edit(self, kind: str, **values: Any) -> None:
        """Write fields of some record of a kind."""
        found = self.any_of(kind)
        if found is not None:
            self.edit_one(kind, *found, **values)

    def edit_one(self, kind: str, record_id: str, body: Body, **values: Any) -> None:
        """Write fields of one record, as somebody who sees it as the screen shows it."""
        was = {name: body.get(name) for name in values}
        self.write_set("office.edit", Change(kind, record_id, "update", values, was))

    def write_set(self, intent: str, *changes: Change) -> None:
        """Write a set in her name."""
        office = self.hq.parts.office
        self.hq.act(lambda: office.write(self.firm.organisation, self.firm.dana, intent, changes))
