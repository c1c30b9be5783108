"""What is altered by hand in the database is named by a code that stays: one row for each kind of alteration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, Table, delete, insert, select, update

from server.keys import OfficeKey, new_id
from server.services.checkpoint_keeping import keep_checkpoints
from server.services.office import Office
from server.services.proofs import replay, verify_log
from server.store.checkpoints import CheckpointRow
from server.store.database import reading, writing
from server.store.log_tiles import LogTile
from server.store.stock_tables import MoveRow
from server.store.tables import DeviceHead, FeedRow, LogEntry, Organisation, RecordRow, StockBalance, TraceFact
from sync.transparency import Frontier, leaf_hash, log_entry
from tests.server.builders import Firm, create, fitted, open_firm, photo

Alter = Callable[[Firm, Connection], Any]

LOG: Table = LogEntry.__table__
TABLES = (
    LogEntry,
    LogTile,
    Organisation,
    RecordRow,
    FeedRow,
    TraceFact,
    StockBalance,
    MoveRow,
    DeviceHead,
    CheckpointRow,
)


@pytest.fixture(scope="module")
def lived(engine: Engine, office: Office, office_key: OfficeKey) -> Firm:
    """A company with a past longer than one kept subtree, and a kept checkpoint of it."""
    firm = open_firm(engine, office)
    part, van = new_id(), new_id()
    move = {"part_id": part, "quantity": 2, "from_place": "supplier", "to_place": "van", "to_van_id": van}
    firm.ensure(
        create("part", part, part_number=f"P-{part[-6:]}", name="轴承"),
        create("van", van, name="一号车", person_id=firm.wei.person),
        create("stock_move", new_id(), **move, moved_at="2026-11-20T08:00:00Z"),
    )
    firm.send(firm.wei, fitted(firm.order, firm.company.machine, "B-1"))
    firm.push(*(firm.wei.seal("photo.add", photo(firm.order)) for _ in range(256)))
    keep_checkpoints(engine, office_key)
    firm.send(firm.wei, photo(firm.order), witness=witness_of(firm))
    return firm


@pytest.fixture
def altered(lived: Firm) -> Iterator[Callable[[Alter], set[str]]]:
    """Alter the database by hand, return the codes of what `verify-log` finds, and put everything back."""
    tables: list[Table] = [model.__table__ for model in TABLES]
    with reading(lived.engine) as connection:
        kept = [(table, rows_of(connection, table, lived)) for table in tables]

    def alter(how: Alter) -> set[str]:
        with writing(lived.engine) as connection:
            how(lived, connection)
        return {found.code for found in verify_log(lived.engine, lived.id).discrepancies}

    yield alter
    with writing(lived.engine) as connection:
        for table, rows in kept:
            connection.execute(delete(table).where(table.c.organisation == lived.id))
            if rows:
                connection.execute(insert(table), rows)


def rows_of(connection: Connection, table: Table, firm: Firm) -> list[dict[str, Any]]:
    return [row._asdict() for row in connection.execute(select(table).where(table.c.organisation == firm.id))]


def witness_of(firm: Firm) -> str:
    """Return size and root of the log as it stands."""
    frontier = Frontier()
    for row in firm.log():
        frontier = frontier.append(leaf_hash(log_entry(row.digest, row.receipt)))
    return f"{frontier.size} {frontier.root.hex()}"


def put(model: Any, where: dict[str, Any] | None = None, **values: Any) -> Alter:
    """Write values into rows of a table."""
    table: Table = model.__table__

    def alter(firm: Firm, connection: Connection) -> None:
        here = [table.c.organisation == firm.id, *(table.c[name] == value for name, value in (where or {}).items())]
        assert connection.execute(update(table).where(*here).values(**values)).rowcount

    return alter


def flip(at: int) -> Alter:
    """Put another digit in the place of a byte of the tenth entry."""

    def alter(firm: Firm, connection: Connection) -> None:
        sealed = bytearray(firm.log()[9].sealed)
        sealed[at] = ord("1") if sealed[at] == ord("0") else ord("0")
        put(LogEntry, {"position": 10}, sealed=bytes(sealed))(firm, connection)

    return alter


def respell(before: bytes, after: bytes) -> Alter:
    """Write something else into what the tenth entry says."""

    def alter(firm: Firm, connection: Connection) -> None:
        sealed = firm.log()[9].sealed
        assert before in sealed
        put(LogEntry, {"position": 10}, sealed=sealed.replace(before, after))(firm, connection)

    return alter


def cut(firm: Firm, connection: Connection) -> None:
    """Take away the end of the log."""
    connection.execute(delete(LOG).where(LOG.c.organisation == firm.id, LOG.c.position > len(firm.log()) - 1))


def cut_and_commit(firm: Firm, connection: Connection) -> None:
    """Take away the end of the log, back before the kept checkpoint, and make the rest agree with it."""
    rows = firm.log()[:-3]
    frontier = Frontier()
    for row in rows:
        frontier = frontier.append(leaf_hash(log_entry(row.digest, row.receipt)))
    connection.execute(delete(LOG).where(LOG.c.organisation == firm.id, LOG.c.position > len(rows)))
    put(Organisation, position=len(rows), frontier=frontier.dump())(firm, connection)


def fork(firm: Firm, connection: Connection) -> None:
    """Rewrite an answer of the past, and everything that follows from it: subtrees, frontier and kept checkpoint."""
    rows = firm.log()
    receipt = json.dumps(json.loads(rows[19].receipt) | {"verdict": "merged"}, sort_keys=True, separators=(",", ":"))
    put(LogEntry, {"position": 20}, receipt=receipt)(firm, connection)
    frontier, tiles = Frontier(), []
    for row in rows:
        answer = receipt if row.position == 20 else row.receipt
        frontier, complete = frontier.grow(leaf_hash(log_entry(row.digest, answer)))
        tiles += complete
    put(Organisation, frontier=frontier.dump())(firm, connection)
    for tile in tiles:
        put(LogTile, {"level": tile.level, "number": tile.number}, hash=tile.hash.hex())(firm, connection)
    kept: Table = CheckpointRow.__table__
    connection.execute(delete(kept).where(kept.c.organisation == firm.id))


def swap(firm: Firm, connection: Connection) -> None:
    """Exchange two entries."""
    for now, then in ((10, 99_999), (11, 10), (99_999, 11)):
        put(LogEntry, {"position": now}, position=then)(firm, connection)


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("entry_unreadable", flip(128)),
        ("digest_differs", flip(5)),
        ("signature_wrong", respell(b"photo.add", b"photo.ado")),
        ("digest_differs", put(LogEntry, {"position": 10}, digest="0" * 64)),
        ("receipt_differs", put(LogEntry, {"position": 10}, received_at="2020-01-01T00:00:00.000Z")),
        ("entry_unreadable", put(LogEntry, {"position": 10}, receipt="{}")),
        ("entry_misplaced", put(LogEntry, {"position": 10}, position=99_999)),
        ("chain_broken", swap),
        ("root_differs", cut),
        ("checkpoint_foreign", cut_and_commit),
        ("witness_foreign", fork),
        ("root_differs", put(Organisation, frontier="1 " + "0" * 64)),
        ("tile_differs", put(LogTile, hash="0" * 64)),
        ("checkpoint_unsigned", put(CheckpointRow, note="x")),
    ],
)
def test_what_is_altered_in_the_log_is_named(
    lived: Firm, altered: Callable[[Alter], set[str]], code: str, how: Alter
) -> None:
    assert code in altered(how)


def test_what_follows_from_the_log_is_compared_table_by_table(
    lived: Firm, altered: Callable[[Alter], set[str]], tmp_path: Any
) -> None:
    forged = [
        put(RecordRow, {"id": lived.order}, deleted=True),
        put(FeedRow, {"id": lived.order}, gone=True),
        put(TraceFact, machine="x"),
        put(StockBalance, quantity=7),
        put(MoveRow, quantity=7),
        put(LogTile, hash="0" * 64),
        put(DeviceHead, {"device": lived.wei.id}, state="revoked"),
    ]
    for how in forged:
        altered(how)

    found = replay(lived.engine, lived.id, f"sqlite:///{tmp_path / 'scratch.sqlite'}").discrepancies

    assert {it.code for it in found} == {"table_differs"}
    named = {"records", "feed", "trace_facts", "stock", "stock_moves", "log_tiles", "devices"}
    assert named <= {it.place for it in found}
