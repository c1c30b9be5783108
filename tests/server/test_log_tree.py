"""Proofs from a real log: its subtrees are kept in the commit that completes them, and whoever alters one is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, delete, insert, select, text, update

from schemas.problems import Refused
from server.keys import new_id
from server.services import log_tree
from server.services.office import Office
from server.services.proofs import verify_log
from server.services.restoring import rotate_epochs
from server.store import log_tiles
from server.store.database import reading, writing
from server.store.log_tiles import LogTile
from server.store.tables import LogEntry
from sync.transparency import leaf_hash, log_entry, root, verify_consistency, verify_inclusion
from tests.server.builders import Firm, open_firm, photo

LOG: Table = LogEntry.__table__
TILES: Table = LogTile.__table__
SETS = 520
"""Two complete subtrees of 256 leaves, and some more."""


@pytest.fixture(scope="module")
def grown(engine: Engine, office: Office) -> Firm:
    """A company with some hundred entries in its log."""
    firm = open_firm(engine, office)
    for _ in range(4):
        firm.push(*(firm.wei.seal("photo.add", photo(firm.order)) for _ in range(SETS // 4)))
    return firm


@pytest.fixture
def altered(grown: Firm) -> Iterator[Callable[[Callable[[Connection], Any]], None]]:
    """A way to alter the database by hand; its log and tiles are put back afterwards."""
    with reading(grown.engine) as connection:
        kept = [(table, [row._asdict() for row in connection.execute(select(table))]) for table in (LOG, TILES)]

    def alter(statement: Callable[[Connection], Any]) -> None:
        with writing(grown.engine) as connection:
            statement(connection)

    yield alter
    with writing(grown.engine) as connection:
        for table, rows in kept:
            connection.execute(delete(table))
            connection.execute(insert(table), rows)


def leaves_of(firm: Firm) -> list[bytes]:
    """Return the leaves of a company's log."""
    return [leaf_hash(log_entry(row.digest, row.receipt)) for row in firm.log()]


def tiles_of(firm: Firm) -> dict[tuple[int, int], str]:
    """Return the kept subtrees of a company."""
    return {(row.level, row.number): row.hash for row in firm.rows(LogTile)}


def test_subtrees_are_kept_as_they_become_complete(grown: Firm) -> None:
    leaves = leaves_of(grown)

    assert len(leaves) > SETS
    assert tiles_of(grown) == {(8, 0): root(leaves[:256]).hex(), (8, 1): root(leaves[256:512]).hex()}
    assert verify_log(grown.engine, grown.id).holds


