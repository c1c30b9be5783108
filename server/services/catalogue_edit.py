"""Writing master data at the office: create, edit, withdraw, in the name of a person and through the one door.

Rule 1: an edit says what its author saw. What somebody else moved meanwhile is shown to him with both values, and
        nothing is written until he has decided.
Rule 2: what is set once is not asked for again.
Rule 3: what others refer to is not withdrawn; what signatures name is ended, not deleted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from schemas import KINDS
from schemas.people import OFFICE_ROLES
from schemas.problems import Refused
from server.domain.catalogue import ENTRIES, may_write
from server.domain.forms import input_of
from server.keys import new_id
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store import catalogue, records
from server.store.database import reading, transact
from server.store.workspace import Workspace, open_workspace
from sync.changeset import Change
from sync.receipt import Receipt

OFFICE_ROLES_SET: Final = frozenset(OFFICE_ROLES)

Values = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """A field that somebody else moved while a form was open."""

    field: str
    seen: Any
    standing: Any
    mine: Any


class ChangedMeanwhile(Refused):
    """Carries what somebody else changed while a form was open; nothing was written."""

    def __init__(self, fields: list[Meanwhile], standing: Values) -> None:
        """Name the fields, and the record as it stands."""
        super().__init__("changed_meanwhile", fields=", ".join(moved.field for moved in fields))
        self.fields = fields
        self.standing = standing


def create(engine: Engine, office: Office, organisation: str, actor: str, kind: str, values: Mapping[str, Any]) -> str:
    """Create a record and return its id.

    Raises Refused with `already_there` when its natural key is another record's, or what forbids the change.
    """
    record_id = new_id()
    given = {name: value for name, value in values.items() if value is not None} | dict(ENTRIES[kind].begins_with)

    def work(connection: Connection) -> Receipt:
        store = open_workspace(connection, organisation)
        _expect_fresh(connection, organisation, kind, given)
        return _write(store, office, actor, f"{kind}.create", [Change(kind, record_id, "create", given, {})])

    expect_taken_in(transact(engine, work))
    return record_id


def edit(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    kind: str,
    record_id: str,
    values: Mapping[str, Any],
    seen: Mapping[str, Any],
) -> Receipt | None:
    """Write the fields in which `values` differs from what was seen; return None when there is none.

    Raises ChangedMeanwhile, or Refused with `not_found`, `set_once`, or what forbids the change.
    """
    elsewhere = ENTRIES[kind].kept_elsewhere
    new = {name: value for name, value in values.items() if value != seen.get(name) and name not in elsewhere}
    if not new:
        return None

    def work(connection: Connection) -> Receipt:
        store = open_workspace(connection, organisation)
        found = records.body_of(connection, organisation, record_id)
        if found is None or found[0] != kind:
            raise Refused("not_found", what=f"{kind} {record_id}")
        standing = found[1]
        moved = [
            Meanwhile(name, seen.get(name), standing.get(name), value)
            for name, value in new.items()
            if standing.get(name) != seen.get(name) and standing.get(name) != value
        ]
        if moved:
            raise ChangedMeanwhile(moved, standing)
        expect_settable(kind, standing, new)
        was = {name: standing.get(name) for name in new}
        return _write(store, office, actor, f"{kind}.edit", [Change(kind, record_id, "update", new, was)])

    return expect_taken_in(transact(engine, work))


def withdraw(engine: Engine, office: Office, organisation: str, actor: str, kind: str, record_id: str) -> Receipt:
    """Take a record out of use: end it where it has an end, delete it where nothing refers to it.

    Raises Refused with `not_found`, `still_in_use`, or what forbids the change.
    """
    entry = ENTRIES[kind]

    def work(connection: Connection) -> Receipt:
        store = open_workspace(connection, organisation)
        found = records.body_of(connection, organisation, record_id)
        if found is None or found[0] != kind:
            raise Refused("not_found", what=f"{kind} {record_id}")
        if kind == "person" and not OFFICE_ROLES_SET.isdisjoint(found[1]["roles"]):
            # Whether enough people can still sign in is looked at where accounts are kept.
            raise Refused("role_not_allowed")
        if entry.ending is not None:
            name, ended = entry.ending
            changes = [Change(kind, record_id, "update", {name: ended}, {name: found[1].get(name)})]
        else:
            users = list_users(connection, organisation, record_id)
            if users:
                raise Refused("still_in_use", by=", ".join(f"{KINDS[user].schema.label[1]}" for user in users))
            changes = [Change(kind, record_id, "delete", {}, found[1])]
        return _write(store, office, actor, f"{kind}.withdraw", changes)

    return expect_taken_in(transact(engine, work))


_USERS: Final = text(
    "SELECT DISTINCT kind FROM records WHERE organisation = :o AND deleted = :no AND id <> :id AND body LIKE :what"
    " ORDER BY kind"
)


def list_users(connection: Connection, organisation: str, record_id: str) -> list[str]:
    """Return the kinds of which some record names a record; every record is looked at, which a withdrawal may take."""
    facts = {"o": organisation, "no": False, "id": record_id, "what": f"%{record_id}%"}
    found = [row for row in connection.execute(_USERS, facts).scalars() if row in KINDS]
    return [user for user in found if user not in ("conflict", "exception")]


def expect_settable(kind: str, standing: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Raise Refused with `set_once` when a value would replace another of a field that is set once."""
    for name in new:
        if name in KINDS[kind].fields and input_of(kind, name).is_frozen and standing.get(name) is not None:
            raise Refused("set_once", field=name)


def expect_writer(kind: str, roles: frozenset[str]) -> None:
    """Raise Refused with `writer_not_allowed` unless somebody of these roles may write a kind."""
    if not may_write(kind, roles):
        raise Refused("writer_not_allowed", field=kind)


def read_seen(engine: Engine, organisation: str, kind: str, record_id: str) -> Values:
    """Return the values of a record. Raises Refused with `not_found`."""
    with reading(engine) as connection:
        found = records.body_of(connection, organisation, record_id)
    if found is None or found[0] != kind:
        raise Refused("not_found", what=f"{kind} {record_id}")
    return found[1]


def _expect_fresh(connection: Connection, organisation: str, kind: str, values: Values) -> None:
    entry = ENTRIES[kind]
    for names in entry.matched:
        if all(values.get(name) for name in names):
            found = catalogue.find_matching(connection, organisation, kind, [values])[0]
            if found:
                named = " / ".join(str(values[name]) for name in names if not input_of(kind, name).refers_to)
                raise Refused("already_there", what=named, id=found[0])
            return


def _write(store: Workspace, office: Office, actor: str, intent: str, changes: list[Change]) -> Receipt:
    answer = office.write_in(store, actor, intent, changes)
    store.flush()
    return answer
