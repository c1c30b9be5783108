"""Which facts count: what is withdrawn is struck out, and what is corrected is stood in for.

Rule 1: a fact that is withdrawn does not count.
Rule 2: a part fitted does not count when another one that is not withdrawn names it in `replaces_id`.
Rule 3: facts are looked up by their order or machine, as a withdrawal bears both of its subject.
"""

from __future__ import annotations

from typing import Literal

from field_client.store import Record, Store

Where = Literal["order_id", "machine_id"]


def find_withdrawals(store: Store, where: Where, record_id: str) -> dict[str, Record]:
    """Return the withdrawal of each withdrawn fact of an order or machine, by the id of the fact; the first one."""
    found: dict[str, Record] = {}
    for withdrawal in store.find_by("withdrawal", where, record_id):
        found.setdefault(withdrawal.values["subject_id"], withdrawal)
    return found


def find_standing(store: Store, kind: str, where: Where, record_id: str) -> list[Record]:
    """Return the facts of a kind that count for an order or machine, oldest first."""
    withdrawn = find_withdrawals(store, where, record_id)
    facts = [fact for fact in store.find_by(kind, where, record_id) if fact.id not in withdrawn]
    corrected = {fact.values.get("replaces_id") for fact in facts}
    return [fact for fact in facts if fact.id not in corrected]
