"""The Merkle log: root, inclusion and consistency proofs. Source: RFC 6962 section 2.1.

Rule 1: a leaf is hashed with the prefix 00 and a node with 01, so that none passes for the other.
Rule 2: the tree over n leaves splits at the largest power of two smaller than n.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()

TILE_LEVELS: Final = 8
"""Subtrees of every eighth level are kept: of 256 leaves, of 65,536, and so on. Source: C2SP tlog-tiles."""

Range = tuple[int, int]
"""first leaf, leaf behind the last"""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one log entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def log_entry(set_digest: str, receipt: str) -> bytes:
    """Return what the log commits to for one change-set: its digest and the digest of its receipt."""
    return bytes.fromhex(set_digest) + hashlib.sha256(receipt.encode("utf-8")).digest()


@dataclass(frozen=True, slots=True)
class Subtree:
    """The root of the complete subtree over the leaves [number << level, (number + 1) << level)."""

    level: int
    number: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Frontier:
    """The roots of the complete subtrees of a log of `size` leaves, largest first: enough to append."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """Return the frontier with one more leaf hash."""
        return self.grow(leaf)[0]

    def grow(self, leaf: bytes) -> tuple[Frontier, list[Subtree]]:
        """Return the frontier with one more leaf hash, and the subtrees to be kept that it completes."""
        peaks, size, level, kept = list(self.peaks), self.size, 0, []
        while size & 1:
            leaf = node_hash(peaks.pop(), leaf)
            size, level = size >> 1, level + 1
            if level % TILE_LEVELS == 0:
                kept.append(Subtree(level, self.size >> level, leaf))
        peaks.append(leaf)
        return Frontier(self.size + 1, tuple(peaks)), kept

    @property
    def root(self) -> bytes:
        """The root hash over all leaves."""
        if not self.peaks:
            return EMPTY_ROOT
        root = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            root = node_hash(peak, root)
        return root

    def dump(self) -> str:
        """Return the frontier as text: the size, then each peak in hexadecimal."""
        return " ".join([str(self.size), *(peak.hex() for peak in self.peaks)])

    @staticmethod
    def load(text: str) -> Frontier:
        """Read what `dump` wrote."""
        size, *peaks = text.split()
        return Frontier(int(size), tuple(bytes.fromhex(peak) for peak in peaks))


def root(leaves: Sequence[bytes]) -> bytes:
    """Return the root over some leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier = frontier.append(leaf)
    return frontier.root


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """Return over which leaves the nodes of an audit path are the roots. Source: RFC 6962 section 2.1.1."""
    assert 0 <= index < size
    begin, end, ranges = 0, size, []
    while end - begin > 1:
        split = begin + _split(end - begin)
        ranges.append((split, end) if index < split else (begin, split))
        begin, end = (begin, split) if index < split else (split, end)
    return ranges[::-1]


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the audit path of the leaf at `index`, from its sibling up."""
    return [root(leaves[begin:end]) for begin, end in inclusion_ranges(index, len(leaves))]


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], expected_root: bytes) -> bool:
    """Tell whether `path` shows `leaf` at `index` of the log of `size` with that root.

    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        return False
    fn, sn, computed = index, size - 1, leaf
    for sibling in path:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            computed = node_hash(sibling, computed)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            computed = node_hash(computed, sibling)
        fn >>= 1
        sn >>= 1
    return sn == 0 and computed == expected_root


def consistency_ranges(old_size: int, size: int) -> list[Range]:
    """Return over which leaves the nodes of a consistency proof are the roots. Source: RFC 6962 section 2.1.2."""
    assert 0 < old_size <= size
    begin, end, ranges = 0, size, []
    while old_size != end:
        split = begin + _split(end - begin)
        ranges.append((split, end) if old_size <= split else (begin, split))
        begin, end = (begin, split) if old_size <= split else (split, end)
    return [(begin, end), *ranges[::-1]] if begin else ranges[::-1]


def consistency_proof(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the proof that the log of `old_size` is a prefix of this one."""
    return [root(leaves[begin:end]) for begin, end in consistency_ranges(old_size, len(leaves))]


def verify_consistency(old_size: int, old_root: bytes, new_size: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether `path` shows the older log to be a prefix of the newer. Source: RFC 9162 section 2.1.4.2."""
    if old_size == new_size:
        return not path and old_root == new_root
    if not 0 < old_size < new_size or not path:
        return False
    nodes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    fn, sn = old_size - 1, new_size - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    fr = sr = nodes[0]
    for node in nodes[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(node, fr), node_hash(node, sr)
            while fn and not fn & 1:
                fn >>= 1
                sn >>= 1
        else:
            sr = node_hash(sr, node)
        fn >>= 1
        sn >>= 1
    return sn == 0 and fr == old_root and sr == new_root


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)
