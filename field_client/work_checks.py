"""Answering the items of a checklist, each against its type, unit and limits. Source: handbook I2, V2, M1."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from field_client.notices import Notice
from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Workbench, checklist_of, find_order
from field_client.work_facts import find_standing
from schemas.base import DECIMAL_PATTERN
from schemas.problems import Refused

Verdict = Literal["passed", "failed", "skipped", "noted"]

YES: Final = frozenset({"yes", "y", "true", "1", "是", "有", "合格", "正常"})
NO: Final = frozenset({"no", "n", "false", "0", "否", "无", "不合格", "异常"})

_DECIMAL = re.compile(DECIMAL_PATTERN).match


@dataclass(frozen=True, slots=True)
class Checked:
    """One item answered: what is recorded, and what it was the last time on this machine."""

    item: Values
    value: str | None
    verdict: Verdict
    previous: Record | None
    set_id: str | None
    notices: tuple[Notice, ...] = ()


def check(bench: Workbench, key: str, value: str, *, reason: str | None = None, order: str | None = None) -> Checked:
    """Record the value of an item, passed or failed by its limits.

    Raises Refused with `not_found` when the checklist has no such item, `value_invalid` when the value is not of
    the item's type, and `limit_exceeded` when it is beyond a limit that blocks the work and no reason is given.
    """
    found = find_order(bench, order)
    checklist, item = _find_item(bench, found, key)
    spelled, verdict = judge(item, value)
    if verdict == "failed" and item.get("beyond_limit") == "block" and not reason:
        raise Refused("limit_exceeded", item=item["label"], **limits_of(item))
    return _record(bench, found, checklist, item, {"value": spelled, "verdict": verdict, "reason": reason})


def skip(bench: Workbench, key: str, reason: str, *, order: str | None = None) -> Checked:
    """Record that an item was not done, and why.

    Raises Refused with `not_found`, or `field_missing` without a reason.
    """
    if not reason.strip():
        raise Refused("field_missing", field="reason")
    found = find_order(bench, order)
    checklist, item = _find_item(bench, found, key)
    return _record(bench, found, checklist, item, {"verdict": "skipped", "reason": reason})


def judge(item: Values, value: str) -> tuple[str, Verdict]:
    """Return the value as it is recorded, and its verdict; raises Refused with `value_invalid`."""
    value = value.strip()
    if item["type"] == "yes_no":
        if value.casefold() not in YES | NO:
            raise _not_acceptable(item, "是 / 否, yes / no")
        return ("yes", "passed") if value.casefold() in YES else ("no", "failed")
    if item["type"] == "choice":
        if value not in (item.get("options") or []):
            raise _not_acceptable(item, " / ".join(item.get("options") or []))
        return value, "noted"
    if item["type"] == "number":
        return _judge_number(item, value)
    if not value:
        raise _not_acceptable(item, "文字 / text")
    return value, "noted"


def limits_of(item: Values) -> dict[str, str]:
    """Return the limits and unit of an item as text, open ends as an ellipsis."""
    return {"low": item.get("low") or "…", "high": item.get("high") or "…", "unit": item.get("unit") or ""}


def previous_result(bench: Workbench, order: Record, key: str) -> Record | None:
    """Return the last result of an item on the same machine, on an earlier order."""
    machine_id = order.values.get("machine_id")
    if machine_id is None:
        return None
    results = find_standing(bench.store, "check_result", "machine_id", machine_id)
    earlier = [
        result for result in results if result.values["item"] == key and result.values.get("order_id") != order.id
    ]
    return earlier[-1] if earlier else None


def _judge_number(item: Values, value: str) -> tuple[str, Verdict]:
    value = value.removesuffix(item.get("unit") or "").strip().removeprefix("+")
    spelled = f"0{value}" if value.startswith(".") else value
    if _DECIMAL(spelled) is None:
        raise _not_acceptable(item, f"例如 / such as 12.5 {item.get('unit') or ''}".strip())
    low, high = item.get("low"), item.get("high")
    if low is None and high is None:
        return spelled, "noted"
    number = Decimal(spelled)
    is_within = (low is None or number >= Decimal(low)) and (high is None or number <= Decimal(high))
    return spelled, "passed" if is_within else "failed"


def _find_item(bench: Workbench, order: Record, key: str) -> tuple[Record, Values]:
    checklist = checklist_of(bench, order)
    for item in checklist.values["items"] if checklist else ():
        if checklist is not None and key in (item["key"], item["label"], item.get("label_en")):
            return checklist, item
    raise Refused("not_found", what=key)


def _record(bench: Workbench, order: Record, checklist: Record, item: Values, answer: dict[str, Any]) -> Checked:
    values = {
        "order_id": order.id,
        "machine_id": order.values.get("machine_id"),
        "checklist_id": checklist.id,
        "item": item["key"],
        "unit": item.get("unit"),
        "checked_at": bench.now(),
        **answer,
    }
    previous = previous_result(bench, order, item["key"])
    set_id = bench.outbox.write("check.record", [Edit("check_result", bench.make_id(), values, is_new=True)])
    failed = answer["verdict"] == "failed" and item["type"] == "number"
    notices = (Notice("check_failed", {"item": item["label"], **limits_of(item)}),) if failed else ()
    return Checked(item, answer.get("value"), answer["verdict"], previous, set_id, notices)


def _not_acceptable(item: Values, expected: str) -> Refused:
    return Refused("value_invalid", field=item["label"], detail=expected)
