"""Roots and proofs from a few subtrees are those of the whole log."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.tiles import Node, base_of, prove_consistency, prove_inclusion, root_of, subtrees_of
from sync.transparency import (
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    verify_consistency,
    verify_inclusion,
)
from tests.sync.test_transparency import ENTRIES, ROOTS

LEAVES = [leaf_hash(str(number).encode()) for number in range(1100)]
ROOTS_BY_SIZE: dict[int, bytes] = {}


class Nodes:
    """Complete subtrees over some leaves, counting what is asked for."""

    def __init__(self, leaves: list[bytes]) -> None:
        """Answer from these leaves."""
        self.leaves, self.asked = leaves, 0

    def read(self, wanted: Iterable[Node]) -> dict[Node, bytes]:
        """Return the roots of some complete subtrees."""
        found = {}
        for level, number in wanted:
            base, (begin, end) = base_of((level, number))
            self.asked += end - begin
            assert base <= level < base + 8
            leaves = self.leaves[number << level : (number + 1) << level]
            assert len(leaves) == 1 << level, "a subtree that is not complete"
            found[level, number] = root(leaves)
        return found


@given(st.integers(1, len(LEAVES)), st.data())
def test_roots_and_proofs_are_those_of_the_whole_log(size: int, data: st.DataObject) -> None:
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    nodes, whole = Nodes(LEAVES), LEAVES[:size]

    path = prove_inclusion([index], size, nodes.read)[index]
    prefix = prove_consistency([old], size, nodes.read)[old]

    assert root_of(size, nodes.read) == root(whole)
    assert path == inclusion_proof(index, whole) and verify_inclusion(LEAVES[index], index, size, path, root(whole))
    assert prefix == consistency_proof(old, whole)
    assert verify_consistency(old, root(LEAVES[:old]), size, root(whole), prefix)


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots_come_out(size: int) -> None:
    assert root_of(size, Nodes([leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]).read).hex() == ROOTS[size]


def test_a_proof_asks_for_a_few_hundred_nodes_however_long_the_log() -> None:
    asked = []

    def count(wanted: Iterable[Node]) -> dict[Node, bytes]:
        asked.extend(end - begin for _, (begin, end) in (base_of(node) for node in wanted))
        return dict.fromkeys(wanted, bytes(32))

    size = 10_000_123
    prove_inclusion([4_321_987], size, count)
    prove_consistency([size - 77], size, count)

    assert sum(asked) <= 4 * 256 * math.log(size, 256)


@pytest.mark.parametrize("part", [(0, 1), (0, 777), (512, 777), (768, 777), (1024, 1024)])
def test_a_range_falls_into_complete_subtrees(part: tuple[int, int]) -> None:
    covered = [leaf for level, number in subtrees_of(part) for leaf in range(number << level, (number + 1) << level)]

    assert covered == list(range(*part))


def test_the_subtrees_to_be_kept_come_with_the_leaf_that_completes_them() -> None:
    frontier, kept = Frontier(), []
    for leaf in (LEAVES * 60)[: 65_536 + 256]:
        frontier, complete = frontier.grow(leaf)
        kept += complete

    assert [(it.level, it.number) for it in kept] == [*((8, n) for n in range(256)), (16, 0), (8, 256)]
    assert kept[0].hash == root(LEAVES[:256]) and kept[1].hash == root(LEAVES[256:512])
    assert kept[256].hash == root([it.hash for it in kept[:256]])
