"""The complete subtrees of the log: kept as they become complete, read for roots and proofs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sqlalchemy import BigInteger, Connection, String, Table, text
from sqlalchemy.orm import Mapped, mapped_column

from schemas.problems import Refused
from server.store.base import db
from server.store.base import key as _key
from server.store.bulk import upsert
from sync.tiles import Node, base_of
from sync.transparency import TILE_LEVELS, Frontier, Range, leaf_hash, log_entry, root

GAP_MAX: Final = 32
"""Leaves between two ranges that are read with them: cheaper than another statement."""

ROWS_AT_ONCE: Final = 1000


class LogTile(db.Model):  # type: ignore[name-defined]
    """The root of a complete subtree of 2^level leaves."""

    __tablename__ = "log_tiles"
    organisation: Mapped[str] = _key()
    level: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[str] = mapped_column(String(64))


TILES: Table = LogTile.__table__  # type: ignore[assignment]

_LEAVES: Final = text(
    "SELECT position - 1 AS number, digest, receipt FROM log"
    " WHERE organisation = :o AND position > :begin AND position <= :end"
)
_NODES: Final = text(
    "SELECT number, hash FROM log_tiles"
    " WHERE organisation = :o AND level = :level AND number >= :begin AND number < :end"
)
_ALL_LEAVES: Final = text("SELECT digest, receipt FROM log WHERE organisation = :o ORDER BY position")
_COUNT: Final = text("SELECT count(*) FROM log_tiles WHERE organisation = :o AND level = :level")


def read_nodes(connection: Connection, organisation: str, wanted: Iterable[Node]) -> dict[Node, bytes]:
    """Return the hashes of some complete subtrees.

    Raises Refused with `log_damaged` when the log or its kept subtrees lack what they should have.
    """
    bases = {node: base_of(node) for node in wanted}
    rows: dict[int, dict[int, bytes]] = {}
    for level in {level for level, _ in bases.values()}:
        ranges = _join(part for found, part in bases.values() if found == level)
        rows[level] = {n: found for part in ranges for n, found in _read(connection, organisation, level, part)}

    def find(level: int, number: int) -> bytes:
        if level and number not in rows[level]:
            rows[level][number] = _work_out(connection, organisation, level, number)
        return rows[level][number]

    try:
        return {node: root([find(level, number) for number in range(*part)]) for node, (level, part) in bases.items()}
    except KeyError as missing:
        raise Refused("log_damaged", position=missing.args[0] + 1) from None


def count_missing(connection: Connection, organisation: str, size: int) -> int:
    """Return how many subtrees of the lowest kept level a log of some size lacks."""
    kept = connection.execute(_COUNT, {"o": organisation, "level": TILE_LEVELS}).scalar_one()
    return int((size >> TILE_LEVELS) - kept)


def fill_tiles(connection: Connection, organisation: str) -> None:
    """Work out and keep the complete subtrees of a log that are missing.

    A server of the release before appends without them while the servers of a company are replaced one by one.
    """
    frontier, rows = Frontier(), []
    # Said of this statement alone: a connection would keep it, and PostgreSQL cannot insert through a cursor.
    at_once = {"yield_per": ROWS_AT_ONCE}
    leaves = connection.execute(_ALL_LEAVES, {"o": organisation}, execution_options=at_once)
    for digest, receipt in leaves:
        frontier, complete = frontier.grow(leaf_hash(log_entry(digest, receipt)))
        rows += [(organisation, it.level, it.number, it.hash.hex()) for it in complete]
    upsert(connection, TILES, rows, update=False)


def _work_out(connection: Connection, organisation: str, level: int, number: int) -> bytes:
    """Return the root of a subtree that is not kept."""
    begin, end = number << level, (number + 1) << level
    leaves = dict(_read(connection, organisation, 0, (begin, end)))
    return root([leaves[place] for place in range(begin, end)])


def _read(connection: Connection, organisation: str, level: int, part: Range) -> Iterator[tuple[int, bytes]]:
    bounds = {"o": organisation, "begin": part[0], "end": part[1]}
    if level == 0:
        for number, digest, receipt in connection.execute(_LEAVES, bounds):
            yield number, leaf_hash(log_entry(digest, receipt))
    else:
        for number, found in connection.execute(_NODES, bounds | {"level": level}):
            yield number, bytes.fromhex(found)


def _join(ranges: Iterable[Range]) -> list[Range]:
    """Return ranges that cover some ranges, those that lie close together as one."""
    joined: list[Range] = []
    for begin, end in sorted(ranges):
        if joined and begin <= joined[-1][1] + GAP_MAX:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined
