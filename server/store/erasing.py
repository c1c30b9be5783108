"""The rows in which erasing finds values and exchanges them: log, sets held back or kept aside, letters."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, TextClause, delete, select, text, update

from schemas.problems import Refused
from server.store import json_text
from server.store.bulk import select_among
from server.store.catalogue_tables import Import
from server.store.database import glimpsing
from server.store.request_tables import OutboxRow, RequestRow
from server.store.tables import (
    BoardRow,
    HeldSet,
    JournalEntry,
    KeptAside,
    Link,
    LogEntry,
    RecordRow,
    ReviewRow,
    SavedView,
)
from sync import openings
from sync.chain import TAB, Sealed

ENTRIES_AT_ONCE: Final = 500

_LOG: Table = LogEntry.__table__  # type: ignore[assignment]
_HELD: Table = HeldSet.__table__  # type: ignore[assignment]
_ASIDE: Table = KeptAside.__table__  # type: ignore[assignment]
_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]
_LETTERS: Table = OutboxRow.__table__  # type: ignore[assignment]
_LINKS: Table = Link.__table__  # type: ignore[assignment]
_BOARD: Table = BoardRow.__table__  # type: ignore[assignment]
_REQUESTS: Table = RequestRow.__table__  # type: ignore[assignment]
_REVIEWS: Table = ReviewRow.__table__  # type: ignore[assignment]

_MARK: Final = b'{"erased":"'
_FILE: Final = b'_sha256":"'


def _select_with(mark: bytes) -> dict[str, TextClause]:
    """Return, by dialect, the statement for the entries of a part of the log in which some bytes occur."""
    select_entries = (
        "SELECT position, sealed FROM log WHERE organisation = :o AND position > :mark AND position <= :end"
    )
    has = {
        "sqlite": f"instr(sealed, X'{mark.hex()}') > 0",
        "postgresql": f"position(decode('{mark.hex()}', 'hex') in sealed) > 0",
    }
    return {dialect: text(f"{select_entries} AND {condition} ORDER BY position") for dialect, condition in has.items()}


_ERASED: Final = _select_with(_MARK)
_NAMING_FILES: Final = _select_with(_FILE)
_JOURNAL: Table = JournalEntry.__table__  # type: ignore[assignment]
_VIEWS: Table = SavedView.__table__  # type: ignore[assignment]
_IMPORTS: Table = Import.__table__  # type: ignore[assignment]

Telling = Callable[[str], bool]
"""Whether a text tells of whom is erased"""

_OF_CUSTOMERS: Final = ("site", "work_order", "request")

_IN_LINE: Final = {"log": _LOG, "held": _HELD, "kept_aside": _ASIDE}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a line is: in the log at a position, held for a device under a number, or aside under its digest."""

    table: str
    position: int
    name: str


def list_lines(connection: Connection, organisation: str) -> Iterator[tuple[Place, bytes]]:
    """Yield every line that is kept, with its place; those of the log in their order."""
    position = 0
    where = _LOG.c.organisation == organisation
    statement = select(_LOG.c.position, _LOG.c.sealed).where(where).order_by(_LOG.c.position).limit(ENTRIES_AT_ONCE)
    while rows := connection.execute(statement.where(_LOG.c.position > position)).all():
        position = rows[-1].position
        yield from ((Place("log", row.position, ""), bytes(row.sealed)) for row in rows)
    for row in connection.execute(select(_HELD).where(_HELD.c.organisation == organisation)).all():
        yield Place("held", row.seq, row.device), bytes(row.sealed)
    for row in connection.execute(select(_ASIDE).where(_ASIDE.c.organisation == organisation)).all():
        if _is_readable(bytes(row.sealed)):
            yield Place("kept_aside", 0, row.digest), bytes(row.sealed)


def _is_readable(line: bytes) -> bool:
    """Tell whether bytes that were kept aside are a set with openings that fit."""
    try:
        openings.unseal(Sealed(line), json_text.read_canonical, json_text.spell)
    except (Refused, UnicodeDecodeError):
        return False
    return True


