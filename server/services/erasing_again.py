"""Erasing again what a restored backup has brought back.

Rule 1: acts that are kept beside the database and that its log does not have are written into it anew, under their ids,
        with the openings, files and file numbers they had.
Rule 2: a value that came back is known by its stand-in: made with the act's seed, the field and the value, it is one
        that the act names. So exactly what was erased goes again, whatever stands in its field by then.
Rule 3: mails, notices and notes are looked through by the keyed hashes of the words, and so is what came in since the
        restoration: the acts were not there to take it out at the door. By these it is known from then on until its
        author has seen that the acts are there again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from server.clock import utc_now
from server.domain.erasure import Slot
from server.services.blobs import remove_erased
from server.services.erasing import Means
from server.services.erasing_ledger import Ledger, keep_acts, read_ledger
from server.services.erasing_plan import exchange, make_plan, write_acts
from server.services.journal import Deed, write_deed
from server.services.log_following import read_positions
from server.services.verdicts import expect_taken_in
from server.store import erased_marks, erasing
from server.store.database import reading, transact
from server.store.erased_marks import Mark
from server.store.workspace import Workspace, open_workspace
from sync.changeset import Change


def erase_again(means: Means) -> int:
    """Do the acts again that the database does not know, and keep those that only it knows; return how many were done.

    Then the bytes of erased files go, wherever they are left. Raises OSError, ValueError for a damaged file beside the
    database, Refused as transactions and the store of files do.
    """
    done = sum(_erase_again(means, organisation) for organisation in read_positions(means.engine))
    keep_acts(means.engine, means.folder)
    if done:
        erasing.sweep_log(means.engine)
    remove_erased(means.engine, means.files)
    return done


def _erase_again(means: Means, organisation: str) -> int:
    ledger = read_ledger(means.folder, organisation)
    with reading(means.engine) as connection:
        if ledger.acts.keys() <= erasing.list_acts(connection, organisation):
            return 0
    return transact(means.engine, lambda connection: _take_back(connection, means, organisation, ledger))


def _take_back(connection: Connection, means: Means, organisation: str, ledger: Ledger) -> int:
    store = open_workspace(connection, organisation)
    known = erasing.list_acts(connection, organisation)
    lost = {act: body for act, body in ledger.acts.items() if act not in known}
    if not lost:
        return 0
    secret, stand_ins = means.office.key.token_secret, {name for body in lost.values() for name in _stand_ins(body)}
    seeds = sorted({mark.seed for mark in ledger.marks})
    # What was told anew after an act that is still there is told.
    there = set(map(_known_by, erased_marks.read(connection, organisation)))
    marks = [mark for mark in ledger.marks if _known_by(mark) not in there]
    again, ids = erased_marks.Known(secret, marks), {mark.mark for mark in marks if mark.what == "record"}

    def choose(slot: Slot, value: Any) -> str | None:
        made = (erased_marks.make_stand_in(secret, seed, slot, value) for seed in seeds)
        known = next((stand_in for stand_in in made if stand_in in stand_ins), None)
        mark = again.find(_with_owners(store, slot.id) if ids else (), value) if known is None else None
        return erased_marks.make_stand_in(secret, mark.seed, slot, value) if mark is not None else known

    plan = make_plan(store, choose, most=None)
    exchange(store, plan)
    end = store.position
    for act, body in sorted(lost.items()):
        change = Change("erasure", act, "create", _as_known(body, end), {})
        expect_taken_in(means.office.write_in(store, store.office_person, "erasure.again", [change]))
    named = {opening["hash"] for body in lost.values() for opening in body.get("openings") or ()}
    plan.openings = [opening for opening in plan.openings if opening.hash not in named]
    for change in write_acts(plan, "restored", "", utc_now()):
        expect_taken_in(means.office.write_in(store, store.office_person, "erasure.again", [change]))
    erased_marks.keep(connection, organisation, (replace(mark, position=store.position) for mark in marks))
    erasing.blank_letters(connection, organisation, lambda said: again.find_word(said) is not None, ids)
    erasing.blank_notes(connection, organisation, lambda said: again.find_word(said) is not None)
    write_deed(connection, organisation, Deed(store.office_person, "erase", "erasures", str(len(lost)), "again"))
    store.flush()
    return len(lost)


def _known_by(mark: Mark) -> tuple[str, str, int, str]:
    """Return a mark without where its act stands, which a restoration moves."""
    return mark.what, mark.mark, mark.length, mark.seed


def _with_owners(store: Workspace, record_id: str) -> list[Any]:
    """Return a record and what it belongs to, as far as it says."""
    record = store.record(record_id)
    return [record_id, *(record.body.get(name) for name in erased_marks.REFERRING if record is not None)]


def _stand_ins(body: Mapping[str, Any]) -> Iterator[str]:
    for place in (*(body.get("openings") or ()), *(body.get("fields") or ())):
        yield place["stand_in"]


def _as_known(body: Mapping[str, Any], end: int) -> dict[str, Any]:
    """Return what an act says, without the fields, which may hold something else, and entries the log has lost."""
    openings = [
        {name: value for name, value in opening.items() if name != "position" or value <= end}
        for opening in body.get("openings") or ()
    ]
    return {**body, "openings": openings, "fields": []}
