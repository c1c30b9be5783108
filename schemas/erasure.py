"""What was erased of persons, and why. It names openings and records; of whom it was, it says nothing.

Every device holds these records: by them it takes the values out of what it keeps to send again. Source: the Personal
Information Protection Law, article 47; GDPR, article 17.
"""

from __future__ import annotations

from typing import Final

from schemas.base import (
    SHA256_PATTERN,
    STAND_IN_PATTERN,
    UUID_PATTERN,
    Audience,
    Nature,
    Part,
    RecordSchema,
    choice,
    group,
    instant,
    many,
    pattern,
    text,
    whole,
)
from schemas.merge_rules import FROZEN

ASKED_GROUNDS: Final = ("asked", "not_needed", "unlawful")
"""On which a person decides; the server itself writes the others."""

GROUNDS: Final = (*ASKED_GROUNDS, "late", "restored")
GROUND_LABELS: Final = {
    "asked": ("本人要求", "The person asks for it"),
    "not_needed": ("不再需要", "No longer needed"),
    "unlawful": ("收集或使用不当", "Should not have been kept"),
    "late": ("删除之后才送到", "Came in after it was erased"),
    "restored": ("恢复备份后再次删除", "Came back with a backup"),
}

OPENINGS_MOST: Final = 800
"""Openings one record names: some 100 bytes each, so that a change-set holds them."""

FIELDS_MOST: Final = 400
FILES_MOST: Final = 400
PATH_PATTERN: Final = r"[a-z][a-z0-9_]{0,59}(?:\.[a-z0-9_]{1,60})?\Z"


class ErasedOpening(Part):
    """An opening by the hash of its commitment, what stands for it, and where the log has it, if it has."""

    hash = pattern("承诺", "Commitment", SHA256_PATTERN, required=True)
    stand_in = pattern("占位", "Stand-in", STAND_IN_PATTERN, required=True)
    position = whole("日志位置", "Log position", least=1)


class ErasedField(Part):
    """A value that stood in a record: its field, or a member or item of it behind a dot."""

    id = pattern("记录", "Record", UUID_PATTERN, required=True)
    path = pattern("字段", "Field", PATH_PATTERN, required=True)
    stand_in = pattern("占位", "Stand-in", STAND_IN_PATTERN, required=True)


class Erasure(RecordSchema):
    """That values were erased: which, on what grounds, and under which number the request is filed."""

    kind = "erasure"
    label = ("个人信息删除", "Erasure")
    nature = Nature.FACT
    audience = Audience.EVERYBODY
    writers = frozenset({"admin", "system"})

    grounds = choice("依据", "Grounds", GROUNDS, required=True, merge=FROZEN)
    reference = text("案号", "File number", most=80, merge=FROZEN)
    openings = many(
        "删除的值", "Values", group("值", "Value", ErasedOpening, required=True), most=OPENINGS_MOST, merge=FROZEN
    )
    fields = many("字段", "Fields", group("字段", "Field", ErasedField, required=True), most=FIELDS_MOST, merge=FROZEN)
    files = many(
        "删除的文件", "Files", pattern("文件", "File", SHA256_PATTERN, required=True), most=FILES_MOST, merge=FROZEN
    )
    erased_at = instant("删除时间", "Erased at", required=True, merge=FROZEN)
