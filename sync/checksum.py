"""Comparing what a device holds with what the server says it holds, without sending it.

Each record has a digest of its kind, id and content; the checksum of a scope is the sum of its digests
modulo 2**128, so it is kept up to date by adding and subtracting, in any order. When two checksums
differ, the sums of 256 buckets show where, and only those buckets' records are compared one by one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

MODULUS: Final = 1 << 128
BUCKETS: Final = 256


def record_digest(kind: str, record_id: str, body: str) -> int:
    """Return the digest of a record; `body` is its canonical JSON."""
    text = f"{kind}\n{record_id}\n{body}"
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:16], "big")


def add(total: int, *digests: int) -> int:
    """Return a checksum with some digests added; a negative digest takes a record out."""
    return (total + sum(digests)) % MODULUS


def spell(value: int) -> str:
    """Return a checksum or digest as 32 hex digits."""
    return f"{value % MODULUS:032x}"


def parse(spelling: str) -> int:
    """Read what `spell` wrote."""
    return int(spelling, 16)


def bucket_of(record_id: str) -> int:
    """Return the bucket of a record: the last two hex digits of its id, which are random."""
    return int(record_id[-2:], 16)


def bucket_sums(digests: Iterable[tuple[str, int]]) -> list[int]:
    """Return the checksum of each bucket of (record id, digest) pairs."""
    sums = [0] * BUCKETS
    for record_id, digest in digests:
        bucket = bucket_of(record_id)
        sums[bucket] = add(sums[bucket], digest)
    return sums


def differing_buckets(ours: list[int], theirs: list[int]) -> list[int]:
    """Return the buckets whose sums differ."""
    return [bucket for bucket in range(BUCKETS) if ours[bucket] != theirs[bucket]]


def differing_records(ours: Mapping[str, int], theirs: Mapping[str, int]) -> tuple[set[str], set[str]]:
    """Return the ids to fetch (theirs differ or are missing here) and the ids to let go of."""
    fetch = {record_id for record_id, digest in theirs.items() if ours.get(record_id) != digest}
    return fetch, ours.keys() - theirs.keys()
