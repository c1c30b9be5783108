"""What an act of erasing does: which openings, fields and files go, and the changes that say so.

Rule 1: in every line that is kept, each value that is chosen goes, with every equal value of the same field and record.
Rule 2: what a record holds goes where it is equal to what went from a line.
Rule 3: a value in a payload itself, from before personal values were committed to, cannot be taken out; it is counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

from schemas import kind_of
from schemas.erasure import FIELDS_MOST, FILES_MOST, OPENINGS_MOST
from schemas.problems import Refused
from server.domain.erasure import Erasing, Slot, note_of, replace_in, spell, values_at
from server.keys import new_id
from server.services.erasing_files import FoundFile
from server.store import erasing, json_text
from server.store.erasing import Place
from server.store.workspace import Workspace
from sync import codec, openings
from sync.chain import Sealed
from sync.changeset import Change, ChangeSet

FOUND_MOST: Final = 20_000
"""Openings one act erases; who finds more says more precisely whom he means."""

Body = dict[str, Any]

Choose = Callable[[Slot, Any], str | None]
"""slot, value -> what is to stand for it; None where it stays"""


@dataclass(slots=True)
class Opening:
    """An opening that goes."""

    place: Place
    hash: str
    stand_in: Any
    named: list[str]
    note: dict[str, str]


@dataclass(slots=True)
class Seen:
    """Values of one field of a record that go: as they are spelled, in how many openings, and whether one stands."""

    values: dict[str, None] = field(default_factory=dict)
    openings: int = 0
    stands: bool = False


@dataclass(slots=True)
class Plan:
    """All that an act does."""

    erasing: Erasing = field(default_factory=dict)
    openings: list[Opening] = field(default_factory=list)
    fields: list[dict[str, str]] = field(default_factory=list)
    files: list[FoundFile] = field(default_factory=list)
    photos_left: int = 0
    ids: set[str] = field(default_factory=set)
    seen: dict[tuple[str, str, str], Seen] = field(default_factory=dict)
    """(kind, id, field) -> what is seen of it"""
    plain: int = 0

    @property
    def hashes(self) -> list[str]:
        """The files that go, each once."""
        return sorted({file.sha256 for file in self.files if not file.keeper})

    @property
    def is_empty(self) -> bool:
        """Whether nothing goes."""
        return not (self.openings or self.fields or self.hashes)


def make_plan(store: Workspace, choose: Choose, plan: Plan | None = None, most: int | None = FOUND_MOST) -> Plan:
    """Return which values go. Raises Refused with `erasure_too_wide` when these are more than `most` openings."""
    plan = plan or Plan()
    for place, line in erasing.list_lines(store.connection, store.organisation):
        for change, _side, field_name, value, _digest in _values_of(line):
            for slot, one in values_at(change.kind, change.id, field_name, value, _subject(store, change)):
                key = slot, spell(one)
                if key not in plan.erasing and (stand_in := choose(slot, one)) is not None:
                    plan.erasing[key] = stand_in
        plan.plain += sum(_count_plain(line, choose)) if place.table == "log" else 0
    for place, line in erasing.list_lines(store.connection, store.organisation):
        _plan_line(store, plan, place, line)
        if most is not None and len(plan.openings) > most:
            raise Refused("erasure_too_wide", limit=most)
    _plan_records(store, plan)
    return plan


def exchange(store: Workspace, plan: Plan) -> None:
    """Exchange the openings that go. What was read of the log before has the values."""
    by_place: dict[Place, dict[str, Any]] = {}
    for one in plan.openings:
        by_place.setdefault(one.place, {})[one.hash] = {"erased": one.stand_in, **one.note}
    for place, stand_ins in by_place.items():
        erasing.exchange(store.connection, store.organisation, place, stand_ins)


def write_acts(plan: Plan, grounds: str, reference: str, erased_at: str) -> Iterator[Change]:
    """Yield the creations that say what was erased, as many as it takes."""
    named = []
    for one in plan.openings:
        at = {"position": one.place.position} if one.place.table == "log" else {}
        named += [{"hash": one.hash, "stand_in": stand_in, **at} for stand_in in one.named]
    left, fields, files = iter(named), iter(plan.fields), iter(plan.hashes)
    while True:
        some, places = list(islice(left, OPENINGS_MOST)), list(islice(fields, FIELDS_MOST))
        hashes = list(islice(files, FILES_MOST))
        if not (some or places or hashes):
            return
        values = {"grounds": grounds, "openings": some, "fields": places, "erased_at": erased_at}
        # What is not said is left out: older devices know neither.
        values |= {"files": hashes} if hashes else {}
        values |= {"reference": reference} if reference else {}
        yield Change("erasure", new_id(), "create", values, {})


def _values_of(line: bytes) -> Iterator[tuple[Change, str, str, Any, str]]:
    """Yield the values of a line that can be erased: change, side, field, the value as its field holds it, and hash."""
    sealed = Sealed(line)
    opened = openings.openings_of(sealed, json_text.load)
    signed: ChangeSet = codec.decode_again(sealed.payload, json_text.load)
    for change, side, name, item, digest in openings.commitments(signed):
        opening = opened.get(digest)
        if opening is not None and not openings.is_erased(opening):
            yield change, side, name, opening[1] if item is None else [opening[1]], digest


def _plan_line(store: Workspace, plan: Plan, place: Place, line: bytes) -> None:
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
        plan.openings.append(Opening(place, digest, stand_in, sorted({named for _, named in paths}), note))
        seen = plan.seen.setdefault((change.kind, change.id, name), Seen())
        seen.values[spell(value[0] if is_item else value)] = None
        seen.openings += 1


def _plan_records(store: Workspace, plan: Plan) -> None:
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
                plan.seen.setdefault((record.kind, record.id, name), Seen()).stands = True


def _subject(store: Workspace, change: Change) -> Body:
    if change.kind != "conflict":
        return {}
    record = store.record(change.id)
    return record.body if record is not None else {}


def _count_plain(line: bytes, choose: Choose) -> Iterator[int]:
    """Yield one for each chosen value that is signed as it is."""
    signed: ChangeSet = codec.decode_again(Sealed(line).payload, json_text.load)
    for change in signed.changes:
        kind = kind_of(change.kind)
        for values in (change.set, change.was) if kind is not None and change.kind != "conflict" else ():
            for name in kind.personal & values.keys():  # type: ignore[union-attr]
                if isinstance(values[name], str) and choose(Slot(change.id, name), values[name]) is not None:
                    yield 1
