"""Which log entries a dossier has: facts about its number, their evidence, what they refer to, who vouches for keys."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

from sqlalchemy import Connection, Row, Table, select

from schemas import kind_of
from schemas.evidence import BLOB_FIELDS
from schemas.problems import Refused
from server.services.trace import find_machine
from server.services.trace_facts import find_facts_in
from server.services.trace_lookup import spans_of_batches
from server.store import blobs, log, records
from server.store.stock_tables import MoveRow
from server.store.stored_record import Record
from server.store.tables import LogEntry, TraceFact
from sync import canonical
from sync.chain import Sealed

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_TRACE: Table = TraceFact.__table__  # type: ignore[assignment]
_MOVES: Table = MoveRow.__table__  # type: ignore[assignment]

KINDS: Final = ("serial", "machine", "batch")

BETWEEN_MAX: Final = 200
"""Sets of a device between two of the dossier that are named one by one; the office's own may be a hundred thousand."""

EVIDENCE: Final = ("photo", "photo_remark", "signature", "job_sheet")
FURTHER: Final = ("part_fitted", "part_removed", "stock_move", "withdrawal")
"""Facts of the same orders: those that correct, withdraw or move what the dossier is about are in it too."""
REFERRED: Final = ("batch_id", "supplier_id", "part_id", "from_centre_id", "to_centre_id")

FACT, PROOF, CONTEXT, ENROLMENT = "fact", "evidence", "context", "enrolment"
"""Why an entry is in the dossier; of several reasons the first."""
_REASONS: Final = (FACT, PROOF, CONTEXT, ENROLMENT)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a dossier is about: the serial number of a part or of a machine, or the number of a batch."""

    kind: str
    number: str


@dataclass(slots=True)
class Gathered:
    """Log positions with the reason each is in the dossier, and the facts among the records."""

    number: str
    """What the dossier is about, as it is spelled in the log."""
    reasons: dict[int, str] = field(default_factory=dict)
    facts: list[Record] = field(default_factory=list)
    sheets: list[Record] = field(default_factory=list)
    rows: list[Row[Any]] = field(default_factory=list)
    erased: dict[str, int] = field(default_factory=dict)
    """Files that were erased -> where the log has the act"""

    def add(self, positions: Iterable[int], reason: str) -> None:
        """Take positions in for a reason, unless a better one is known."""
        for position in positions:
            known = self.reasons.get(position, reason)
            self.reasons[position] = min(known, reason, key=_REASONS.index)


def gather(connection: Connection, organisation: str, subject: Subject) -> Gathered:
    """Return the entries of a dossier, in the order of the log.

    Raises Refused with `not_found` when nothing was recorded under the number.
    """
    found = Gathered(subject.number)
    machines = {find_machine(connection, organisation, subject.number)} if subject.kind == "machine" else set()
    ids = _find_facts(connection, organisation, subject, machines)
    if not ids and not machines:
        raise Refused("not_found", what=subject.number)
    known = records.stamped(connection, organisation, ids)
    orders = {record.body["order_id"] for record in known.values() if record.body.get("order_id")}
    machines |= {record.body["machine_id"] for record in known.values() if record.body.get("machine_id")}
    followers = records.stamped_followers(connection, organisation, orders, EVIDENCE + FURTHER)
    for record in (record for some in followers.values() for record in some):
        if record.kind in EVIDENCE:
            found.add(_positions(record), PROOF)
            found.sheets += [record] if record.kind == "job_sheet" else []
        elif _concerns(record, subject, known):
            known[record.id] = record
    found.facts = sorted(known.values(), key=lambda record: (record.position, record.id))
    for record in known.values():
        found.add(_positions(record), FACT)
    named = {record.body[name] for record in known.values() for name in REFERRED if record.body.get(name)}
    for record in records.stamped(connection, organisation, {*named, *orders, *machines}).values():
        found.add(_positions(record), CONTEXT)
        if subject.kind == record.kind == "machine":
            # Searched with case and width folded; the dossier names it as it is spelled.
            found.number = record.body["serial"]
    _add_enrolments(connection, organisation, found)
    return found


def read_between(
    connection: Connection, organisation: str, rows: Iterable[Row[Any]]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the sets of the same devices between those of a dossier: named one by one, and as gaps of many."""
    named: list[dict[str, Any]] = []
    gaps: list[dict[str, Any]] = []
    shown: dict[str, list[int]] = {}
    for row in rows:
        shown.setdefault(row.device, []).append(row.seq)
    for device, numbers in sorted(shown.items()):
        numbers.sort()
        for after, before in pairwise(numbers):
            if before - after - 1 > BETWEEN_MAX:
                gaps.append({"device": device, "after": after, "before": before})
            elif before - after > 1:
                named += _name_sets(connection, organisation, device, after, before)
    return named, gaps


