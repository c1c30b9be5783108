"""How demo records are written down: by short names that become ids, the same in every database."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any, Final

NAMESPACE: Final = uuid.UUID("6f1d2c7a-3b58-5e94-8a0d-47c9b2e6f013")
"""Ids are derived from it, so that seeding a second database gives the same records."""

GS1_EXAMPLE_PREFIX: Final = "09506000"
"""GS1's own company prefix for examples (9506000), as a GTIN-14 with indicator digit 0; nothing is sold under it."""


@dataclass(frozen=True, slots=True)
class DemoRecord:
    """A record to be created; `name` is its short name among the records of its kind."""

    kind: str
    name: str
    values: dict[str, Any]

    @property
    def id(self) -> str:
        """The record's id."""
        return refer(self.kind, self.name)


def refer(kind: str, name: str) -> str:
    """Return the id of a demo record."""
    return str(uuid.uuid5(NAMESPACE, f"{kind} {name}"))


def gtin(item: int) -> str:
    """Return a GTIN-14 for item 0 to 99999. Source: GS1 General Specifications 7.9, check digit."""
    digits = f"{GS1_EXAMPLE_PREFIX}{item:05d}"
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(digits))
    return f"{digits}{-total % 10}"
