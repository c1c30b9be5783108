"""A question of the office to an engineer about what waits for a decision, and his answer.

Both travel like everything else: the question reaches his devices at their next sync, he answers without a network, and
the answer stands beside the conflict once it has come in.
"""

from schemas.base import (
    UUID_PATTERN,
    Audience,
    Nature,
    RecordSchema,
    choice,
    instant,
    pattern,
    reference,
    text,
)
from schemas.merge_rules import FROZEN, OFFICE
from schemas.review import REVIEW_WRITERS

QUESTION_MOST = 1000
"""Characters of a question or an answer; what needs more is told by telephone."""

ANSWERS = ("incoming", "office", "neither")
ANSWER_LABELS = {
    "incoming": ("现场的值对", "The field's value is right"),
    "office": ("办公室的值对", "The office's value is right"),
    "neither": ("两个都不对", "Neither is right"),
}


class Inquiry(RecordSchema):
    """What an engineer is asked; it stays with him until the office has decided.

    `about` and `field` say what it is about, for a device that holds the record in question no more.
    """

    kind = "inquiry"
    label = ("询问", "Question to an engineer")
    audience = Audience.ASSIGNED
    held_by = "person_id"
    released_when = {"state": ("closed",)}
    writers = REVIEW_WRITERS

    person_id = reference("询问对象", "Asked", "person", required=True, merge=OFFICE)
    order_id = reference("工单", "Work order", "work_order", follows=True, indexed=True, merge=FROZEN)
    review_id = pattern("待裁定事项", "What waits for a decision", UUID_PATTERN, required=True, merge=FROZEN)
    about = text("关于", "About", merge=FROZEN)
    subject_kind = text("记录类型", "Record kind", most=60, merge=FROZEN)
    field = text("字段", "Field", most=60, merge=FROZEN)
    question = text("问题", "Question", most=QUESTION_MOST, least=1, required=True, merge=FROZEN)
    asked_by = pattern("询问人", "Asked by", UUID_PATTERN, merge=FROZEN)
    asked_at = instant("询问时间", "Asked at", required=True, merge=FROZEN)
    state = choice("状态", "State", ("open", "closed"), required=True, merge=OFFICE)


class InquiryAnswer(RecordSchema):
    """What the engineer says to it; of several answers the latest counts."""

    kind = "inquiry_answer"
    label = ("答复", "Answer")
    nature = Nature.FACT
    writers = frozenset({"engineer"})

    inquiry_id = reference("询问", "Question", "inquiry", required=True, follows=True, indexed=True, merge=FROZEN)
    order_id = reference("工单", "Work order", "work_order", follows=True, merge=FROZEN)
    says = choice("意见", "Says", ANSWERS, merge=FROZEN)
    answer = text("答复", "Answer", most=QUESTION_MOST, merge=FROZEN)
    answered_at = instant("答复时间", "Answered at", required=True, merge=FROZEN)
