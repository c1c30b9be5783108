"""The steps of an order's life: who is responsible in each, what is expected, and until when. Source: handbook G6, G7.

Rule 1: each state of an open order is a step with one responsible role; whom that is follows from the order.
Rule 2: a step is over in time when what the customer was promised at this point is kept, and within the step's own
        limit, where it has one; the earlier of the two counts. Own limits are configuration of the service terms.
Rule 3: on hold, whoever can end the waiting is responsible.
Rule 4: at the third line the expert who took the order over is responsible with the engineer at the machine; the
        expert is named, since the next word is his.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from schemas.clocks import DUE_FIELDS, is_met
from server.domain.calendar import Calendar
from server.domain.sla import Allowance


@dataclass(frozen=True, slots=True)
class Step:
    """A step: the responsible role, the clock it serves, its own limit, and what is expected in both languages."""

    role: str
    clocks: tuple[str, ...]
    limit: Allowance | None
    standard: tuple[str, str]
    rule: str


STEPS: Final[dict[str, Step]] = {
    "received": Step("dispatcher", ("answer",), Allowance(1, "working_hour"),
                     ("答复客户，定级，派工。", "Answer the customer, grade, assign."), "R5 G1 D1"),
    "assigned": Step("engineer", ("on_site",), Allowance(1, "working_day"),
                     ("准备资料、备件和工具，出发前电话确认。", "Prepare papers, parts and tools; call before leaving."), "D2"),
    "travelling": Step("engineer", ("on_site",), None,
                       ("按时到场，晚到提前说明。", "Arrive on time, or say why before."), "V1"),
    "on_site": Step("engineer", ("proposal", "solved"), None,
                    ("查看环境，诊断，说明原因、方案、时间和费用。", "Look around, diagnose, explain cause, plan, time and cost."), "V2 V3"),
    "in_progress": Step("engineer", ("proposal", "solved"), None,
                        ("排除故障，记录过程，客户签字。", "Solve the fault, record the work, have it signed."), "V4 V5"),
    "on_hold": Step("dispatcher", (), Allowance(1, "working_day"),
                    ("推动恢复，告知客户新的时间。", "See that it goes on; tell the customer the new time."), "C2.4 G7"),
    "finished": Step("dispatcher", (), Allowance(1, "working_day"),
                     ("核对服务报告，验收归档或退回。", "Check the job sheet; accept and file it, or send it back."), "V5 V6"),
    "sent_back": Step("engineer", ("solved",), Allowance(1, "working_day"),
                      ("补充所缺内容后重新完工。", "Complete what is missing and finish again."), "V5"),
}  # fmt: skip
"""state of an order -> its step; an order that is closed or cancelled has none."""

WAITING: Final[dict[str, str]] = {
    "customer": "dispatcher",
    "postponed": "dispatcher",
    "part": "stock_keeper",
    "site_closed": "dispatcher",
    "site_unsafe": "dispatcher",
    "third_party": "dispatcher",
    "force_majeure": "dispatcher",
    "own": "engineer",
}
"""reason of a pause -> the role that can end the waiting (rule 3)"""

AT_THE_MACHINE: Final = ("on_site", "in_progress")


@dataclass(frozen=True, slots=True)
class Duty:
    """Who is responsible at the moment: a role, and the person where the order tells.

    `until` is when the step should be over, None where nothing limits it; `clock` is the promise that sets it, None for
    the step's own limit.
    """

    state: str
    role: str
    person: str | None
    until: datetime | None
    clock: str | None
    standard: tuple[str, str]
    rule: str


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """What besides the order's own fields tells who is responsible.

    `since` is when the order came into its state; `line` the line of support, with the expert who took it over.
    """

    since: datetime | None
    line: str = "hotline"
    expert: str | None = None
    waits_for: str | None = None
    """The reason of the pause that is open."""
    expected_until: datetime | None = None


def find_duty(
    order: Mapping[str, Any], around: Whereabouts, limits: Mapping[str, Allowance], calendar: Calendar
) -> Duty | None:
    """Return who is responsible for an order and until when, or None when it has ended."""
    state = order["status"]
    step = STEPS.get(state)
    if step is None:
        return None
    role = WAITING[around.waits_for] if state == "on_hold" and around.waits_for else step.role
    person = order.get("engineer_id") if role == "engineer" else None
    if around.line == "headquarters" and around.expert and state in AT_THE_MACHINE:
        role, person = "expert", around.expert
    ends: list[tuple[datetime, str | None]] = []
    ends += [(until, clock) for clock in step.clocks if (until := _due(order, clock)) is not None]
    if (own := _own_limit(state, step, around, limits, calendar)) is not None:
        ends.append((own, None))
    until, clock = min(ends, key=lambda end: end[0], default=(None, None))
    return Duty(state, role, person, until, clock, step.standard, step.rule)


def _due(order: Mapping[str, Any], clock: str) -> datetime | None:
    due_at = order.get(DUE_FIELDS[clock])
    return datetime.fromisoformat(due_at) if due_at and not is_met(clock, order) else None


def _own_limit(
    state: str, step: Step, around: Whereabouts, limits: Mapping[str, Allowance], calendar: Calendar
) -> datetime | None:
    if state == "on_hold" and around.expected_until is not None:
        return around.expected_until
    limit = limits.get(state, step.limit)
    return limit.end_from(around.since, calendar) if limit is not None and around.since is not None else None
