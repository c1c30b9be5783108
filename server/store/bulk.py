"""Reading and writing many rows in one statement, on SQLite and PostgreSQL alike.

SQLAlchemy builds its statements per row or per parameter; with thousands of rows in a transaction that
would cost more than the database does. SQLite takes lists as JSON, PostgreSQL as arrays.
Names in the statements come from the declaration of the tables, values are always bound.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, Literal

from sqlalchemy import Connection, Row, Table, TextClause, text

from server.store.binary_arrays import ARRAY_TYPES, Column, Texts, kind_of_column

OnConflict = Literal["replace", "keep", "fail"]


def select_among(
    connection: Connection, table: Table, columns: Sequence[str], by: str, organisation: str, values: Iterable[Any]
) -> Sequence[Row[Any]]:
    """Return the rows of an organisation whose column `by` is among `values`, in no particular order."""
    wanted = list(values)
    if not wanted:
        return []
    statement = _select_statement(connection.dialect.name, table, tuple(columns), by)
    return connection.execute(statement, {"organisation": organisation, "wanted": _spell(connection, wanted)}).all()


def fetch_among(
    connection: Connection, table: Table, columns: Sequence[str], by: str, organisation: str, values: Iterable[Any]
) -> list[tuple[Any, ...]]:
    """Return what `select_among` does, each row as a plain tuple: where there are hundreds, in half the time."""
    wanted = list(values)
    if not wanted:
        return []
    statement = _fetch_statement(connection.dialect.name, table, tuple(columns), by)
    return fetch(connection, statement, {"organisation": organisation, "wanted": json.dumps(wanted)})


def fetch(connection: Connection, statement: TextClause, values: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Return the rows of a statement as the driver gives them; SQLAlchemy's own cost as much as reading them does."""
    result = connection.execute(statement, values)
    try:
        return list(result.cursor.fetchall())
    finally:
        result.close()


def upsert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], update: bool = True) -> None:
    """Insert rows, each a tuple in the order of the table's columns.

    A row whose key exists replaces it, but for columns marked SETTLED, or is left out when `update` is false.
    """
    _insert(connection, table, rows, "replace" if update else "keep")


def insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows of which it is certain that no key exists; looking for them costs PostgreSQL an eighth of a row.

    Raises IntegrityError where one does.
    """
    _insert(connection, table, rows, "fail")


def _insert(connection: Connection, table: Table, rows: Sequence[tuple[Any, ...]], on_conflict: OnConflict) -> None:
    if not rows:
        return
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(_insert_statement("sqlite", table, on_conflict), list(rows))
        return
    spelled = _columns(table.columns, rows)
    first, *others = spelled
    # As a rule all are of one organisation, which then need not be spelled in every row.
    is_shared = type(first) is Texts and len(set(first.values)) == 1 and bool(others)
    statement = _insert_statement("postgresql", table, on_conflict, is_shared)
    connection.exec_driver_sql(statement, (first.values[0], *others) if is_shared else spelled)


def update_changed(
    connection: Connection, table: Table, changed: Sequence[tuple[tuple[Any, ...], tuple[Any, ...]]]
) -> None:
    """Replace rows that are stored, each given as it is there and as it is to be; their keys stay as they are."""
    if connection.dialect.name != "sqlite":
        # It compares values itself, and leaves indexes alone of which nothing changed.
        upsert(connection, table, [after for _, after in changed])
        return
    keys = _key_places(table)
    groups: dict[tuple[int, ...], list[tuple[Any, ...]]] = {}
    for before, after in changed:
        places = tuple(place for place, value in enumerate(after) if value != before[place])
        groups.setdefault(places, []).append(tuple(after[place] for place in (*places, *keys)))
    for places, rows in groups.items():
        connection.exec_driver_sql(_update_statement(table, places), rows)


def delete_keys(connection: Connection, table: Table, keys: Sequence[tuple[Any, ...]]) -> None:
    """Delete rows by their whole primary key, in the order of its columns."""
    if not keys:
        return
    statement = _delete_statement(connection.dialect.name, table)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(statement, list(keys))
    else:
        connection.exec_driver_sql(statement, _columns(table.primary_key, keys))


def _columns(declared: Iterable[Any], rows: Sequence[tuple[Any, ...]]) -> tuple[Column, ...]:
    given = zip(declared, zip(*rows, strict=True), strict=True)
    return tuple(kind_of_column(column.type)(values) for column, values in given)


def _spell(connection: Connection, values: list[Any]) -> Any:
    if connection.dialect.name == "sqlite":
        return json.dumps(values)
    return Texts(values) if all(type(value) is str for value in values) else values


@cache
def _select_statement(dialect: str, table: Table, columns: tuple[str, ...], by: str) -> TextClause:
    names = ", ".join(f't."{name}"' for name in columns)
    # Joined to the list, not filtered by it: PostgreSQL then looks each value up, however little it knows of the table.
    given = "json_each(:wanted) w" if dialect == "sqlite" else "unnest(CAST(:wanted AS text[])) AS w(value)"
    where = f't.organisation = :organisation AND t."{by}" = w.value'
    return text(f'SELECT {names} FROM {given} CROSS JOIN "{table.name}" t WHERE {where}')  # noqa: S608


@cache
def _fetch_statement(dialect: str, table: Table, columns: tuple[str, ...], by: str) -> TextClause:
    if dialect == "sqlite":
        return _select_statement(dialect, table, columns, by)
    names = ", ".join(f't."{name}"' for name in columns)
    # OFFSET keeps PostgreSQL from reading a whole table of some thousand rows for hundreds of them, which it takes to
    # be cheaper; and a list is spelled as JSON in a third of the time.
    given = "json_array_elements_text(CAST(:wanted AS json)) AS w(value)"
    where = f't.organisation = :organisation AND t."{by}" = w.value'
    found = f'SELECT {names} FROM "{table.name}" t WHERE {where} OFFSET 0'  # noqa: S608
    return text(f"SELECT f.* FROM {given} CROSS JOIN LATERAL ({found}) f")  # noqa: S608


@cache
def _insert_statement(dialect: str, table: Table, on_conflict: OnConflict, is_shared: bool = False) -> str:
    names = [column.name for column in table.columns]
    keys = ", ".join(f'"{column.name}"' for column in table.primary_key)
    listed = ", ".join(f'"{name}"' for name in names)
    if dialect == "sqlite":
        source = f"VALUES ({', '.join('?' for _ in names)})"
    else:
        # In binary form: spelling arrays as text costs more than the database takes to store them.
        given = list(table.columns)[int(is_shared) :]
        arrays = ", ".join(f"%b::{ARRAY_TYPES[kind_of_column(column.type)]}" for column in given)
        shared = "%s::text, " if is_shared else ""
        called = ", ".join(f'"{column.name}"' for column in given)
        source = f"SELECT {shared}given.* FROM unnest({arrays}) AS given({called})"  # noqa: S608
    changing = [column.name for column in table.columns if not column.primary_key and "settled" not in column.info]
    replaced = ", ".join(f'"{name}" = excluded."{name}"' for name in changing)
    action = {"replace": f"DO UPDATE SET {replaced}" if replaced else "DO NOTHING", "keep": "DO NOTHING"}
    conflict = f" ON CONFLICT ({keys}) {action[on_conflict]}" if on_conflict in action else ""
    return f'INSERT INTO "{table.name}" ({listed}) {source}{conflict}'


@cache
def _key_places(table: Table) -> tuple[int, ...]:
    return tuple(place for place, column in enumerate(table.columns) if column.primary_key)


@cache
def _update_statement(table: Table, places: tuple[int, ...]) -> str:
    names = [column.name for column in table.columns]
    assigned = ", ".join(f'"{names[place]}" = ?' for place in places)
    where = " AND ".join(f'"{names[place]}" = ?' for place in _key_places(table))
    return f'UPDATE "{table.name}" SET {assigned} WHERE {where}'  # noqa: S608


@cache
def _delete_statement(dialect: str, table: Table) -> str:
    keys = [f'"{column.name}"' for column in table.primary_key]
    if dialect == "sqlite":
        return f'DELETE FROM "{table.name}" WHERE {" AND ".join(f"{key} = ?" for key in keys)}'  # noqa: S608
    # One statement for all: sent one by one, a thousand deletions cost more than the thousand rows beside them.
    arrays = ", ".join(f"%b::{ARRAY_TYPES[kind_of_column(column.type)]}" for column in table.primary_key)
    joined = " AND ".join(f"t.{key} = given.{key}" for key in keys)
    return f'DELETE FROM "{table.name}" t USING unnest({arrays}) AS given({", ".join(keys)}) WHERE {joined}'  # noqa: S608