def exchange(connection: Connection, organisation: str, place: Place, stand_ins: Mapping[str, Any]) -> None:
    """Put stand-ins in the place of some openings of a line."""
    table = _IN_LINE[place.table]
    where = [table.c.organisation == organisation]
    if place.table == "log":
        where.append(table.c.position == place.position)
    elif place.table == "held":
        where += [table.c.device == place.name, table.c.seq == place.position]
    else:
        where.append(table.c.digest == place.name)
    line = bytes(connection.execute(select(table.c.sealed).where(*where)).scalar_one())
    sealed = openings.replace_openings(Sealed(line), stand_ins)
    connection.execute(update(table).where(*where).values(sealed=sealed.line))


def list_erased(connection: Connection, organisation: str, mark: int, end: int) -> Iterator[tuple[int, str, str]]:
    """Yield position, hash and stand-in of the texts that are gone from the entries behind a position of the log."""
    for row in connection.execute(_ERASED[connection.dialect.name], {"o": organisation, "mark": mark, "end": end}):
        line = bytes(row.sealed)
        if _MARK in line.partition(TAB)[2]:
            for digest, opening in openings.openings_of(Sealed(line), json_text.load).items():
                if openings.is_erased(opening) and openings.is_stand_in(opening["erased"]):
                    yield row.position, digest, opening["erased"]


def list_naming_files(connection: Connection, organisation: str, mark: int, end: int) -> Iterator[bytes]:
    """Yield the entries behind a position of the log, up to another, that name a file."""
    of = {"o": organisation, "mark": mark, "end": end}
    yield from (bytes(row.sealed) for row in connection.execute(_NAMING_FILES[connection.dialect.name], of))


def list_acts(connection: Connection, organisation: str) -> set[str]:
    """Return the ids of the acts that are in the log."""
    where = (_RECORDS.c.organisation == organisation, _RECORDS.c.kind == "erasure")
    return set(connection.execute(select(_RECORDS.c.id).where(*where)).scalars())


def list_named(connection: Connection, organisation: str) -> set[str]:
    """Return the hashes that some act names."""
    where = (_RECORDS.c.organisation == organisation, _RECORDS.c.kind == "erasure")
    bodies = (json_text.load(body) for body in connection.execute(select(_RECORDS.c.body).where(*where)).scalars())
    return {named["hash"] for body in bodies for named in body.get("openings") or ()}


def list_conflicts(connection: Connection, organisation: str, subjects: Iterable[str]) -> set[str]:
    """Return the conflicts about some records, open or settled."""
    rows = select_among(connection, _REVIEWS, ("id", "kind"), "subject", organisation, subjects)
    return {row.id for row in rows if row.kind == "conflict"}


def list_belonging(connection: Connection, organisation: str, record_id: str) -> set[str]:
    """Return the ids of a record and of what belongs to it.

    To a customer belong his sites, orders and requests; to an order or request what follows it. What was deleted is on
    no board and follows nothing, and its values are kept all the same.
    """
    found, deleted = {record_id}, _list_deleted(connection, organisation)
    for table in (_BOARD, _REQUESTS):
        where = (table.c.organisation == organisation, table.c.customer == record_id)
        found.update(connection.execute(select(table.c.id).where(*where)).scalars())
    sites = (_RECORDS.c.organisation == organisation, _RECORDS.c.kind == "site")
    for row in connection.execute(select(_RECORDS.c.id, _RECORDS.c.body).where(*sites)):
        if json_text.load(row.body).get("customer_id") == record_id:
            found.add(row.id)
    found.update(it for it, kind, body in deleted if kind in _OF_CUSTOMERS and body.get("customer_id") == record_id)
    where = (_REQUESTS.c.organisation == organisation, _REQUESTS.c.order == record_id)
    found.update(connection.execute(select(_REQUESTS.c.id).where(*where)).scalars())
    followers = select_among(connection, _LINKS, ("parent", "id"), "parent", organisation, sorted(found))
    roots = {row.id for row in connection.execute(select(_BOARD.c.id).where(_BOARD.c.organisation == organisation))}
    # What follows a machine is somebody else's too; another order is told of only when it is the customer's.
    found |= {row.id for row in followers if row.id not in roots or row.id in found}
    found |= {it for it, kind, body in deleted if kind not in _OF_CUSTOMERS and _follows(body, found)}
    return found


