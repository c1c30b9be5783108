"""Checklists: drafts that no device sees, versions that are published and then stay as they are.

Rule 1: devices answer the version they hold; what is published is not edited, the next version stands beside it.
Rule 2: an order names its version; an order without one takes the newest that is not retired and fits best.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson
from sqlalchemy import Connection, Engine, Row, Table, delete, insert, select, update

from schemas.problems import Fault, Refused
from server.clock import utc_now
from server.domain.checklists import complete, faults_of
from server.domain.forms import describe, fault_inside
from server.keys import new_id
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store import records
from server.store.catalogue_tables import Draft
from server.store.database import reading, transact, writing
from server.store.workspace import open_workspace
from sync.changeset import CHANGE_SET_BYTES_MAX, Change

_DRAFTS: Table = Draft.__table__  # type: ignore[assignment]

KIND: Final = "checklist"
SAME: Final = ("name", "family", "service")
"""The fields that make two checklists versions of one."""

DRAFT_BYTES_MAX: Final = CHANGE_SET_BYTES_MAX // 2
"""What is to be published must fit into a change-set."""

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft; `revision` counts how often it was saved."""

    id: str
    body: Body
    person: str
    changed_at: str
    revision: int


class Unpublishable(Refused):
    """Carries all that keeps a draft from being published, by place."""

    def __init__(self, faults: dict[str, Fault]) -> None:
        """Name the faults; the first says what it is about."""
        first = next(iter(faults.values()))
        super().__init__(first.code, **first.facts)
        self.faults = faults


def begin_draft(engine: Engine, organisation: str, person: str, origin: str | None = None) -> str:
    """Begin a draft, of the next version of `origin` where one is named, and return its id.

    Raises Refused with `not_found`.
    """
    body: Body = {"version": 1}
    with writing(engine) as connection:
        if origin is not None:
            found = records.body_of(connection, organisation, origin)
            if found is None or found[0] != KIND:
                raise Refused("not_found", what=f"{KIND} {origin}")
            body = {name: value for name, value in found[1].items() if name != "retired"}
            body["version"] = _next_version(connection, organisation, body)
        draft_id = new_id()
        row = {"organisation": organisation, "id": draft_id, "kind": KIND, "body": _spell(body), "person": person}
        connection.execute(insert(_DRAFTS).values(**row, changed_at=utc_now(), revision=1))
    return draft_id


def read_draft(connection: Connection, organisation: str, draft_id: str) -> Drafted:
    """Return a draft. Raises Refused with `not_found`."""
    row = connection.execute(select(_DRAFTS).where(*_is(organisation, draft_id))).first()
    if row is None:
        raise Refused("not_found", what=draft_id)
    return _tell(row)


def list_drafts(connection: Connection, organisation: str) -> list[Drafted]:
    """Return all drafts, the one changed last first."""
    where = (_DRAFTS.c.organisation == organisation, _DRAFTS.c.kind == KIND)
    return [
        _tell(row) for row in connection.execute(select(_DRAFTS).where(*where).order_by(_DRAFTS.c.changed_at.desc()))
    ]


def save_draft(
    engine: Engine, organisation: str, person: str, draft_id: str, body: Mapping[str, Any], revision: int
) -> int:
    """Keep a draft as far as it has come, and return its revision; what is wrong in it is kept too.

    Raises Refused with `not_found`, `changed_meanwhile` when somebody saved it since `revision`, or
    `change_set_too_large`.
    """
    text = _spell(dict(body))
    if len(text.encode("utf-8")) > DRAFT_BYTES_MAX:
        raise Refused("change_set_too_large", limit=DRAFT_BYTES_MAX)
    with writing(engine) as connection:
        known = read_draft(connection, organisation, draft_id)
        values = {"body": text, "person": person, "changed_at": utc_now(), "revision": revision + 1}
        mine = (*_is(organisation, draft_id), _DRAFTS.c.revision == revision)
        if connection.execute(update(_DRAFTS).where(*mine).values(**values)).rowcount != 1:
            raise Refused("changed_meanwhile", fields=known.body.get("name") or "")
    return revision + 1


