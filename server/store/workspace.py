"""One organisation's data inside one writing transaction: read in bulk, changed in memory, written in bulk.

Intake asks one record at a time, as if there were no database; the workspace loads what a group of
change-sets touches with a few statements and writes the outcome with a few more at `flush`. The
organisation is locked from the first read to the commit, so what is in memory is the truth.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import InitVar, dataclass, field
from typing import Any

from sqlalchemy import Connection, Table, select, text

from schemas import kind_of
from schemas.problems import Fault
from server.domain.arrival import Arrival
from server.domain.catalogue import ENTRIES
from server.domain.ids import is_id
from server.store import catalogue, erased_marks, projections
from server.store.bulk import delete_keys, insert, select_among, upsert
from server.store.database import lock_organisation
from server.store.erased_marks import Screen
from server.store.findings_store import FindingsStore
from server.store.kept import Kept, Shelf
from server.store.log_tiles import TILES
from server.store.scope_book import ScopeBook, ScopeRows
from server.store.stored_record import Record
from server.store.tables import DeviceHead, HeldSet, KeptAside, LogEntry, RecordRow
from server.store.trace_store import TraceStore
from sync.changeset import Change
from sync.ledger import Head
from sync.scope import CARRIED_KINDS, may_restructure, structure
from sync.transparency import Frontier, leaf_hash, log_entry

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_HELD: Table = HeldSet.__table__  # type: ignore[assignment]
_KEPT: Table = KeptAside.__table__  # type: ignore[assignment]
_DEVICES: Table = DeviceHead.__table__  # type: ignore[assignment]
_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]

# Spelled out: SQLAlchemy would build and compare these statements anew in every transaction.
_READ_END = text(
    "SELECT position, frontier, epoch, office_device, office_person,"
    " (SELECT max(m.position) FROM erased_marks m WHERE m.organisation = :organisation) AS erased_at"
    " FROM organisations WHERE organisation = :organisation"
)
_WRITE_END = text(
    "UPDATE organisations SET position = :position, frontier = :frontier WHERE organisation = :organisation"
)


@dataclass(slots=True)
class DeviceState:
    """A device's row in memory."""

    person: str
    public_key: str
    state: str
    frozen: bool
    seq: int
    digest: str


