"""Which complete subtrees a root or a proof is made of, so that it is worked out from a few of them, not from the log.

A node (level, number) is the root of the complete subtree over the leaves [number << level, (number + 1) << level).
Nodes of every eighth level are kept as they become complete: one for 256 leaves, one for 65,536, and so on.
Source: C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

Rule 1: a range of a proof begins at a multiple of the largest power of two that is not longer than the range; so it
        falls into complete subtrees that only get smaller, whose roots are hashed together from the right.
Rule 2: a kept node never changes, since a log only grows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sync.transparency import EMPTY_ROOT, TILE_LEVELS, Range, consistency_ranges, inclusion_ranges, node_hash

Node = tuple[int, int]
"""level, number"""

ReadNodes = Callable[[Iterable[Node]], Mapping[Node, bytes]]


def base_of(node: Node) -> tuple[int, Range]:
    """Return of which kept level a node is made, 0 for leaves, and of which of its nodes."""
    level, number = node
    base = level - level % TILE_LEVELS
    return base, (number << (level - base), (number + 1) << (level - base))


def subtrees_of(part: Range) -> list[Node]:
    """Return the complete subtrees that a range of a proof falls into, left to right."""
    begin, end = part
    found = []
    while begin < end:
        level = (end - begin).bit_length() - 1
        found.append((level, begin >> level))
        begin += 1 << level
    return found


def root_of(size: int, read: ReadNodes) -> bytes:
    """Return the root over the first `size` leaves."""
    return _hash_parts([(0, size)], read)[0]


def prove_inclusion(indexes: Iterable[int], size: int, read: ReadNodes) -> dict[int, list[bytes]]:
    """Return the audit path of each leaf among the first `size`, reading once for all of them."""
    parts = {index: inclusion_ranges(index, size) for index in indexes}
    hashes = iter(_hash_parts([part for some in parts.values() for part in some], read))
    return {index: [next(hashes) for _ in some] for index, some in parts.items()}


def prove_consistency(old_sizes: Iterable[int], size: int, read: ReadNodes) -> dict[int, list[bytes]]:
    """Return for each older size the proof that the log had then is a prefix of that of `size`."""
    parts = {old: consistency_ranges(old, size) for old in old_sizes}
    hashes = iter(_hash_parts([part for some in parts.values() for part in some], read))
    return {old: [next(hashes) for _ in some] for old, some in parts.items()}


def _hash_parts(parts: list[Range], read: ReadNodes) -> list[bytes]:
    cut = {part: subtrees_of(part) for part in parts}
    nodes = read({node for some in cut.values() for node in some})
    return [_hash_together([nodes[node] for node in cut[part]]) for part in parts]


def _hash_together(hashes: list[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root
