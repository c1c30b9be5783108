"""Checksums of scopes: kept up to date step by step, and showing where two sides differ."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.checksum import (
    BUCKETS,
    MODULUS,
    add,
    bucket_of,
    bucket_sums,
    differing_buckets,
    differing_records,
    parse,
    record_digest,
    spell,
)
from tests.sync.made_up import UUIDS

SCOPES = st.dictionaries(UUIDS, st.sampled_from(["{}", '{"a":1}', '{"a":2}']), max_size=12)


def digests_of(scope: dict[str, str]) -> dict[str, int]:
    """Return the digest of each record of a scope of sites."""
    return {record_id: record_digest("site", record_id, body) for record_id, body in scope.items()}


@given(st.lists(st.tuples(UUIDS, st.sampled_from(["{}", '{"a":1}', None])), max_size=20))
def test_a_checksum_kept_step_by_step_is_the_one_computed_anew(steps: list[tuple[str, str | None]]) -> None:
    scope: dict[str, str] = {}
    total = 0
    for record_id, body in steps:
        if record_id in scope:
            total = add(total, -record_digest("site", record_id, scope.pop(record_id)))
        if body is not None:
            scope[record_id] = body
            total = add(total, record_digest("site", record_id, body))

    assert total == add(0, *digests_of(scope).values())


@given(st.lists(st.integers(0, MODULUS - 1), max_size=8), st.randoms(use_true_random=False))
def test_the_order_of_records_makes_no_difference(digests: list[int], random: object) -> None:
    assert add(0, *digests) == add(0, *reversed(digests)) == add(add(0, *digests[:3]), *digests[3:])


@given(SCOPES, SCOPES)
def test_the_buckets_find_every_difference_and_nothing_else(ours: dict[str, str], theirs: dict[str, str]) -> None:
    held, wanted = digests_of(ours), digests_of(theirs)

    buckets = differing_buckets(bucket_sums(held.items()), bucket_sums(wanted.items()))

    differing = {name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name)}
    assert set(buckets) == {bucket_of(name) for name in differing}


@given(SCOPES, SCOPES)
def test_fetching_and_letting_go_brings_both_sides_together(ours: dict[str, str], theirs: dict[str, str]) -> None:
    fetch, let_go = differing_records(digests_of(ours), digests_of(theirs))

    repaired = {name: body for name, body in ours.items() if name not in let_go} | {
        name: theirs[name] for name in fetch
    }

    assert repaired == theirs
    assert not fetch & let_go and let_go == ours.keys() - theirs.keys()


@given(SCOPES)
def test_the_sums_of_the_buckets_add_up_to_the_checksum(scope: dict[str, str]) -> None:
    digests = digests_of(scope)

    assert add(0, *bucket_sums(digests.items())) == add(0, *digests.values())


@given(st.integers(0, MODULUS - 1))
def test_a_checksum_is_spelled_in_32_digits_and_read_back(value: int) -> None:
    assert len(spell(value)) == 32
    assert parse(spell(value)) == value


def test_a_record_is_known_by_kind_id_and_content() -> None:
    record_id = "01933e5c-0000-7000-8000-0000000000ff"
    expected = hashlib.sha256(f'site\n{record_id}\n{{"name":"二号楼"}}'.encode()).hexdigest()[:32]

    digest = record_digest("site", record_id, '{"name":"二号楼"}')

    assert spell(digest) == expected
    assert digest != record_digest("machine", record_id, '{"name":"二号楼"}')
    assert digest != record_digest("site", record_id[:-1] + "e", '{"name":"二号楼"}')
    assert bucket_of(record_id) == BUCKETS - 1


@pytest.mark.parametrize("count", [2, 3])
def test_a_record_held_twice_is_noticed(count: int) -> None:
    digest = record_digest("site", "01933e5c-0000-7000-8000-0000000000ff", "{}")

    assert add(0, *[digest] * count) != add(0, digest)
