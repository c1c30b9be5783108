"""Many rows in one statement: what is written is read back as it was, on either database."""

from __future__ import annotations

import pytest
from sqlalchemy import BigInteger, Boolean, Column, Connection, Engine, LargeBinary, MetaData, String, Table, text
from sqlalchemy.exc import IntegrityError

from server.store import bulk
from server.store.database import writing

TABLE = Table(
    "odd_values",
    MetaData(),
    Column("organisation", String(36), primary_key=True),
    Column("id", String(8), primary_key=True),
    Column("words", String),
    Column("number", BigInteger),
    Column("is_so", Boolean),
    Column("content", LargeBinary),
)
NAMES = tuple(column.name for column in TABLE.columns)
ROWS = [
    ("one", "a", "", 0, False, b""),
    ("one", "b", '引号" 和 {反斜杠\\}, NULL', 2**53 - 1, True, b"\x00\xff\n"),
    ("one", "c", None, None, None, None),
    ("two", "a", "长" * 5000, -(2**53), True, bytes(range(256)) * 40),
]


def read(connection: Connection, organisation: str, wanted: list[str]) -> list[tuple[object, ...]]:
    """Return the rows of an organisation with some ids, by id."""
    return sorted(map(tuple, bulk.select_among(connection, TABLE, NAMES, "id", organisation, wanted)), key=str)


def test_rows_are_read_back_replaced_and_deleted_as_they_were_written(engine: Engine) -> None:
    changed = ("one", "a", "x", None, True, b"y")
    with writing(engine) as connection:
        TABLE.create(connection)
        bulk.upsert(connection, TABLE, ROWS)
        written = read(connection, "one", ["a", "b", "c", "d"]) + read(connection, "two", ["a"])
        bulk.upsert(connection, TABLE, [(*ROWS[1][:2], *changed[2:])], update=False)
        bulk.upsert(connection, TABLE, [changed])
        bulk.delete_keys(connection, TABLE, [("one", "c"), ("two", "b")])
        left = read(connection, "one", ["a", "b", "c"])
        nothing = read(connection, "one", [])
        connection.execute(text("DROP TABLE odd_values"))

    assert written == ROWS
    assert left == [changed, ROWS[1]]
    assert nothing == []


def test_rows_that_must_be_new_are_written_as_they_are_and_never_replace_one(engine: Engine) -> None:
    with writing(engine) as connection:
        TABLE.create(connection)
        bulk.insert(connection, TABLE, ROWS)
        written = read(connection, "one", ["a", "b", "c"]) + read(connection, "two", ["a"])
    with pytest.raises(IntegrityError), writing(engine) as connection:
        bulk.insert(connection, TABLE, [("one", "d", None, None, None, None), ("one", "a", "x", 1, True, b"y")])
    with writing(engine) as connection:
        left = read(connection, "one", ["a", "b", "c", "d"])
        connection.execute(text("DROP TABLE odd_values"))

    assert written == ROWS
    assert left == ROWS[:3]
