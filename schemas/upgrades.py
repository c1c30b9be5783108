"""Lenses from older schema versions to the present one.

A change-set is stored and verified as it was signed; only the values handed to the merge are upgraded.
Each lens turns a change of one version into a change of the next, so that a device a year old pushes
successfully. A lens is never removed once its version has been released.
"""

from collections.abc import Callable
from typing import Any, Final

SCHEMA_VERSION: Final = 1
"""The version this release writes."""

OLDEST_VERSION: Final = 1
"""The oldest version ever released; none is ever dropped."""

Values = dict[str, Any]
Lens = Callable[[str, Values], Values]

LENSES: Final[dict[int, Lens]] = {}
"""version -> lens to version + 1; called with a record kind and the values of `set` or `was`."""


def upgrade(kind: str, values: Values, version: int, lenses: dict[int, Lens] = LENSES) -> Values:
    """Return `values` of a change written under `version` as the present version spells them."""
    for step in range(version, version + len(lenses)):
        lens = lenses.get(step)
        if lens is None:
            break
        values = lens(kind, values)
    return values
