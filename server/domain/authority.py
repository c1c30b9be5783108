"""Whether a change may be made at all, by this person from this device, as far as the records tell.

Rule 1: a device writes in the name of its own person; the office device in the name of any office person.
        Whoever has an office role writes as the office, from a device of his own too: a connector to
        another system is such a device.
Rule 2: a kind is written by the roles it names; an OFFICE field only from the office, except that whoever
        takes an order down on site may take it himself.
        Nobody writes his own roles or ends himself; only an admin makes or unmakes one, through the office's
        device; and whoever changes roles has seen those that stand: the newer of two changes would else
        undo the older unseen.
Rule 3: a record is created once, and updated or deleted only when it exists; a fact is only created.
Rule 4: what a change refers to exists and is of the kind referred to.
Rule 5: a device changes and adds to records that it holds or once held; work done after an order was
        moved to somebody else is kept, guessed ids are refused. What is deleted reaches nobody, so a fact may
        name it: an order that comes after its machine was deleted still names the machine.
        A withdrawal names a fact of its own order.
        Who asks for a purchase does not approve it (schemas/purchase.py).
Rule 6: a work order moves as the life cycle allows (schemas/lifecycle.py).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from schemas import Kind, kind_of
from schemas.base import faults_of
from schemas.lifecycle import DISPATCHER, allows
from schemas.merge_rules import MergeRule
from schemas.people import OFFICE_ROLES
from schemas.problems import Fault
from schemas.purchase import APPROVERS, DECISIONS
from sync.changeset import Change

OFFICE_WRITERS: Final = frozenset({"dispatcher", "stock_keeper", "manager", "admin", "system"})
"""Roles that write as the office; an auditor reads."""

ADMIN: Final = "admin"
SYSTEM: Final = "system"
"""The office itself, when it founds an organisation or fills a demo."""

FIELD_NAME_MOST: Final = 60
"""The length of a conflict's `field`, which must be able to name a field that only a newer client knows."""

_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}\Z").match

Find = Callable[[str], tuple[str, dict[str, Any]] | None]
"""record id -> kind and body of a record that exists"""


@dataclass(frozen=True, slots=True)
class Author:
    """Who writes: the person, his roles, and whether through the office's own device."""

    person: str
    roles: frozenset[str]
    on_office_device: bool

    @property
    def from_office(self) -> bool:
        """Whether he writes as the office rather than as the field."""
        return self.on_office_device or not self.roles.isdisjoint(OFFICE_WRITERS)

    @property
    def move_roles(self) -> frozenset[str]:
        """The roles the life cycle's table speaks of; managers and admins may do what a dispatcher may."""
        if self.from_office and self.roles & {"manager", "admin"}:
            return self.roles | {DISPATCHER}
        return self.roles


def fault_by_schema(change: Change, erased: Mapping[str, str] = MappingProxyType({})) -> Fault | None:
    """Return what is wrong with a change by the declaration of its kind alone, or None.

    `erased` is what was wrong with values that were erased since, by field.
    """
    kind = kind_of(change.kind)
    if kind is None:
        return Fault("kind_unknown", {"kind": change.kind})
    if kind.is_fact and change.op != "create":
        return Fault("fact_is_final")
    if change.op == "delete" and kind.schema.ended_by is not None:
        return Fault("never_deleted", {"kind": change.kind, "field": kind.schema.ended_by})
    if change.op == "create":
        for name in kind.required:
            if change.set.get(name) is None:
                return Fault("field_missing", {"field": name})
    for name, value in change.set.items():
        check = kind.checks.get(name)
        if name in erased:
            return Fault("value_invalid", {"field": name, "detail": erased[name]})
        if check is None:
            if _FIELD_NAME(name) is None:
                return Fault("value_invalid", {"field": name[:FIELD_NAME_MOST], "detail": "not the name of a field"})
        elif not check(value):
            detail = "; ".join(faults_of(kind.fields[name], value))
            return Fault("value_invalid", {"field": name, "detail": detail})
    return None


def fault_of_author(author: Author, device_person: str) -> Fault | None:
    """Return why somebody may not write through a device, or None (rule 1)."""
    if author.on_office_device:
        return None if author.roles & set(OFFICE_ROLES) else Fault("wrong_actor")
    return None if author.person == device_person else Fault("wrong_actor")


def fault_of_change(
    change: Change,
    author: Author,
    find: Find,
    created: dict[str, str],
    has_held: Callable[[str], bool],
    is_deleted: Callable[[str], bool],
    settled: frozenset[str],
) -> Fault | None:
    """Return why a change that is right by its schema may not be made, or None (rules 2 to 6).

    `created` maps the ids of records created earlier in the same set to their kinds; `settled` names the
    fields of this record that the set decides as a conflict.
    """
    kind = kind_of(change.kind)
    assert kind is not None
    return (
        _fault_of_erasure(change, author)
        or _fault_of_writer(change, kind, author)
        or _fault_of_rights(change, author, find)
        or _fault_of_existence(change, find, created)
        or _fault_of_references(change, kind, find, created)
        or _fault_of_withdrawal(change, find)
        or _fault_of_purchase(change, author, find)
        or _fault_of_scope(change, kind, author, created, has_held, is_deleted)
        or _fault_of_move(change, author, settled)
    )


