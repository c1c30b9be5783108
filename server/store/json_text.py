"""Reading and writing the canonical JSON of stored records, fast: `sync.canonical` by a library in native code.

What comes in has been read by `sync.canonical`, so it holds neither fractions nor numbers beyond 2**53 - 1.
"""

from __future__ import annotations

from typing import Any

import orjson


def dump(value: Any) -> str:
    """Return what `sync.canonical.dump` returns for values that change-sets can hold."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode("utf-8")


def load(text: str | bytes) -> Any:
    """Read what `dump` wrote."""
    return orjson.loads(text)
