"""Ten years of a large company's parts, made inside the database: facts, spans, machines, customers, batches, stock.

Each part was fitted five times and removed four or five times; a batch has 500 parts, which are in 400 machines today.
The rows are those that intake writes: `check` takes the facts of some parts in by `TraceStore` and compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Connection, Engine, Table, select, text

from server.domain.trace import Fact
from server.store import json_text
from server.store.bulk import upsert
from server.store.catalogue_tables import CatalogueTerm
from server.store.database import writing
from server.store.fact_book import FACT_COLUMNS
from server.store.review_tables import MachineSerial
from server.store.stock_tables import BatchRow
from server.store.stored_record import Record
from server.store.tables import PartSpan, RecordRow, StockBalance, TraceFact
from server.store.trace_store import TraceStore
from server.store.watermarks import keep_mark, read_mark

STINTS: Final = 5
PARTS_PER_BATCH: Final = 500
MACHINES_PER_BATCH: Final = 400
PARTS_PER_MACHINE: Final = 10
CUSTOMERS: Final = 5_000
STILL_IN: Final = 10
"""One part in so many was removed at last, the others are in."""
PARTS_AT_ONCE: Final = 50_000

_FILLED: Final = "a decade"
"""The watermark of an organisation that has everything."""

_FACTS: Table = TraceFact.__table__  # type: ignore[assignment]
_SPANS: Table = PartSpan.__table__  # type: ignore[assignment]
_MACHINES: Table = MachineSerial.__table__  # type: ignore[assignment]
_RECORDS: Table = RecordRow.__table__  # type: ignore[assignment]
_TERMS: Table = CatalogueTerm.__table__  # type: ignore[assignment]
_BATCHES: Table = BatchRow.__table__  # type: ignore[assignment]
_STOCK: Table = StockBalance.__table__  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is."""

    parts: int

    @property
    def batches(self) -> int:
        """Batches in all."""
        return max(1, self.parts // PARTS_PER_BATCH)

    @property
    def machines(self) -> int:
        """Machines in all, at least those of one batch."""
        return max(MACHINES_PER_BATCH, self.parts // PARTS_PER_MACHINE)

    @property
    def facts(self) -> int:
        """Facts of fitting and removing."""
        return self.parts * (2 * STINTS - 1) + -(-self.parts // STILL_IN)


def identity(kind: int, number: int) -> str:
    """Return the id of a thing: 1 a fact, 2 a machine, 3 an order, 4 a part of the catalogue, 5 a batch, 6 a place."""
    return f"0190{kind:04x}-0000-7000-8000-{number:012x}"


def machine_of(size: Size, part: int, stint: int) -> int:
    """Return the number of the machine in which a part was."""
    batch, place = part % size.batches, part // size.batches
    return (batch * MACHINES_PER_BATCH + place % MACHINES_PER_BATCH + stint * 131) % size.machines


def fill(engine: Engine, organisation: str, size: Size) -> None:
    """Write everything unless it is there; the indexes of the trace are made last, as one does with so many rows."""
    with writing(engine) as connection:
        # What a folder was filled with by an earlier release has none.
        upsert(
            connection, _BATCHES, [_spell_batch(organisation, number) for number in range(size.batches)], update=False
        )
        if read_mark(connection, organisation, _FILLED) is not None:
            return
        indexes = [index for table in (_FACTS, _SPANS) for index in table.indexes]
        for index in indexes:
            index.drop(connection, checkfirst=True)
    is_sqlite = engine.dialect.name == "sqlite"
    for statement in (_FITTED, _REMOVED, _SPELT):
        spelled = text(_spell(statement, is_sqlite))
        for first in range(0, size.parts, PARTS_AT_ONCE):
            last = min(size.parts, first + PARTS_AT_ONCE)
            with writing(engine) as connection:
                connection.execute(
                    spelled, {"o": organisation, "first": first * STINTS, "last": last * STINTS, **_figures(size)}
                )
    with writing(engine) as connection:
        for index in indexes:
            index.create(connection, checkfirst=True)
        _fill_records(connection, organisation, size)
        if not is_sqlite:
            # As autovacuum does; SQLite keeps no statistics.
            connection.exec_driver_sql("ANALYZE")
        keep_mark(connection, organisation, _FILLED, size.facts)


def check(connection: Connection, organisation: str, scratch: str, parts: Sequence[int]) -> int:
    """Take the facts of some parts in as intake does, under another organisation; return how many rows they made.

    Raises RuntimeError unless the rows are those that `fill` wrote.
    """
    serials = [f"SN-{part:08d}" for part in parts]
    columns = [_FACTS.c[name] for name in FACT_COLUMNS]
    where = (_FACTS.c.organisation == organisation, _FACTS.c.serial.in_(serials))
    facts = [Fact(*row) for row in connection.execute(select(*columns).where(*where).order_by(_FACTS.c.position))]
    made = _rows(connection, organisation, serials)
    parts_of = {row.fact: row.part for row in made}
    store = TraceStore(connection, scratch, lambda key: _record(key, parts_of), lambda _ids: None)
    for fact in facts:
        store.book.add(fact)
        store.flush()
        store = replace(store)
    taken_in = _rows(connection, scratch, serials)
    if [tuple(row)[1:] for row in taken_in] != [tuple(row)[1:] for row in made]:
        raise RuntimeError("the rows made in bulk are not those of intake")
    return len(made)


def _rows(connection: Connection, organisation: str, serials: Sequence[str]) -> list[Any]:
    where = (_SPANS.c.organisation == organisation, _SPANS.c.serial.in_(serials))
    return list(connection.execute(select(_SPANS).where(*where).order_by(_SPANS.c.fact, _SPANS.c.known_from)))


def _record(key: str, parts: dict[str, str]) -> Record | None:
    if key not in parts:
        return None
    record = Record.create(key, "part_fitted", 1, "")
    record.body["part_id"] = parts[key]
    return record


def _figures(size: Size) -> dict[str, int]:
    return {"batches": size.batches, "machines": size.machines, "width": MACHINES_PER_BATCH, "stints": STINTS}


def _fill_records(connection: Connection, organisation: str, size: Size) -> None:
    for start in range(0, size.machines, 10_000):
        numbers = range(start, min(start + 10_000, size.machines))
        upsert(connection, _RECORDS, [_spell_machine(organisation, number) for number in numbers])
        upsert(connection, _MACHINES, [_spell_serial(organisation, number) for number in numbers])
    customers = [_spell_customer(organisation, number) for number in range(CUSTOMERS)]
    upsert(connection, _RECORDS, customers)
    terms, stock, batches = [], [], []
    for number in range(size.batches):
        key = identity(5, number)
        body = {"number": f"B-{number}", "part_id": identity(4, number), "supplier_id": identity(4, 1)}
        batches.append((organisation, key, "batch", json_text.dump(body), "{}", 1, False))
        terms.append((organisation, key, f"@b-{number}", "batch"))
        stock += [(organisation, identity(6, van), identity(4, number), f"B-{number}", "", 3) for van in range(5)]
    upsert(connection, _RECORDS, batches)
    upsert(connection, _TERMS, terms)
    upsert(connection, _STOCK, stock)


def _spell_batch(organisation: str, number: int) -> tuple[Any, ...]:
    return (organisation, identity(5, number), identity(4, number), f"B-{number}", None, None, True)


def _spell_machine(organisation: str, number: int) -> tuple[Any, ...]:
    body = {
        "customer_id": identity(7, number % CUSTOMERS),
        "model_id": identity(4, 0),
        "serial": f"MC12-{number:07d}",
        "state": "running",
    }
    return (organisation, identity(2, number), "machine", json_text.dump(body), "{}", 1, False)


def _spell_serial(organisation: str, number: int) -> tuple[Any, ...]:
    owner = identity(7, number % CUSTOMERS)
    serial = f"MC12-{number:07d}"
    return (organisation, identity(2, number), serial.lower(), identity(4, 0), owner, None, serial, None, False)


def _spell_customer(organisation: str, number: int) -> tuple[Any, ...]:
    body = {
        "name": f"天津{number}号精密仪器有限公司",
        "phone": "022-12345678",
        "address": "天津市南开区科研西路" + "1" * 40,
    }
    return (organisation, identity(7, number), "customer", json_text.dump(body), "{}", 1, False)


def _spell(statement: str, is_sqlite: bool) -> str:
    """Return a statement in the words of a database, which does all the arithmetic."""
    numbers = _NUMBERS_SQLITE if is_sqlite else _NUMBERS_POSTGRESQL
    words = {name: _spell_id(kind, term, is_sqlite) for name, kind, term in _IDS}
    day = "(n % :stints) * 400 + (n / :stints) % 97"
    words |= {
        "numbers": numbers,
        "serial": "printf('SN-%08d', n / :stints)" if is_sqlite else "'SN-' || lpad((n / :stints)::text, 8, '0')",
        "folded": "printf('sn-%08d', n / :stints)" if is_sqlite else "'sn-' || lpad((n / :stints)::text, 8, '0')",
        "batch": "'B-' || (n / :stints % :batches)",
        "batch_folded": "'b-' || (n / :stints % :batches)",
        "fitted_at": _spell_day(day, is_sqlite),
        "removed_at": _spell_day(f"{day} + 300", is_sqlite),
        "is_removed": f"(n % :stints < :stints - 1 OR n / :stints / :batches % {STILL_IN} = 0)",
    }
    return statement.format(**words)


def _spell_id(kind: int, term: str, is_sqlite: bool) -> str:
    prefix = f"0190{kind:04x}-0000-7000-8000-"
    return f"printf('{prefix}%012x', {term})" if is_sqlite else f"'{prefix}' || lpad(to_hex({term}), 12, '0')"


def _spell_day(days: str, is_sqlite: bool) -> str:
    if is_sqlite:
        return f"strftime('%Y-%m-%dT08:00:00.000Z', '2019-01-01', '+' || ({days}) || ' days')"
    return f"to_char(DATE '2019-01-01' + CAST({days} AS int), 'YYYY-MM-DD\"T08:00:00.000Z\"')"


_NUMBERS_SQLITE: Final = (
    "(WITH RECURSIVE c(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM c WHERE n + 1 < :last) SELECT n FROM c)"
)
_NUMBERS_POSTGRESQL: Final = "(SELECT n FROM generate_series(CAST(:first AS bigint), :last - 1) AS g(n))"
_MACHINE: Final = (
    "((n / :stints % :batches) * :width + n / :stints / :batches % :width + n % :stints * 131) % :machines"
)
_IDS: Final = (
    ("fitted", 1, "2 * n"),
    ("removed", 1, "2 * n + 1"),
    ("machine", 2, _MACHINE),
    ("order", 3, "n"),
    ("part", 4, "n / :stints % :batches"),
)
_FITTED: Final = (
    "INSERT INTO trace_facts SELECT :o, {fitted}, 'fitted', '晟远', {serial}, {batch}, {machine}, {order}, {fitted_at},"
    " 2 * n + 1, NULL, NULL FROM {numbers} AS given WHERE true ON CONFLICT DO NOTHING"
)
_REMOVED: Final = (
    "INSERT INTO trace_facts SELECT :o, {removed}, 'removed', '晟远', {serial}, {batch}, {machine}, {order},"
    " {removed_at}, 2 * n + 2, NULL, NULL FROM {numbers} AS given WHERE {is_removed} ON CONFLICT DO NOTHING"
)
_SPELT: Final = (
    "INSERT INTO part_spans SELECT :o, {fitted}, 2 * n + 1, NULL, '晟远', {serial}, {folded}, {batch}, {batch_folded},"
    " {part}, NULL, NULL, 1, {machine}, {order}, {fitted_at}, CASE WHEN {is_removed} THEN {removed_at} END,"
    " CASE WHEN {is_removed} THEN {removed} END, CASE WHEN {is_removed} THEN {order} END,"
    " CASE WHEN {is_removed} THEN 2 * n + 2 END, NULL, 0 FROM {numbers} AS given"
    " WHERE true ON CONFLICT DO NOTHING"
)
