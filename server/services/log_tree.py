"""The Merkle tree of the log: its root at any size, proofs for any entry and size, and its tiles.

Nothing here reads the log as a whole: a proof takes a few hundred leaves and kept subtrees, however long the log is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection

from schemas.problems import Refused
from server.services.devices import read_checkpoint
from server.store.log_tiles import read_nodes
from sync import tiles
from sync.checkpoint import Checkpoint
from sync.transparency import TILE_LEVELS

TILE_WIDTH: Final = 1 << TILE_LEVELS
TILE_ROWS_MAX: Final = 3
"""Rows of tiles above the leaves; a log of 2^32 entries has no more."""


@dataclass(frozen=True, slots=True)
class LogProof:
    """A proof for the log of some size: the nodes of its path, and the root it leads to."""

    size: int
    root: bytes
    path: tuple[bytes, ...]


def root_at(connection: Connection, organisation: str, size: int) -> bytes:
    """Return the Merkle root that the log had when it held `size` entries. Raises Refused with `log_damaged`."""
    return tiles.root_of(size, partial(read_nodes, connection, organisation))


def prove_entries(
    connection: Connection, organisation: str, positions: Iterable[int], size: int
) -> dict[int, list[bytes]]:
    """Return the audit path of the entry at each position in the log of `size`. Raises Refused with `log_damaged`."""
    read = partial(read_nodes, connection, organisation)
    found = tiles.prove_inclusion([position - 1 for position in positions], size, read)
    return {index + 1: path for index, path in found.items()}


def prove_prefixes(
    connection: Connection, organisation: str, old_sizes: Iterable[int], size: int
) -> dict[int, list[bytes]]:
    """Return for each older size the proof that the log of `size` begins so. Raises Refused with `log_damaged`."""
    return tiles.prove_consistency(old_sizes, size, partial(read_nodes, connection, organisation))


def prove_entry(connection: Connection, organisation: str, position: int, size: int | None) -> LogProof:
    """Return the proof that an entry is in the log, of some size or as it stands.

    Raises Refused with `value_invalid` beyond the end of the log, or `log_damaged`.
    """
    end = _check_size(connection, organisation, size)
    if not 1 <= position <= end:
        raise Refused("value_invalid", field="position", detail=f"1..{end}")
    path = prove_entries(connection, organisation, [position], end)[position]
    return LogProof(end, root_at(connection, organisation, end), tuple(path))


def prove_prefix(connection: Connection, organisation: str, old_size: int, size: int | None) -> LogProof:
    """Return the proof that the log, of some size or as it stands, begins with that of an older size.

    Raises Refused with `value_invalid` beyond the end of the log, or `log_damaged`.
    """
    end = _check_size(connection, organisation, size)
    if not 1 <= old_size <= end:
        raise Refused("value_invalid", field="old_size", detail=f"1..{end}")
    path = prove_prefixes(connection, organisation, [old_size], end)[old_size]
    return LogProof(end, root_at(connection, organisation, end), tuple(path))


def read_tile(connection: Connection, organisation: str, row: int, number: int) -> bytes:
    """Return the up to 256 hashes of a tile, one behind the other; those of the last tile of a row may be fewer.

    Row 0 has the leaves, row 1 the roots over 256 leaves. Source: C2SP tlog-tiles. Raises Refused with `not_found`,
    or `log_damaged`.
    """
    level = row * TILE_LEVELS
    complete = read_checkpoint(connection, organisation).size >> level if 0 <= row <= TILE_ROWS_MAX else 0
    width = min(TILE_WIDTH, complete - number * TILE_WIDTH)
    if number < 0 or width <= 0:
        raise Refused("not_found", what=f"{row}/{number}")
    nodes = [(level, number * TILE_WIDTH + place) for place in range(width)]
    found = read_nodes(connection, organisation, nodes)
    return b"".join(found[node] for node in nodes)


def _check_size(connection: Connection, organisation: str, size: int | None) -> int:
    standing: Checkpoint = read_checkpoint(connection, organisation)
    if size is None:
        return standing.size
    if not 1 <= size <= standing.size:
        raise Refused("value_invalid", field="size", detail=f"1..{standing.size}")
    return size
