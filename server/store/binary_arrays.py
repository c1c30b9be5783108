"""A column of values as PostgreSQL takes an array in binary form, spelled in a tenth of the driver's time.

Source: PostgreSQL, `array_recv`: dimensions, whether there are nulls, type of the elements, their number, the first
index; then each element with its length before it, or a length of -1.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from psycopg import adapters, postgres
from psycopg.adapt import Dumper
from psycopg.pq import Format
from sqlalchemy import BigInteger, Boolean, LargeBinary

_HEAD: Final = struct.Struct("!iiIii")
_EMPTY: Final = struct.Struct("!iiI")
_LENGTH: Final = struct.Struct("!i").pack
_NULL: Final = _LENGTH(-1)
_SHORT: Final = tuple(_LENGTH(length) for length in range(4096))
"""The lengths of most texts, spelled."""

_BOOLEANS: Final = {False: _LENGTH(1) + b"\0", True: _LENGTH(1) + b"\1", None: _NULL}
_BIGINT: Final = struct.Struct("!iq").pack


@dataclass(frozen=True, slots=True)
class Column:
    """The values of a column."""

    values: Sequence[Any]


class Bigints(Column):
    """Whole numbers."""


class Booleans(Column):
    """Truths."""


class Contents(Column):
    """Bytes."""


class Texts(Column):
    """Texts, without a NUL."""


def kind_of_column(column_type: Any) -> type[Column]:
    """Return what a declared column's values are."""
    if isinstance(column_type, BigInteger):
        return Bigints
    if isinstance(column_type, Boolean):
        return Booleans
    return Contents if isinstance(column_type, LargeBinary) else Texts


def _spell_bytes(values: Sequence[bytes | None]) -> bytes:
    return b"".join([_NULL if value is None else _LENGTH(len(value)) + value for value in values])


def _spell_texts(values: Sequence[str | None]) -> bytes:
    spelled: list[bytes] = []
    for value in values:
        if value is None:
            spelled.append(_NULL)
        else:
            text = value.encode()
            length = len(text)
            spelled.append(_SHORT[length] if length < len(_SHORT) else _LENGTH(length))
            spelled.append(text)
    return b"".join(spelled)


def _spell_bigints(values: Sequence[int | None]) -> bytes:
    return b"".join([_NULL if value is None else _BIGINT(8, value) for value in values])


def _spell_booleans(values: Sequence[bool | None]) -> bytes:
    return b"".join([_BOOLEANS[value] for value in values])


def _register(kind: type[Column], name: str, spell: Callable[[Sequence[Any]], bytes]) -> str:
    """Let the driver spell columns of a kind so; return what the type of the array is called."""
    known = postgres.types[name]

    class ColumnDumper(Dumper):
        """Hands a column to the driver."""

        format = Format.BINARY
        oid = known.array_oid

        def dump(self, obj: Column) -> bytes:
            """Return the array."""
            if not obj.values:
                return _EMPTY.pack(0, 0, known.oid)
            has_null = int(None in obj.values)
            return _HEAD.pack(1, has_null, known.oid, len(obj.values), 1) + spell(obj.values)

    adapters.register_dumper(kind, ColumnDumper)
    return f"{known.regtype}[]"


ARRAY_TYPES: Final[dict[type[Column], str]] = {
    Bigints: _register(Bigints, "int8", _spell_bigints),
    Booleans: _register(Booleans, "bool", _spell_booleans),
    Contents: _register(Contents, "bytea", _spell_bytes),
    Texts: _register(Texts, "text", _spell_texts),
}
