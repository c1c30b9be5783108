"""Reading and writing the canonical JSON of stored records, fast: `sync.canonical` by a library in native code.

What comes in has been read by `sync.canonical`, so it holds neither fractions nor numbers beyond 2**53 - 1.
"""

from __future__ import annotations

from typing import Any

import orjson


def dump(value: Any) -> str:
    """Return what `sync.canonical.dump` returns for values that change-sets can hold."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode("utf-8")


def spell(value: Any) -> bytes:
    """Return what `dump` returns, as UTF-8."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def read_canonical(data: bytes) -> Any:
    """Return what some canonical JSON says; None, which is no change-set, when it is not certain that it is canonical.

    What is returned is what `sync.canonical` would read; what is not, it has to look at.
    """
    try:
        value = orjson.loads(data)
        # Whole numbers that are not exact for every reader are no JSON to it either.
        if orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_STRICT_INTEGER) != data:
            return None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return None if _holds_fraction(value) else value


def load(text: str | bytes) -> Any:
    """Read what `dump` wrote."""
    return orjson.loads(text)


def _holds_fraction(value: Any) -> bool:
    """Tell whether there is a number in a value that is not whole."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return kind is float
    for inner in value.values() if kind is dict else value:
        kind = type(inner)
        # Texts are most of what there is.
        if kind is not str and (kind is float or ((kind is dict or kind is list) and _holds_fraction(inner))):
            return True
    return False
