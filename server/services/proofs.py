"""Showing that nothing was altered: the log's own proofs, and a rebuild of everything from the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Row, Table, insert, select

from schemas.problems import Refused
from server.domain.authority import fault_by_schema
from server.intake import accept, examine
from server.keys import verify_signature
from server.store.catalogue_tables import CatalogueRow, CatalogueTerm, CatalogueTrail
from server.store.database import lock_organisation, open_engine, reading, writing
from server.store.request_tables import RequestRow
from server.store.review_tables import InquiryRow, MachineSerial
from server.store.tables import (
    Base,
    Blob,
    BoardRow,
    DeviceHead,
    FeedRow,
    Holder,
    Holding,
    Link,
    LogEntry,
    Organisation,
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
from sync import chain, codec, receipt
from sync.changeset import Change
from sync.transparency import Frontier, leaf_hash, log_entry

REPLAY_GROUP: Final = 200
"""Log entries rebuilt in one transaction: enough to share its cost, few enough to hold in memory."""

REBUILT: Final = (
    RecordRow, FeedRow, Holder, Holding, Reach, Link, BoardRow, PlanRow, ReviewRow, InquiryRow, MachineSerial,
    SignedOrder, TraceFact, StockBalance, RequestRow, RecalledPartRow,
    CatalogueRow, CatalogueTerm, CatalogueTrail,
)  # fmt: skip
"""The tables that must come out of the log exactly as they are."""

_ORGANISATIONS: Table = Organisation.__table__  # type: ignore[assignment]
_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]
_BLOBS: Table = Blob.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Something that is not as the log says: where, and what."""

    place: str
    what: str


