"""Three-way merge of one change into one record, field by field.

For each field the author set: `was` is what he saw (base), the record holds the standing value (ours),
`set` is what he wants (theirs).

Rule 1: standing = base: nobody else moved it; the new value stands.
Rule 2: standing = new: both sides say the same; nothing to do.
Rule 3: otherwise the field's merge rule decides: ASK and FROZEN contest it, LATEST takes the later edit,
        EARLIEST the earlier of two times, UNION joins both, OFFICE lets the server side win over what it wrote itself.
Rule 4: FROZEN contests any move away from a value once set, even by somebody who saw it.
Rule 5: a contested field keeps its standing value; both values are reported.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from schemas.merge_rules import MergeRule
from sync.canonical import dump

WHOLE_RECORD: Final = "*"
"""The field name under which a delete that meets an edit is contested."""


@dataclass(frozen=True, slots=True)
class Contested:
    """A field that both sides moved: what it was, what stands, what came."""

    field: str
    base: Any
    standing: Any
    incoming: Any


@dataclass(slots=True)
class Merged:
    """The fields to write, and the fields that wait for a person."""

    values: dict[str, Any] = field(default_factory=dict)
    contested: list[Contested] = field(default_factory=list)
    reconciled: bool = False
    """Whether some field had been moved by somebody else and a rule, or agreement, settled it."""


Rules = Callable[[str], MergeRule]
"""field name -> merge rule"""

IsLater = Callable[[str], bool]
"""field name -> whether the incoming edit is later than the standing value"""


def merge_record(
    standing: Mapping[str, Any],
    new: Mapping[str, Any],
    was: Mapping[str, Any],
    rules: Rules,
    is_later: IsLater,
    settled: frozenset[str] = frozenset(),
) -> Merged:
    """Merge one update into a record.

    `settled` names the fields that a person decides with this very change: their new value stands, unless
    somebody moved them since he looked.
    """
    merged = Merged()
    for name, theirs in new.items():
        ours, base, rule = standing.get(name), was.get(name), rules(name)
        if name in settled and _same(ours, base):
            merged.values[name] = theirs
        elif _same(ours, theirs):
            merged.reconciled |= not _same(ours, base)
        elif _same(ours, base) and (rule is not MergeRule.FROZEN or ours is None):
            merged.values[name] = theirs
        else:
            _settle_by_rule(merged, name, rule, base, ours, theirs, is_later)
    return merged


def _settle_by_rule(
    merged: Merged, name: str, rule: MergeRule, base: Any, ours: Any, theirs: Any, is_later: IsLater
) -> None:
    if rule is MergeRule.LATEST or rule is MergeRule.OFFICE:
        merged.reconciled = True
        if is_later(name):
            merged.values[name] = theirs
    elif rule is MergeRule.EARLIEST:
        merged.reconciled = True
        if not _same(earliest := find_earliest(ours, theirs), ours):
            merged.values[name] = earliest
    elif rule is MergeRule.UNION:
        merged.reconciled = True
        merged.values[name] = unite(base, ours, theirs)
    else:
        merged.contested.append(Contested(name, base, ours, theirs))


def unite(base: Any, ours: Any, theirs: Any) -> list[Any]:
    """Join two edits of a list taken as a set: what either added is in, what either removed is out.

    The order is the standing value's, then the other side's additions in their order. What is not a list
    counts as empty: nobody checks the base, which is only what the author claims to have seen.
    """
    base, ours, theirs = (value if isinstance(value, list) else [] for value in (base, ours, theirs))
    united = [item for item in ours if item in theirs or item not in base]
    for item in theirs:
        if item not in united and item not in base:
            united.append(item)
    return united


def find_earliest(ours: Any, theirs: Any) -> Any:
    """Return the earlier of two instants, spelled to the second or the millisecond; one alone stands against none."""
    if not isinstance(theirs, str):
        return ours
    return min(ours, theirs, key=_order_of) if isinstance(ours, str) else theirs


def _order_of(instant: str) -> tuple[str, str, str]:
    # As texts, "00.500Z" would come before "00Z". One moment spelled in two ways needs an order too, or the outcome
    # would hang on which came first.
    seconds, _, fraction = instant.removesuffix("Z").partition(".")
    return seconds, fraction or "000", instant


def _same(one: Any, other: Any) -> bool:
    """Tell whether two values are spelled alike; in Python 1 equals True, on the wire it does not."""
    return bool(one == other) and (isinstance(one, str) or one is other or dump(one) == dump(other))
