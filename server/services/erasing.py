"""Erasing what is known of a person: from the log's openings, the records, what is held back, and what was sent out.

Rule 1: the act is a change-set like any other. It names openings by the hashes of their commitments, and the fields
        where a value stood; it holds nothing of the person. What stands in the records is changed by taking it in; the
        openings in the log are exchanged in the same transaction. Signatures, chains, receipts and proofs stay.
Rule 2: what is erased is what was shown: whoever acts on an older look is told so.
Rule 3: by keyed hashes of the words, and by the records' ids, what was erased is known again when it comes late.
Rule 4: a value in a payload itself, from before personal values were committed to, cannot be taken out; it is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas import kind_of
from schemas.erasure import FIELDS_MOST, OPENINGS_MOST
from schemas.problems import Refused
from server.clock import utc_now
from server.domain.catalogue import title_of
from server.domain.erasure import WORD_LEAST, Erasing, Slot, contains, note_of, replace_in, spell, values_at
from server.keys import draw_bytes, new_id
from server.services.journal import Deed, write_deed
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store import erased_marks, erasing, json_text, log, records, watermarks
from server.store.database import reading, transact
from server.store.erasing import Place
from server.store.workspace import Workspace, open_view, open_workspace
from sync import codec, openings
from sync.chain import Sealed
from sync.changeset import Change, ChangeSet

FOUND_MOST: Final = 20_000
"""Openings one act erases; who finds more says more precisely whom he means."""

FOLLOWER: Final = "erasures"

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose values: those that contain one of some words, and all of some records and of what belongs to them."""

    words: tuple[str, ...] = ()
    ids: tuple[str, ...] = ()


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
    openings: int
    letters: int
    plain: int
    """Values that were signed as they are and stay in the log."""
    mark: str


@dataclass(slots=True)
class _Opening:
    """An opening that goes."""

    place: Place
    hash: str
    stand_in: Any
    named: list[str]
    note: dict[str, str]


@dataclass(slots=True)
class _Plan:
    """All that an act does."""

    erasing: Erasing = field(default_factory=dict)
    openings: list[_Opening] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    seen: dict[tuple[str, str, str], list[Any]] = field(default_factory=dict)
    """(kind, id, field) -> values, how many openings"""
    plain: int = 0


def preview(engine: Engine, organisation: str, wanted: Wanted) -> Preview:
    """Return what would be erased. Raises Refused with `erasure_too_wide` or `erasure_empty`."""
    with reading(engine) as connection:
        store = open_view(connection, organisation)
        plan = _make_plan(store, wanted, lambda _slot, _value: "")
        letters = erasing.count_letters(connection, organisation, wanted.words, plan.ids)
        return _tell(store, plan, letters)


def erase(
    engine: Engine,
    office: Office,
    organisation: str,
    actor: str,
    wanted: Wanted,
    grounds: str,
    reference: str = "",
    seen: str | None = None,
) -> Preview:
    """Erase, and return what was erased.

    Raises Refused with `erasure_moved` when more or less would go than was `seen`, `erasure_empty`,
    `erasure_too_wide`, or what forbids the change.
    """

    def work(connection: Connection) -> Preview:
        store = open_workspace(connection, organisation)
        seed, secret = draw_bytes(16).hex(), office.key.token_secret
        plan = _make_plan(store, wanted, lambda slot, value: erased_marks.make_stand_in(secret, seed, slot, value))
        letters = erasing.count_letters(connection, organisation, wanted.words, plan.ids)
        told = _tell(store, plan, letters)
        if seen is not None and seen != told.mark:
            raise Refused("erasure_moved")
        _exchange(connection, organisation, plan.openings)
        # What was read of the log so far has the values.
        for change in _write_acts(plan, grounds, reference):
            expect_taken_in(office.write_in(store, actor, "erasure.act", [change]))
        marks = erased_marks.marks_of(secret, store.position, seed, wanted.words, plan.ids)
        erased_marks.keep(connection, organisation, marks)
        erasing.blank_letters(connection, organisation, wanted.words, plan.ids)
        erasing.blank_notes(connection, organisation, wanted.words)
        write_deed(connection, organisation, Deed(actor, "erase", "erasures", told.mark, reference))
        store.flush()
        return told

    told: Preview = transact(engine, work)
    erasing.sweep_log(engine)
    return told


