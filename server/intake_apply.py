"""Applying a change-set that may be made: merge, conflicts, exceptions, scope."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any, Final

from schemas.review import EXCEPTION_CODES, POSTPONEMENT
from schemas.stock import balance_changes
from server.domain import findings
from server.domain.arrival import Arrival
from server.domain.erasure import put_at
from server.domain.findings import Finding, PartEvent, order_of
from server.domain.times import correct, milliseconds, shift_of
from server.domain.trace import comparable
from server.intake_judge import settled_fields
from server.store import json_text
from server.store.stored_record import ALL_FIELDS, Record
from server.store.trace_store import identify, put_right, read_fact
from server.store.workspace import DeviceState, Workspace
from sync import codec
from sync.chain import FIRST_PREV, Sealed
from sync.changeset import Change, ChangeSet
from sync.clock import clamp
from sync.merge import WHOLE_RECORD, Contested, merge_record
from sync.openings import Notes, is_stand_in
from sync.receipt import ChangeVerdict, Verdict, worst

REVIEW_NAMESPACE: Final = uuid.UUID("5d0c4b3e-6a8f-5c1d-9e47-2f6b8a1c0d35")
"""Ids of conflicts and exceptions are derived from what raised them, so that a replay names them alike."""

ABOUT_WORK: Final = ("conflict", "exception", "inquiry", "inquiry_answer")
"""Kinds that belong to an order but are no work on it."""

PART_FACTS: Final = ("part_fitted", "part_removed")


def apply_changes(store: Workspace, arrival: Arrival) -> tuple[Verdict, tuple[ChangeVerdict, ...]]:
    """Make each change, open what waits for a person, bring the scope up to date; return the verdicts."""
    settled = settled_fields(store, arrival.changes)
    verdicts = []
    # What a dispatcher does about an exception, such as striking a fact out of a signed order, is no further exception.
    decides = any(change.kind == "exception" for change in arrival.changes)
    for index, change in enumerate(arrival.changes):
        erased = arrival.erased.get((index, "content"))
        for finding in () if decides else _look_at(store, arrival, change, erased):
            _raise_exception(store, arrival, change, finding)
        if change.kind == "withdrawal":
            _mark_exceptions(store, arrival, change)
        verdicts.append(_apply(store, arrival, change, settled.get(change.id, frozenset())))
        store.take_step(change)
    device = arrival.changeset.device
    store.scope.settle(store.position, None if device == store.office_device else arrival.changeset.actor)
    return worst([verdict.verdict for verdict in verdicts]), tuple(verdicts)


def _apply(store: Workspace, arrival: Arrival, change: Change, settled: frozenset[str]) -> ChangeVerdict:
    changeset = arrival.changeset
    record = store.record(change.id)
    if record is None:
        record = store.write(change.id, change.kind, dict(change.set), changeset.device)
        _take_note(store, record)
        _take_trace(store, arrival, record)
        return ChangeVerdict(change.id, "applied")
    if change.op == "delete" or record.deleted:
        return _apply_delete(store, arrival, change, record)
    kind = record.schema_kind
    assert kind is not None
    moved = record.moved_by_others(changeset.basis, changeset.device)
    merged = merge_record(
        record.body,
        change.set,
        change.was,
        kind.merge_rule,
        lambda name: _is_later(store, arrival, record, name),
        settled,
    )
    for contested in merged.contested:
        _contest(store, arrival, record, contested)
    if merged.values:
        store.write(record.id, record.kind, merged.values, changeset.device)
        _take_note(store, record)
    if merged.contested:
        return ChangeVerdict(change.id, "contested", tuple(contested.field for contested in merged.contested))
    return ChangeVerdict(change.id, "merged" if moved or merged.reconciled else "applied")


def _apply_delete(store: Workspace, arrival: Arrival, change: Change, record: Record) -> ChangeVerdict:
    """Delete a record nobody else touched; a delete that meets an edit, either way round, asks a person."""
    if record.deleted and change.op == "delete":
        return ChangeVerdict(change.id, "merged")
    edited = any(record.body.get(name) != value for name, value in change.was.items())
    if record.deleted or edited:
        standing = None if record.deleted else {name: record.body.get(name) for name in change.was}
        incoming = dict(change.set) if record.deleted else None
        _contest(store, arrival, record, Contested(WHOLE_RECORD, dict(change.was), standing, incoming))
        return ChangeVerdict(change.id, "contested", (WHOLE_RECORD,))
    store.delete(record, arrival.changeset.device)
    return ChangeVerdict(change.id, "applied")


def _is_later(store: Workspace, arrival: Arrival, record: Record, name: str) -> bool:
    """Tell whether the incoming edit is later than the one that stands, by hybrid clock, then device id."""
    if is_stand_in(record.body.get(name)):
        # That a value was erased is no later word on what it should be.
        return True
    position, device = record.stamp_of(name)
    standing, received_at, _corrected_at = _logged(store, arrival, position)
    # Both are clamped: a clock three days ahead must neither win nor, once it has, stand for three days.
    incoming = clamp(arrival.changeset.clock, milliseconds(arrival.received_at))
    return (incoming, arrival.changeset.device) > (clamp(standing.clock, milliseconds(received_at)), device)


def _contest(store: Workspace, arrival: Arrival, record: Record, contested: Contested) -> None:
    """Keep both values of a field for a person to decide.

    A device that goes on from its own contested value moves the open conflict along instead of opening
    another: its person has one opinion, the newest.
    """
    device = arrival.changeset.device
    shared = {
        "office": contested.standing,
        "office_provenance": _provenance_of_standing(store, arrival, record, contested.field),
        "incoming": contested.incoming,
        "incoming_provenance": _provenance(arrival, store.position),
    }
    known = [store.record(found) for found in set(store.findings.open_conflicts(record.id, contested.field))]
    # In one order, whether one transaction knows them or several, so that a replay chooses alike.
    for conflict in sorted(
        (found for found in known if found), key=lambda found: (found.stamps[ALL_FIELDS][0], found.id)
    ):
        same_device = conflict.body["incoming_provenance"]["device_id"] == device
        if conflict.body["state"] == "open" and same_device and conflict.body["incoming"] == contested.base:
            # Put off was what is there no more.
            awake = {name: None for name in POSTPONEMENT if conflict.body.get(name) is not None}
            store.write(conflict.id, "conflict", shared | awake, device)
            return
    conflict_id = _derived_id(arrival.digest, record.id, contested.field)
    opening = {
        "subject_kind": record.kind,
        "subject_id": record.id,
        "order_id": order_of(record.kind, record.id, record.body),
        "field": contested.field,
        "base": contested.base,
        "state": "open",
    }
    store.write(conflict_id, "conflict", opening | shared, device)
    store.findings.add_conflict(record.id, contested.field, conflict_id)


def _raise_exception(store: Workspace, arrival: Arrival, change: Change, finding: Finding) -> None:
    exception_id = _derived_id(arrival.digest, change.id, finding.code)
    order_id = order_of(change.kind, change.id, change.set)
    values: dict[str, Any] = {
        "code": finding.code,
        "order_id": order_id,
        "subject_kind": change.kind,
        "subject_id": change.id,
        "detail": finding.detail[:1000],
        "raised_at": arrival.received_at,
        "state": "open",
    }
    store.write(exception_id, "exception", values, arrival.changeset.device)


def _mark_exceptions(store: Workspace, arrival: Arrival, change: Change) -> None:
    """Tell in the exceptions that a fact raised that it is withdrawn; whether that settles them a person says."""
    subject = store.record(change.set["subject_id"])
    assert subject is not None, "a withdrawal without its subject is refused"
    digest = Sealed(store.log_payload(subject.position)[0]).digest
    for code in EXCEPTION_CODES:
        exception = store.record(_derived_id(digest, subject.id, code))
        if exception is not None:
            store.write(exception.id, "exception", {"withdrawal_id": change.id}, arrival.changeset.device)


def _look_at(store: Workspace, arrival: Arrival, change: Change, erased: Notes | None) -> Iterator[Finding]:
    order_id = order_of(change.kind, change.id, change.set)
    if change.kind == "stock_move":
        # What else is to be said of it is said of the part fitted, in the same set.
        yield from _look_at_stock(store, change)
        return
    if change.kind == "machine" and change.op == "create":
        yield from _look_at_machine(store, change)
        return
    if not order_id or change.kind in ABOUT_WORK:
        return
    order = store.record(order_id)
    is_signed = store.findings.signature_of(order_id) is not None
    found = [
        findings.find_ended_order(change, order.body if order else None),
        findings.find_changed_after_signature(change, is_signed),
        findings.find_differing_sheet(change, erased),
    ]
    if change.kind in PART_FACTS:
        found += _look_at_part(store, arrival, change)
    yield from (finding for finding in found if finding is not None)


def _look_at_stock(store: Workspace, change: Change) -> Iterator[Finding]:
    for key, by in balance_changes(change.set):
        left = store.findings.balance(key) + by
        if by < 0 and left < 0:
            names = [found.body if (found := store.record(where)) else {} for where in (key.part, key.place)]
            yield findings.find_below_zero(key, names[0], names[1], left)


def _look_at_machine(store: Workspace, change: Change) -> Iterator[Finding]:
    likely = [store.record(found) for found in store.findings.machines_like(change.set["serial"]) if found != change.id]
    others = [(twin.id, _maker_of(store, twin.body), twin.body) for twin in likely if twin and not twin.deleted]
    found = findings.find_twin(change.set, _maker_of(store, change.set), others)
    if found is not None:
        yield found


def _maker_of(store: Workspace, machine: dict[str, Any]) -> str:
    model = store.record(machine["model_id"])
    return (model.body.get("manufacturer") if model else None) or ""


def _look_at_part(store: Workspace, arrival: Arrival, change: Change) -> list[Finding | None]:
    recalled = _look_at_recalls(store, change) if change.kind == "part_fitted" else None
    event = _part_event(store, arrival, change)
    if event is None:
        return [recalled]
    corrected = change.set.get("replaces_id")
    events = [known for known in store.trace.book.events_of(event.maker, event.serial) if known.id != corrected]
    if event.act == "fitted":
        return [recalled, findings.find_two_places(events, event)]
    return [recalled, findings.find_unknown_serial(events, event)]


def _look_at_recalls(store: Workspace, change: Change) -> Finding | None:
    values = change.set
    batch = store.record(values["batch_id"]) if values.get("batch_id") else None
    known = batch.body if batch else {}
    part, number = values.get("part_id") or known.get("part_id"), values.get("batch") or known.get("number")
    named = [store.record(found) for found in store.findings.recalled_parts((part, values.get("gtin")))]
    recalls = [(store.record(one.body["recall_id"]), one.body) for one in named if one]
    found = [(recall.body, body) for recall, body in recalls if recall]
    return findings.find_recalled_part(found, number, values.get("serial")) or findings.find_recalled(known or None)


def _part_event(store: Workspace, arrival: Arrival, change: Change) -> PartEvent | None:
    values = change.set
    maker, serial = identify(values, store.record)
    if serial is None:
        return None
    act, name = ("fitted", "fitted_at") if change.kind == "part_fitted" else ("removed", "removed_at")
    subject = store.trace.book.find(values["replaces_id"]) if values.get("replaces_id") else None
    at = comparable(put_right(values[name], _shift_of(store, arrival), subject) or values[name])
    return PartEvent(act, maker, serial, values["machine_id"], at, store.position, change.id)


def _take_note(store: Workspace, record: Record) -> None:
    """Tell the rest of the transaction of a record that later sets in it depend on."""
    body = record.body
    if record.kind == "device":
        known = store.device(record.id)
        if known is None:
            known = DeviceState(body["person_id"], body["public_key"], body["state"], False, 0, FIRST_PREV)
        known.state = body["state"]
        if body.get("resumed_seq", 0) > known.seq:
            known.seq, known.digest = body["resumed_seq"], body["resumed_digest"]
        store.set_device(record.id, known)
    elif record.kind == "signature" and body["outcome"] == "signed":
        store.findings.add_signature(body["order_id"], record.id)
    elif record.kind == "stock_move":
        for key, by in balance_changes(body):
            store.findings.add_to_balance(key, by)
    elif record.kind == "conflict" and body["state"] == "open":
        store.findings.add_conflict(body["subject_id"], body["field"], record.id)
    elif record.kind == "machine":
        store.findings.add_machine(body["serial"], record.id)
    elif record.kind == "recalled_part":
        store.findings.add_recalled(record.id, _names_of_part(store, body))
    elif record.kind == "recall_correction":
        if named := store.record(body["named_id"]):
            store.findings.drop_recalled(named.id, _names_of_part(store, named.body))
    elif record.kind == "erasure":
        _take_out(store, body.get("fields") or ())


def _names_of_part(store: Workspace, named: dict[str, Any]) -> tuple[str, str | None]:
    """Return id and GTIN of the part that a record names."""
    part = store.record(named["part_id"])
    return named["part_id"], part.body.get("gtin") if part else None


def _take_out(store: Workspace, places: Iterable[dict[str, Any]]) -> None:
    """Put stand-ins where records hold what was erased."""
    for place in places:
        record = store.record(place["id"])
        kind = record.schema_kind if record is not None else None
        values = put_at(kind, record.body, place["path"], place["stand_in"]) if record and kind else None
        if record is not None and values is not None:
            store.write(record.id, record.kind, values, store.office_device)


def _take_trace(store: Workspace, arrival: Arrival, record: Record) -> None:
    """Tell the trace of a part fitted or removed, or of the withdrawal of such a fact."""
    about = record.body.get("subject_kind") if record.kind == "withdrawal" else record.kind
    if about in PART_FACTS:
        named = record.body.get("subject_id" if record.kind == "withdrawal" else "replaces_id")
        subject = store.trace.book.find(named) if named else None
        store.trace.book.add(read_fact(record, store.record, subject, _shift_of(store, arrival)))


def _shift_of(store: Workspace, arrival: Arrival) -> timedelta:
    """Return what puts the times of a set right; those that the office gives are as they were given."""
    changeset = arrival.changeset
    if changeset.device == store.office_device:
        return timedelta()
    seen = int(changeset.witness.split()[0]) if changeset.witness else 0
    seen_at = store.received_at(seen) if 0 < seen < store.position else None
    return shift_of(changeset.captured_at, changeset.offset_ms, arrival.received_at, seen_at)


def _provenance(arrival: Arrival, position: int) -> dict[str, Any]:
    changeset = arrival.changeset
    return {
        "actor_id": changeset.actor,
        "device_id": changeset.device,
        "captured_at": changeset.captured_at,
        "corrected_at": arrival.corrected_at,
        "received_at": arrival.received_at,
        "position": position,
    }


def _provenance_of_standing(store: Workspace, arrival: Arrival, record: Record, name: str) -> dict[str, Any]:
    position, _device = record.stamp_of(name) if name != WHOLE_RECORD else (record.position, "")
    changeset, received_at, corrected_at = _logged(store, arrival, position)
    return {
        "actor_id": changeset.actor,
        "device_id": changeset.device,
        "captured_at": changeset.captured_at,
        "corrected_at": corrected_at,
        "received_at": received_at,
        "position": position,
    }


def _logged(store: Workspace, arrival: Arrival, position: int) -> tuple[ChangeSet, str, str]:
    if position == store.position:
        # An earlier change of the same set wrote it; the set is logged once all its changes are made.
        return arrival.changeset, arrival.received_at, arrival.corrected_at
    line, received_at = store.log_payload(position)
    changeset = codec.decode(Sealed(line).payload, json_text.read_canonical)
    return changeset, received_at, correct(changeset.captured_at, changeset.offset_ms, received_at)


def _derived_id(*parts: str) -> str:
    return str(uuid.uuid5(REVIEW_NAMESPACE, "\n".join(parts)))
