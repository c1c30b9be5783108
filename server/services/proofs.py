"""Showing that nothing was altered: the log's own proofs, and a rebuild of everything from the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Table, insert, select

from schemas.problems import Refused
from server.intake import accept, examine
from server.keys import verify_signature
from server.services.log_check import Discrepancy, LogCheck, line_of
from server.store.catalogue_tables import CatalogueRow, CatalogueTerm, CatalogueTrail
from server.store.checkpoints import KeptCheckpoint, list_kept
from server.store.database import lock_organisation, open_engine, reading, writing
from server.store.log_tiles import TILES, LogTile
from server.store.request_tables import RequestRow
from server.store.restorations import list_restorations
from server.store.review_tables import InquiryRow, MachineSerial
from server.store.stock_tables import BatchRow, CountRow, FittingRow, LevelRow, MoveRow
from server.store.tables import (
    Base,
    Blob,
    BoardRow,
    DeviceHead,
    DoubleSpan,
    FeedRow,
    Holder,
    Holding,
    Link,
    LogEntry,
    Organisation,
    PartSpan,
    PlanRow,
    Reach,
    RecalledPartRow,
    RecordRow,
    ReviewRow,
    SignedOrder,
    StockBalance,
    TraceFact,
)
from server.store.workspace import open_workspace
from sync import chain
from sync.checkpoint import read_checkpoint as read_note
from sync.transparency import Frontier

REPLAY_GROUP: Final = 200
"""Log entries rebuilt in one transaction: enough to share its cost, few enough to hold in memory."""

REBUILT: Final = (
    RecordRow, FeedRow, Holder, Holding, Reach, Link, BoardRow, PlanRow, ReviewRow, InquiryRow, MachineSerial,
    SignedOrder, TraceFact, PartSpan, DoubleSpan, StockBalance, RequestRow, RecalledPartRow, LogTile,
    CatalogueRow, CatalogueTerm, CatalogueTrail, MoveRow, BatchRow, LevelRow, CountRow, FittingRow,
)  # fmt: skip
"""The tables that must come out of the log exactly as they are."""

_TILE_COLUMNS: Final = ("level", "number", "hash")

_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]
_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]
_BLOBS: Table = Blob.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of a check: how many log entries were read, the Merkle root, and what was found wrong.

    `notes` tell what does not fit but is explained: what devices had seen of a log that was restored from a backup.
    """

    entries: int
    root: str
    discrepancies: tuple[Discrepancy, ...]
    notes: tuple[Discrepancy, ...] = ()
    erased_files: frozenset[str] = frozenset()
    """The files that the log says to be erased."""

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.discrepancies


def verify_log(engine: Engine, organisation: str) -> Proof:
    """Check every signature, every device's chain, what each author had seen, the density of the log, and its root.

    So are the subtrees kept for proofs, and the checkpoints that were signed in the past. A device's public key is
    taken from the log itself, from the entry that enrolled it; the first entry enrols the office.
    """
    with reading(engine) as connection:
        row = _organisation(connection, organisation)
        office_key = bytes.fromhex(_office_key(connection, organisation, row.office_device))
        kept, noted = list_kept(connection, organisation), list_restorations(connection, organisation)
        check = LogCheck({row.office_device: office_key}, [row.epoch, *(it.epoch for it in kept)], noted)
        for entry in _entries(connection, organisation):
            check.take(entry)
        end = check.frontier
        found = [*check.found, *check.find_unnamed()]
        found += _compare_tiles(connection, organisation, check.tiles)
    if end.dump() != row.frontier or end.size != row.position:
        what = f"{end.size} entries with another root than the {row.position} committed to"
        found.append(Discrepancy("log", what, "root_differs"))
    notes = check.notes
    for checkpoint in kept:
        differs = _compare_checkpoint(check, organisation, office_key, checkpoint, row.epoch)
        if differs is not None:
            (notes if differs.code == "log_restored" else found).append(differs)
    return Proof(end.size, end.root.hex(), tuple(found), tuple(notes), frozenset(check.erased_files))


def replay(engine: Engine, organisation: str, scratch_url: str) -> Proof:
    """Rebuild all that follows from the log in an empty scratch database, and compare."""
    scratch = open_engine(scratch_url)
    try:
        Base.metadata.create_all(scratch)
        with writing(engine) as connection:
            # Nobody writes meanwhile: what is compared is what was read.
            lock_organisation(connection, organisation)
            _copy_founding(connection, scratch, organisation)
            found = list(_replay_entries(connection, scratch, organisation))
            with reading(scratch) as rebuilt:
                found += _compare(connection, rebuilt, organisation)
                row = _organisation(rebuilt, organisation)
        return Proof(row.position, Frontier.load(row.frontier).root.hex(), tuple(found))
    finally:
        scratch.dispose()


def _compare_tiles(
    connection: Connection, organisation: str, tiles: dict[tuple[int, int], str]
) -> Iterator[Discrepancy]:
    kept = {(row.level, row.number): row.hash for row in _rows(connection, organisation, TILES, _TILE_COLUMNS)}
    for level, number in sorted(tiles.keys() | kept.keys()):
        if tiles.get((level, number)) != kept.get((level, number)):
            what = f"the subtree {number} of level {level} is not what its entries come to"
            yield Discrepancy(TILES.name, what, "tile_differs")