@dataclass(slots=True)
class Workspace:
    """See the module's text. Use `open_workspace`, then `load`, then intake, then `flush`."""

    connection: Connection
    organisation: str
    office_device: str
    office_person: str
    position: int
    frontier: Frontier
    epoch: str
    kept: InitVar[Kept | None] = None
    """What is known of this organisation from the commit before."""
    erased_at: int = 0
    """Where the log has the newest erasure that may have to be kept up against sets that come late."""
    erasure_secret: bytes = field(default=b"", repr=False)
    """By which what was erased is known again; whoever takes in what comes from outside has it."""
    trace_id: str = ""
    """Which request brought what is taken in at the moment; nothing depends on it."""
    records: dict[str, Record | None] = field(default_factory=dict)
    devices: dict[str, DeviceState] = field(default_factory=dict)
    scope: ScopeBook = field(init=False)
    findings: FindingsStore = field(init=False)
    trace: TraceStore = field(init=False)
    _dirty: dict[str, Record] = field(default_factory=dict)
    _dirty_devices: set[str] = field(default_factory=set)
    _log_rows: dict[int, tuple[Any, ...]] = field(default_factory=dict)
    _log_index: dict[tuple[str, int], int] = field(default_factory=dict)
    _tiles: list[tuple[str, int, int, str]] = field(default_factory=list)
    _with_held: set[str] = field(default_factory=set)
    _trail: set[tuple[str, int]] = field(default_factory=set)
    _screen: Screen | None = None

    def __post_init__(self, kept: Kept | None) -> None:
        """Open the parts that share the connection and the records."""
        rows = ScopeRows()
        if kept is not None:
            self.records, rows = kept.records, kept.scope
        self.findings = FindingsStore(self.connection, self.organisation)
        self.trace = TraceStore(self.connection, self.organisation, self.record, self.load_records)
        self.scope = ScopeBook(self.connection, self.organisation, self.record, self.load_records, rows)

    def load(self, arrivals: Iterable[Arrival]) -> None:
        """Read everything that taking these change-sets in is likely to ask for."""
        arrivals = list(arrivals)
        self._load_devices({arrival.changeset.device for arrival in arrivals})
        # Values that are wrong by their schema are not even looked up: a database may not be able to hold them.
        changes = [
            change for arrival in arrivals for i, change in enumerate(arrival.changes) if i not in arrival.faults
        ]
        wanted = {change.id for change in changes} | {arrival.changeset.actor for arrival in arrivals}
        parents: set[str] = set()
        restructured: set[str] = set()
        for change in changes:
            kind = kind_of(change.kind)
            if kind is None:
                continue
            referred = {name: value for name in kind.references if isinstance(value := change.set.get(name), str)}
            wanted.update(referred.values())
            parents.update(value for name, value in referred.items() if name in kind.followed)
            if change.op == "create" or may_restructure(kind, change.set):
                restructured.add(change.id)
        self.load_records(wanted)
        if restructured:
            reached = self.load_carried(restructured | wanted)
            restructured |= {r.id for i in reached if (r := self.records[i]) is not None and r.kind in CARRIED_KINDS}
        self.scope.load((wanted & {change.id for change in changes}) | parents, restructured | parents)
        self.findings.load(changes)
        self.trace.book.load_for(changes)

    def load_records(self, ids: Iterable[str]) -> None:
        """Read records into memory; those known already are left as they are."""
        unknown = {record_id for record_id in ids if record_id not in self.records}
        self.records.update(dict.fromkeys(unknown))
        columns = ("id", "kind", "body", "stamps", "position", "deleted")
        for row in select_among(self.connection, _RECORDS, columns, "id", self.organisation, unknown):
            self.records[row.id] = Record.read(row)

    def load_carried(self, ids: Iterable[str]) -> set[str]:
        """Read into memory what records carry, and what that carries; return the ids of all of them."""
        reached: set[str] = set()
        level = set(ids)
        while level:
            reached |= level
            self.load_records(level)
            records = (self.records[record_id] for record_id in level)
            level = {target for record in records if record is not None for target in record.carried_ids()}
            level -= reached
        return reached

    def record(self, record_id: str) -> Record | None:
        """Return a record as it stands, or None when there is none."""
        if record_id not in self.records:
            self.load_records([record_id])
        return self.records[record_id]

    def people(self) -> dict[str, dict[str, Any]]:
        """Return everybody's values by id, as they stand in this transaction."""
        of_people = (_RECORDS.c.organisation == self.organisation, _RECORDS.c.kind == "person")
        self.load_records(self.connection.execute(select(_RECORDS.c.id).where(*of_people)).scalars().all())
        known = [record for record in self.records.values() if record is not None and record.kind == "person"]
        return {record.id: record.body for record in known if not record.deleted}

    def write(self, record_id: str, kind: str, values: dict[str, Any], device: str) -> Record:
        """Set fields of a record at the position being written, creating it when it is not there."""
        record, before = self.record(record_id), None
        if record is None:
            record = self.records[record_id] = Record.create(record_id, kind, self.position, device)
            self.scope.know_fresh(record_id)
        elif record.schema_kind is not None:
            before = structure(record.schema_kind, record.body)
        record.write(values, self.position, device)
        self._dirty[record_id] = record
        self.scope.touch(record, before)
        return record

    def delete(self, record: Record, device: str) -> None:
        """Mark a record as deleted."""
        assert record.schema_kind is not None
        before = structure(record.schema_kind, record.body)
        record.deleted = True
        record.write({}, self.position, device)
        self._dirty[record.id] = record
        self.scope.touch(record, before)

    def take_step(self, change: Change) -> None:
        """Remember that the entry being written changes a record of master data or something of an order, or tried to.

        Once the change was made: of an edit, its record tells to which order it belongs.
        """
        if change.kind in ENTRIES or change.kind == "work_order":
            self._trail.add((change.id, self.position))
            return
        record = self.records.get(change.id)
        order = (record.body if record else change.set).get("order_id")
        if is_id(order):
            self._trail.add((order, self.position))

    def screen(self) -> Screen:
        """Return what takes out of sets that come late what was erased."""
        if self._screen is None:
            self._screen = Screen(self.erasure_secret, erased_marks.read(self.connection, self.organisation))
        return self._screen

    def note_late(self, device: str, seen: int) -> None:
        """Note that a device brought something that was erased, whose author had seen the log up to a position."""
        if device != self.office_device:
            mark = erased_marks.keep_late(self.connection, self.organisation, device, seen, self.position + 1)
            self.screen().add(mark)
            self.erased_at = mark.position

    def device(self, device: str) -> DeviceState | None:
        """Return a device's state, or None when the organisation has no such device."""
        if device not in self.devices:
            self._load_devices({device})
        return self.devices.get(device)

    def head(self, device: str) -> Head:
        """Return the end of a known device's chain."""
        state = self.devices[device]
        return Head(state.seq, state.digest, "frozen" if state.frozen and state.state == "active" else state.state)

    def set_device(self, device: str, state: DeviceState) -> None:
        """Remember a device's state, to be written."""
        self.devices[device] = state
        self._dirty_devices.add(device)

    def freeze(self, device: str) -> None:
        """Stop taking this device's sets in until a person has looked."""
        self.devices[device].frozen = True
        self._dirty_devices.add(device)

    def stored(self, device: str, seq: int) -> tuple[str, str] | None:
        """Return digest and receipt of the set taken in under a device's number, or None."""
        position = self._log_index.get((device, seq))
        if position is not None:
            return self._log_rows[position][4], self._log_rows[position][6]
        if seq > self.devices[device].seq:
            return None
        statement = select(_LOG.c.digest, _LOG.c.receipt).where(
            _LOG.c.organisation == self.organisation, _LOG.c.device == device, _LOG.c.seq == seq
        )
        row = self.connection.execute(statement).first()
        return (row.digest, row.receipt) if row else None

    def received_at(self, position: int) -> str | None:
        """Return when an entry of the log was received, None when there is none."""
        if position in self._log_rows:
            return str(self._log_rows[position][7])
        statement = select(_LOG.c.received_at).where(
            _LOG.c.organisation == self.organisation, _LOG.c.position == position
        )
        return self.connection.execute(statement).scalar()

    def log_payload(self, position: int) -> tuple[bytes, str]:
        """Return the sealed line and the receipt time of an entry of the log."""
        if position in self._log_rows:
            row = self._log_rows[position]
            return row[5], row[7]
        statement = select(_LOG.c.sealed, _LOG.c.received_at).where(
            _LOG.c.organisation == self.organisation, _LOG.c.position == position
        )
        found = self.connection.execute(statement).one()
        return found.sealed, found.received_at

    def append(self, arrival: Arrival, receipt: str) -> None:
        """Write a change-set and its receipt at the end of the log, and move its device's chain on."""
        changeset = arrival.changeset
        entry = (changeset.device, changeset.seq, arrival.digest, arrival.sealed.line, receipt, arrival.received_at)
        self._log_rows[self.position] = (self.organisation, self.position, *entry, self.trace_id)
        self._log_index[changeset.device, changeset.seq] = self.position
        self.frontier, complete = self.frontier.grow(leaf_hash(log_entry(arrival.digest, receipt)))
        self._tiles += [(self.organisation, it.level, it.number, it.hash.hex()) for it in complete]
        state = self.devices[changeset.device]
        state.seq, state.digest = changeset.seq, arrival.digest
        self._dirty_devices.add(changeset.device)
        if changeset.device in self._with_held:
            # Sent again, it may have come in before it was asked for here.
            delete_keys(self.connection, _HELD, [(self.organisation, changeset.device, changeset.seq)])

    def hold(self, arrival: Arrival) -> None:
        """Keep a set that came early."""
        changeset = arrival.changeset
        key = (self.organisation, changeset.device, changeset.seq)
        upsert(self.connection, _HELD, [(*key, arrival.digest, arrival.sealed.line, arrival.received_at)], update=False)
        self._with_held.add(changeset.device)

    def held_digest(self, device: str, seq: int) -> str | None:
        """Return the digest of the set held under a device's number, or None."""
        if device not in self._with_held:
            return None
        where = (_HELD.c.organisation == self.organisation, _HELD.c.device == device, _HELD.c.seq == seq)
        return self.connection.execute(select(_HELD.c.digest).where(*where)).scalar()

    def held_line(self, device: str) -> bytes | None:
        """Take the held set that is next for a device out of keeping, or return None."""
        if device not in self._with_held:
            return None
        seq = self.devices[device].seq + 1
        where = (_HELD.c.organisation == self.organisation, _HELD.c.device == device, _HELD.c.seq == seq)
        row = self.connection.execute(select(_HELD.c.sealed).where(*where)).first()
        if row is None:
            return None
        delete_keys(self.connection, _HELD, [(self.organisation, device, seq)])
        return bytes(row.sealed)

    def keep_aside(self, digest: str, device: str, line: bytes, fault: Fault, received_at: str) -> None:
        """Keep bytes that change nothing, so that a person can look at them."""
        row = (self.organisation, digest, device, line, fault.code, received_at)
        upsert(self.connection, _KEPT, [row], update=False)

    def flush(self) -> None:
        """Write everything that changed; nothing is read from this workspace afterwards.

        The end of the log is written even where it has not moved. Sets that were answered with stored receipts
        may be of a commit that the disk or the standby does not have yet; a commit that writes waits for both.
        """
        fresh = [record for record in self._dirty.values() if not record.is_stored]
        known = [record for record in self._dirty.values() if record.is_stored]
        self.scope.flush({record.id: record.spell() for record in self._dirty.values()}, {it.id for it in fresh})
        insert(self.connection, _RECORDS, [record.row(self.organisation) for record in fresh])
        upsert(self.connection, _RECORDS, [record.row(self.organisation) for record in known])
        # Not as what is certainly new: where a database is set to a snapshot for each transaction, another writer may
        # have been there, and this tells it as what may be tried again.
        upsert(self.connection, _LOG, list(self._log_rows.values()))
        upsert(self.connection, TILES, self._tiles)
        projections.write(self.connection, self.organisation, self._dirty.values(), self.record)
        catalogue.write_trail(self.connection, self.organisation, self._trail)
        self.findings.flush()
        self.trace.flush()
        rows = [(self.organisation, device, *_device_row(self.devices[device])) for device in self._dirty_devices]
        upsert(self.connection, _DEVICES, rows)
        end = {"organisation": self.organisation, "position": self.position, "frontier": self.frontier.dump()}
        self.connection.execute(_WRITE_END, end)

    def leave(self) -> Kept:
        """Return what the next transaction need not read again, once this one is committed."""
        return Kept(self.epoch, self.frontier.dump(), self.records, self.scope.rows)

    def _load_devices(self, devices: set[str]) -> None:
        columns = ("device", "person", "public_key", "state", "frozen", "seq", "digest")
        unknown = devices - self.devices.keys()
        for row in select_among(self.connection, _DEVICES, columns, "device", self.organisation, unknown):
            self.devices[row.device] = DeviceState(*row[1:])
        held = select_among(self.connection, _HELD, ("device",), "device", self.organisation, unknown)
        self._with_held.update(row.device for row in held)


def open_workspace(connection: Connection, organisation: str, shelf: Shelf | None = None) -> Workspace:
    """Lock an organisation for this transaction and open its workspace, with what `shelf` has of it.

    Whoever passes a shelf puts there what the workspace leaves, after the commit.
    """
    lock_organisation(connection, organisation)
    row = connection.execute(_READ_END, {"organisation": organisation}).one()
    frontier = Frontier.load(row.frontier)
    kept = shelf.take(organisation, row.epoch, row.frontier) if shelf is not None else None
    end = (row.position, frontier, row.epoch)
    store = Workspace(connection, organisation, row.office_device, row.office_person, *end, kept)
    store.erased_at = row.erased_at or 0
    return store


def open_view(connection: Connection, organisation: str) -> Workspace:
    """Open a workspace to look at what stands, without the lock: nothing is ever written from it."""
    row = connection.execute(_READ_END, {"organisation": organisation}).one()
    end = (row.position, Frontier.load(row.frontier), row.epoch)
    return Workspace(connection, organisation, row.office_device, row.office_person, *end)


def _device_row(state: DeviceState) -> tuple[Any, ...]:
    return state.person, state.public_key, state.state, state.frozen, state.seq, state.digest
