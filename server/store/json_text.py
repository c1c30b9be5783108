"""Reading and writing the canonical JSON of stored records, fast: `sync.canonical` by a library in native code.

What comes in has been read by `sync.canonical`, so it holds neither fractions nor numbers beyond 2**53 - 1.
"""

from __future__ import annotations

from typing import Any

import orjson

from schemas.base import WHOLE_NUMBER_MAX


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
        if orjson.dumps(value, option=orjson.OPT_SORT_KEYS) != data:
            return None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return value if _is_exact(value) else None


def load(text: str | bytes) -> Any:
    """Read what `dump` wrote."""
    return orjson.loads(text)


def _is_exact(value: Any) -> bool:
    """Tell whether all numbers in a value are whole, and exact for every reader of JSON."""
    kind = type(value)
    if kind is int:
        return -WHOLE_NUMBER_MAX <= value <= WHOLE_NUMBER_MAX
    if kind is dict:
        value = value.values()
    elif kind is not list:
        return kind is not float
    # Texts are most of what there is.
    return all(type(inner) is str or _is_exact(inner) for inner in value)
