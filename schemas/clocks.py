"""The clocks of an order: what is promised, what stops each clock, what pauses it. Source: handbook G1-G7.

The server works the limits out (server/domain/sla.py) and writes them into the order, with which they travel. What
they say at a moment is read from them here, alike on server and device.

Rule 1: a clock runs from the report until what it promises has happened, or the order has ended.
Rule 2: a clock that is paused has no limit; the limit comes back, later by the pause, when the pause ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from schemas.base import Nature, RecordSchema, choice, instant, reference, text, truth
from schemas.merge_rules import EARLIEST, FROZEN, OFFICE

CLOCKS: Final = ("answer", "proposal", "on_site", "solved")
"""In the order in which they are usually met."""

CLOCK_LABELS: Final[dict[str, tuple[str, str]]] = {
    "answer": ("响应", "Answer"),
    "proposal": ("方案", "Solution proposed"),
    "on_site": ("到场", "On site"),
    "solved": ("解决", "Solved"),
}

DUE_FIELDS: Final[dict[str, str]] = {clock: f"{clock}_due_at" for clock in CLOCKS}
"""The field of an order that holds the limit of each clock."""

MET_BY: Final[dict[str, tuple[str, ...]]] = {
    "answer": ("answered_at", "proposed_at", "arrived_at", "started_at"),
    "proposal": ("proposed_at",),
    "on_site": ("arrived_at", "started_at"),
    "solved": (),
}
"""The fields of an order whose times stop each clock; what solves the fault stops them all. Who stands at the machine
has answered."""

UNSOLVED_RESULTS: Final = ("needs_parts", "needs_workshop")
"""The visit is over and the fault is not; a workaround or a loan machine counts as solved. Source: handbook G4."""

PAUSES: Final[dict[str, tuple[str, ...]]] = {
    "customer": ("proposal", "on_site", "solved"),
    "postponed": ("on_site", "solved"),
    "part": ("solved",),
    "site_closed": ("on_site", "solved"),
    "site_unsafe": ("on_site", "solved"),
    "third_party": ("solved",),
    "force_majeure": CLOCKS,
    "own": (),
}
"""Which clocks each reason pauses, unless the service terms pause for fewer. What is ours to do pauses nothing."""

PAUSE_REASONS: Final = tuple(PAUSES)

PAUSE_LABELS: Final[dict[str, tuple[str, str]]] = {
    "customer": ("等待客户", "Waiting for the customer"),
    "postponed": ("客户要求延后", "Postponed by the customer"),
    "part": ("等待备件", "Waiting for a part"),
    "site_closed": ("现场不开放", "The site is closed"),
    "site_unsafe": ("现场不具备安全条件", "The site is not safe"),
    "third_party": ("等待第三方", "Waiting for a third party"),
    "force_majeure": ("不可抗力", "Force majeure"),
    "own": ("我方原因（不暂停计时）", "Our own reasons (pauses nothing)"),
}

LINES: Final = ("hotline", "station", "headquarters")
"""The lines of support. Source: handbook G6."""

LINE_LABELS: Final[dict[str, tuple[str, str]]] = {
    "hotline": ("热线中心", "Hotline centre"),
    "station": ("区域服务站", "Regional station"),
    "headquarters": ("总部专家", "Headquarters expert"),
}

OFFICE_AND_FIELD: Final = frozenset({"dispatcher", "manager", "admin", "engineer"})


class ClockPause(RecordSchema):
    """For a while an order waits for something; the reason says which of its clocks stand still meanwhile.

    Ended twice, by two people or tablets, it ended at the earlier of the two times. One that should not count is
    disallowed by the office with a reason, and stays for whoever looks later.
    """

    kind = "clock_pause"
    label = ("计时暂停", "Clock pause")
    writers = OFFICE_AND_FIELD | {"system"}
    ended_by = "ended_at"

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    reason = choice("原因", "Reason", PAUSE_REASONS, required=True)
    note = text("说明", "Note", most=500)
    began_at = instant("开始时间", "Began at", required=True, merge=FROZEN)
    ended_at = instant("结束时间", "Ended at", merge=EARLIEST)
    expected_until = instant("预计恢复", "Expected until")
    with_hold = truth("随工单暂停", "Ends with the hold", merge=FROZEN)
    disallowed = text("不予认可的原因", "Disallowed because", most=500, merge=OFFICE)


class Escalation(RecordSchema):
    """An order went from one line of support to another, up or back. Source: handbook G6.

    Who did it is the author of its change-set; `person_id` is who takes over.
    """

    kind = "escalation"
    label = ("支持升级", "Escalation")
    nature = Nature.FACT
    writers = OFFICE_AND_FIELD

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    from_line = choice("原支持级别", "From", LINES, merge=FROZEN)
    to_line = choice("转到", "To", LINES, required=True, merge=FROZEN)
    reason = text("原因", "Reason", most=1000, least=1, required=True, merge=FROZEN)
    person_id = reference("接手人", "Taken over by", "person", merge=FROZEN)
    centre_id = reference("接手网点", "Service centre", "service_centre", merge=FROZEN)
    remote = truth("远程支持", "Remote support", merge=FROZEN)
    escalated_at = instant("升级时间", "Escalated at", required=True, merge=FROZEN)


Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class NextLimit:
    """The limit of time an order runs against next; `due_at` is an instant in UTC."""

    clock: str
    due_at: str


def find_line(order: Values, escalations: Iterable[Values]) -> str:
    """Return the line of support an order is at: where the newest escalation brought it.

    Before the first one it is with the hotline until an engineer has it, then with the station. Source: handbook G6.
    """
    newest = max(escalations, key=lambda body: (body["escalated_at"], body["to_line"]), default=None)
    if newest is not None:
        return str(newest["to_line"])
    return "station" if order.get("engineer_id") else "hotline"


def is_solved(order: Values) -> bool:
    """Tell whether an order's fault is gone, as far as the order says."""
    return order.get("status") in ("finished", "closed") and order.get("result") not in UNSOLVED_RESULTS


def is_met(clock: str, order: Values) -> bool:
    """Tell whether a clock has stopped: what it promises has happened, or the order has ended."""
    has_ended = order.get("status") in ("closed", "cancelled")
    return has_ended or is_solved(order) or any(order.get(name) for name in MET_BY[clock])


def next_limit(order: Values, paused_by: str | None = None) -> NextLimit | None:
    """Return the earliest limit of an order's running clocks, or None when none runs.

    `paused_by` is the reason of a pause the server may not know of yet.
    """
    standing = PAUSES.get(paused_by, ()) if paused_by else ()
    running = [
        NextLimit(clock, due_at)
        for clock, name in DUE_FIELDS.items()
        if clock not in standing and (due_at := order.get(name)) and not is_met(clock, order)
    ]
    return min(running, key=lambda limit: (limit.due_at, CLOCKS.index(limit.clock)), default=None)
