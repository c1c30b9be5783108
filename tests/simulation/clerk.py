"""What Dana does about what waits, machines registered twice and recalls: the services behind the desk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from schemas.recall import ACTIONS, Extent
from server.clock import spell_instant, unix_ms
from server.domain.remedies import BY_CODE
from server.keys import new_id
from server.services import decisions, inquiries, recall_orders, recalls, remedies
from server.services.decisions import Desk
from sync.changeset import Change
from tests.simulation.afterthoughts import View, check_taken_back
from tests.simulation.dispatcher import Dispatcher
from tests.simulation.part_history import tell_stays
from tests.simulation.suspicions import covers
from tests.simulation.truth import Truth
from tests.simulation.world import HOUR_MS, Broken

Body = dict[str, Any]

RANGES: Final = (("S08", "S10"), ("S09", "S12"), ("S11", "S11"), (None, None), (None, None))
PLATES: Final = ("MC-0", "ＭＣ-2", "mc-4", "NX-1", "NX-2")
"""Serial numbers of machines as she types them, at times in full width."""


class Clerk:
    """See the module's text."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        """Work at the dispatcher's screen."""
        self.at = dispatcher
        self._raised: list[tuple[str, list[str]]] = []
        """recalls for which orders were raised since the last check, with their numbers"""
        self._undone: list[str] = []
        """what is decided no more since the last check"""

    def acts(self) -> list[Callable[[], None]]:
        """Return what she may do."""
        return [
            *[self.ask] * 2,
            *[self.decide] * 2,
            *[self.take_decision_back] * 2,
            self.accept_safe,
            self.put_off,
            *[self.remedy] * 2,
            self.register,
            self.open_recall,
            self.end_recall,
            *[self.raise_orders] * 2,
        ]

    @property
    def desk(self) -> Desk:
        """Her desk, at the server as it runs."""
        return Desk(self.at.hq.parts.office, self.at.firm.organisation, self.at.firm.dana)

    def ask(self) -> None:
        """Put a question about what waits to an engineer."""
        review, person = self._choose("open"), self.at.chance.choice(self.at.engineers)
        if review:
            self.at.hq.act(lambda: inquiries.ask(self.desk, review, person, self.at.words()))

    def decide(self) -> None:
        """Decide a conflict by what the screen shows."""
        review = self._choose("open", "conflict")
        if review:
            choice, note = self.at.chance.choice(["office", "incoming", "base"]), self.at.chance.choice(["", "办公室"])
            seen = self._seen(review)
            self.at.hq.act(lambda: decisions.decide(self.desk, review, choice, None, note, seen))

    def accept_safe(self) -> None:
        """Settle at once what needs no thought."""
        shown = {review: self._seen(review) for review in self._list("open", "conflict")}
        self.at.hq.act(lambda: decisions.accept_safe(self.desk, shown))

    def take_decision_back(self) -> None:
        """Take a decision back with all that was written with it."""
        review = self._choose("settled")
        if review and self.at.hq.act(lambda: decisions.undo(self.desk, review)):
            self._undone.append(review)

    def put_off(self) -> None:
        """Put something off, until some time or until somebody syncs, or take it up again."""
        review = self._choose("open")
        until = spell_instant(unix_ms() + self.at.chance.randint(1, 48) * HOUR_MS)
        later = self.at.chance.choice([(until, None), (None, self.at.chance.choice(self.at.engineers)), (None, None)])
        if review:
            self.at.hq.act(lambda: decisions.postpone(self.desk, review, *later, "等件"))

    def remedy(self) -> None:
        """Do something about an exception."""
        review = self._choose("open", "exception")
        if review:
            chosen = self.at.chance.choice(BY_CODE[self.at.screen[review][1]["code"]])
            machine = self.at.any_of("machine")
            given = {"keep": machine[0] if machine else None, "person": self.at.chance.choice(self.at.engineers)}
            self.at.hq.act(lambda: remedies.apply_remedy(self.desk, review, chosen, "已核对", given))
            self.at.world.counts[f"remedy {chosen}"] += 1

    def register(self) -> None:
        """Register a machine, at times one that is registered already."""
        model = self.at.any_of("model")
        if model:
            values = {"model_id": model[0], "serial": self.at.chance.choice(PLATES)}
            values |= {"customer_id": self.at.chance.choice(self.at.firm.customers)}
            self.at.write_set("machine.create", Change("machine", new_id(), "create", values, {}))

    def open_recall(self) -> None:
        """Recall a part: all of it, a batch, a range of serial numbers, or what is in both."""
        part, (first, last) = self.at.any_of("part"), self.at.chance.choice(RANGES)
        if part:
            extent = Extent(part[0], self.at.chance.choice(["B0", "B1", None]), first, last)
            given = {"name": "轴承", "reason": self.at.words(), "urgency": "urgent"}
            given |= {"action": self.at.chance.choice(ACTIONS)}
            hq, author = self.at.hq, self._author()
            hq.act(lambda: recalls.open_recall(hq.engine, hq.parts.office, author, given, [extent]))

    def end_recall(self) -> None:
        """Close a recall, withdraw it, or open it again."""
        recall = self.at.any_of("recall")
        if recall:
            state, office = self.at.chance.choice(["open", "closed", "withdrawn"]), self.at.hq.parts.office
            self.at.hq.act(lambda: recalls.end_recall(office, self._author(), recall[0], state, "查清了"))

    def raise_orders(self) -> None:
        """Raise the orders of a recall."""
        recall = self.at.any_of("recall")
        if recall:
            hq, author = self.at.hq, self._author()
            raised = hq.act(lambda: recall_orders.raise_orders(hq.engine, hq.parts.office, author, recall[0]))
            if raised is not None:
                self._raised.append((recall[0], raised.numbers))

    def check(self, truth: Truth) -> None:
        """Hold what was done since the last check to what stands: nothing of a decision that was taken back, an order
        for each machine that holds what is recalled, and one alone."""
        for recall, numbers in self._raised:
            self.at.world.counts["orders of recalls"] += len(numbers)
            check_raised(truth, recall, numbers)
        for review in self._undone:
            self.at.world.counts["decisions taken back"] += 1
            seen = View(truth.body_of, truth.bodies_of)
            check_taken_back("office", seen, self.at.auditor.find_set(review, state="settled")["changes"])
        self._raised.clear()
        self._undone.clear()

    def _author(self) -> recalls.Author:
        return recalls.Author(self.at.firm.organisation, self.at.firm.dana)

    def _list(self, state: str, *kinds: str) -> list[str]:
        wanted = kinds or ("conflict", "exception")
        return sorted(key for key, (kind, body) in self.at.screen.items() if kind in wanted and body["state"] == state)

    def _choose(self, state: str, *kinds: str) -> str | None:
        found = self._list(state, *kinds)
        return self.at.chance.choice(found) if found else None

    def _seen(self, review: str) -> str:
        conflict = self.at.screen[review][1]
        return decisions.spell_seen(conflict, self.at.screen.get(conflict["subject_id"], ("", None))[1])


def check_raised(truth: Truth, recall: str, numbers: list[str]) -> None:
    """Hold the orders of a recall to the parts that it names, by where the oracle knows them to be."""
    named = [body for _, body in truth.bodies_of("recalled_part") if body["recall_id"] == recall]
    holding = set()
    for stay in tell_stays(truth.part_facts.values()).values():
        values = truth.body_of(stay.fact.id)
        is_in = stay.struck_by is None and stay.removal is None
        part = values.get("part_id") or truth.body_of(values.get("batch_id")).get("part_id")
        covering = (body for body in named if body["part_id"] == part)
        if is_in and any(covers(body, stay.fact.batch, stay.fact.serial) for body in covering):
            holding.add(stay.fact.machine)
    orders = [body for _, body in truth.bodies_of("work_order") if body.get("recall_id") == recall]
    have = Counter(body.get("machine_id") for body in orders if body["status"] != "cancelled")
    fresh = Counter(body.get("machine_id") for body in orders if body["number"] in numbers)
    if missing := holding - have.keys():
        raise Broken(f"recall {recall}: no order for machines {sorted(missing)}, which hold what it names")
    if odd := [machine for machine, count in fresh.items() if count > 1 or have[machine] > 1 or machine not in holding]:
        raise Broken(f"recall {recall}: more orders than one, or one without a reason, for machines {odd}")
