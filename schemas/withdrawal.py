"""Striking out what was entered by mistake: by a further fact, so that both stay for whoever looks later."""

from schemas.base import UUID_PATTERN, Nature, RecordSchema, choice, instant, pattern, reference, text
from schemas.merge_rules import FROZEN

WITHDRAWABLE = ("photo", "part_fitted", "part_removed", "check_result", "training_record", "factory_return")
"""Facts an engineer may have entered by mistake. A signed sheet is not among them: what was signed was signed."""


class Withdrawal(RecordSchema):
    """A fact of the same order does not count, for good; both are kept.

    What was withdrawn by mistake is recorded anew. A part fitted that was written down wrongly is corrected by another
    one that names it in `replaces_id`.
    """

    kind = "withdrawal"
    label = ("撤回", "Withdrawal")
    nature = Nature.FACT
    writers = frozenset({"engineer", "dispatcher", "manager"})

    order_id = reference("工单", "Work order", "work_order", required=True, follows=True, merge=FROZEN)
    machine_id = reference("设备", "Machine", "machine", follows=True, merge=FROZEN)
    subject_kind = choice("记录类型", "Record kind", WITHDRAWABLE, required=True, merge=FROZEN)
    subject_id = pattern("撤回的记录", "What is withdrawn", UUID_PATTERN, required=True, merge=FROZEN)
    reason = text("原因", "Reason", most=500, least=1, required=True, merge=FROZEN)
    withdrawn_at = instant("撤回时间", "Withdrawn at", required=True, merge=FROZEN)