@dataclass(frozen=True, slots=True)
class Proof:
    """The outcome of a check: how many log entries were read, the Merkle root, and what was found wrong."""

    entries: int
    root: str
    discrepancies: tuple[Discrepancy, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found wrong."""
        return not self.discrepancies


def verify_log(engine: Engine, organisation: str) -> Proof:
    """Check every signature, every device's chain, the density of the log, and the Merkle root.

    A device's public key is taken from the log itself, from the entry that enrolled it; the first entry
    enrols the office.
    """
    with reading(engine) as connection:
        row = _organisation(connection, organisation)
        office_key = connection.execute(
            select(_DEVICES.c.public_key).where(
                _DEVICES.c.organisation == organisation, _DEVICES.c.device == row.office_device
            )
        ).scalar_one()
        keys = {row.office_device: bytes.fromhex(office_key)}
        found: list[Discrepancy] = []
        heads: dict[str, tuple[int, str]] = {}
        frontier = Frontier()
        for entry in _entries(connection, organisation):
            found += _check_entry(entry, frontier.size + 1, keys, heads)
            frontier = frontier.append(leaf_hash(log_entry(entry.digest, entry.receipt)))
    if frontier.dump() != row.frontier or frontier.size != row.position:
        what = f"{frontier.size} entries with another root than the {row.position} committed to"
        found.append(Discrepancy("log", what))
    return Proof(frontier.size, frontier.root.hex(), tuple(found))


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


def root_at(connection: Connection, organisation: str, size: int) -> bytes:
    """Return the Merkle root that the log had when it held `size` entries."""
    frontier = Frontier()
    statement = select(_LOG.c.digest, _LOG.c.receipt).where(_LOG.c.organisation == organisation)
    statement = statement.where(_LOG.c.position <= size).order_by(_LOG.c.position)
    for digest, answer in connection.execution_options(yield_per=REPLAY_GROUP).execute(statement):
        frontier = frontier.append(leaf_hash(log_entry(digest, answer)))
    return frontier.root


def _check_entry(
    entry: Row[Any], position: int, keys: dict[str, bytes], heads: dict[str, tuple[int, str]]
) -> Iterator[Discrepancy]:
    place = f"log {entry.position}"
    if entry.position != position:
        yield Discrepancy(place, f"comes where entry {position} should be")
    try:
        sealed = chain.open_line(entry.sealed)
        changeset = codec.decode(sealed.payload)
        answer = receipt.load(entry.receipt)
    except Refused as refused:
        yield Discrepancy(place, f"cannot be read: {refused.fault.sentence()}")
        return
    if sealed.digest != entry.digest:
        yield Discrepancy(place, "the bytes do not match their digest")
    key = keys.get(changeset.device)
    if key is None:
        yield Discrepancy(place, f"device {changeset.device} is not enrolled by an earlier entry")
        return
    if not verify_signature(key, sealed.payload, sealed.signature):
        # Nothing it says is believed, least of all the keys it enrols.
        yield Discrepancy(place, "the signature does not match the content")
        return
    seq, digest = heads.get(changeset.device, (0, chain.FIRST_PREV))
    if (changeset.seq, changeset.prev) != (seq + 1, digest):
        yield Discrepancy(place, f"does not follow set {seq} of device {changeset.device}")
    if (answer.digest, answer.position, entry.device, entry.seq) != (
        entry.digest,
        entry.position,
        changeset.device,
        changeset.seq,
    ):
        yield Discrepancy(place, "the receipt belongs to another entry")
    if answer.received_at != entry.received_at:
        yield Discrepancy(place, "the receipt names another time")
    heads[changeset.device] = (changeset.seq, sealed.digest)
    if answer.verdict != "refused":
        for change in changeset.changes:
            if change.kind == "device" and fault_by_schema(change) is None:
                _follow_device(change, keys, heads)


def _follow_device(change: Change, keys: dict[str, bytes], heads: dict[str, tuple[int, str]]) -> None:
    """Take note of a device that is enrolled, or whose chain goes on after sets that were given up."""
    if change.op == "create":
        keys.setdefault(change.id, bytes.fromhex(change.set["public_key"]))
    resumed = change.set.get("resumed_seq", 0)
    if resumed > heads.get(change.id, (0, ""))[0]:
        heads[change.id] = (resumed, change.set["resumed_digest"])


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
                arrival = examine(entry.sealed, organisation, find_key, verify_signature, entry.received_at)
            except Refused as refused:
                yield Discrepancy(f"log {entry.position}", f"cannot be taken in again: {refused.fault.sentence()}")
                continue
            store.load([arrival])
            if accept(store, arrival) != entry.receipt:
                yield Discrepancy(f"log {entry.position}", "taking it in again gives another receipt")
        store.flush()


def _compare(live: Connection, rebuilt: Connection, organisation: str) -> Iterator[Discrepancy]:
    for model in REBUILT:
        yield from _compare_table(live, rebuilt, organisation, model.__table__)  # type: ignore[arg-type]
    heads = ("device", "person", "public_key", "state", "seq", "digest")
    yield from _compare_table(live, rebuilt, organisation, _DEVICES, heads)
    expected = {row.sha256 for row in _rows(rebuilt, organisation, _BLOBS, ("sha256",))}
    known = {row.sha256 for row in _rows(live, organisation, _BLOBS, ("sha256",))}
    for sha256 in sorted(expected - known):
        yield Discrepancy("blobs", f"{sha256} is named by a record but not expected")
    ours, theirs = _organisation(live, organisation), _organisation(rebuilt, organisation)
    if (ours.position, ours.frontier) != (theirs.position, theirs.frontier):
        yield Discrepancy("organisations", "the end of the log differs")


def _compare_table(
    live: Connection, rebuilt: Connection, organisation: str, table: Table, columns: tuple[str, ...] | None = None
) -> Iterator[Discrepancy]:
    names = columns or tuple(column.name for column in table.columns)
    ours = {tuple(row) for row in _rows(live, organisation, table, names)}
    theirs = {tuple(row) for row in _rows(rebuilt, organisation, table, names)}
    for row in sorted(ours ^ theirs, key=repr)[:10]:
        side = "is not in the log" if row in ours else "is missing"
        yield Discrepancy(table.name, f"{json.dumps(row, ensure_ascii=False, default=str)[:300]} {side}")


def _rows(connection: Connection, organisation: str, table: Table, names: tuple[str, ...]) -> Iterator[Row[Any]]:
    columns = (table.c[name] for name in names)
    yield from connection.execute(select(*columns).where(table.c.organisation == organisation))


def _entries(connection: Connection, organisation: str) -> Iterator[Row[Any]]:
    statement = select(_LOG).where(_LOG.c.organisation == organisation).order_by(_LOG.c.position)
    yield from connection.execution_options(yield_per=REPLAY_GROUP).execute(statement)


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
