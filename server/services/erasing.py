"""Erasing what is known of a person: from the log's openings, the records, files, what is held back, what was sent out.

Rule 1: the act is a change-set like any other. It names openings by the hashes of their commitments, the fields where
        a value stood, and files by their hashes; it holds nothing of the person. What stands in the records is changed
        by taking it in; the openings in the log are exchanged in the same transaction. Signatures, chains, receipts
        and proofs stay.
Rule 2: what is erased is what was shown: whoever acts on an older look is told so.
Rule 3: by keyed hashes of the words, and by the records' ids, what was erased is known again when it comes late.
Rule 4: bytes of files go when the act is committed, and again whenever they come back (services/blobs.py).
Rule 5: what an act did is kept beside the database too, so that a backup does not undo it (services/erasing_again.py).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas.base import UUID_PATTERN
from schemas.problems import Refused
from server.clock import utc_now
from server.domain.catalogue import title_of
from server.domain.erasure import WORD_LEAST, Slot, Wanted, contains
from server.event_log import EVENTS
from server.keys import draw_bytes
from server.services import erasing_files, erasing_ledger
from server.services.blobs import remove_erased
from server.services.erasing_files import FoundFile
from server.services.erasing_plan import Choose, Plan, exchange, make_plan, write_acts
from server.services.journal import Deed, write_deed
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store import board, erased_marks, erasing, json_text, log, records, requests
from server.store.blob_files import BlobFiles
from server.store.database import reading, transact
from server.store.workspace import Workspace, open_view, open_workspace
from sync import codec
from sync.chain import Sealed

_UUID: Final = re.compile(UUID_PATTERN).match


@dataclass(frozen=True, slots=True)
class Means:
    """What an act is done with: database, office, files, and the folder where it is kept beside the database."""

    engine: Engine
    office: Office
    files: BlobFiles
    folder: Path


@dataclass(frozen=True, slots=True)
class Found:
    """Values of one field of a record that would be erased, and how often the log, and what waits, has them."""

    kind: str
    id: str
    title: str
    field: str
    values: tuple[str, ...]
    openings: int
    stands: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """What an erasure would take away. `mark` tells whether it is still what somebody saw."""

    found: list[Found]
    files: list[FoundFile]
    photos_left: int
    """Photos of these records, which stay because nobody asked for them."""
    openings: int
    letters: int
    plain: int
    """Values that were signed as they are and stay in the log."""
    mark: str
    waits_for_files: bool = False
    """Whether the store of files was away: their bytes go as soon as it answers."""

    @property
    def going(self) -> int:
        """How many files go."""
        return len({file.sha256 for file in self.files if not file.keeper})


def preview(engine: Engine, organisation: str, wanted: Wanted) -> Preview:
    """Return what would be erased.

    Raises Refused with `erasure_too_wide`, `erasure_empty`, `erasure_word_short`, or `not_found` for a record.
    """
    with reading(engine) as connection:
        store = open_view(connection, organisation)
        wanted = _resolve(connection, organisation, wanted)
        plan = _plan(store, wanted, lambda _slot, _value: "")
        letters = erasing.count_letters(connection, organisation, _telling(wanted), plan.ids)
        return _tell(store, plan, letters)


def erase(
    means: Means,
    organisation: str,
    actor: str,
    wanted: Wanted,
    grounds: str,
    reference: str = "",
    seen: str | None = None,
) -> Preview:
    """Erase, and return what was erased.

    Raises Refused with `erasure_moved` when more or less would go than was `seen`, as `preview` does, or with what
    forbids the change.
    """

    def work(connection: Connection) -> Preview:
        store = open_workspace(connection, organisation)
        asked = _resolve(connection, organisation, wanted)
        seed, secret = draw_bytes(16).hex(), means.office.key.token_secret
        plan = _plan(store, asked, lambda slot, value: erased_marks.make_stand_in(secret, seed, slot, value))
        letters = erasing.count_letters(connection, organisation, _telling(asked), plan.ids)
        told = _tell(store, plan, letters)
        if seen is not None and seen != told.mark:
            raise Refused("erasure_moved")
        exchange(store, plan)
        for change in write_acts(plan, grounds, reference, utc_now()):
            expect_taken_in(means.office.write_in(store, actor, "erasure.act", [change]))
        at = store.position
        marks = erased_marks.marks_of(secret, at, seed, asked.words, plan.ids, photos=asked.photos)
        erased_marks.keep(connection, organisation, marks)
        erasing.blank_letters(connection, organisation, _telling(asked), plan.ids)
        erasing.blank_notes(connection, organisation, _telling(asked))
        write_deed(connection, organisation, Deed(actor, "erase", "erasures", told.mark, reference))
        store.flush()
        return told

    told: Preview = transact(means.engine, work)
    erasing.sweep_log(means.engine)
    erasing_ledger.keep_acts(means.engine, means.folder)
    try:
        remove_erased(means.engine, means.files)
    except Refused as refused:
        # The act is done, and the files are handed out to nobody; the next round deletes their bytes.
        EVENTS.warning("files_not_erased", extra={"facts": {"why": refused.code}})
        return replace(told, waits_for_files=True)
    return told


@dataclass(frozen=True, slots=True)
class Act:
    """What was erased once: when, by whom, on what grounds, under which file number; how many values and files."""

    id: str
    at: str
    by: str
    grounds: str
    reference: str
    openings: int
    files: int
    position: int


def list_acts(connection: Connection, organisation: str) -> list[Act]:
    """Return what was erased, the newest first."""
    acts = []
    for record_id, body in list(records.bodies_of_kind(connection, organisation, "erasure")):
        position = records.position_of(connection, organisation, record_id)
        entry = log.find_at(connection, organisation, position)
        actor = codec.decode_again(Sealed(bytes(entry.sealed)).payload, json_text.load).actor if entry else ""
        known = records.body_of(connection, organisation, actor)
        by = str(known[1].get("name") or "") if known else ""
        said = (body["grounds"], body.get("reference") or "")
        counts = (len(body.get("openings") or ()), len(body.get("files") or ()))
        acts.append(Act(record_id, body["erased_at"], by, *said, *counts, position))
    return sorted(acts, key=lambda act: act.position, reverse=True)


def _resolve(connection: Connection, organisation: str, wanted: Wanted) -> Wanted:
    """Return what is wanted with ids in the place of numbers. Raises as `preview` does."""
    words = tuple(filter(None, (word.strip() for word in wanted.words)))
    named = tuple(filter(None, (called.strip() for called in wanted.ids)))
    if not words and not named:
        raise Refused("erasure_empty")
    if any(len(word) < WORD_LEAST for word in words):
        raise Refused("erasure_word_short", least=WORD_LEAST)
    ids = []
    for called in named:
        number = called.upper()
        found = board.find_by_number(connection, organisation, number)
        found = found or requests.find_by_number(connection, organisation, number) or called.lower()
        if not _is_record(connection, organisation, found):
            raise Refused("not_found", what=called[:40])
        ids.append(found)
    return Wanted(words, tuple(ids), wanted.photos)


def _is_record(connection: Connection, organisation: str, record_id: str) -> bool:
    """Tell whether there is, or was, such a record."""
    return _UUID(record_id) is not None and erasing.is_known(connection, organisation, record_id)


def _telling(wanted: Wanted) -> erasing.Telling:
    return lambda said: contains(said, wanted.words)


def _plan(store: Workspace, wanted: Wanted, name: Choose) -> Plan:
    plan = Plan()
    for root in wanted.ids:
        plan.ids |= erasing.list_belonging(store.connection, store.organisation, root)

    def choose(slot: Slot, value: Any) -> str | None:
        return name(slot, value) if slot.id in plan.ids or contains(value, wanted.words) else None

    make_plan(store, choose, plan)
    slots = {(slot.id, slot.field) for slot, _ in plan.erasing}
    found = erasing_files.find_files(store.connection, store.organisation, wanted, plan.ids, slots)
    plan.files, plan.photos_left = found
    if plan.is_empty:
        raise Refused("erasure_empty")
    return plan


def _tell(store: Workspace, plan: Plan, letters: int) -> Preview:
    found = []
    for (kind, record_id, name), seen in sorted(plan.seen.items()):
        record = store.record(record_id)
        title = title_of(kind, record.body) if record is not None else ""
        shown = tuple(str(json_text.load(value)) for value in seen.values)
        found.append(Found(kind, record_id, title, name, shown, seen.openings, seen.stands))
    said: Iterable[str] = (f"{one.hash} {one.place}" for one in plan.openings)
    places = (f"{one['id']} {one['path']}" for one in plan.fields)
    mark = hashlib.sha256("\n".join(sorted([*said, *places, *plan.hashes])).encode()).hexdigest()[:16]
    return Preview(found, plan.files, plan.photos_left, len(plan.openings), letters, plan.plain, mark)
