"""The Merkle log: the published vectors, and every proof for every size up to 33."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.transparency import (
    EMPTY_ROOT,
    Frontier,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    log_entry,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

# The entries, roots and paths of the Certificate Transparency project's own tests of RFC 6962 trees.
ENTRIES = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
A = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
B = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
C = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
D = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
E = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"
F = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
PUBLISHED = [leaf_hash(bytes.fromhex(entry)) for entry in ENTRIES]

SIZES = range(1, 34)
LEAVES = [leaf_hash(str(number).encode()) for number in range(SIZES.stop)]


def spelled(path: list[bytes]) -> list[str]:
    """Return a path in hexadecimal."""
    return [node.hex() for node in path]


def alterations(path: list[bytes]) -> list[list[bytes]]:
    """Return paths that are almost this one: a bit flipped, a node left out, doubled, added or exchanged."""
    flipped = [[*path[:i], bytes([node[0] ^ 1]) + node[1:], *path[i + 1 :]] for i, node in enumerate(path)]
    shorter = [[*path[:i], *path[i + 1 :]] for i in range(len(path))]
    longer = [[*path, EMPTY_ROOT], [EMPTY_ROOT, *path]]
    turned = [path[::-1]] if len(path) > 1 else []
    return flipped + shorter + longer + turned


@pytest.mark.parametrize("size", range(9))
def test_the_published_roots_come_out(size: int) -> None:
    assert root(PUBLISHED[:size]).hex() == ROOTS[size]


@pytest.mark.parametrize(("index", "size", "path"), [(0, 1, []), (0, 8, [A, B, C]), (5, 8, [D, E, ROOTS[4]])])
def test_the_published_inclusion_paths_come_out(index: int, size: int, path: list[str]) -> None:
    assert spelled(inclusion_proof(index, PUBLISHED[:size])) == path


def test_the_published_inclusion_path_of_an_incomplete_tree_comes_out() -> None:
    assert spelled(inclusion_proof(2, PUBLISHED[:3])) == [ROOTS[2]]


@pytest.mark.parametrize(
    ("old", "new", "path"), [(1, 1, []), (1, 8, [A, B, C]), (6, 8, [F, E, ROOTS[4]]), (2, 5, [B, D])]
)
def test_the_published_consistency_paths_come_out(old: int, new: int, path: list[str]) -> None:
    assert spelled(consistency_proof(old, PUBLISHED[:new])) == path


@pytest.mark.parametrize("size", SIZES)
def test_every_entry_is_shown_to_be_in_the_log(size: int) -> None:
    expected = root(LEAVES[:size])

    for index in range(size):
        path = inclusion_proof(index, LEAVES[:size])

        assert verify_inclusion(LEAVES[index], index, size, path, expected)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 13, 33])
def test_an_altered_inclusion_proof_shows_nothing(size: int) -> None:
    expected = root(LEAVES[:size])

    for index in range(size):
        path = inclusion_proof(index, LEAVES[:size])

        assert not any(verify_inclusion(LEAVES[index], index, size, other, expected) for other in alterations(path))
        assert not verify_inclusion(LEAVES[size], index, size, path, expected)
        assert not verify_inclusion(LEAVES[index], index, size, path, node_hash(expected, expected))
        assert not any(verify_inclusion(LEAVES[index], i, size, path, expected) for i in range(size) if i != index)
        assert not verify_inclusion(LEAVES[index], -1, size, path, expected)
        assert not verify_inclusion(LEAVES[index], size, size, path, expected)


@pytest.mark.parametrize("new", SIZES)
def test_every_earlier_log_is_shown_to_be_a_beginning(new: int) -> None:
    for old in range(1, new + 1):
        path = consistency_proof(old, LEAVES[:new])

        assert verify_consistency(old, root(LEAVES[:old]), new, root(LEAVES[:new]), path)


@pytest.mark.parametrize("new", [2, 3, 7, 8, 13, 33])
def test_an_altered_consistency_proof_shows_nothing(new: int) -> None:
    new_root = root(LEAVES[:new])

    for old in range(1, new):
        old_root, path = root(LEAVES[:old]), consistency_proof(old, LEAVES[:new])

        assert not any(verify_consistency(old, old_root, new, new_root, other) for other in alterations(path))
        assert not verify_consistency(old, EMPTY_ROOT, new, new_root, path)
        assert not verify_consistency(old, old_root, new, EMPTY_ROOT, path)
        assert not verify_consistency(old, old_root, new, new_root, [])
        assert not verify_consistency(new, new_root, old, old_root, path)
        assert not verify_consistency(0, EMPTY_ROOT, new, new_root, path)


@pytest.mark.parametrize("size", [2, 5, 8, 33])
def test_a_log_with_one_entry_rewritten_is_no_continuation(size: int) -> None:
    rewritten = [leaf_hash(b"another"), *LEAVES[1:size]]

    for old in range(1, size):
        path = consistency_proof(old, rewritten)

        assert not verify_consistency(old, root(LEAVES[:old]), size, root(rewritten), path)


def test_a_log_of_the_same_size_needs_no_path_and_takes_none() -> None:
    assert verify_consistency(3, ROOTS_OF_3, 3, ROOTS_OF_3, [])
    assert not verify_consistency(3, ROOTS_OF_3, 3, ROOTS_OF_3, [EMPTY_ROOT])
    assert not verify_consistency(3, ROOTS_OF_3, 3, EMPTY_ROOT, [])


ROOTS_OF_3 = root(LEAVES[:3])


def test_proofs_are_asked_for_within_the_log() -> None:
    for index in (-1, 3):
        with pytest.raises(AssertionError):
            inclusion_proof(index, LEAVES[:3])
    for old in (0, 4):
        with pytest.raises(AssertionError):
            consistency_proof(old, LEAVES[:3])


@pytest.mark.parametrize("size", [0, *SIZES])
def test_the_frontier_alone_is_enough_to_go_on(size: int) -> None:
    frontier = Frontier()
    for leaf in LEAVES[:size]:
        frontier = Frontier.load(frontier.dump()).append(leaf)

    assert frontier.size == size
    assert frontier.root == root(LEAVES[:size]) == by_definition(LEAVES[:size])
    assert len(frontier.peaks) == size.bit_count()


def by_definition(leaves: list[bytes]) -> bytes:
    """Return the root as RFC 6962 section 2.1 defines it."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    split = max(2**power for power in range(10) if 2**power < len(leaves))
    return node_hash(by_definition(leaves[:split]), by_definition(leaves[split:]))


def test_every_entry_changes_the_root() -> None:
    roots = [root(LEAVES[:size]) for size in range(20)]

    assert len(set(roots)) == 20
    assert all(before != after for before, after in pairwise(roots))


def test_a_leaf_never_passes_for_a_node() -> None:
    left, right = LEAVES[:2]

    assert leaf_hash(left + right) != node_hash(left, right)


@given(st.binary(min_size=32, max_size=32), st.text(max_size=50), st.text(max_size=50))
def test_the_log_commits_to_the_set_and_to_its_receipt(digest: bytes, receipt: str, other: str) -> None:
    entry = log_entry(digest.hex(), receipt)

    assert entry == digest + hashlib.sha256(receipt.encode()).digest()
    assert (log_entry(digest.hex(), other) == entry) == (receipt == other)
