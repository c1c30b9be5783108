"""Reading master data: lists, searches, one record with what it refers to and what refers to it, its history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from schemas import KINDS
from schemas.problems import Fault, Refused
from server.domain.catalogue import ENTRIES, referring, spell_facet, spell_name, title_of, wanted_words
from server.domain.forms import Input, describe, input_of, reference_places
from server.store import catalogue, log, records
from server.store.logged_sets import read_logged
from sync import receipt

PAGE_ROWS: Final = 100
"""Two screens of a list."""

SUGGESTED: Final = 12
"""More are not looked through: another letter is typed."""

REFERRING_SHOWN: Final = 5
HISTORY_SHOWN: Final = 50

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """A record in a list."""

    id: str
    kind: str
    title: str
    body: Body


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a list. `titles` names what the rows refer to; `after` asks for the next page, None on the last."""

    rows: list[Row]
    titles: dict[str, str]
    after: str | None
    count: int
    is_cut: bool
    """Whether there may be more than the count: a search looks at so many and no more."""


@dataclass(frozen=True, slots=True)
class Referring:
    """Records of one kind that refer to a record by one field: how many, and the first of them."""

    kind: str
    field: str
    count: int
    rows: list[Row]


@dataclass(frozen=True, slots=True)
class Standing:
    """A record as it stands, with the log position of its last change."""

    row: Row
    position: int
    titles: dict[str, str]
    referring: list[Referring]


@dataclass(frozen=True, slots=True)
class Step:
    """What one entry of the log did to a record."""

    position: int
    at: str
    actor: str
    device: str
    intent: str
    op: str
    moves: list[tuple[str, Any, Any]]
    """Field, what its author saw, what he wrote."""
    contested: tuple[str, ...]
    titles: dict[str, str]


def list_records(
    connection: Connection,
    organisation: str,
    kind: str,
    query: str = "",
    facets: Mapping[str, str] | None = None,
    after: str | None = None,
    limit: int = PAGE_ROWS,
) -> Listing:
    """Return a page of the records of a kind that a search and the given values of fields leave, by name.

    Raises Refused with `not_found` for a kind that is no master data, `value_invalid` for an unreadable `after`.
    """
    _expect_kind(kind)
    behind = _read_after(after)
    terms = [spell_facet(name, value) for name, value in (facets or {}).items()]
    words = wanted_words(query)
    if query.strip() and not words:
        return Listing([], {}, None, 0, False)
    if words or terms:
        found = catalogue.search(connection, organisation, kind, words, terms)
        count, is_cut = len(found), len(found) == catalogue.FOUND_MAX
        found = [pair for pair in found if behind is None or pair > behind]
    else:
        count, is_cut = catalogue.count_kind(connection, organisation, kind), False
        found = catalogue.list_ids(connection, organisation, kind, behind, limit + 1)
    more, found = len(found) > limit, found[:limit]
    rows = read_rows(connection, organisation, [record_id for _, record_id in found])
    titles = name_referred(connection, organisation, [(row.kind, row.body) for row in rows])
    return Listing(rows, titles, f"{found[-1][1]} {found[-1][0]}" if more else None, count, is_cut)


def read_record(connection: Connection, organisation: str, kind: str, record_id: str) -> Standing:
    """Return a record with what refers to it. Raises Refused with `not_found`."""
    _expect_kind(kind)
    found = records.body_of(connection, organisation, record_id)
    if found is None or found[0] != kind:
        raise Refused("not_found", what=f"{kind} {record_id}")
    row = Row(record_id, kind, title_of(kind, found[1]), found[1])
    near = [_list_referring(connection, organisation, other.name, name, record_id) for other, name in referring(kind)]
    near = [found for found in near if found.count]
    around = [(kind, row.body), *((inner.kind, inner.body) for group in near for inner in group.rows)]
    titles = name_referred(connection, organisation, around)
    return Standing(row, records.position_of(connection, organisation, record_id), titles, near)


def suggest(connection: Connection, organisation: str, kind: str, query: str) -> list[Row]:
    """Return the first records of a kind that a few typed letters may mean."""
    return list_records(connection, organisation, kind, query, limit=SUGGESTED).rows