def _fault_of_writer(change: Change, kind: Kind, author: Author) -> Fault | None:
    if author.roles.isdisjoint(kind.schema.writers):
        return Fault("writer_not_allowed", {"field": change.kind})
    if author.from_office:
        return None
    for name, value in change.set.items():
        if kind.merge_rule(name) is not MergeRule.OFFICE:
            continue
        leaves_open = change.op == "create" and value is None
        takes_himself = change.op == "create" and name == kind.schema.held_by and value == author.person
        if not leaves_open and not takes_himself:
            return Fault("writer_not_allowed", {"field": name})
    return None


def _fault_of_erasure(change: Change, author: Author) -> Fault | None:
    """Only at the office are openings taken out of the log, in the same transaction."""
    if change.kind != "erasure" or author.on_office_device:
        return None
    return Fault("writer_not_allowed", {"field": change.kind})


def is_admin(person: Mapping[str, Any]) -> bool:
    """Tell whether a person's record makes him an admin at work."""
    return ADMIN in (person.get("roles") or ()) and person.get("active") is not False


def _fault_of_rights(change: Change, author: Author, find: Find) -> Fault | None:
    touched = change.set.keys() & {"roles", "active"}
    if change.kind != "person" or not touched or SYSTEM in author.roles:
        return None
    if change.id == author.person:
        return Fault("own_roles")
    found = find(change.id)
    before: dict[str, Any] = found[1] if found else {}
    moves_admin = is_admin(before) != is_admin({**before, **change.set})
    # From the office's own device alone: only there is it known who of the admins that remain can sign in.
    if moves_admin and not (ADMIN in author.roles and author.on_office_device):
        return Fault("writer_not_allowed", {"field": "roles"})
    standing, new = _as_set(before.get("roles")), _as_set(change.set.get("roles", before.get("roles")))
    if found and new != standing and _as_set(change.was.get("roles")) != standing:
        return Fault("changed_meanwhile", {"fields": "roles"})
    return None


def _as_set(roles: Any) -> frozenset[str]:
    """Return roles whatever their order; what an author claims to have seen need not be any."""
    return frozenset(map(str, roles)) if isinstance(roles, list) else frozenset()


def _fault_of_existence(change: Change, find: Find, created: dict[str, str]) -> Fault | None:
    found = find(change.id)
    existing_kind = found[0] if found else created.get(change.id)
    if change.op == "create":
        return Fault("record_exists", {"id": change.id}) if existing_kind else None
    if existing_kind is None:
        return Fault("record_missing", {"kind": change.kind, "id": change.id})
    return None if existing_kind == change.kind else Fault("kind_mismatch", {"id": change.id})


def _fault_of_references(change: Change, kind: Kind, find: Find, created: dict[str, str]) -> Fault | None:
    for name, rule in kind.references.items():
        target = change.set.get(name)
        if target is None:
            continue
        found = find(target)
        target_kind = found[0] if found else created.get(target)
        if target_kind is None:
            return Fault("record_missing", {"kind": rule.refers_to, "id": target})
        if target_kind != rule.refers_to:
            return Fault("kind_mismatch", {"id": target})
    return None


def _fault_of_withdrawal(change: Change, find: Find) -> Fault | None:
    if change.kind != "withdrawal":
        return None
    kind, subject = change.set["subject_kind"], change.set["subject_id"]
    found = find(subject)
    if found is None:
        return Fault("record_missing", {"kind": kind, "id": subject})
    if found[0] != kind:
        return Fault("kind_mismatch", {"id": subject})
    if found[1]["order_id"] != change.set["order_id"]:
        return Fault("value_invalid", {"field": "subject_id", "detail": "it belongs to another order"})
    return None


def _fault_of_purchase(change: Change, author: Author, find: Find) -> Fault | None:
    """Who asks is named truly; who approves or rejects may do so, and is somebody else."""
    if change.kind != "purchase" or SYSTEM in author.roles:
        return None
    found = find(change.id)
    asked_by = (found[1] if found else change.set).get("asked_by")
    if not found and (asked_by != author.person or change.set.get("state") != "asked"):
        return Fault("value_invalid", {"field": "asked_by", "detail": str(asked_by)[:60]})
    if change.set.get("state") == "arrived" and found and found[1].get("state") != "approved":
        return Fault("purchase_settled", {"state": str(found[1].get("state"))})
    if change.set.get("state") not in DECISIONS:
        return None
    if author.roles.isdisjoint(APPROVERS):
        return Fault("writer_not_allowed", {"field": "state"})
    return Fault("purchase_own") if asked_by == author.person else None


def _fault_of_scope(
    change: Change,
    kind: Kind,
    author: Author,
    created: dict[str, str],
    has_held: Callable[[str], bool],
    is_deleted: Callable[[str], bool],
) -> Fault | None:
    if author.from_office:
        return None
    adds = change.op == "create"
    needed = [change.set[name] for name in kind.followed if change.set.get(name)] if adds else [change.id]
    for record_id in needed:
        if not (record_id in created or has_held(record_id) or (adds and is_deleted(record_id))):
            return Fault("out_of_scope", {"id": record_id})
    return None


def _fault_of_move(change: Change, author: Author, settled: frozenset[str]) -> Fault | None:
    if change.kind != "work_order" or "status" not in change.set or "status" in settled:
        return None
    before, after = change.was.get("status"), change.set["status"]
    if before is not None and not isinstance(before, str):
        return Fault("value_invalid", {"field": "status", "detail": "'was' is no status"})
    # Only what is being created has no state before.
    if (before is None) == (change.op == "create") and allows(before, after, author.move_roles):
        return None
    return Fault("move_not_allowed", {"before": before, "after": after})
