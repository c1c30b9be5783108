"""Pages of the feed: what a person's devices must change to hold what they should.

A page is a range of the feed, which has one row per record and holder, so a first load is the state and
not its history. A record the device had at `since` travels as the fields written after `since`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, text

from schemas.base import UUID_PATTERN
from schemas.problems import Refused
from server.store import json_text
from server.store.bulk import select_among
from server.store.stored_record import ALL_FIELDS
from server.store.tables import FeedRow, RecordRow
from sync.checksum import add, parse, record_digest, spell
from sync.scope import EVERYBODY
from sync.session import PAGE_OPS_MAX, PageHead
from sync.transparency import Frontier

PAGE_BYTES_MAX: Final = 4 * 1024 * 1024
"""Bounds the memory of a page whose records are unusually large."""

_FEED: Table = FeedRow.__table__  # type: ignore[assignment]
_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]

_TOKEN: Final = re.compile(rf"([0-9]{{1,15}})\.([0-9]{{1,15}})\.({UUID_PATTERN[:-2]})\Z").match

_END: Final = text(
    "SELECT o.epoch, o.position, o.frontier, h.checksum, h.count FROM organisations o"
    " LEFT JOIN holders h ON h.organisation = o.organisation AND h.holder IN (:everybody, :person)"
    " WHERE o.organisation = :organisation"
)
_RANGE_OF: Final = (
    "SELECT * FROM (SELECT f.id, f.position, f.entered, f.gone, r.kind, r.body, r.stamps"
    " FROM feed f LEFT JOIN records r ON r.organisation = f.organisation AND r.id = f.id"
    " WHERE f.organisation = :organisation AND f.holder = :{holder}"
    " AND (f.position, f.id) > (:position, :id) ORDER BY f.position, f.id LIMIT :most) AS {holder}"
)
_RANGE: Final = text(" UNION ALL ".join(_RANGE_OF.format(holder=holder) for holder in ("everybody", "person")))
_SCOPE: Final = text(
    "SELECT f.id, r.kind, r.body FROM feed f"
    " JOIN records r ON r.organisation = f.organisation AND r.id = f.id"
    " WHERE f.organisation = :organisation AND f.holder IN (:everybody, :person) AND NOT f.gone"
)


@dataclass(frozen=True, slots=True)
class FeedEnd:
    """The end of a person's feed: the log's epoch, position and frontier; the sum of what his devices should hold."""

    epoch: str
    position: int
    frontier: str
    checksum: int
    count: int

    @staticmethod
    def read(rows: Iterable[Sequence[Any]]) -> FeedEnd:
        """Make it from the rows of `_END`, one for each holder that holds anything."""
        checksum = count = 0
        for epoch, position, frontier, held, number in rows:  # noqa: B007
            if held:
                checksum, count = add(checksum, parse(held)), count + number
        return FeedEnd(epoch, position, frontier, checksum, count)

    def check(self, query: PageQuery) -> None:
        """Raise Refused with `feed_epoch_changed` when a device followed another epoch, or is ahead of the log."""
        if (query.epoch and query.epoch != self.epoch) or query.since > self.position:
            raise Refused("feed_epoch_changed", epoch=self.epoch)


@dataclass(frozen=True, slots=True)
class PageQuery:
    """What a device asks for: changes `since` a position under an `epoch`, going on `after` a page."""

    since: int
    epoch: str
    after: str | None = None


def write_page(
    connection: Connection, organisation: str, person: str, query: PageQuery, server_time: str, most: int = PAGE_OPS_MAX
) -> tuple[PageHead, list[bytes]]:
    """Return the head and the op lines, each with its line break, of one page.

    Raises Refused with `feed_epoch_changed` when the device followed another epoch, or is ahead of the log.
    """
    holders = {"organisation": organisation, "everybody": EVERYBODY, "person": person}
    end = FeedEnd.read(connection.execute(_END, holders).all())
    end.check(query)
    begun, position, record_id = _read_token(query, end.position)
    # The feed does not go beyond the log: who has all of it need not be looked up.
    is_behind = position <= end.position
    rows = _read_range(connection, holders, position, record_id, most + 1) if is_behind else []
    lines, last = _write_lines(rows[:most], query.since, begun)
    after = None if last == len(rows) else f"{begun}.{rows[last - 1].position}.{rows[last - 1].id}"
    return _write_head(end, query.since, after, len(lines), server_time), lines


def write_nothing(end: FeedEnd, query: PageQuery, server_time: str) -> PageHead | None:
    """Return the head of a page without steps, if that is what a device is to get; raises as `write_page` does."""
    end.check(query)
    if query.since < end.position or query.after is not None:
        return None
    return _write_head(end, query.since, None, 0, server_time)


def _write_head(end: FeedEnd, since: int, after: str | None, ops: int, server_time: str) -> PageHead:
    return PageHead(
        epoch=end.epoch,
        since=since,
        until=end.position,
        after=after,
        ops=ops,
        server_time=server_time,
        checksum=spell(end.checksum) if after is None else None,
        count=end.count if after is None else None,
        witness=witness(end.frontier),
    )


@lru_cache(maxsize=1024)
def witness(frontier: str) -> str:
    """Return the log's size and root as devices carry them in their change-sets; empty for an empty log."""
    read = Frontier.load(frontier)
    return f"{read.size} {read.root.hex()}" if read.size else ""


