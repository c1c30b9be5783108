"""Answering the items of a checklist, each against its type, unit and limits. Source: handbook I2, V2, M1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from field_client.notices import Notice
from field_client.outbox import Edit
from field_client.store import Record, Values
from field_client.work import Workbench, checklist_of, find_order, latest_results
from field_client.work_album import list_photos
from field_client.work_facts import find_standing
from field_client.work_readings import Points, Verdict, judge_number, judge_series, spell_number
from schemas.problems import Refused

YES: Final = frozenset({"yes", "y", "true", "1", "是", "有", "合格", "正常"})
NO: Final = frozenset({"no", "n", "false", "0", "否", "无", "不合格", "异常"})

WANTED: Final = {"text": "文字 / text", "photo": "照片 / a photo", "series": "读数 / readings"}


@dataclass(frozen=True, slots=True)
class Checked:
    """One item answered: what is recorded, and what it was the last time on this machine."""

    item: Values
    value: str | None
    verdict: Verdict
    previous: Record | None
    set_id: str | None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemState:
    """One item of an order's checklist: its result here and the last one on this machine, as they stand."""

    item: Values
    result: Record | None
    previous: Record | None


def list_items(bench: Workbench, order: Record) -> list[ItemState]:
    """Return the items of an order's checklist in its order; none when no checklist fits."""
    checklist = checklist_of(bench, order)
    results, earlier = latest_results(bench, order), previous_results(bench, order)
    return [
        ItemState(item, results.get(item["key"]), earlier.get(item["key"]))
        for item in (checklist.values["items"] if checklist else ())
    ]


def check(bench: Workbench, key: str, value: str, *, reason: str | None = None, order: str | None = None) -> Checked:
    """Record the value of an item, passed or failed by its limits.

    Raises Refused with `not_found` when the checklist has no such item, `value_invalid` when the value is not of
    the item's type, and `limit_exceeded` when it is beyond a limit that blocks the work and no reason is given.
    """
    found = find_order(bench, order)
    checklist, item = find_item(bench, found, key)
    spelled, verdict = judge(item, value)
    if verdict == "failed" and item.get("beyond_limit") == "block" and not reason:
        raise Refused("limit_exceeded", item=item["label"], **limits_of(item))
    return _record(bench, found, checklist, item, {"value": spelled, "verdict": verdict, "reason": reason})


def record_readings(
    bench: Workbench,
    key: str,
    readings: Mapping[str, Points],
    *,
    reason: str | None = None,
    order: str | None = None,
) -> Checked:
    """Record a series of readings, channel by channel; it fails when one reading is beyond its channel's limits.

    Raises Refused with `not_found`, `value_invalid`, `field_missing` when a channel has no reading and no reason is
    given, and `limit_exceeded` as `check` does.
    """
    found = find_order(bench, order)
    checklist, item = find_item(bench, found, key)
    if item["type"] != "series":
        raise _not_acceptable(item, item["type"])
    series = judge_series(item, readings)
    if series.missing and not reason:
        raise Refused("field_missing", field="、".join(channel["label"] for channel in series.missing))
    if series.beyond and item.get("beyond_limit") == "block" and not reason:
        raise Refused("limit_exceeded", item=_name_channel(item, series.beyond[0]), **limits_of(series.beyond[0]))
    answer = {"value": series.summary, "verdict": series.verdict, "readings": series.readings, "reason": reason}
    failed = [Notice("check_failed", {"item": _name_channel(item, c), **limits_of(c)}) for c in series.beyond]
    return _record(bench, found, checklist, item, answer, tuple(failed))


def record_photo(bench: Workbench, key: str, photo_id: str, *, order: str | None = None) -> Checked:
    """Answer an item with a photo of the order.

    Raises Refused with `not_found` when there is no such item, or no such photo that counts, and `value_invalid` when
    the item asks for something else.
    """
    found = find_order(bench, order)
    checklist, item = find_item(bench, found, key)
    if item["type"] != "photo":
        raise _not_acceptable(item, item["type"])
    photos = [photo for photo in list_photos(bench, found.id) if photo.id == photo_id and photo.withdrawal is None]
    if not photos:
        raise Refused("not_found", what=photo_id)
    answer = {"value": photos[0].caption, "verdict": "noted", "photo_id": photo_id}
    return _record(bench, found, checklist, item, answer)


def skip(bench: Workbench, key: str, reason: str, *, order: str | None = None) -> Checked:
    """Record that an item was not done, and why.

    Raises Refused with `not_found`, or `field_missing` without a reason.
    """
    if not reason.strip():
        raise Refused("field_missing", field="reason")
    found = find_order(bench, order)
    checklist, item = find_item(bench, found, key)
    return _record(bench, found, checklist, item, {"verdict": "skipped", "reason": reason})


def judge(item: Values, value: str) -> tuple[str, Verdict]:
    """Return the value as it is recorded, and its verdict; raises Refused with `value_invalid`.

    A photo or a series of readings is no such value: see `record_photo` and `record_readings`.
    """
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
        spelled = spell_number(item["label"], item.get("unit"), value)
        return spelled, judge_number(item, spelled)
    if not value or item["type"] != "text":
        raise _not_acceptable(item, WANTED[item["type"]])
    return value, "noted"


def limits_of(item: Values) -> dict[str, str]:
    """Return the limits and unit of an item as text, open ends as an ellipsis."""
    return {"low": item.get("low") or "…", "high": item.get("high") or "…", "unit": item.get("unit") or ""}


def previous_results(bench: Workbench, order: Record) -> dict[str, Record]:
    """Return the last result of each item on the same machine, on another order; what was left out says nothing."""
    machine_id = order.values.get("machine_id")
    if machine_id is None:
        return {}
    results = find_standing(bench.store, "check_result", "machine_id", machine_id)
    others = [found for found in results if found.values.get("order_id") != order.id]
    return {found.values["item"]: found for found in others if found.values["verdict"] != "skipped"}


def find_item(bench: Workbench, order: Record, key: str) -> tuple[Record, Values]:
    """Return the checklist of an order and one of its items, by key or label; raises Refused with `not_found`."""
    checklist = checklist_of(bench, order)
    for item in checklist.values["items"] if checklist else ():
        if checklist is not None and key in (item["key"], item["label"], item.get("label_en")):
            return checklist, item
    raise Refused("not_found", what=key)


def _record(
    bench: Workbench,
    order: Record,
    checklist: Record,
    item: Values,
    answer: dict[str, Any],
    notices: tuple[Notice, ...] = (),
) -> Checked:
    values = {
        "order_id": order.id,
        "machine_id": order.values.get("machine_id"),
        "checklist_id": checklist.id,
        "item": item["key"],
        "unit": item.get("unit"),
        "checked_at": bench.now(),
        **answer,
    }
    previous = previous_results(bench, order).get(item["key"])
    set_id = bench.outbox.write("check.record", [Edit("check_result", bench.make_id(), values, is_new=True)])
    if answer["verdict"] == "failed" and item["type"] == "number":
        notices = (Notice("check_failed", {"item": item["label"], **limits_of(item)}),)
    return Checked(item, answer.get("value"), answer["verdict"], previous, set_id, notices)


def _name_channel(item: Values, channel: Values) -> str:
    return f"{item['label']} · {channel['label']}"


def _not_acceptable(item: Values, expected: str) -> Refused:
    return Refused("value_invalid", field=item["label"], detail=expected)
