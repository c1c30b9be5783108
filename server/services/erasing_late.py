"""Naming, in a further act, what was taken out of sets that came after an erasure, and the files that they name.

So devices learn of it, and whoever checks the log finds an act for every opening and every file that is gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas import kind_of
from schemas.base import SHA256_PATTERN
from server.clock import utc_now
from server.services.erasing_files import FoundFile
from server.services.erasing_plan import Opening, Plan, write_acts
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store import blobs, erased_marks, erasing, records, watermarks
from server.store.database import reading, transact
from server.store.erasing import Place
from server.store.logged_sets import read_logged
from server.store.workspace import open_workspace
from sync.openings import is_stand_in

FOLLOWER: Final = "erasures"

_HASH: Final = re.compile(SHA256_PATTERN).match


def name_late(engine: Engine, office: Office, organisation: str) -> int:
    """Name what was taken out, as far as no act does; return how many acts there were."""
    with reading(engine) as connection:
        mark = watermarks.read_mark(connection, organisation, FOLLOWER) or 0
        end = watermarks.read_end(connection, organisation)
        plan = _find_late(connection, organisation, mark, end) if mark < end else Plan()
    if mark >= end:
        return 0

    def pass_by(connection: Connection) -> None:
        erased_marks.close_late(connection, organisation, end, end)
        watermarks.keep_mark(connection, organisation, FOLLOWER, end)

    if plan.is_empty:
        transact(engine, pass_by)
        return 0

    def work(connection: Connection) -> int:
        store = open_workspace(connection, organisation)
        written = 0
        for change in write_acts(plan, "late", "", utc_now()):
            expect_taken_in(office.write_in(store, store.office_person, "erasure.late", [change]))
            written += 1
        erased_marks.close_late(connection, organisation, end, store.position)
        watermarks.keep_mark(connection, organisation, FOLLOWER, end)
        store.flush()
        return written

    return transact(engine, work)


def _find_late(connection: Connection, organisation: str, mark: int, end: int) -> Plan:
    late = list(erasing.list_erased(connection, organisation, mark, end))
    known = erasing.list_named(connection, organisation) if late else set()
    plan = Plan()
    plan.openings = [
        Opening(Place("log", at, ""), hash_, stand_in, [stand_in], {})
        for at, hash_, stand_in in late
        if hash_ not in known
    ]
    plan.files = [file for file in _find_late_files(connection, organisation, mark, end) if _HASH(file.sha256)]
    gone = blobs.find_erased(connection, organisation, plan.hashes)
    plan.files = [file for file in plan.files if file.sha256 not in gone]
    return plan


def _find_late_files(connection: Connection, organisation: str, mark: int, end: int) -> Iterator[FoundFile]:
    """Yield the files of whom was erased in sets whose authors had not seen that act."""
    marks = erased_marks.read(connection, organisation)
    last = max((known.position for known in marks if known.what != "device"), default=0)
    gone = {known.mark: known.position for known in marks if known.what == "record"}
    photos = {known.mark: known.position for known in marks if known.what == "photos"}
    for line in erasing.list_naming_files(connection, organisation, mark, end) if marks else ():
        changeset = read_logged(line)
        for change in changeset.changes if changeset.basis < last else ():
            kind = kind_of(change.kind)
            for name, tells_of in kind.personal_files.items() if kind is not None else ():
                if tells_of:
                    named = [gone.get(str(change.set.get(field)), 0) for field in erased_marks.REFERRING]
                    is_told = any(_tells_erased(connection, organisation, change.set.get(it)) for it in tells_of)
                else:
                    named, is_told = [photos.get(str(change.set.get("order_id")), 0)], False
                if is_told or max(named) > changeset.basis:
                    yield FoundFile(str(change.set.get(name)), change.kind, change.id, name, 0, "")


def _tells_erased(connection: Connection, organisation: str, value: Any) -> bool:
    """Tell whether a value, or what the record it refers to says of a person, is what stands for something erased."""
    if isinstance(value, list):
        return any(is_stand_in(item) for item in value)
    if value is None or is_stand_in(value):
        return value is not None
    found = records.body_of(connection, organisation, str(value))
    return found is not None and _is_erased(*found)


def _is_erased(kind_name: str, body: Mapping[str, Any]) -> bool:
    kind = kind_of(kind_name)
    return kind is not None and any(is_stand_in(body.get(name)) for name in kind.personal)