def _list_deleted(connection: Connection, organisation: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """Return id, kind and values of the records that were deleted."""
    where = (_RECORDS.c.organisation == organisation, _RECORDS.c.deleted)
    rows = connection.execute(select(_RECORDS.c.id, _RECORDS.c.kind, _RECORDS.c.body).where(*where))
    return [(row.id, row.kind, json_text.load(row.body)) for row in rows]


def _follows(body: Mapping[str, Any], found: set[str]) -> bool:
    return any(body.get(name) in found for name in ("order_id", "request_id"))


def is_known(connection: Connection, organisation: str, record_id: str) -> bool:
    """Tell whether there is, or was, a record."""
    where = (_RECORDS.c.organisation == organisation, _RECORDS.c.id == record_id)
    return connection.execute(select(_RECORDS.c.id).where(*where)).first() is not None


def count_letters(connection: Connection, organisation: str, tells: Telling, ids: Iterable[str]) -> int:
    """Return how many mails and notices, sent or waiting, tell of it."""
    return len(list(_find_letters(connection, organisation, tells, set(ids))))


def blank_letters(connection: Connection, organisation: str, tells: Telling, ids: Iterable[str]) -> None:
    """Empty mails and notices that tell of it; what still waits does not go out."""
    for letter, state in list(_find_letters(connection, organisation, tells, set(ids))):
        values = {"recipient": "", "subject": "", "content": ""}
        if state not in ("sent", "failed"):
            values |= {"state": "failed", "problem": "erased"}
        where = (_LETTERS.c.organisation == organisation, _LETTERS.c.id == letter)
        connection.execute(update(_LETTERS).where(*where).values(**values))


def blank_notes(connection: Connection, organisation: str, tells: Telling) -> None:
    """Empty what the journal says was searched for, and drop saved lists and spreadsheets that tell of it."""
    for table, column in ((_JOURNAL, _JOURNAL.c.detail), (_VIEWS, _VIEWS.c.query), (_IMPORTS, _IMPORTS.c.cells)):
        for row in list(connection.execute(select(table).where(table.c.organisation == organisation))):
            said = row._mapping[column]
            said = zlib.decompress(said).decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            if said and tells(said):
                where = [key == row._mapping[key] for key in table.primary_key.columns]
                if table is _JOURNAL:
                    connection.execute(update(table).where(*where).values(detail=""))
                else:
                    connection.execute(delete(table).where(*where))


def _find_letters(
    connection: Connection, organisation: str, tells: Telling, ids: set[str]
) -> Iterator[tuple[str, str]]:
    for row in connection.execute(select(_LETTERS).where(_LETTERS.c.organisation == organisation)):
        said = f"{row.recipient}\n{row.subject}\n{row.content}"
        if row.content and (row.thread in ids or tells(said)):
            yield row.id, row.state


def sweep_log(engine: Engine) -> None:
    """Write what was exchanged into the database's file, and empty SQLite's write-ahead log."""
    if engine.dialect.name == "sqlite":
        with glimpsing(engine) as connection:
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))


def sweep(engine: Engine) -> None:
    """Write the database anew, so that no file of it holds what was deleted or exchanged before."""
    with glimpsing(engine) as connection:
        if engine.dialect.name == "sqlite":
            connection.execute(text("VACUUM"))
            connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))
        else:
            connection.execute(text("VACUUM FULL"))
