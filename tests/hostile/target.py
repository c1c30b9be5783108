"""What a reader under fire is, and how its refusals are judged.

Rule 1: a reader may refuse with the codes it declares; any other exception, and any false assertion, is a find.
Rule 2: a target keeps nothing from one input to the next that decides how the next is read.
Rule 3: a target begins with a few honest inputs made here, so that the search starts inside the format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from schemas.problems import Refused

Mutate = Callable[[bytes, int], bytes | None]
"""(input, seed) -> another input of the same format, None when the input is not of the format"""


@dataclass(frozen=True)
class Target:
    """One reader under fire. `runs` is how many inputs a checked run tries."""

    feed: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    bytes_max: int
    runs: int
    mutate: Mutate | None = None
    mend: Callable[[bytes], bytes] = bytes
    """Makes sums and lengths right again that a change of single bytes has broken."""


def expect(declared: str, reader: Callable[..., Any], *values: Any) -> Any:
    """Return what a reader returns, or None when it refuses with one of the codes declared."""
    try:
        return reader(*values)
    except Refused as refusal:
        assert refusal.code in declared.split(), refusal.code
        assert refusal.fault.sentence("zh") and refusal.fault.sentence("en")
        return None