@pytest.mark.parametrize("size", [1, 255, 256, 257, 511, 512, 513, SETS])
def test_proofs_lead_to_the_root_of_any_size(grown: Firm, size: int) -> None:
    leaves = leaves_of(grown)
    with reading(grown.engine) as connection:
        for position in {1, (size + 1) // 2, size}:
            proof = log_tree.prove_entry(connection, grown.id, position, size)

            assert proof.root == root(leaves[:size])
            assert verify_inclusion(leaves[position - 1], position - 1, size, proof.path, proof.root)

            older = log_tree.prove_prefix(connection, grown.id, position, size)

            assert verify_consistency(position, root(leaves[:position]), size, proof.root, older.path)


def test_tiles_are_those_of_the_specification(grown: Firm) -> None:
    leaves = leaves_of(grown)
    with reading(grown.engine) as connection:
        read = partial(log_tree.read_tile, connection, grown.id)

        assert [read(0, number) for number in range(3)] == [
            b"".join(leaves[:256]),
            b"".join(leaves[256:512]),
            b"".join(leaves[512:]),
        ]
        assert read(1, 0) == root(leaves[:256]) + root(leaves[256:512])
        for row, number in ((0, 3), (1, 1), (2, 0), (-1, 0), (0, -1), (9, 0)):
            with pytest.raises(Refused, match="not_found"):
                read(row, number)


def test_proofs_are_asked_for_within_the_log(grown: Firm) -> None:
    end = len(grown.log())
    with reading(grown.engine) as connection:
        for position, size in ((0, None), (end + 1, None), (3, 2), (1, 0), (1, end + 1)):
            for prove in (log_tree.prove_entry, log_tree.prove_prefix):
                with pytest.raises(Refused, match="value_invalid"):
                    prove(connection, grown.id, position, size)


def test_a_subtree_changed_by_hand_is_named(grown: Firm, altered: Callable[..., None]) -> None:
    altered(lambda c: c.execute(update(TILES).where(TILES.c.number == 1).values(hash="0" * 64)))

    (found,) = verify_log(grown.engine, grown.id).discrepancies

    assert (found.place, found.code) == ("log_tiles", "tile_differs")


def test_subtrees_that_an_older_server_left_out_are_worked_out_and_then_kept(
    grown: Firm, altered: Callable[..., None]
) -> None:
    before, leaves = tiles_of(grown), leaves_of(grown)
    altered(lambda c: c.execute(delete(TILES).where(TILES.c.number == 0)))

    with reading(grown.engine) as connection:
        assert log_tree.root_at(connection, grown.id, SETS) == root(leaves[:SETS])
        assert log_tiles.count_missing(connection, grown.id, len(leaves)) == 1
    altered(lambda c: log_tiles.fill_tiles(c, grown.id))

    assert tiles_of(grown) == before


def test_a_log_that_lacks_an_entry_gives_no_proof_across_it(grown: Firm, altered: Callable[..., None]) -> None:
    altered(lambda c: c.execute(delete(LOG).where(LOG.c.organisation == grown.id, LOG.c.position == 515)))

    with reading(grown.engine) as connection, pytest.raises(Refused, match="log_damaged") as refusal:
        log_tree.prove_entry(connection, grown.id, 516, None)

    assert refusal.value.fault.facts == {"position": 515}


def test_a_set_whose_author_saw_another_log_is_named(firm: Firm) -> None:
    honest, forked = f"3 {firm_root(firm, 3)}", f"3 {'ab' * 32}"
    for witness in (honest, forked, f"99 {'ab' * 32}", honest):
        assert firm.send(firm.wei, photo(firm.order), witness=witness).verdict == "applied"
    end = len(firm.log())

    proof = verify_log(firm.engine, firm.id)

    assert [(found.place, found.code) for found in proof.discrepancies] == [
        (f"log {end - 2}", "witness_foreign"),
        (f"log {end - 1}", "witness_foreign"),
    ]
    assert proof.notes == ()


def test_what_devices_saw_of_a_log_that_was_restored_is_told_and_no_discrepancy(firm: Firm) -> None:
    lost = f"99 {'ab' * 32}"
    with writing(firm.engine) as connection:
        epoch = {"epoch": new_id(), "o": firm.id}
        connection.execute(text("UPDATE organisations SET epoch = :epoch WHERE organisation = :o"), epoch)
    firm.send(firm.wei, photo(firm.order), witness=lost)
    end = len(firm.log())
    firm.send(firm.wei, photo(firm.order), witness=f"{end} {firm_root(firm, end)}")
    firm.send(firm.wei, photo(firm.order), witness=lost)

    proof = verify_log(firm.engine, firm.id)

    assert [(note.place, note.code) for note in proof.notes] == [(f"log {end}", "log_restored")]
    assert [(it.place, it.code) for it in proof.discrepancies] == [(f"log {end + 2}", "witness_foreign")]


def test_a_log_restored_twice_is_not_taken_for_forked(firm: Firm) -> None:
    lost, end = f"99 {'ab' * 32}", len(firm.log())
    rotate_epochs(firm.engine)
    firm.send(firm.wei, photo(firm.order), witness=lost)
    # The epoch that began with the first restoration is known to nobody else after this one.
    rotate_epochs(firm.engine)

    proof = verify_log(firm.engine, firm.id)

    assert proof.holds and [(note.place, note.code) for note in proof.notes] == [(f"log {end + 1}", "log_restored")]


def firm_root(firm: Firm, size: int) -> str:
    """Return the root of a company's log at a size."""
    with reading(firm.engine) as connection:
        return log_tree.root_at(connection, firm.id, size).hex()
