"""What became of each part that a recall covers, and of the recall as a whole.

Rule 1: a part that is in a machine waits until it is out of it; one that is only to be inspected, or that cannot be
        excluded, waits until its order is finished.
Rule 2: a part that is out of its machine is settled once somebody has it: it was sent back or scrapped, lies in a van
        or a centre, or is in another machine, where it is a line of its own. One that was left with the customer, or of
        which nobody says where it is, waits; where it cannot be excluded, it goes on being one of those.
Rule 3: an order that was cancelled is none.
Source: handbook P1, F7.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from schemas.recall import Covered

LineState = Literal["open", "ordered", "still_in", "unclear", "removed", "done", "back"]

LINE_STATES: Final[dict[LineState, tuple[str, str]]] = {
    "open": ("未安排", "Nothing done"),
    "ordered": ("已开工单", "Order raised"),
    "still_in": ("工单已完，备件仍在", "Order done, part still in"),
    "unclear": ("不能排除", "Cannot be excluded"),
    "removed": ("已拆下，去向未明", "Removed, not accounted for"),
    "done": ("已检查", "Inspected"),
    "back": ("已收回", "Accounted for"),
}
"""Those that wait for somebody first; the last two are settled."""

SETTLED: Final[frozenset[LineState]] = frozenset({"done", "back"})
KEPT_SAFE: Final = frozenset({"returned", "scrapped"})
"""Destinations of a removed part at which nobody can put it into a machine again."""

WORK_DONE: Final = frozenset({"finished", "closed"})
CANCELLED: Final = "cancelled"


class Fitting(NamedTuple):
    """One part that is or was in a machine; `id` is the fact that tells of it, `removal` the one that ends it.

    `customer` and `site` are those of the machine, empty where nobody knows. A tuple: a recall may be about 100,000.
    """

    id: str
    machine: str
    part: str
    batch: str | None
    serial: str | None
    fitted_at: str | None
    removed_at: str | None
    removal: str | None
    quantity: int
    customer: str
    site: str


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What is known of a part after its removal: where it went, and whether it was found since."""

    destination: str | None = None
    is_found: bool = False


def tell_state(
    fitting: Fitting, covered: Covered, action: str, order_status: str | None, whereabouts: Whereabouts
) -> LineState:
    """Return what became of one part; `order_status` is that of the order raised for its machine, None without one."""
    if fitting.removed_at is not None:
        is_safe = whereabouts.is_found or whereabouts.destination in KEPT_SAFE
        return "back" if is_safe else "removed" if covered.cover == "hit" else "unclear"
    if order_status is not None and order_status != CANCELLED:
        if order_status not in WORK_DONE:
            return "ordered"
        return "done" if action == "inspect" or covered.cover == "unclear" else "still_in"
    return "unclear" if covered.cover == "unclear" else "open"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a recall has come: parts by state, machines in all and with something that waits."""

    parts: dict[LineState, int]
    machines: int
    waiting_machines: int
    stock: int
    """Recalled parts in vans and centres."""

    @property
    def waiting(self) -> int:
        """How many parts wait for somebody."""
        return sum(count for state, count in self.parts.items() if state not in SETTLED)

    @property
    def share(self) -> int:
        """How many percent of the parts are settled; 100 where there are none."""
        total = sum(self.parts.values())
        return 100 * (total - self.waiting) // total if total else 100


def sum_up(lines: Iterable[tuple[str, LineState]], stock: int) -> Progress:
    """Return the progress that some lines, as machine and state, and a number of parts in stock make."""
    states: Counter[LineState] = Counter()
    machines: set[str] = set()
    waiting: set[str] = set()
    for machine, state in lines:
        states[state] += 1
        machines.add(machine)
        if state not in SETTLED:
            waiting.add(machine)
    return Progress({state: states[state] for state in LINE_STATES}, len(machines), len(waiting), stock)
