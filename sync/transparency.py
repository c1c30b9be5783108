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
class Frontier:
    """The roots of the complete subtrees of a log of `size` leaves, largest first: enough to append."""

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> Frontier:
        """Return the frontier with one more leaf hash."""
        peaks, size = list(self.peaks), self.size
        while size & 1:
            leaf = node_hash(peaks.pop(), leaf)
            size >>= 1
        peaks.append(leaf)
        return Frontier(self.size + 1, tuple(peaks))

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


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the audit path of the leaf at `index`, from its sibling up. Source: RFC 6962 section 2.1.1."""
    assert 0 <= index < len(leaves)
    if len(leaves) == 1:
        return []
    split = _split(len(leaves))
    if index < split:
        return [*inclusion_proof(index, leaves[:split]), root(leaves[split:])]
    return [*inclusion_proof(index - split, leaves[split:]), root(leaves[:split])]


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


def consistency_proof(old_size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """Return the proof that the log of `old_size` is a prefix of this one. Source: RFC 6962 section 2.1.2."""
    assert 0 < old_size <= len(leaves)
    return _subproof(old_size, leaves, whole=True)


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


def _subproof(old_size: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if old_size == len(leaves):
        return [] if whole else [root(leaves)]
    split = _split(len(leaves))
    if old_size <= split:
        return [*_subproof(old_size, leaves[:split], whole), root(leaves[split:])]
    return [*_subproof(old_size - split, leaves[split:], False), root(leaves[:split])]


def _split(size: int) -> int:
    return 1 << ((size - 1).bit_length() - 1)
