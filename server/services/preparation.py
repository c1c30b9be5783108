"""What an engineer takes along for an order: worked out when it is assigned, and sent to his device with it.

Source: handbook D2 (manuals, service history, tools, parts with model and quantity, papers, safety gear; the call
before leaving), P4.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Connection

from schemas.preparation import PREPARATION_MOST
from server.services.candidates import Call
from server.store import board, records

TEXT_MOST: Final = 200

Item = dict[str, Any]

_CALL: Final = (
    "出发前电话确认时间和现场条件：安全位置、协助人员、吊具。",
    "Call before leaving: time, a safe place, people to help, a hoist.",
)
_PAPERS: Final = (
    ("工作证、保修条款、服务报告。", "Service card, warranty terms, job sheet."),
)  # fmt: skip
"""Source: handbook D2, V1, V5."""


def list_preparation(connection: Connection, organisation: str, call: Call) -> list[Item]:
    """Return the preparation list of an order, at most PREPARATION_MOST items."""
    items = [
        _item("call", *_CALL),
        *_history(connection, organisation, call),
        *_manuals(connection, organisation, call),
        *_of_model(call),
        *_parts(connection, organisation, call),
        *(_item("paper", *paper) for paper in _PAPERS),
        *_safety(call),
    ]
    return items[:PREPARATION_MOST]


def _item(what: str, zh: str, en: str | None = None, quantity: int | None = None) -> Item:
    named = {"what": what, "label": zh[:TEXT_MOST]}
    return named | ({"label_en": en[:TEXT_MOST]} if en else {}) | ({"quantity": quantity} if quantity else {})


def _history(connection: Connection, organisation: str, call: Call) -> Iterator[Item]:
    machine_id = call.order.get("machine_id")
    if machine_id:
        orders = board.list_followers_of_kind(connection, organisation, machine_id, "work_order")
        numbers = [order["number"] for order in orders if order["number"] != call.order["number"]]
        if numbers:
            last = ", ".join(reversed(numbers[-3:]))
            yield _item(
                "history", f"此前 {len(numbers)} 单，最近：{last}。", f"{len(numbers)} orders before, last: {last}."
            )


def _manuals(connection: Connection, organisation: str, call: Call) -> Iterator[Item]:
    model_id = call.body_of(call.order.get("machine_id")).get("model_id")
    for _, manual in records.bodies_of_kind(connection, organisation, "manual"):
        fits = manual.get("model_id") == model_id or call.job.family in (manual.get("families") or ())
        if model_id and fits and manual.get("service") in (None, call.order["service"]):
            yield _item("manual", manual["name"], manual.get("name_en"))


def _of_model(call: Call) -> Iterator[Item]:
    model = call.body_of(call.body_of(call.order.get("machine_id")).get("model_id"))
    for item in model.get("preparation") or ():
        if item.get("service") in (None, call.order["service"]):
            yield {name: value for name, value in item.items() if name != "service" and value is not None}


def _parts(connection: Connection, organisation: str, call: Call) -> Iterator[Item]:
    found = records.bodies_of(connection, organisation, [part for part, _ in call.job.parts])
    for part, quantity in call.job.parts:
        body = found.get(part, ("", {}))[1]
        number = body.get("part_number", "")
        zh, en = body.get("name", part), body.get("name_en")
        yield _item("part", f"{zh}（{number}）", f"{en} ({number})" if en else None, quantity)


def _safety(call: Call) -> Iterator[Item]:
    if rules := call.body_of(call.order.get("site_id")).get("safety"):
        yield _item("safety", rules)
