"""What happened to a change-set: who wrote it when, what became of each change, and which request brought it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row

from schemas.problems import Fault, Refused
from server.store import log, records
from sync import chain, codec, receipt
from sync.changeset import ChangeSet
from sync.receipt import Receipt

Story = dict[str, Any]


def read_entry(connection: Connection, organisation: str, position: int) -> Story:
    """Return the story of the set at a log position. Raises Refused with `not_found`."""
    entry = log.find_at(connection, organisation, position)
    if entry is None:
        raise Refused("not_found", what=f"#{position}")
    return _tell_entry(connection, organisation, entry)


def read_set(connection: Connection, organisation: str, device: str, seq: int) -> Story:
    """Return the story of a device's set, also of one that waits for an earlier one.

    Raises Refused with `not_found`.
    """
    entry = log.find_of_device(connection, organisation, device, seq)
    if entry is not None:
        return _tell_entry(connection, organisation, entry)
    held = log.find_held(connection, organisation, device, seq)
    if held is None:
        raise Refused("not_found", what=f"{device} {seq}")
    changeset = codec.decode(chain.Sealed(bytes(held.sealed)).payload)
    waits = {"position": None, "verdict": "held", "fault": None, "trace": None, "received_at": held.received_at}
    return {**_tell_set(connection, organisation, changeset, None), **waits}


def _tell_entry(connection: Connection, organisation: str, entry: Row[Any]) -> Story:
    answer = receipt.load(entry.receipt)
    changeset = codec.decode(chain.Sealed(bytes(entry.sealed)).payload)
    return {
        **_tell_set(connection, organisation, changeset, answer),
        "position": entry.position,
        "verdict": answer.verdict,
        "fault": _tell_fault(answer.fault),
        "trace": entry.trace_id or None,
        "received_at": entry.received_at,
    }


def _tell_set(connection: Connection, organisation: str, changeset: ChangeSet, answer: Receipt | None) -> Story:
    verdicts = {verdict.id: verdict for verdict in answer.changes} if answer is not None else {}
    bodies = records.bodies_of(connection, organisation, (changeset.device, changeset.actor))
    changes = []
    for change in changeset.changes:
        verdict = verdicts.get(change.id)
        changes.append(
            {
                "kind": change.kind,
                "id": change.id,
                "op": change.op,
                "verdict": verdict.verdict if verdict else "held",
                "contested": list(verdict.contested) if verdict else [],
                "fault": _tell_fault(verdict.fault) if verdict else None,
            }
        )
    return {
        "set_id": changeset.id,
        "device": changeset.device,
        "device_name": bodies.get(changeset.device, ("", {}))[1].get("name"),
        "seq": changeset.seq,
        "actor": changeset.actor,
        "actor_name": bodies.get(changeset.actor, ("", {}))[1].get("name"),
        "intent": changeset.intent,
        "captured_at": changeset.captured_at,
        "changes": changes,
    }


def _tell_fault(fault: Fault | None) -> Story | None:
    if fault is None:
        return None
    return {"code": fault.code, "zh": fault.sentence("zh"), "en": fault.sentence("en")}
