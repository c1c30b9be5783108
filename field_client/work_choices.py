"""Letting the customer choose a part: original, authorised or a certified alternative. Source: handbook P3."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from field_client.outbox import Edit
from field_client.store import Record
from field_client.work import Workbench, find_order, machine_of
from field_client.work_machine import find_parts_in, find_warranty, judged_day
from field_client.work_part_checks import fits
from field_client.work_stock import count_usable, list_stock
from schemas.part import PART_GRADES
from schemas.problems import Refused
from schemas.warranty import Verdict, verdict_on

CHOICES_MOST: Final = 20
"""More alternatives than any part has; a customer cannot compare more."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A part that would do, with what the customer wants to know of it."""

    part: Record
    on_van: int
    cover: Verdict

    @property
    def price_cents(self) -> int | None:
        """What the customer pays for the part: nothing when it is covered, None when nobody knows. Source: V9."""
        price: int | None = self.part.values.get("price_cents")
        return 0 if self.cover.outcome == "in" else price


@dataclass(frozen=True, slots=True)
class Chosen:
    """The customer's choice as it was recorded."""

    id: str
    part: Record
    set_id: str | None


def list_components(bench: Workbench, order_name: str | None = None) -> list[str]:
    """Return the components one is likely to replace on the machine of an order, the likeliest first.

    They are those of the parts to bring, of the fitting parts in the van, of the parts in the machine, and those the
    model has terms for; a catalogue of thousands is not read for it. Raises Refused as `find_order` does, or with
    `machine_unknown`.
    """
    order = find_order(bench, order_name)
    machine = machine_of(bench, order)
    store = bench.store
    wanted = [needed["part_id"] for needed in order.values.get("needed_parts") or ()]
    carried = [line.part_id for line in list_stock(bench, machine) if line.fits]
    inside = [fitted.values.get("part_id") for fitted in find_parts_in(bench, machine.id)]
    terms = store.values_of(machine.values.get("model_id")).get("component_terms") or ()
    named = [store.values_of(part_id).get("component") for part_id in (*wanted, *carried, *inside)]
    return list(dict.fromkeys([name for name in named if name] + [term["component"] for term in terms]))


def list_choices(bench: Workbench, component: str, order_name: str | None = None) -> list[Choice]:
    """Return the parts of a component that fit the machine of an order, original first.

    Raises Refused as `list_components` does.
    """
    order = find_order(bench, order_name)
    machine = machine_of(bench, order)
    warranty, day = find_warranty(bench, machine.id), judged_day(bench, order)
    fitting = [part for part in bench.store.find_by("part", "component", component) if fits(bench, part, machine)]
    choices = [
        Choice(part, count_usable(bench, part.id), verdict_on(warranty, day, order.values, part.values))
        for part in fitting
    ]
    return sorted(choices, key=_rank)[:CHOICES_MOST]


def choose_part(
    bench: Workbench, component: str, part_id: str, chosen_by: str, order_name: str | None = None
) -> Chosen:
    """Record which part the customer chose, with all that he was shown.

    Raises Refused with `part_not_known` when it was not among what was shown, and `field_missing` without a name.
    """
    if not chosen_by.strip():
        raise Refused("field_missing", field="chosen_by")
    order = find_order(bench, order_name)
    choices = list_choices(bench, component, order.id)
    chosen = next((choice.part for choice in choices if choice.part.id == part_id), None)
    if chosen is None:
        raise Refused("part_not_known", what=component)
    values = {
        "order_id": order.id,
        "machine_id": order.values["machine_id"],
        "component": component,
        "offered": _spell_offer(choices),
        "chosen_id": part_id,
        "chosen_by": chosen_by.strip(),
        "chosen_at": bench.now(),
    }
    choice_id = bench.make_id()
    return Chosen(choice_id, chosen, bench.outbox.write("part.choose", [Edit("part_choice", choice_id, values, True)]))


def find_choice(bench: Workbench, order: Record, part_id: str | None) -> Record | None:
    """Return the customer's newest choice on an order, if it is for this part."""
    choices = list(bench.store.find_by("part_choice", "order_id", order.id))
    return next((choice for choice in reversed(choices) if choice.values["chosen_id"] == part_id), None)


def _spell_offer(choices: Sequence[Choice]) -> list[dict[str, object]]:
    offered = []
    for choice in choices:
        part = choice.part.values
        shown = {
            "part_id": choice.part.id,
            "part_number": part["part_number"],
            "name": part["name"],
            "grade": part.get("grade"),
            "price_cents": choice.price_cents,
            "warranty_months": part.get("warranty_months"),
            "cover": choice.cover.outcome,
        }
        offered.append({name: value for name, value in shown.items() if value is not None})
    return offered


def _rank(choice: Choice) -> tuple[int, str]:
    grade = choice.part.values.get("grade")
    return PART_GRADES.index(grade) if grade in PART_GRADES else len(PART_GRADES), choice.part.values["part_number"]
