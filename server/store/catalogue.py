"""Master data as lists and searches read it: by name, by words, by values and by natural keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Table, select, text, tuple_

from server.domain.catalogue import ENTRIES, fold, keys_of, spell_key, terms_of, title_of
from server.store import records
from server.store.bulk import delete_keys, fetch, select_among, upsert
from server.store.catalogue_tables import CatalogueRow, CatalogueTerm, CatalogueTrail
from server.store.stored_record import Record

_ROWS: Table = CatalogueRow.__table__  # type: ignore[assignment]
_TERMS: Table = CatalogueTerm.__table__  # type: ignore[assignment]
_TRAIL: Table = CatalogueTrail.__table__  # type: ignore[assignment]

FOUND_MAX: Final = 2000
"""Records that a search looks at; who finds more types another letter."""

AFTER_ALL: Final = "\U0010ffff"
"""Sorts behind every text that begins alike."""


def write(connection: Connection, organisation: str, changed: Iterable[Record]) -> None:
    """Bring the catalogue up to date with the records that a transaction changed."""
    known = [record for record in changed if record.kind in ENTRIES]
    if not known:
        return
    standing: dict[str, set[str]] = {record.id: set() for record in known}
    for row in select_among(connection, _TERMS, ("id", "term"), "id", organisation, list(standing)):
        standing[row.id].add(row.term)
    rows, fresh, gone, deleted = [], [], [], []
    for record in known:
        wanted = set() if record.deleted else terms_of(record.kind, record.body)
        fresh += [(organisation, record.id, term, record.kind) for term in wanted - standing[record.id]]
        gone += [(organisation, record.id, term) for term in standing[record.id] - wanted]
        if record.deleted:
            deleted.append((organisation, record.id))
        else:
            rows.append((organisation, record.id, record.kind, fold(title_of(record.kind, record.body))[:80]))
    upsert(connection, _ROWS, rows)
    upsert(connection, _TERMS, fresh)
    delete_keys(connection, _TERMS, gone)
    delete_keys(connection, _ROWS, deleted)


def write_trail(connection: Connection, organisation: str, steps: Iterable[tuple[str, int]]) -> None:
    """Remember which log positions changed which records."""
    upsert(connection, _TRAIL, [(organisation, *step) for step in steps], update=False)


def list_ids(
    connection: Connection, organisation: str, kind: str, after: tuple[str, str] | None, limit: int
) -> list[tuple[str, str]]:
    """Return up to `limit` pairs of name and id of a kind, in the order of names, beginning behind the pair `after`."""
    statement = select(_ROWS.c.sorted_as, _ROWS.c.id).where(_ROWS.c.organisation == organisation, _ROWS.c.kind == kind)
    if after is not None:
        statement = statement.where(tuple_(_ROWS.c.sorted_as, _ROWS.c.id) > tuple_(*after))
    rows = connection.execute(statement.order_by(_ROWS.c.sorted_as, _ROWS.c.id).limit(limit))
    return [(row.sorted_as, row.id) for row in rows]


def count_kind(connection: Connection, organisation: str, kind: str) -> int:
    """Return how many records of a kind there are."""
    statement = text("SELECT count(*) FROM catalogue WHERE organisation = :o AND kind = :k")
    return int(connection.execute(statement, {"o": organisation, "k": kind}).scalar_one())


def search(
    connection: Connection, organisation: str, kind: str, words: Sequence[str], facets: Sequence[str]
) -> list[tuple[str, str]]:
    """Return name and id of up to FOUND_MAX records that have every facet and a beginning of each word, by name.

    The rarest term is looked for, the others are looked up in what it finds.
    """
    ranges = [(facet, facet + "\x01") for facet in facets] + [(word, word + AFTER_ALL) for word in words]
    if not ranges:
        return list_ids(connection, organisation, kind, None, FOUND_MAX)
    ranked = sorted(ranges, key=lambda between: _count(connection, organisation, kind, between))
    facts: dict[str, Any] = {"o": organisation, "k": kind, "most": FOUND_MAX, "a0": ranked[0][0], "b0": ranked[0][1]}
    others = []
    for number, (low, high) in enumerate(ranked[1:], start=1):
        others.append(
            " AND EXISTS (SELECT 1 FROM catalogue_terms o WHERE o.organisation = :o AND o.id = t.id"  # noqa: S608
            f" AND o.term >= :a{number} AND o.term < :b{number})"
        )
        facts |= {f"a{number}": low, f"b{number}": high}
    # Names of parameters alone are put together here.
    statement = text(
        "SELECT c.sorted_as, c.id FROM (SELECT DISTINCT t.id FROM catalogue_terms t WHERE t.organisation = :o"  # noqa: S608
        f" AND t.kind = :k AND t.term >= :a0 AND t.term < :b0{''.join(others)} LIMIT :most) f"
        " JOIN catalogue c ON c.organisation = :o AND c.id = f.id ORDER BY c.sorted_as, c.id"
    )
    return [(row.sorted_as, row.id) for row in connection.execute(statement, facts)]


def find_by_terms(connection: Connection, organisation: str, kind: str, terms: Iterable[str]) -> dict[str, list[str]]:
    """Return the ids of the records of a kind that have each of some exact terms, by term."""
    found: dict[str, list[str]] = {}
    for term, record in _select_terms(connection, organisation, kind, terms):
        found.setdefault(term, []).append(record)
    return {term: sorted(ids) for term, ids in found.items()}


def find_matching(
    connection: Connection, organisation: str, kind: str, bodies: Sequence[Mapping[str, Any]]
) -> list[list[str]]:
    """Return for each body the ids of the records that its natural key names, one unless the key is ambiguous.

    A body without a natural key names none.
    """
    entry = ENTRIES[kind]
    keys = [next(keys_of(entry, body), None) for body in bodies]
    found = find_by_terms(connection, organisation, kind, {spell_key(*key) for key in keys if key})
    several = {key for ids in found.values() if len(ids) > 1 for key in ids}
    standing = records.bodies_of(connection, organisation, several) if several else {}

    def choose(key: tuple[int, tuple[str, ...]] | None) -> list[str]:
        ids = found.get(spell_key(*key), []) if key else []
        if key is None or len(ids) < 2:
            return ids
        alike = [one for one in ids if key in keys_of(entry, standing[one][1])]
        return alike if len(alike) == 1 else ids

    return [choose(key) for key in keys]


def count_facet(connection: Connection, organisation: str, kind: str, facet: str) -> int:
    """Return how many records of a kind have a facet, FOUND_MAX at most."""
    return _count(connection, organisation, kind, (facet, facet + "\x01"))


def list_positions(connection: Connection, organisation: str, record_id: str, limit: int) -> list[int]:
    """Return the newest log positions that changed a record, newest first."""
    statement = (
        select(_TRAIL.c.position)
        .where(_TRAIL.c.organisation == organisation, _TRAIL.c.id == record_id)
        .order_by(_TRAIL.c.position.desc())
        .limit(limit)
    )
    return list(connection.execute(statement).scalars())


_COUNT: Final = text(
    "SELECT count(*) FROM (SELECT 1 FROM catalogue_terms WHERE organisation = :o AND kind = :k"
    " AND term >= :low AND term < :high LIMIT :most) f"
)


def _count(connection: Connection, organisation: str, kind: str, between: tuple[str, str]) -> int:
    facts = {"o": organisation, "k": kind, "low": between[0], "high": between[1], "most": FOUND_MAX}
    return int(connection.execute(_COUNT, facts).scalar_one())


_AMONG: Final = {
    "sqlite": text(
        "SELECT t.term, t.id FROM json_each(:terms) w CROSS JOIN catalogue_terms t"
        " WHERE t.organisation = :o AND t.kind = :k AND t.term = w.value"
    ),
    "postgresql": text(
        "SELECT t.term, t.id FROM unnest(CAST(:terms AS text[])) AS w(value) CROSS JOIN catalogue_terms t"
        ' WHERE t.organisation = :o AND t.kind = :k AND t.term = w.value COLLATE "C"'
    ),
}


def _select_terms(connection: Connection, organisation: str, kind: str, terms: Iterable[str]) -> list[tuple[str, str]]:
    """Return the records of a kind that have each of some terms, as (term, id)."""
    wanted, dialect = sorted(set(terms)), connection.dialect.name
    given = {"o": organisation, "k": kind, "terms": json.dumps(wanted) if dialect == "sqlite" else wanted}
    return [(term, record) for term, record in fetch(connection, _AMONG[dialect], given)] if wanted else []
