"""Judging a change-set by the records: what forbids its changes, if anything."""

from __future__ import annotations

from typing import Any

from schemas.problems import Fault
from server.domain.arrival import Arrival
from server.domain.authority import Author, fault_of_author, fault_of_change, is_admin
from server.store.workspace import Workspace
from sync.changeset import Change, ChangeSet


def judge(store: Workspace, arrival: Arrival) -> dict[int, Fault]:
    """Return what forbids the changes of a set, by index; empty when they may all be made."""
    changeset = arrival.changeset
    author = author_of(store, changeset)
    fault = fault_of_author(author, store.devices[changeset.device].person)
    if fault is not None:
        return dict.fromkeys(range(len(arrival.changes)), fault)
    faults = dict(arrival.faults)
    settled = settled_fields(store, arrival.changes)
    created: dict[str, str] = {}
    for index, change in enumerate(arrival.changes):
        if index not in faults:
            found = _fault_of_settlement(store, change) or fault_of_change(
                change,
                author,
                lambda record_id: _find(store, record_id),
                created,
                lambda record_id: store.scope.has_held(author.person, record_id),
                lambda record_id: _is_deleted(store, record_id),
                settled.get(change.id, frozenset()),
            )
            if found is not None:
                faults[index] = found
        if change.op == "create":
            created[change.id] = change.kind
    return faults or _fault_of_last_admin(store, arrival.changes)


def author_of(store: Workspace, changeset: ChangeSet) -> Author:
    """Return who wrote a set, with the roles of his record."""
    on_office_device = changeset.device == store.office_device
    if on_office_device and changeset.actor == store.office_person:
        return Author(changeset.actor, frozenset({"system", "admin", "manager", "dispatcher", "stock_keeper"}), True)
    found = _find(store, changeset.actor)
    is_person = found is not None and found[0] == "person" and found[1].get("active") is not False
    roles = frozenset(found[1]["roles"]) if found and is_person else frozenset()
    return Author(changeset.actor, roles, on_office_device)


def settled_fields(store: Workspace, changes: tuple[Change, ...]) -> dict[str, frozenset[str]]:
    """Return the fields, by record id, that a set decides by settling conflicts."""
    fields: dict[str, frozenset[str]] = {}
    for change in changes:
        if change.kind == "conflict" and change.set.get("state") in ("settled", "open"):
            # To open a conflict again gives its field back as it was, which no rule of its own would allow either.
            conflict = _find(store, change.id)
            if conflict is not None and conflict[0] == "conflict":
                subject = conflict[1]["subject_id"]
                fields[subject] = fields.get(subject, frozenset()) | {conflict[1]["field"]}
    return fields


def _fault_of_last_admin(store: Workspace, changes: tuple[Change, ...]) -> dict[int, Fault]:
    """Return the faults of changes that would leave nobody at work as an admin; the office itself does not count.

    Who of them can sign in no record says: that more remain, the office sees to (server/services/admins.py).
    """
    unmaking = [
        index
        for index, change in enumerate(changes)
        if change.kind == "person" and (found := store.record(change.id)) is not None and is_admin(found.body)
        if not is_admin({**found.body, **change.set})
    ]
    if not unmaking:
        return {}
    people = store.people()
    for change in changes:
        if change.kind == "person":
            people[change.id] = {**people.get(change.id, {}), **change.set}
    if any(is_admin(body) for person, body in people.items() if person != store.office_person):
        return {}
    return dict.fromkeys(unmaking, Fault("admins_too_few", {"least": 1}))


def _find(store: Workspace, record_id: str) -> tuple[str, dict[str, Any]] | None:
    record = store.record(record_id)
    return None if record is None else (record.kind, record.body)


def _is_deleted(store: Workspace, record_id: str) -> bool:
    record = store.record(record_id)
    return record is not None and record.deleted


def _fault_of_settlement(store: Workspace, change: Change) -> Fault | None:
    """Return why a conflict or exception may not be settled so: somebody has, or its author has not seen what is new.

    One that is settled is opened again by whoever says that he saw it settled; nothing else of it is changed.
    """
    review = store.record(change.id) if change.kind in ("conflict", "exception") else None
    if review is None or review.kind != change.kind:
        return None
    if review.body.get("state") == "settled":
        opens = change.set.get("state") == "open" and change.was.get("state") == "settled"
        return None if opens else Fault("conflict_settled")
    if "incoming" in change.was and change.was["incoming"] != review.body.get("incoming"):
        return Fault("conflict_moved")
    return None