def _compare_checkpoint(
    check: LogCheck, organisation: str, office_key: bytes, kept: KeptCheckpoint, epoch: str
) -> Discrepancy | None:
    place = f"checkpoint {kept.size}"
    note = read_note(kept.note, organisation, office_key, verify_signature)
    if note is None or note.size != kept.size:
        return Discrepancy(place, "is not signed by the office", "checkpoint_unsigned")
    if check.root_at(note.size) == note.root:
        return None
    what = f"signed at {kept.kept_at}, is of a log that this one does not begin with"
    if kept.epoch != epoch:
        return Discrepancy(place, f"{what}: it was restored since", "log_restored")
    return Discrepancy(place, f"{what}: it was forked", "checkpoint_foreign")


def _replay_entries(connection: Connection, scratch: Engine, organisation: str) -> Iterator[Discrepancy]:
    group: list[Row[Any]] = []
    for entry in _entries(connection, organisation):
        group.append(entry)
        if len(group) == REPLAY_GROUP:
            yield from _replay_group(scratch, organisation, group)
            group = []
    if group:
        yield from _replay_group(scratch, organisation, group)


def _replay_group(scratch: Engine, organisation: str, group: list[Row[Any]]) -> Iterator[Discrepancy]:
    with writing(scratch) as connection:
        store = open_workspace(connection, organisation)
        for entry in group:
            try:
                device = store.device(entry.device)
                key = bytes.fromhex(device.public_key) if device else None
                find_key = {entry.device: key}.get
                line = line_of(entry.sealed)
                arrival = examine(line, organisation, find_key, verify_signature, entry.received_at, at_door=False)
            except Refused as refused:
                yield Discrepancy(
                    f"log {entry.position}", f"cannot be taken in again: {refused.fault.sentence()}", "intake_differs"
                )
                continue
            store.load([arrival])
            if accept(store, arrival) != entry.receipt:
                yield Discrepancy(f"log {entry.position}", "taking it in again gives another receipt", "intake_differs")
        store.flush()


def _compare(live: Connection, rebuilt: Connection, organisation: str) -> Iterator[Discrepancy]:
    for model in REBUILT:
        yield from _compare_table(live, rebuilt, organisation, model.__table__)  # type: ignore[arg-type]
    heads = ("device", "person", "public_key", "state", "seq", "digest")
    yield from _compare_table(live, rebuilt, organisation, _DEVICES, heads)
    expected = {row.sha256 for row in _rows(rebuilt, organisation, _BLOBS, ("sha256",))}
    known = {row.sha256 for row in _rows(live, organisation, _BLOBS, ("sha256",))}
    for sha256 in sorted(expected - known):
        yield Discrepancy("blobs", f"{sha256} is named by a record but not expected", "file_unexpected")
    erased = _erased(live, organisation) ^ _erased(rebuilt, organisation)
    for sha256, position in sorted(erased):
        yield Discrepancy("blobs", f"{sha256} is erased on one side only, by act {position}", "table_differs")
    ours, theirs = _organisation(live, organisation), _organisation(rebuilt, organisation)
    if (ours.position, ours.frontier) != (theirs.position, theirs.frontier):
        yield Discrepancy("organisations", "the end of the log differs", "root_differs")


def _erased(connection: Connection, organisation: str) -> set[tuple[str, int]]:
    rows = _rows(connection, organisation, _BLOBS, ("sha256", "state", "position"))
    return {(row.sha256, row.position) for row in rows if row.state == "erased"}


def _compare_table(
    live: Connection, rebuilt: Connection, organisation: str, table: Table, columns: tuple[str, ...] | None = None
) -> Iterator[Discrepancy]:
    names = columns or tuple(column.name for column in table.columns)
    ours = {tuple(row) for row in _rows(live, organisation, table, names)}
    theirs = {tuple(row) for row in _rows(rebuilt, organisation, table, names)}
    for row in sorted(ours ^ theirs, key=repr)[:10]:
        side = "is not in the log" if row in ours else "is missing"
        yield Discrepancy(
            table.name, f"{json.dumps(row, ensure_ascii=False, default=str)[:300]} {side}", "table_differs"
        )


def _rows(connection: Connection, organisation: str, table: Table, names: tuple[str, ...]) -> Iterator[Row[Any]]:
    columns = (table.c[name] for name in names)
    yield from connection.execute(select(*columns).where(table.c.organisation == organisation))


def _entries(connection: Connection, organisation: str) -> Iterator[Row[Any]]:
    statement = select(_LOG).where(_LOG.c.organisation == organisation).order_by(_LOG.c.position)
    yield from connection.execution_options(yield_per=REPLAY_GROUP).execute(statement)


def _office_key(connection: Connection, organisation: str, device: str) -> str:
    where = (_DEVICES.c.organisation == organisation, _DEVICES.c.device == device)
    return connection.execute(select(_DEVICES.c.public_key).where(*where)).scalar_one()


def _organisation(connection: Connection, organisation: str) -> Row[Any]:
    return connection.execute(select(_ORGANISATIONS).where(_ORGANISATIONS.c.organisation == organisation)).one()


def _copy_founding(connection: Connection, scratch: Engine, organisation: str) -> None:
    """Give the scratch database what an organisation has before its first log entry."""
    founded = _organisation(connection, organisation)._asdict() | {"position": 0, "frontier": Frontier().dump()}
    device = connection.execute(
        select(_DEVICES).where(_DEVICES.c.organisation == organisation, _DEVICES.c.device == founded["office_device"])
    ).one()
    head = device._asdict() | {"seq": 0, "digest": chain.FIRST_PREV, "frozen": False, "state": "active"}
    with writing(scratch) as target:
        target.execute(insert(_ORGANISATIONS).values(**founded))
        target.execute(insert(_DEVICES).values(**head))