def name_late(engine: Engine, office: Office, organisation: str) -> int:
    """Name in a further act what was taken out of sets that came after an erasure; return how many acts there were.

    So devices learn of it, and whoever checks the log finds an act for every opening that is gone.
    """
    with reading(engine) as connection:
        mark = watermarks.read_mark(connection, organisation, FOLLOWER) or 0
        end = watermarks.read_end(connection, organisation)
        late = list(erasing.list_erased(connection, organisation, mark, end)) if mark < end else []
        known = erasing.list_named(connection, organisation) if late else set()
    if mark >= end:
        return 0
    late = [found for found in late if found[1] not in known]
    if not late:
        transact(engine, lambda connection: watermarks.keep_mark(connection, organisation, FOLLOWER, end))
        return 0

    def work(connection: Connection) -> int:
        store = open_workspace(connection, organisation)
        unnamed = [_Opening(Place("log", at, ""), hash_, stand_in, [stand_in], {}) for at, hash_, stand_in in late]
        written = 0
        for change in _write_acts(_Plan(openings=unnamed), "late", ""):
            expect_taken_in(office.write_in(store, store.office_person, "erasure.late", [change]))
            written += 1
        watermarks.keep_mark(connection, organisation, FOLLOWER, end)
        store.flush()
        return written

    return transact(engine, work)


@dataclass(frozen=True, slots=True)
class Act:
    """What was erased once: when, by whom, on what grounds, under which file number, and how many values."""

    id: str
    at: str
    by: str
    grounds: str
    reference: str
    openings: int
    position: int


def list_acts(connection: Connection, organisation: str) -> list[Act]:
    """Return what was erased, the newest first."""
    acts = []
    for record_id, body in list(records.bodies_of_kind(connection, organisation, "erasure")):
        position = records.position_of(connection, organisation, record_id)
        entry = log.find_at(connection, organisation, position)
        actor = codec.decode_again(Sealed(bytes(entry.sealed)).payload, json_text.load).actor if entry else ""
        known = records.body_of(connection, organisation, actor)
        by, count = str(known[1].get("name") or "") if known else "", len(body.get("openings") or ())
        said = (body["grounds"], body.get("reference") or "")
        acts.append(Act(record_id, body["erased_at"], by, *said, count, position))
    return sorted(acts, key=lambda act: act.position, reverse=True)


def _make_plan(store: Workspace, wanted: Wanted, name: Any) -> _Plan:
    words = tuple(word for said in wanted.words if len(word := said.strip()) >= WORD_LEAST)
    if not words and not wanted.ids:
        raise Refused("erasure_empty")
    plan = _Plan()
    for root in wanted.ids:
        plan.ids |= erasing.list_belonging(store.connection, store.organisation, root)

    def is_wanted(slot: Slot, value: Any) -> bool:
        return slot.id in plan.ids or bool(words and contains(value, words))

    for place, line in erasing.list_lines(store.connection, store.organisation):
        for change, _side, field_name, value, _digest in _values_of(line):
            for slot, one in values_at(change.kind, change.id, field_name, value, _subject(store, change)):
                if is_wanted(slot, one):
                    plan.erasing.setdefault((slot, spell(one)), name(slot, one))
        plan.plain += sum(_count_plain(line, is_wanted)) if place.table == "log" else 0
    for place, line in erasing.list_lines(store.connection, store.organisation):
        _plan_line(store, plan, place, line)
        if len(plan.openings) > FOUND_MOST:
            raise Refused("erasure_too_wide", limit=FOUND_MOST)
    _plan_records(store, plan)
    if not plan.openings and not plan.fields:
        raise Refused("erasure_empty")
    return plan


def _values_of(line: bytes) -> Iterator[tuple[Change, str, str, Any, str]]:
    """Yield the values of a line that can be erased: change, side, field, the value as its field holds it, and hash."""
    sealed = Sealed(line)
    opened = openings.openings_of(sealed, json_text.load)
    signed: ChangeSet = codec.decode_again(sealed.payload, json_text.load)
    for change, side, name, item, digest in openings.commitments(signed):
        opening = opened.get(digest)
        if opening is not None and not openings.is_erased(opening):
            yield change, side, name, opening[1] if item is None else [opening[1]], digest


