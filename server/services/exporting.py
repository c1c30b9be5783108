"""Master data as a spreadsheet, such as `importing` takes back without changing anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Engine

from schemas import KINDS
from schemas.problems import Refused
from server.domain.catalogue import ENTRIES, spell_facet, wanted_words
from server.domain.columns import Column, columns_of, spell_cell
from server.services import spreadsheets
from server.services.naming import name_targets
from server.store import catalogue, records
from server.store.database import reading

ROWS_AT_ONCE: Final = 1000


def export(
    engine: Engine,
    organisation: str,
    kind: str,
    form: str,
    language: str,
    query: str = "",
    facets: Mapping[str, str] | None = None,
    is_empty: bool = False,
) -> bytes:
    """Return the records of a kind that a search leaves as ``csv`` or ``xlsx``, by name; headers alone when `is_empty`.

    Raises Refused with `not_found`, or `table_too_large` for a workbook of more rows than one is read of.
    """
    if kind not in ENTRIES or form not in spreadsheets.TYPES:
        raise Refused("not_found", what=f"{kind}.{form}")
    columns = columns_of(kind)
    headers = [column.header(language) for column in columns]
    with reading(engine) as connection:
        ids = [] if is_empty else _list_ids(connection, organisation, kind, query, facets or {})
        if form == "csv":
            rows = _spell_rows(connection, organisation, kind, columns, ids, language)
            return b"".join(spreadsheets.write_csv(headers, rows))
        if len(ids) > spreadsheets.ROWS_MAX:
            raise Refused("table_too_large", limit=f"{spreadsheets.ROWS_MAX} (CSV: more)")
        rows = _spell_rows(connection, organisation, kind, columns, ids, language)
        label = KINDS[kind].schema.label[0 if language.startswith("zh") else 1]
        return spreadsheets.write_xlsx(label, headers, rows)


def _list_ids(connection: Connection, organisation: str, kind: str, query: str, facets: Mapping[str, str]) -> list[str]:
    words, terms = wanted_words(query), [spell_facet(name, value) for name, value in facets.items()]
    if words or terms:
        return [key for _, key in catalogue.search(connection, organisation, kind, words, terms)]
    return [key for _, key in catalogue.list_ids(connection, organisation, kind, None, 10**9)]


def _spell_rows(
    connection: Connection, organisation: str, kind: str, columns: list[Column], ids: list[str], language: str
) -> Iterator[list[str]]:
    left = iter(ids)
    while some := list(islice(left, ROWS_AT_ONCE)):
        bodies = records.bodies_of(connection, organisation, some)
        names = name_targets(connection, organisation, kind, [body for _, body in bodies.values()])
        for record_id in some:
            if record_id in bodies:
                yield spell_row(columns, record_id, bodies[record_id][1], language, names)


def spell_row(
    columns: list[Column], record_id: str, body: Mapping[str, Any], language: str, names: Mapping[str, str]
) -> list[str]:
    """Return the cells of a record."""
    return [
        spell_cell(column.asked, body.get(column.name), language, lambda key: names.get(key, key))
        if column.asked
        else record_id
        for column in columns
    ]
