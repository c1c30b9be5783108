"""Which disagreements are safe to settle without looking at each: both sides mean the same, or nothing would be lost.

Rule 1: never what identifies or was signed: FROZEN fields, serial and batch numbers, references, files, what a customer
        signed. Never a choice among states, and never a whole record.
Rule 2: where both say the same in other spelling, the value that stands stays: nothing changes.
Rule 3: where one side says nothing in a text, what the other said is kept; it can be emptied again.
Rule 4: where one text begins with the other whole, somebody has written on: the longer one is kept. Holding it
        elsewhere is not enough, for "no leak" holds "leak".
Rule 5: two times less than SECONDS_APART apart are one time; the one that stands stays.
Rule 6: who contradicts himself is taken at his last word, by corrected time.
Whatever no rule names is for a person, who says why.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, Literal

from schemas import kind_of
from schemas.job_sheet import SIGNED_ORDER_FIELDS
from schemas.merge_rules import MergeRule
from server.domain.trace import comparable
from sync.merge import WHOLE_RECORD

Side = Literal["office", "incoming"]
Why = Literal["same_spelling", "one_side_empty", "goes_on", "seconds_apart", "same_author"]

SECONDS_APART: Final = 60
"""Two clocks and two people tell one moment no closer."""

BEGUN_LEAST: Final = 2
"""Characters of a text that another one goes on from: a single letter begins too many."""

_IDENTIFIES: Final = re.compile(r"serial|batch|gtin|number|sha256|certificate|_key|_id$|_ids$|^code$")

_IDLE_SPACE: Final = re.compile(r"(?<![0-9a-z]) | (?![0-9a-z])")

WHY_LABELS: Final[dict[Why, tuple[str, str]]] = {
    "same_spelling": ("两边只是写法不同", "both say the same, spelled otherwise"),
    "one_side_empty": ("另一边没有内容", "the other side says nothing"),
    "goes_on": ("在另一边的内容之后接着写", "it goes on from what the other says"),
    "seconds_apart": ("两个时间相差不到一分钟", "the times are less than a minute apart"),
    "same_author": ("同一人较晚的说法", "the same person's later word"),
}


@dataclass(frozen=True, slots=True)
class Suggestion:
    """The side that can be taken without a closer look, and why."""

    side: Side
    why: Why


def suggest(conflict: Mapping[str, Any], is_signed: bool) -> Suggestion | None:
    """Return which side of a conflict is safe to take, or None when a person must look.

    `is_signed` tells whether a customer has signed a job sheet of the order in question.
    """
    if not _may_be_safe(conflict["subject_kind"], conflict["field"], is_signed):
        return None
    office, incoming = conflict.get("office"), conflict.get("incoming")
    wire = _wire_of(conflict["subject_kind"], conflict["field"])
    return (
        _same_spelling(office, incoming, wire)
        or (_one_side_empty(office, incoming) if wire == "text" else None)
        or (_goes_on(office, incoming) if wire == "text" else None)
        or (_seconds_apart(office, incoming) if wire == "instant" else None)
        or _same_author(conflict.get("office_provenance"), conflict.get("incoming_provenance"))
    )


def fold_spelling(text: str) -> str:
    """Return a text without what people spell in several ways: width, case, spaces, and marks at the end.

    A space between two Latin letters or digits parts them: "1 2" is not 12.
    """
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return _IDLE_SPACE.sub("", " ".join(plain.split())).rstrip("。.,;! ")


def _may_be_safe(kind_name: str, field: str, is_signed: bool) -> bool:
    kind = kind_of(kind_name)
    rule = kind.rules.get(field) if kind else None
    if kind is None or rule is None or kind.is_fact or field in (WHOLE_RECORD, "status", "state"):
        return False
    if rule.merge is MergeRule.FROZEN or rule.refers_to is not None or _IDENTIFIES.search(field):
        return False
    return not (is_signed and kind_name == "work_order" and field in SIGNED_ORDER_FIELDS)


def _wire_of(kind_name: str, field: str) -> str:
    """Return what kind of value a field has: text, instant, decimal, or anything ``other``."""
    kind = kind_of(kind_name)
    declared = kind.fields[field] if kind else None
    if declared is None:
        return "other"
    wire = declared.metadata.get("wire")
    if wire is not None:
        return str(wire)
    choices = any(type(check).__name__ == "OneOf" for check in declared.validators)
    return "text" if type(declared).__name__ == "StrictText" and not choices else "other"


def _same_spelling(office: Any, incoming: Any, wire: str) -> Suggestion | None:
    if _is_empty(office) and _is_empty(incoming):
        return Suggestion("office", "same_spelling")
    if not isinstance(office, str) or not isinstance(incoming, str):
        return None
    if wire == "decimal":
        alike = Decimal(office) == Decimal(incoming)
    elif wire == "instant":
        alike = comparable(office) == comparable(incoming)
    else:
        alike = wire == "text" and fold_spelling(office) == fold_spelling(incoming)
    return Suggestion("office", "same_spelling") if alike else None


def _one_side_empty(office: Any, incoming: Any) -> Suggestion | None:
    if _is_empty(office) == _is_empty(incoming):
        return None
    return Suggestion("incoming" if _is_empty(office) else "office", "one_side_empty")


def _goes_on(office: Any, incoming: Any) -> Suggestion | None:
    if not isinstance(office, str) or not isinstance(incoming, str):
        return None
    here, there = fold_spelling(office), fold_spelling(incoming)
    if min(len(here), len(there)) < BEGUN_LEAST:
        return None
    if here.startswith(there):
        return Suggestion("office", "goes_on")
    return Suggestion("incoming", "goes_on") if there.startswith(here) else None


def _seconds_apart(office: Any, incoming: Any) -> Suggestion | None:
    if not isinstance(office, str) or not isinstance(incoming, str):
        return None
    apart = datetime.fromisoformat(office) - datetime.fromisoformat(incoming)
    return Suggestion("office", "seconds_apart") if abs(apart.total_seconds()) < SECONDS_APART else None


def _same_author(office: Mapping[str, Any] | None, incoming: Mapping[str, Any] | None) -> Suggestion | None:
    office, incoming = office or {}, incoming or {}
    if not office.get("actor_id") or office.get("actor_id") != incoming.get("actor_id"):
        return None
    times = [side.get("corrected_at") for side in (office, incoming)]
    if not all(isinstance(time, str) for time in times):
        return None
    earlier, later = (comparable(str(time)) for time in times)
    if earlier == later:
        return None
    return Suggestion("incoming" if later > earlier else "office", "same_author")


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())