def _plan_line(store: Workspace, plan: _Plan, place: Place, line: bytes) -> None:
    whole: ChangeSet | None = None
    for change, side, name, value, digest in _values_of(line):
        swapped, paths = replace_in(change.kind, change.id, name, value, _subject(store, change), plan.erasing)
        if not paths:
            continue
        note: dict[str, str] = {}
        if side == "set":
            whole = whole or openings.read_again(Sealed(line), json_text.load).changeset
            said = next(known for known in whole.changes if known.id == change.id and name in known.set)
            note = note_of(said, name)
        is_item = isinstance(value, list) and change.kind != "conflict"
        stand_in = swapped[0] if is_item else swapped
        plan.openings.append(_Opening(place, digest, stand_in, sorted({named for _, named in paths}), note))
        values = plan.seen.setdefault((change.kind, change.id, name), [{}, 0])
        values[0][spell(value[0] if is_item else value)] = None
        values[1] += 1


def _plan_records(store: Workspace, plan: _Plan) -> None:
    ids = {slot.id for slot, _ in plan.erasing}
    ids |= erasing.list_conflicts(store.connection, store.organisation, ids)
    store.load_records(ids)
    for record_id in sorted(ids):
        record = store.records.get(record_id)
        kind = kind_of(record.kind) if record is not None else None
        if record is None or kind is None:
            continue
        for name in sorted(kind.personal & record.body.keys()):
            value, body = record.body[name], record.body
            _, paths = replace_in(record.kind, record.id, name, value, body, plan.erasing)
            for path, stand_in in paths:
                plan.fields.append({"id": record.id, "path": path, "stand_in": stand_in})
            if paths:
                plan.seen.setdefault((record.kind, record.id, name), [{}, 0]).append(True)


def _subject(store: Workspace, change: Change) -> Body:
    if change.kind != "conflict":
        return {}
    record = store.record(change.id)
    return record.body if record is not None else {}


def _count_plain(line: bytes, is_wanted: Any) -> Iterator[int]:
    """Yield one for each wanted value that is signed as it is."""
    signed: ChangeSet = codec.decode_again(Sealed(line).payload, json_text.load)
    for change in signed.changes:
        kind = kind_of(change.kind)
        for values in (change.set, change.was) if kind is not None and change.kind != "conflict" else ():
            for name in kind.personal & values.keys():  # type: ignore[union-attr]
                if isinstance(values[name], str) and is_wanted(Slot(change.id, name), values[name]):
                    yield 1


def _exchange(connection: Connection, organisation: str, gone: Sequence[_Opening]) -> None:
    by_place: dict[Place, dict[str, Any]] = {}
    for one in gone:
        by_place.setdefault(one.place, {})[one.hash] = {"erased": one.stand_in, **one.note}
    for place, stand_ins in by_place.items():
        erasing.exchange(connection, organisation, place, stand_ins)


def _write_acts(plan: _Plan, grounds: str, reference: str) -> Iterator[Change]:
    """Yield the creations that say what was erased; there is one at least for each OPENINGS_MOST of openings."""
    named = []
    for one in plan.openings:
        at = {"position": one.place.position} if one.place.table == "log" else {}
        named += [{"hash": one.hash, "stand_in": stand_in, **at} for stand_in in one.named]
    left, fields = iter(named), iter(plan.fields)
    while True:
        some, places = list(islice(left, OPENINGS_MOST)), list(islice(fields, FIELDS_MOST))
        if not some and not places:
            return
        values = {"grounds": grounds, "openings": some, "fields": places, "erased_at": utc_now()}
        if reference:
            values["reference"] = reference
        yield Change("erasure", new_id(), "create", values, {})


def _tell(store: Workspace, plan: _Plan, letters: int) -> Preview:
    found = []
    for (kind, record_id, name), (values, count, *stands) in sorted(plan.seen.items()):
        record = store.record(record_id)
        title = title_of(kind, record.body) if record is not None else ""
        shown = tuple(str(json_text.load(value)) for value in values)
        found.append(Found(kind, record_id, title, name, shown, count, bool(stands)))
    said: Iterable[str] = (f"{one.hash} {one.place}" for one in plan.openings)
    places = (f"{one['id']} {one['path']}" for one in plan.fields)
    mark = hashlib.sha256("\n".join(sorted([*said, *places])).encode()).hexdigest()[:16]
    return Preview(found, len(plan.openings), letters, plan.plain, mark)
