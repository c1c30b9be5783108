"""What an engineer does about what he has done: he takes it back, strikes it out, puts it right, answers for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from field_client import work_parts, work_undo
from field_client.work_create import NewMachine, NewOrder, create
from field_client.work_inquiries import answer_inquiry, list_inquiries
from field_client.work_withdraw import bring_back, withdraw
from schemas.inquiry import ANSWERS
from schemas.withdrawal import WITHDRAWABLE
from tests.simulation.engineer import Engineer
from tests.simulation.world import Broken

PLATES: Final = ("MC-1", "mc-1", "MC-3", "NX-1", "nx-1", "NX-2")
"""Serial numbers of machines that he may register, some of which are registered; case does not tell two apart."""


@dataclass(frozen=True, slots=True)
class View:
    """The records as somebody sees them: the values of one, and id and values of all of a kind."""

    values_of: Callable[[str], dict[str, Any]]
    of_kind: Callable[[str], Iterable[tuple[str, dict[str, Any]]]]


class Afterthoughts:
    """See the module's text."""

    def __init__(self, engineer: Engineer) -> None:
        """Be those of an engineer."""
        self.engineer, self.bench, self.chance = engineer, engineer.bench, engineer.chance
        self.taken_back: int | None = None
        """The number of the set that the last act took back."""

    def acts(self) -> list[Callable[[], object]]:
        """Return what he may do."""
        return [
            *[self.take_back] * 2,
            self.strike_out,
            self.bring_back,
            self.put_right,
            *[self.answer] * 2,
            self.register,
        ]

    def take_back(self) -> None:
        """Take the latest act of an order back."""
        order = self.engineer.any_of("work_order")
        found = work_undo.find_undoable(self.bench, order.id) if order is not None else None
        if order is not None and found is not None:
            work_undo.undo(self.bench, found.seq, order.id)
            self.taken_back = found.seq

    def strike_out(self) -> None:
        """Strike an entry out."""
        fact = self.engineer.any_of(self.chance.choice(WITHDRAWABLE))
        if fact is not None:
            withdraw(self.bench, self.engineer.words(), fact.id)

    def bring_back(self) -> None:
        """Record what was struck out anew."""
        withdrawal = self.engineer.any_of("withdrawal")
        if withdrawal is not None:
            bring_back(self.bench, withdrawal.values["subject_id"])

    def put_right(self) -> None:
        """Record a part fitted otherwise than it was."""
        fitted = self.engineer.any_of("part_fitted")
        if fitted is not None:
            label = self.engineer.read_label()
            work_parts.fit_part(self.bench, label, order=fitted.values["order_id"], replaces=fitted.id)

    def answer(self) -> None:
        """Answer what the office asks."""
        asked = list_inquiries(self.bench)
        if asked:
            inquiry, says = self.chance.choice(asked), self.chance.choice(["", *ANSWERS])
            answer_inquiry(self.bench, inquiry.id, says, self.engineer.words())

    def register(self) -> None:
        """Take an order down for a machine of which his device knows nothing, though others may."""
        model, customer = self.engineer.any_of("model"), self.engineer.any_of("customer")
        if model is not None and customer is not None:
            plate = NewMachine(model.id, self.chance.choice(PLATES))
            about = {"machine": plate, "customer_id": customer.id}
            symptom = self.engineer.words_of("work_order", "symptom")
            create(self.bench, NewOrder("repair", "important", symptom, **about))


def check_taken_back(name: str, view: View, changes: list[dict[str, Any]]) -> None:
    """Hold what is seen to what it must be once the set that made `changes` was taken back.

    Fields are what their author saw, facts are struck out, and what was struck out is there again.
    """
    struck = {body["subject_id"] for _, body in view.of_kind("withdrawal")}
    for change in changes:
        values, kind = view.values_of(change["id"]), change["kind"]
        if change["op"] == "update":
            wrong = {
                f"{field} {values.get(field)!r}, was {before!r}"
                for field in change["set"]
                if _plain(values.get(field)) != _plain(before := change["was"].get(field))
            }
        elif kind == "withdrawal":
            wrong = set() if _is_again(view, change["set"], struck) else {change["set"]["subject_id"]}
        else:
            ended = {"inquiry": "closed", "work_order": "cancelled"}
            has_ended = (values.get("state") or values.get("status")) == ended.get(kind, "")
            wrong = set() if has_ended or change["id"] in struck else {change["id"]}
        if wrong:
            raise Broken(f"{name}: was taken back and stays: {sorted(wrong)} of {kind} {change['id']}")


def _plain(value: Any) -> Any:
    """Return a value as two are compared: a list without its order, and an empty one says as much as none."""
    return sorted(value, key=repr) or None if isinstance(value, list) else value


def _is_again(view: View, withdrawal: dict[str, Any], struck: set[str]) -> bool:
    """Tell whether there is a record that says what one did that was struck out, and is not struck out itself."""
    kind, lost = withdrawal["subject_kind"], view.values_of(withdrawal["subject_id"])
    told = {name: value for name, value in lost.items() if not name.endswith("_id")}
    return any(
        key not in struck and {name: body.get(name) for name in told} == told for key, body in view.of_kind(kind)
    )