def files_named(row: Row[Any], *, personal: bool = True) -> Iterator[tuple[str, str]]:
    """Yield field and hash of each file that the changes of an entry name, without those that surely tell of a person
    where `personal` is false.
    """
    for change in canonical.load(Sealed(row.sealed).payload)["changes"]:
        kind = kind_of(change["kind"])
        for name in BLOB_FIELDS:
            is_given = personal or kind is None or not kind.personal_files.get(name)
            if is_given and isinstance(change["set"].get(name), str):
                yield name, change["set"][name]


def _find_facts(connection: Connection, organisation: str, subject: Subject, machines: set[str]) -> set[str]:
    if subject.kind == "machine":
        ids = {fact.id for machine in machines for fact in find_facts_in(connection, organisation, machine)}
    elif subject.kind == "batch":
        spans = spans_of_batches(connection, organisation, [subject.number], only_in=False)
        told = ((span.fact, span.removal, span.withdrawn) for span in spans if span.batch == subject.number)
        ids = {fact for facts in told for fact in facts if fact is not None}
        ids |= _find_by(connection, organisation, _MOVES, "batch", subject.number)
    else:
        ids = _find_by(connection, organisation, _TRACE, "serial", subject.number)
        ids |= _find_by(connection, organisation, _MOVES, "serial", subject.number)
    return ids


def _find_by(connection: Connection, organisation: str, table: Table, name: str, number: str) -> set[str]:
    # The index of moves is of those with a number, and the databases want to hear that it is one.
    where = (table.c.organisation == organisation, table.c[name] == number, table.c[name] != "")
    return set(connection.execute(select(table.c.id).where(*where)).scalars())


def _concerns(record: Record, subject: Subject, facts: dict[str, Record]) -> bool:
    names = {record.body.get(name) for name in ("fitted_id", "replaces_id", "subject_id", "reverses_id")}
    is_named = subject.kind != "machine" and record.body.get(subject.kind) == subject.number
    return is_named or bool(names & facts.keys())


def _positions(record: Record) -> set[int]:
    """Return the entries that gave a record the values it has."""
    return {position for position, _ in record.stamps.values()}


def _add_enrolments(connection: Connection, organisation: str, found: Gathered) -> None:
    """Add the acts that erased files, and the entries that vouch for the devices' keys, and read all rows."""
    rows = log.find_all(connection, organisation, found.reasons)
    found.erased = blobs.find_acts(connection, organisation, {name for row in rows for _, name in files_named(row)})
    found.add(found.erased.values(), CONTEXT)
    devices = records.stamped(connection, organisation, {row.device for row in rows})
    found.add((device.stamp_of("public_key")[0] for device in devices.values()), ENROLMENT)
    found.rows = log.find_all(connection, organisation, found.reasons)


def _name_sets(
    connection: Connection, organisation: str, device: str, after: int, before: int
) -> Iterator[dict[str, Any]]:
    where = (_LOG.c.organisation == organisation, _LOG.c.device == device, _LOG.c.seq > after, _LOG.c.seq < before)
    columns = (_LOG.c.seq, _LOG.c.position, _LOG.c.digest, _LOG.c.receipt)
    for row in connection.execute(select(*columns).where(*where).order_by(_LOG.c.seq)):
        answer = hashlib.sha256(row.receipt.encode("utf-8")).hexdigest()
        yield {
            "device": device,
            "seq": row.seq,
            "position": row.position,
            "digest": row.digest,
            "receipt_sha256": answer,
        }


def checkpoints_on(sheets: Iterable[Record]) -> Iterator[str]:
    """Yield the checkpoints that job sheets carry."""
    for record in sheets:
        try:
            content = json.loads(record.body.get("content") or "null")
        except (ValueError, RecursionError):
            continue
        if isinstance(content, dict) and isinstance(content.get("checkpoint"), str):
            yield content["checkpoint"]
