"""What the office reads of work orders: the list, and one order with all that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from schemas import kind_of
from schemas.problems import Refused
from server.store import board, records

PAGE_ORDERS_MAX: Final = 200
"""Two screens of a dispatcher's list; about 60 KB of JSON."""

FOLLOWERS_MAX: Final = 2000
"""A long repair has some 300 checks, parts and photos; an order with more is shown in part."""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """Some rows of the list; `after` asks for the next page, None on the last."""

    orders: list[dict[str, Any]]
    after: str | None


def list_orders(
    connection: Connection, organisation: str, status: str | None, after: str | None, limit: int
) -> OrderPage:
    """Return up to `limit` orders by number. Raises Refused with `value_invalid` for an unreadable `after`."""
    behind = None
    if after:
        number, separator, order_id = after.rpartition(" ")
        if not separator:
            raise Refused("value_invalid", field="after", detail="not the 'after' of a page")
        behind = (number, order_id)
    rows = board.list_rows(connection, organisation, status, behind, limit + 1)
    more = len(rows) > limit
    rows = rows[:limit]
    return OrderPage(rows, f"{rows[-1]['number']} {rows[-1]['id']}" if more else None)


def read_order(connection: Connection, organisation: str, order_id: str) -> dict[str, Any]:
    """Return an order, what it refers to, and what follows it, each as {id, kind, body}.

    What was withdrawn has `withdrawn` too: {reason, withdrawn_at}.

    `order_id` may also be an order number. Raises Refused with `not_found`.
    """
    order_id, body = find_order(connection, organisation, order_id)
    found = ("work_order", body)
    followers = board.list_followers(connection, organisation, order_id, FOLLOWERS_MAX)
    around = records.bodies_of(connection, organisation, [*_referred_ids(*found), *followers])
    following = [_entry(record_id, *around[record_id]) for record_id in followers if record_id in around]
    referred = [_entry(record_id, *around[record_id]) for record_id in _referred_ids(*found) if record_id in around]
    withdrawals = [entry["body"] for entry in following if entry["kind"] == "withdrawal"]
    withdrawn = {body["subject_id"]: _pick(body, ("reason", "withdrawn_at")) for body in withdrawals}
    for entry in following:
        if entry["id"] in withdrawn:
            entry["withdrawn"] = withdrawn[entry["id"]]
    return {"order": _entry(order_id, *found), "refers_to": referred, "followed_by": following}


def find_order(connection: Connection, organisation: str, called: str) -> tuple[str, dict[str, Any]]:
    """Return id and values of an order, by its id or number. Raises Refused with `not_found`."""
    found = records.body_of(connection, organisation, called)
    if found is None:
        called = board.find_by_number(connection, organisation, called) or called
        found = records.body_of(connection, organisation, called)
    if found is None or found[0] != "work_order":
        raise Refused("not_found", what=f"work_order {called}")
    return called, found[1]


def _referred_ids(kind_name: str, body: dict[str, Any]) -> list[str]:
    kind = kind_of(kind_name)
    return list(dict.fromkeys(body[name] for name in kind.references if body.get(name))) if kind else []


def _pick(body: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: body[name] for name in names}


def _entry(record_id: str, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"id": record_id, "kind": kind, "body": body}
