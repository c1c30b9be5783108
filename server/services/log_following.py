"""Following the log: whatever is worked out from it catches up here, piece by piece, and remembers how far it has come.

A round that is cut off, or made twice, changes nothing: who follows writes only what differs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sqlalchemy import Connection, Engine, Table, select

from server.store import bulk, json_text
from server.store.database import reading, transact
from server.store.tables import LogEntry, Organisation, Watermark
from sync import codec
from sync.chain import Sealed
from sync.changeset import Change

ENTRIES_AT_ONCE: Final = 500
"""Log entries looked through between two writings, half a megabyte of edits."""

PAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""No further entry is read behind so many bytes: the sets of an import are a hundred times as long as an edit."""

ROWS_AT_ONCE: Final = 20

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_MARKS: Table = Watermark.__table__  # type: ignore[assignment]
_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]

Renew = Callable[[Sequence[Change]], int | None]
"""changes of the log -> how many records were written, None when the changes concern nothing that follows"""


@dataclass(frozen=True, slots=True)
class Page:
    """Some entries of a log that follow on each other: behind which they come, the last one, and what they change."""

    organisation: str
    begin: int
    end: int
    sets: list[tuple[frozenset[str], tuple[Change, ...]]]
    """the kinds that a set speaks of, and its changes"""

    def changes_of(self, kinds: frozenset[str]) -> list[Change]:
        """Return the changes of the sets that speak of any of some kinds."""
        return [change for spoken, changes in self.sets if not spoken.isdisjoint(kinds) for change in changes]


@dataclass(slots=True)
class LogPages:
    """The page of a log read last: those who follow a log one after the other read the same entries."""

    engine: Engine
    _last: Page | None = field(default=None)

    def read_on(self, organisation: str, mark: int) -> Page:
        """Return the entries behind a position. What tells of persons is read as what was signed: its commitments."""
        last = self._last
        if last is None or (last.organisation, last.begin) != (organisation, mark) or last.begin == last.end:
            last = self._last = self._read(organisation, mark)
        return last

    def _read(self, organisation: str, mark: int) -> Page:
        where = (_LOG.c.organisation == organisation, _LOG.c.position > mark)
        columns = (_LOG.c.position, _LOG.c.sealed)
        statement = select(*columns).where(*where).order_by(_LOG.c.position).limit(ENTRIES_AT_ONCE)
        sets, end, size = [], mark, 0
        with reading(self.engine) as connection:
            rows = connection.execute(statement, execution_options={"yield_per": ROWS_AT_ONCE})
            for row in rows:
                changes = codec.decode_again(Sealed(bytes(row.sealed)).payload, json_text.load).changes
                sets.append((frozenset(change.kind for change in changes), changes))
                end, size = row.position, size + len(row.sealed)
                if size > PAGE_BYTES_MAX:
                    break
            rows.close()
        return Page(organisation, mark, end, sets)


def read_positions(engine: Engine) -> dict[str, int]:
    """Return the end of every organisation's log."""
    with reading(engine) as connection:
        columns = (_ORGANISATIONS.c.organisation, _ORGANISATIONS.c.position)
        return {row.organisation: row.position for row in connection.execute(select(*columns))}


def read_position(engine: Engine, organisation: str) -> int:
    """Return the end of an organisation's log."""
    with reading(engine) as connection:
        return _read_end(connection, organisation)


def count_unfollowed(engine: Engine, organisation: str, name: str) -> int:
    """Return how many entries of an organisation's log what is called `name` does not follow yet."""
    with reading(engine) as connection:
        return _read_end(connection, organisation) - _read_mark(connection, organisation, name)


def follow(
    engine: Engine, organisation: str, name: str, kinds: Sequence[str], renew: Renew, pages: LogPages | None = None
) -> int:
    """Bring what is called `name` up to date with the log; return how many records were written.

    `renew` is handed the changes of those sets that say anything of `kinds`; sets that were refused are among them.
    Whoever follows beside others shares their `pages`.
    Raises Refused with `database_busy` or `disk_full`; what was written stays, and the next round goes on.
    """
    pages, wanted = pages or LogPages(engine), frozenset(kinds)
    written = 0
    with reading(engine) as connection:
        mark = _read_mark(connection, organisation, name)
        end = _read_end(connection, organisation)
    while mark < end:
        page = pages.read_on(organisation, mark)
        mark = page.end
        renewed = renew(page.changes_of(wanted))
        written += renewed or 0
        if renewed is not None or mark >= end:
            _keep_mark(engine, organisation, name, mark)
    return written


def _read_mark(connection: Connection, organisation: str, name: str) -> int:
    where = (_MARKS.c.organisation == organisation, _MARKS.c.name == name)
    return connection.execute(select(_MARKS.c.position).where(*where)).scalar() or 0


def _read_end(connection: Connection, organisation: str) -> int:
    where = _ORGANISATIONS.c.organisation == organisation
    return connection.execute(select(_ORGANISATIONS.c.position).where(where)).scalar() or 0


def _keep_mark(engine: Engine, organisation: str, name: str, mark: int) -> None:
    def work(connection: Connection) -> None:
        bulk.upsert(connection, _MARKS, [(organisation, name, mark)])

    transact(engine, work, is_repeatable=True)