def scope_digests(connection: Connection, organisation: str, person: str) -> Iterator[tuple[str, str, int]]:
    """Yield id, kind and digest of every record that a person's devices should hold."""
    parameters = {"organisation": organisation, "everybody": EVERYBODY, "person": person}
    for row in connection.execute(_SCOPE, parameters):
        yield row.id, row.kind, record_digest(row.kind, row.id, row.body)


def write_records(connection: Connection, organisation: str, person: str, ids: Iterable[str]) -> list[bytes]:
    """Return `put` lines for those of `ids` that a person's devices should hold."""
    wanted = set(ids)
    rows = select_among(connection, _FEED, ("id", "holder", "gone"), "id", organisation, wanted)
    held = {row.id for row in rows if row.holder in (EVERYBODY, person) and not row.gone}
    records = select_among(connection, _RECORDS, ("id", "kind", "body"), "id", organisation, held)
    return [_put(row.id, row.kind, row.body) for row in records]


def _read_token(query: PageQuery, end: int) -> tuple[int, int, str]:
    """Return the end of the log when the run began, and the place in the feed after which the page begins."""
    if query.after is None:
        # Before every id at the position after `since`, however the database sorts text.
        return end, query.since + 1, ""
    read = _TOKEN(query.after)
    if read is None:
        raise Refused("malformed", detail="'after' is not a page token")
    return int(read[1]), int(read[2]), read[3]


def _read_range(
    connection: Connection, holders: dict[str, str], position: int, record_id: str, most: int
) -> Sequence[Row[Any]]:
    """Return the next rows of everybody's feed and of the person's."""
    parameters = {**holders, "position": position, "id": record_id, "most": most}
    return sorted(connection.execute(_RANGE, parameters), key=lambda row: (row.position, row.id))[:most]


def _write_lines(rows: Sequence[Row[Any]], since: int, begun: int) -> tuple[list[bytes], int]:
    """Return the op lines, and how many rows they stand for; the lines stop at PAGE_BYTES_MAX.

    A first load holds nothing to evict, but for what an earlier page of the same run has brought.
    """
    lines: list[bytes] = []
    size = 0
    for index, row in enumerate(rows):
        if row.gone:
            line = f'["evict","{row.id}"]\n'.encode() if since or row.position > begun else b""
        elif row.entered > since:
            line = _put(row.id, row.kind, row.body)
        else:
            line = _patch(row, since)
        size += len(line)
        if size > PAGE_BYTES_MAX and lines:
            return lines, index
        if line:
            lines.append(line)
    return lines, len(rows)


def _put(record_id: str, kind: str, body: str) -> bytes:
    return f'["put","{record_id}","{kind}",{body}]\n'.encode()


def _patch(row: Row[Any], since: int) -> bytes:
    stamps = json_text.load(row.stamps)
    if stamps[ALL_FIELDS][0] > since:
        return _put(row.id, row.kind, row.body)
    body = json_text.load(row.body)
    fields = {name: body[name] for name, (position, _device) in stamps.items() if position > since}
    return f'["patch","{row.id}","{row.kind}",{json_text.dump(fields)}]\n'.encode()
