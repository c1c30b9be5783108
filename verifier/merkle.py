"""The Merkle log: the root over a whole log, and proofs that an entry or an older log is in it. Source: RFC 9162."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field


def hash_entry(set_digest: str, receipt_sha256: bytes) -> bytes:
    """Return the leaf of a log entry, which is the digest of a sealed set and of its receipt."""
    return hashlib.sha256(b"\x00" + bytes.fromhex(set_digest) + receipt_sha256).digest()


def hash_nodes(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def is_included(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Tell whether `path` shows `leaf` at `index` of the log of `size` with this root. Source: section 2.1.3.2."""
    if not 0 <= index < size:
        return False
    place, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            found = hash_nodes(sibling, found)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            found = hash_nodes(found, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and found == root


def is_prefix(old_size: int, old_root: bytes, size: int, root: bytes, path: Sequence[bytes]) -> bool:
    """Tell whether `path` shows the log of `old_size` to be how that of `size` began. Source: section 2.1.4.2."""
    if old_size == size:
        return not path and old_root == root
    if not 0 < old_size < size or not path:
        return False
    nodes = [old_root, *path] if old_size & (old_size - 1) == 0 else list(path)
    place, last = old_size - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old, new = nodes[0], nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = hash_nodes(node, old), hash_nodes(node, new)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new = hash_nodes(new, node)
        place, last = place >> 1, last >> 1
    return last == 0 and old == old_root and new == root


@dataclass(slots=True)
class Tree:
    """A log being read from its first entry on; it remembers the complete subtrees it ends in."""

    size: int = 0
    _peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> None:
        """Add the leaf of the next entry."""
        size = self.size
        while size & 1:
            leaf = hash_nodes(self._peaks.pop(), leaf)
            size >>= 1
        self._peaks.append(leaf)
        self.size += 1

    @property
    def root(self) -> bytes:
        """The root over all entries so far."""
        if not self._peaks:
            return hashlib.sha256(b"").digest()
        root = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            root = hash_nodes(peak, root)
        return root
