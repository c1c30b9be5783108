"""The one door: every change-set, by whomever, becomes truth here or is told why not.

`examine` reads what the bytes alone tell and needs no lock; `accept` decides and applies inside the
organisation's transaction. Both depend only on the bytes, the records and the time passed in, so that
`replay` comes to the same records from the log.
"""

from __future__ import annotations

from collections.abc import Callable

from schemas.problems import Fault, Refused
from schemas.upgrades import SCHEMA_VERSION, upgrade
from server.domain.arrival import Arrival
from server.domain.authority import fault_by_schema
from server.domain.times import correct
from server.intake_apply import apply_changes
from server.intake_judge import judge
from server.store import json_text
from server.store.workspace import Workspace
from sync import chain, openings, receipt
from sync.changeset import Change, ChangeSet
from sync.ledger import Duplicate, Hold, Refuse, decide
from sync.receipt import ChangeVerdict, Receipt, Verdict

FindKey = Callable[[str], bytes | None]
"""device id -> its public key (32 bytes), None when the organisation has no such device"""


def examine(
    line: bytes,
    organisation: str,
    find_key: FindKey,
    verifier: chain.Verify,
    received_at: str,
    *,
    at_door: bool = True,
) -> Arrival:
    """Read and verify one sealed line.

    A line that was taken in before is read without `at_door`: what it was then it may be.
    Raises Refused with `malformed`, `change_set_too_large`, `too_many_changes`, `not_canonical`, `openings_differ`,
    `personal_in_plain`, `commitment_misplaced`, `wrong_organisation`, `device_unknown` or `bad_signature`. What is
    wrong with single changes does not raise: it goes into the arrival and then, with the set, into the log.
    """
    sealed = chain.open_line(line)
    read = openings.unseal(sealed, json_text.read_canonical, json_text.spell, at_door=at_door)
    changeset = read.changeset
    if changeset.organisation != organisation:
        raise Refused("wrong_organisation")
    public_key = find_key(changeset.device)
    if public_key is None:
        raise Refused("device_unknown")
    chain.verify(sealed, public_key, verifier)
    changes = _present_changes(changeset)
    faults = {
        index: fault
        for index, change in enumerate(changes)
        if (fault := fault_by_schema(change, read.faults_of(index)))
    }
    corrected_at = correct(changeset.captured_at, changeset.offset_ms, received_at)
    return Arrival(sealed, sealed.digest, changeset, changes, faults, received_at, corrected_at, read.erased)


def read_again(line: bytes, digest: str, faults: dict[int, Fault], received_at: str, corrected_at: str) -> Arrival:
    """Return what `examine` returned for a line in another process of this server, without examining it again."""
    sealed = chain.Sealed(line)
    read = openings.read_again(sealed, json_text.load)
    changes = _present_changes(read.changeset)
    return Arrival(sealed, digest, read.changeset, changes, faults, received_at, corrected_at, read.erased)


def accept(store: Workspace, arrival: Arrival) -> str:
    """Take one change-set in and return its receipt as canonical JSON.

    The set is applied, kept for later, or refused with its reasons; whichever it is, its bytes are kept.
    """
    if arrival.changeset.basis < store.erased_at:
        arrival = _screen(store, arrival)
    changeset = arrival.changeset
    stored = store.stored(changeset.device, changeset.seq)
    head = store.head(changeset.device)
    stored_digest, held_digest = stored[0] if stored else None, store.held_digest(changeset.device, changeset.seq)
    decision = decide(head, changeset.seq, changeset.prev, arrival.digest, stored_digest, held_digest)
    if isinstance(decision, Duplicate):
        assert stored is not None
        return stored[1]
    if isinstance(decision, Hold):
        return _hold(store, arrival, decision.fault)
    if isinstance(decision, Refuse):
        return _keep_aside(store, arrival, decision)
    if changeset.schema > SCHEMA_VERSION:
        return _hold(store, arrival, Fault("schema_unknown", {"version": changeset.schema}))
    store.position += 1
    faults = judge(store, arrival)
    if faults:
        verdict, changes = _refuse_all(changeset, faults)
    else:
        verdict, changes = apply_changes(store, arrival)
    fault = next(iter(faults.values()), None)
    answer = _spell_receipt(arrival, verdict, store.position, fault, changes)
    store.append(arrival, answer)
    return answer


def screen_aside(store: Workspace, line: bytes, digest: str, received_at: str) -> bytes:
    """Return bytes that are kept aside without what was erased before they came, as far as they are a set."""
    if not store.erased_at:
        return line
    try:
        openings.unseal(chain.Sealed(line), json_text.read_canonical, json_text.spell)
    except (Refused, UnicodeDecodeError):
        return line
    return _screen(store, read_again(line, digest, {}, received_at, received_at)).sealed.line


def _screen(store: Workspace, arrival: Arrival) -> Arrival:
    """Return a set without what was erased before it came, when its author had not seen that it was."""
    screen = store.screen()
    sealed = screen.screen(arrival)
    if sealed is None:
        return arrival
    store.note_late(arrival.changeset.device, screen.seen_by(arrival.changeset.device, arrival.changeset.basis))
    return read_again(sealed.line, arrival.digest, arrival.faults, arrival.received_at, arrival.corrected_at)


def _present_changes(changeset: ChangeSet) -> tuple[Change, ...]:
    if changeset.schema >= SCHEMA_VERSION:
        return changeset.changes
    return tuple(_upgrade(change, changeset.schema) for change in changeset.changes)


def _upgrade(change: Change, version: int) -> Change:
    new, was = upgrade(change.kind, dict(change.set), version), upgrade(change.kind, dict(change.was), version)
    return Change(change.kind, change.id, change.op, new, was)


def _hold(store: Workspace, arrival: Arrival, fault: Fault) -> str:
    store.hold(arrival)
    changes = tuple(ChangeVerdict(change.id, "held") for change in arrival.changeset.changes)
    return _spell_receipt(arrival, "held", None, fault, changes)


def _keep_aside(store: Workspace, arrival: Arrival, decision: Refuse) -> str:
    device = arrival.changeset.device
    if decision.freezes:
        store.freeze(device)
    store.keep_aside(arrival.digest, device, arrival.sealed.line, decision.fault, arrival.received_at)
    verdict, changes = _refuse_all(arrival.changeset, dict.fromkeys(range(len(arrival.changes)), decision.fault))
    return _spell_receipt(arrival, verdict, None, decision.fault, changes)


def _refuse_all(changeset: ChangeSet, faults: dict[int, Fault]) -> tuple[Verdict, tuple[ChangeVerdict, ...]]:
    company = Fault("set_refused")
    verdicts = (
        ChangeVerdict(change.id, "refused", (), faults.get(index, company))
        for index, change in enumerate(changeset.changes)
    )
    return "refused", tuple(verdicts)


def _spell_receipt(
    arrival: Arrival, verdict: Verdict, position: int | None, fault: Fault | None, changes: tuple[ChangeVerdict, ...]
) -> str:
    changeset = arrival.changeset
    answer = Receipt(
        set_id=changeset.id,
        device=changeset.device,
        seq=changeset.seq,
        digest=arrival.digest,
        verdict=verdict,
        received_at=arrival.received_at,
        position=position,
        fault=fault,
        changes=changes,
    )
    return json_text.dump(receipt.document_of(answer))
