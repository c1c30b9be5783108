"""Buying what is expensive or rare: somebody asks, somebody else approves, and it arrives. Source: handbook P5."""

from typing import Final

from schemas.base import UUID_PATTERN, Audience, RecordSchema, choice, instant, pattern, reference, text, whole
from schemas.merge_rules import FROZEN, OFFICE
from schemas.part import STOCK_WRITERS

PURCHASE_STATES: Final = ("asked", "approved", "rejected", "withdrawn", "arrived")
PURCHASE_STATE_LABELS: Final = {
    "asked": ("待审批", "Waits for approval"),
    "approved": ("已批准", "Approved"),
    "rejected": ("未批准", "Not approved"),
    "withdrawn": ("已撤回", "Taken back"),
    "arrived": ("已到货", "Arrived"),
}

DECISIONS: Final = frozenset({"approved", "rejected"})
APPROVERS: Final = frozenset({"manager", "admin"})

DELIVERY_HOURS: Final = 48
"""From the approval to the centre's shelf. Source: handbook P5."""


class Purchase(RecordSchema):
    """So many of a part are to be bought for a centre; somebody else than who asks for them approves it."""

    kind = "purchase"
    label = ("采购申请", "Purchase")
    audience = Audience.OFFICE
    writers = STOCK_WRITERS
    ended_by = "state"

    part_id = reference("备件", "Part", "part", required=True, merge=FROZEN)
    quantity = whole("数量", "Quantity", least=1, most=10_000, required=True, merge=FROZEN)
    centre_id = reference("服务网点", "Service centre", "service_centre", required=True, merge=FROZEN)
    purpose = text("用途", "What it is for", most=500, least=1, required=True, merge=FROZEN)
    asked_by = pattern("申请人", "Asked by", UUID_PATTERN, required=True, merge=FROZEN)
    asked_at = instant("申请时间", "Asked at", required=True, merge=FROZEN)
    state = choice("状态", "State", PURCHASE_STATES, required=True, merge=OFFICE)
    decided_by = pattern("审批人", "Decided by", UUID_PATTERN, merge=OFFICE)
    decided_at = instant("审批时间", "Decided at", merge=OFFICE)
    decision_note = text("审批意见", "Note", most=500, merge=OFFICE)
    arrived_at = instant("到货时间", "Arrived at", merge=OFFICE)
