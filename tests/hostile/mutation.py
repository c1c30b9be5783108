"""Changing an input so that it stays of its format: JSON by its values, PNG by its chunks.

A change of single bytes hardly ever passes a parser or a sum; what lies behind those is reached this way.
"""

from __future__ import annotations

import json
import random
import struct
import zlib
from typing import Any, Final

from schemas import KINDS

PNG_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"

NAMES: Final = sorted({name for kind in KINDS.values() for name in kind.fields})
PLACES: Final = ("@order", "@machine", "@model", "@wei", "@dana", "@device", "@new1", "@new2", "@new3")
"""Stand for ids that exist or may be created; the target puts the ids in."""

ODD: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**53 - 1, -(2**53) + 1, 2**53, 1.5, "", "\x00", "a", "键", "\u202e\u2066", "\ud800",
    "é" * 3000, "0", "-0", "1e9", "999999999999999.999999999", "NaN", "2026-11-21", "2026-02-30", "0000-00-00",
    "2026-11-21T02:15:59Z", "2199-12-31T23:59:59.999Z", "٢٠٢٦-01-01", "ab" * 32, "AB" * 32, "../../etc/passwd",
    "{0.__class__}", "%s%n", "'; DROP TABLE log; --", [], {}, [[]], [None], [1, "a"], ["a"] * 600, {"a": {"b": []}},
    [[[[[[[[[[[[[[]]]]]]]]]]]]]],
)  # fmt: skip


def mutate_json(data: bytes, seed: int) -> bytes | None:
    """Return the JSON document with one to four of its values changed; None when it is none."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    chance = random.Random(seed)
    for _ in range(chance.randint(1, 4)):
        document = _change(document, chance)
    try:
        return json.dumps(document, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
    except (UnicodeEncodeError, TypeError):
        return json.dumps(document, ensure_ascii=True, separators=(",", ":")).encode()


def _change(value: Any, chance: random.Random) -> Any:
    """Return the value with one place in it changed, the deeper the likelier."""
    if isinstance(value, dict) and value and chance.random() < 0.9:
        return _change_group(dict(value), chance)
    if isinstance(value, list) and value and chance.random() < 0.9:
        return _change_list(list(value), chance)
    return _make(chance)


def _change_group(group: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    name = chance.choice(list(group))
    act = chance.random()
    if act < 0.7:
        group[name] = _change(group[name], chance)
    elif act < 0.8:
        group[chance.choice(NAMES)] = group.pop(name)
    elif act < 0.9:
        group[chance.choice(NAMES)] = _make(chance)
    else:
        del group[name]
    return group


def _change_list(items: list[Any], chance: random.Random) -> list[Any]:
    place = chance.randrange(len(items))
    act = chance.random()
    if act < 0.7:
        items[place] = _change(items[place], chance)
    elif act < 0.85:
        items.insert(chance.randrange(len(items) + 1), _change(items[place], chance))
    elif act < 0.95:
        items.append(items[place])
    else:
        del items[place]
    return items


def _make(chance: random.Random) -> Any:
    act = chance.random()
    if act < 0.2:
        return chance.choice(PLACES)
    if act < 0.3:
        return chance.choice(sorted(KINDS))
    if act < 0.4:
        return {chance.choice(NAMES): chance.choice(ODD)}
    if act < 0.45:
        return "".join(chr(chance.choice((chance.randrange(128), chance.randrange(0xD7FF)))) for _ in range(8))
    return chance.choice(ODD)


def mend_png(data: bytes) -> bytes:
    """Make the sums of a PNG's chunks right; anything else is returned as it is."""
    if not data.startswith(PNG_SIGNATURE):
        return data
    mended, at = bytearray(data), len(PNG_SIGNATURE)
    while at + 12 <= len(data):
        end = at + 8 + struct.unpack_from(">I", data, at)[0]
        if end + 4 > len(data):
            break
        struct.pack_into(">I", mended, end, zlib.crc32(mended[at + 4 : end]))
        at = end + 4
    return bytes(mended)
