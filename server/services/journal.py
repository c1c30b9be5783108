"""The journal: which person looked at what, signed in, or changed who may do what.

Rule 1: looks are noted in memory and written together once a second, so that pages stay fast; a process that is
        killed forgets less than a second of them.
Rule 2: what changes access, and every sign-in, is written in the transaction that does it, or before the answer.
Rule 3: when looks cannot be written, they wait; when too many wait, nothing more is shown: who cannot be noted
        sees nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine

from schemas.journal import DETAIL_CHARACTERS_MAX, LOOKS, SUBJECT_CHARACTERS_MAX
from schemas.problems import Refused
from server.clock import spell_instant, unix_ms
from server.keys import id_bound, new_id
from server.services.office import organisations
from server.services.side_writer import start_writer
from server.store import journal
from server.store.database import transact, writing
from server.store.journal import Entry, Search

WRITE_EVERY_S: Final = 1.0
"""An auditor who asks hears of a look at most so late."""

SAME_LOOK_MS: Final = 5 * 60_000
"""A page that loads itself anew is one look, not a hundred."""

WAITING_MAX: Final = 10_000
"""Looks that may wait while the database is away, about 5 MB."""

REMEMBERED_MAX: Final = 50_000
"""Looks of the last minutes, about 15 MB; beyond that some are noted twice."""

JOURNAL_DAYS: Final = 400
"""Where no setting says otherwise: a yearly audit sees the whole year."""

DAY_MS: Final = 86_400_000
ENTRIES_MAX: Final = 100
"""Entries on one page."""


@dataclass(frozen=True, slots=True)
class Deed:
    """What a person did: `act` of schemas.journal.ACTS, to which record or person, and what else is to be known."""

    person: str
    act: str
    kind: str = ""
    subject: str = ""
    detail: str = ""
    address: str = ""


@dataclass(slots=True)
class Journal:
    """What one process has noted and not written."""

    engine: Engine
    read_ms: Callable[[], int] = unix_ms
    _waiting: list[Entry] = field(default_factory=list)
    _seen: dict[tuple[str, Deed], int] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def note(self, organisation: str, deed: Deed) -> None:
        """Note a look; the same one within SAME_LOOK_MS is noted once.

        Raises Refused with `database_busy` or `disk_full` when too many wait and cannot be written.
        """
        now = self.read_ms()
        with self._guard:
            if deed.act in LOOKS and now - self._seen.get((organisation, deed), -SAME_LOOK_MS) < SAME_LOOK_MS:
                return
            is_full = len(self._waiting) >= WAITING_MAX
        if is_full:
            self.write()
        with self._guard:
            if len(self._seen) >= REMEMBERED_MAX:
                self._seen.clear()
            self._seen[organisation, deed] = now
            self._waiting.append(_entry_of(organisation, deed, now))

    def note_at_once(self, organisation: str, deed: Deed) -> None:
        """Write a deed down before going on. Raises Refused with `database_busy` or `disk_full`."""
        with writing(self.engine) as connection:
            write_deed(connection, organisation, deed)

    def write(self) -> int:
        """Write what waits and return how much it was; it goes on waiting when that fails.

        Raises Refused with `database_busy` or `disk_full`.
        """
        with self._guard:
            waiting, self._waiting = self._waiting, []
        if not waiting:
            return 0
        try:
            with writing(self.engine) as connection:
                journal.append_entries(connection, waiting)
        except Refused:
            with self._guard:
                self._waiting = waiting + self._waiting
            raise
        return len(waiting)

    def start(self) -> None:
        """Write every WRITE_EVERY_S in a thread of its own, and once more when the process ends."""
        start_writer("journal", WRITE_EVERY_S, self.write)


def write_deed(connection: Connection, organisation: str, deed: Deed) -> None:
    """Write a deed in the transaction that does it."""
    journal.append_entries(connection, [_entry_of(organisation, deed, unix_ms())])


def search_journal(connection: Connection, organisation: str, search: Search, since_ms: int = 0) -> list[Entry]:
    """Return up to ENTRIES_MAX entries, newest first, none older than `since_ms`."""
    bounded = replace(search, since=id_bound(since_ms)) if since_ms else search
    return journal.search_entries(connection, organisation, bounded, ENTRIES_MAX)


def forget_old_entries(engine: Engine, days: int, now_ms: int) -> int:
    """Delete what was noted more than `days` ago, of all organisations; return how much."""
    bound = id_bound(now_ms - days * DAY_MS)
    with writing(engine) as connection:
        known = [organisation for organisation, _name in organisations(connection)]
    # One transaction for each, so that nobody waits for all.
    return sum(transact(engine, partial(_forget, one, bound), is_repeatable=True) for one in known)


def _forget(organisation: str, bound: str, connection: Connection) -> int:
    return journal.delete_before(connection, organisation, bound)


def _entry_of(organisation: str, deed: Deed, now_ms: int) -> Entry:
    # PostgreSQL has no text with a NUL in it.
    detail = deed.detail.replace("\0", "\N{REPLACEMENT CHARACTER}")[:DETAIL_CHARACTERS_MAX]
    subject = deed.subject.replace("\0", "\N{REPLACEMENT CHARACTER}")[:SUBJECT_CHARACTERS_MAX]
    at = spell_instant(now_ms)
    return Entry(organisation, new_id(), at, deed.person, deed.act, deed.kind, subject, detail, deed.address[:45])
