"""A change-set that has reached the server, read and checked as far as its bytes alone allow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.problems import Fault
from sync.chain import Sealed
from sync.changeset import Change, ChangeSet
from sync.openings import Notes


@dataclass(frozen=True, slots=True)
class Arrival:
    """A verified change-set on its way through the door.

    `changes` are the set's changes as the present schema version spells them; `faults` what is wrong with
    them by their schema alone, by index. `corrected_at` is the capture time by the server's clock.
    """

    sealed: Sealed
    digest: str
    changeset: ChangeSet
    changes: tuple[Change, ...]
    faults: dict[int, Fault]
    received_at: str
    corrected_at: str
    erased: Mapping[tuple[int, str], Notes] = field(default_factory=dict)
    """What is known of values that are gone, by index of the change and field (sync/openings.py)."""
