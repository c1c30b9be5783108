"""What a process knows of an organisation from its last commit, so that the next one need not read it again.

Rule 1: it is taken out under the organisation's lock and put back after the commit; a transaction that fails keeps
        nothing.
Rule 2: it holds only if the log still ends as that commit left it. The frontier names every entry of the log, and
        records and holders follow from the log alone, so no other process, and no restored backup, goes unnoticed.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Final

from server.store.scope_book import ScopeRows
from server.store.stored_record import Record

KEPT_RECORDS_MAX: Final = 20_000
"""Records kept by a process for all its organisations, about 80 MB; beyond that it begins anew."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Records as they stand, and who holds them, at the end of a log."""

    epoch: str
    frontier: str
    records: dict[str, Record | None]
    """None for an id that no record has."""
    scope: ScopeRows


@dataclass(slots=True)
class Shelf:
    """Where a process keeps them, by organisation."""

    _guard: threading.Lock = field(default_factory=threading.Lock)
    _kept: dict[str, Kept] = field(default_factory=dict)

    def take(self, organisation: str, epoch: str, frontier: str) -> Kept | None:
        """Take out what is kept of an organisation; None when nothing is, or its log has moved on."""
        with self._guard:
            kept = self._kept.pop(organisation, None)
        return kept if kept is not None and (kept.epoch, kept.frontier) == (epoch, frontier) else None

    def put(self, organisation: str, kept: Kept) -> None:
        """Keep what a commit left."""
        with self._guard:
            self._kept[organisation] = kept
            if sum(len(known.records) for known in self._kept.values()) > KEPT_RECORDS_MAX:
                self._kept.clear()
