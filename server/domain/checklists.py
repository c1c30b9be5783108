"""What makes a checklist that can be worked through, beyond what its fields say one by one. Source: handbook I2, M1."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from schemas.problems import Fault

NEEDED: Final = {"choice": "options", "series": "channels"}
"""What an item of a type is nothing without."""

KEPT: Final[dict[str, frozenset[str]]] = {
    "yes_no": frozenset(),
    "choice": frozenset({"options"}),
    "number": frozenset({"unit", "low", "high", "beyond_limit"}),
    "text": frozenset(),
    "photo": frozenset(),
    "series": frozenset({"channels", "beyond_limit"}),
}
"""What an item of each type says beside its key, labels and whether it must be answered."""

_ALWAYS: Final = frozenset({"key", "label", "label_en", "type", "mandatory"})
_NOT_OF_KEYS: Final = re.compile(r"[^a-z0-9]+")

KEY_MOST: Final = 40

Item = Mapping[str, Any]


def complete(items: Iterable[Item]) -> list[dict[str, Any]]:
    """Return items as they are published: each with a key of its own, and without what its type has no use for.

    A key stays what it is once given, so that the next version's answers can be held against the last one's.
    """
    items = list(items)
    taken = {str(item["key"]) for item in items if item.get("key")}
    return [_complete(item, taken) for item in items]


def _complete(item: Item, taken: set[str]) -> dict[str, Any]:
    kept = KEPT.get(str(item.get("type")), frozenset()) | _ALWAYS
    made = {name: value for name, value in item.items() if name in kept and value is not None}
    if not made.get("key"):
        made["key"] = propose_key(str(item.get("label_en") or item.get("type") or ""), taken)
    if "channels" in made:
        keys = {str(channel["key"]) for channel in made["channels"] if channel.get("key")}
        made["channels"] = [
            channel if channel.get("key") else {**channel, "key": propose_key(channel.get("label_en") or "", keys)}
            for channel in made["channels"]
        ]
    return made


def propose_key(text: str, taken: set[str]) -> str:
    """Return a key made of a text that is none of those taken, and take it."""
    start = _NOT_OF_KEYS.sub("_", text.casefold()).strip("_")[:KEY_MOST].strip("_")
    start = start if start[:1].isalpha() else f"item_{start}".strip("_")
    key, count = start, 1
    while key in taken:
        count += 1
        key = f"{start}_{count}"
    taken.add(key)
    return key


def faults_of(items: Iterable[Item]) -> dict[str, Fault]:
    """Return what is wrong with the items of a checklist, by place such as ``items.2.low``."""
    faults: dict[str, Fault] = {}
    items = list(items)
    if not items:
        faults["items"] = Fault("field_missing", {"field": "items"})
    seen: dict[str, int] = {}
    for number, item in enumerate(items):
        place = f"items.{number}"
        first = seen.setdefault(str(item.get("label")), number)
        if first != number:
            faults[f"{place}.label"] = Fault("already_there", {"what": str(item.get("label"))})
        needed = NEEDED.get(str(item.get("type")))
        if needed and not item.get(needed):
            faults[f"{place}.{needed}"] = Fault("field_missing", {"field": needed})
        _judge_limits(item, place, faults)
        for inner, channel in enumerate(item.get("channels") or ()):
            _judge_limits(channel, f"{place}.channels.{inner}", faults)
    return faults


def _judge_limits(item: Item, place: str, faults: dict[str, Fault]) -> None:
    try:
        low, high = (None if item.get(name) is None else Decimal(str(item[name])) for name in ("low", "high"))
    except InvalidOperation:
        return
    if low is not None and high is not None and low > high:
        faults[f"{place}.high"] = Fault("value_invalid", {"field": "high", "detail": f"{high} < {low}"})