def find_called(connection: Connection, organisation: str, kind: str, texts: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids of the records that each text names: by id, or by all that a record is called."""
    texts = set(texts)
    by_id = records.bodies_of(connection, organisation, texts)
    by_name = catalogue.find_by_terms(connection, organisation, kind, {spell_name(text) for text in texts})
    return {text: [text] if by_id.get(text, ("",))[0] == kind else by_name.get(spell_name(text), []) for text in texts}


def resolve_references(
    connection: Connection, organisation: str, inputs: Iterable[Input], typed: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, Fault], dict[str, str]]:
    """Return a form with ids where it names records, the faults of names by place, and what the records are called.

    A text that names none, or several, stays as it was typed.
    """
    read, faults = dict(typed), dict[str, Fault]()
    places = [(place, asked) for place, asked in reference_places(inputs, typed) if typed[place].strip()]
    for kind in {str(asked.refers_to) for _place, asked in places}:
        texts = {typed[place].strip() for place, asked in places if asked.refers_to == kind}
        found = find_called(connection, organisation, kind, texts)
        for place, asked in places:
            if asked.refers_to != kind:
                continue
            text = typed[place].strip()
            ids = found.get(text, [])
            if len(ids) == 1:
                read[place] = ids[0]
            else:
                code, facts = ("name_ambiguous", {"count": len(ids)}) if ids else ("name_unknown", {"kind": kind})
                faults[place] = Fault(code, {"text": text[:80], **facts})
    around = records.bodies_of(connection, organisation, {read[place] for place, _asked in places})
    return read, faults, {key: title_of(*body) for key, body in around.items()}


def name_referred(connection: Connection, organisation: str, bodies: Iterable[tuple[str, Body]]) -> dict[str, str]:
    """Return what the records are called that some others refer to, by id."""
    wanted = {target for kind, body in bodies for target in _targets(kind, body)}
    around = records.bodies_of(connection, organisation, wanted)
    return {record_id: title_of(*found) for record_id, found in around.items()}


def read_rows(connection: Connection, organisation: str, ids: list[str]) -> list[Row]:
    """Return records in the order of their ids as given."""
    bodies = records.bodies_of(connection, organisation, ids)
    return [Row(key, bodies[key][0], title_of(*bodies[key]), bodies[key][1]) for key in ids if key in bodies]


def read_history(connection: Connection, organisation: str, record_id: str) -> list[Step]:
    """Return what was done to a record by whom, newest first."""
    positions = catalogue.list_positions(connection, organisation, record_id, HISTORY_SHOWN)
    return [step for position in positions for step in _read_steps(connection, organisation, record_id, position)]


def _read_steps(connection: Connection, organisation: str, record_id: str, position: int) -> Iterable[Step]:
    entry = log.find_at(connection, organisation, position)
    assert entry is not None, "the trail names entries of the log"
    changeset = read_logged(entry.sealed)
    answer = receipt.load(entry.receipt)
    people = records.bodies_of(connection, organisation, (changeset.actor, changeset.device))
    names = [people.get(who, ("", {}))[1].get("name") or "" for who in (changeset.actor, changeset.device)]
    for change, verdict in zip(changeset.changes, answer.changes, strict=True):
        if change.id == record_id:
            moves = [(name, change.was.get(name), value) for name, value in change.set.items()]
            bodies = [(change.kind, dict(change.was)), (change.kind, dict(change.set))]
            titles = name_referred(connection, organisation, bodies)
            frame = (position, entry.received_at, *names, changeset.intent, change.op)
            yield Step(*frame, moves, verdict.contested, titles)


def _list_referring(connection: Connection, organisation: str, kind: str, field: str, record_id: str) -> Referring:
    facet = spell_facet(field, record_id)
    count = catalogue.count_facet(connection, organisation, kind, facet)
    if not count:
        return Referring(kind, field, 0, [])
    found = catalogue.search(connection, organisation, kind, [], [facet])[:REFERRING_SHOWN]
    return Referring(kind, field, count, read_rows(connection, organisation, [key for _, key in found]))


def _targets(kind: str, body: Body) -> Iterable[str]:
    if kind not in KINDS:
        return
    for asked in describe(kind):
        value = body.get(asked.name)
        if asked.refers_to and value:
            yield from value if isinstance(value, list) else [value]


def _expect_kind(kind: str) -> None:
    if kind not in ENTRIES:
        raise Refused("not_found", what=kind)


def _read_after(after: str | None) -> tuple[str, str] | None:
    if after is None:
        return None
    record_id, separator, name = after.partition(" ")
    if not separator:
        raise Refused("value_invalid", field="after", detail="not the 'after' of a page")
    return name, record_id


def name_field(kind: str, name: str) -> tuple[str, str]:
    """Return what a field is called in Chinese and English; its own name where this release does not know it."""
    return input_of(kind, name).labels if name in KINDS[kind].fields else (name, name)


def tell_fault(kind: str, fault: Fault, language: str) -> str:
    """Return a fault's sentence with the field called as people call it."""
    name = str(fault.facts.get("field", ""))
    side = 0 if language.startswith("zh") else 1
    facts = dict(fault.facts)
    if name in KINDS[kind].fields:
        facts["field"] = name_field(kind, name)[side]
    if fault.facts.get("kind") in KINDS:
        facts["kind"] = KINDS[fault.facts["kind"]].schema.label[side]
    return Fault(fault.code, facts).sentence(language)
