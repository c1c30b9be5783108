"""The one spelling of a JSON value that is signed, hashed and compared."""

import json
import re
from typing import Any, Final

from schemas.base import WHOLE_NUMBER_MAX

DEPTH_MAX: Final = 12
"""The deepest value declared in the schemas is 6; more only serves to exhaust a reader."""

_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]").search
"""An escape that may be half of a pair; texts without one need no second look."""

_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, check_circular=False
)


def dump(value: Any) -> str:
    """Return `value` as compact JSON with keys sorted by code point and characters written as themselves.

    Floats have no place in `value`; for all else this agrees with RFC 8785 for keys of the Basic
    Multilingual Plane.
    """
    return _ENCODER.encode(value)


def load(data: bytes | str) -> Any:
    """Read JSON whose numbers are whole and exact for every reader (RFC 8259 section 6).

    Raises ValueError for anything else: bad UTF-8, bad syntax, other numbers, nesting too deep to read, half a
    surrogate pair, which no UTF-8 can carry on.
    """
    text = data.decode("utf-8") if isinstance(data, bytes) else data
    try:
        value = _DECODER.decode(text)
        if _SURROGATE(text) is not None:
            dump(value).encode("utf-8")
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def depth(value: Any, most: int = DEPTH_MAX) -> int:
    """Return how deep lists and groups are nested in `value`, or some number above `most` when deeper than that."""
    kind = type(value)
    if kind is not dict and kind is not list:
        return 0
    if most == 0:
        return 1
    deepest = 0
    for item in value.values() if kind is dict else value:
        if type(item) is dict or type(item) is list:
            deepest = max(deepest, depth(item, most - 1))
    return 1 + deepest


def _read_whole(spelling: str) -> int:
    value = int(spelling)
    if abs(value) > WHOLE_NUMBER_MAX:
        raise ValueError(f"a number is beyond {WHOLE_NUMBER_MAX}")
    return value


def _refuse_number(spelling: str) -> Any:
    raise ValueError(f"the number {spelling} is not a whole number")


_DECODER: Final = json.JSONDecoder(parse_int=_read_whole, parse_float=_refuse_number, parse_constant=_refuse_number)