def discard(engine: Engine, organisation: str, draft_id: str) -> None:
    """Throw a draft away."""
    with writing(engine) as connection:
        connection.execute(delete(_DRAFTS).where(*_is(organisation, draft_id)))


def publish(engine: Engine, office: Office, organisation: str, actor: str, draft_id: str, revision: int) -> str:
    """Make a draft the newest version of its checklist and return the record's id.

    Raises Unpublishable, or Refused with `not_found`, `changed_meanwhile`, or what forbids the change.
    """

    def work(connection: Connection) -> str:
        store = open_workspace(connection, organisation)
        draft = read_draft(connection, organisation, draft_id)
        if draft.revision != revision:
            raise Refused("changed_meanwhile", fields=draft.body.get("name") or "")
        body = {name: value for name, value in draft.body.items() if value is not None}
        faults = find_faults(body)
        if faults:
            raise Unpublishable(faults)
        body |= {"items": complete(body["items"]), "version": _next_version(connection, organisation, body)}
        record_id = new_id()
        change = Change(KIND, record_id, "create", body, {})
        expect_taken_in(office.write_in(store, actor, "checklist.publish", [change]))
        store.flush()
        connection.execute(delete(_DRAFTS).where(*_is(organisation, draft_id)))
        return record_id

    return transact(engine, work)


def find_faults(body: Mapping[str, Any]) -> dict[str, Fault]:
    """Return all that keeps a checklist from being published, by place."""
    items = body.get("items") or []
    faults = faults_of(items)
    whole = {**body, "items": complete(items) if items else None, "version": body.get("version") or 1}
    for asked in describe(KIND):
        for place, fault in fault_inside(asked, whole.get(asked.name), asked.name).items():
            faults.setdefault(place, fault)
    return faults


def retire(engine: Engine, office: Office, organisation: str, actor: str, record_id: str, retired: bool) -> None:
    """Let orders take no version of a checklist any more, or take it again; those that name one go on with it.

    Raises Refused with `not_found`, or what forbids the change.
    """

    def work(connection: Connection) -> None:
        store = open_workspace(connection, organisation)
        found = records.body_of(connection, organisation, record_id)
        if found is None or found[0] != KIND:
            raise Refused("not_found", what=f"{KIND} {record_id}")
        changes = [
            Change(KIND, key, "update", {"retired": retired}, {"retired": body.get("retired")})
            for key, body in list_versions(connection, organisation, found[1])
            if bool(body.get("retired")) != retired
        ]
        if changes:
            expect_taken_in(office.write_in(store, actor, "checklist.retire", changes))
            store.flush()

    transact(engine, work)


def list_versions(connection: Connection, organisation: str, body: Mapping[str, Any]) -> list[tuple[str, Body]]:
    """Return the versions of a checklist, the newest first."""
    found = [
        (key, other)
        for key, other in records.bodies_of_kind(connection, organisation, KIND)
        if all(other.get(name) == body.get(name) for name in SAME)
    ]
    return sorted(found, key=lambda pair: (-pair[1]["version"], pair[0]))


def list_families(engine: Engine, organisation: str) -> dict[str, list[str]]:
    """Return the families of machines with the names of their models."""
    families: dict[str, list[str]] = {}
    with reading(engine) as connection:
        for _key, body in records.bodies_of_kind(connection, organisation, "model"):
            families.setdefault(body["family"], []).append(body["name"])
    return {family: sorted(names) for family, names in sorted(families.items())}


def _next_version(connection: Connection, organisation: str, body: Mapping[str, Any]) -> int:
    return max((other["version"] for _key, other in list_versions(connection, organisation, body)), default=0) + 1


def _is(organisation: str, draft_id: str) -> tuple[Any, ...]:
    return (_DRAFTS.c.organisation == organisation, _DRAFTS.c.id == draft_id)


def _spell(body: Body) -> str:
    return orjson.dumps(body).decode("utf-8")


def _tell(row: Row[Any]) -> Drafted:
    return Drafted(row.id, orjson.loads(row.body), row.person, row.changed_at, row.revision)
