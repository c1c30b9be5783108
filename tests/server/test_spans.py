"""The table of spans: whatever way facts come in, it is what the pure rules say, today and as known at any time."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, delete, event

from server.domain.trace import Fact, Span, comparable, fold, spans
from server.domain.trace_versions import versions
from server.keys import new_id
from server.store.database import writing
from server.store.span_rows import Page, SpanRow, find_spans, note_all_doubles
from server.store.tables import DoubleSpan, PartSpan, TraceFact
from server.store.trace_store import TraceStore
from tests.server.domain.fact_stories import stories

SHORT = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def take_in(connection: Connection, organisation: str, facts: Iterable[Fact], shares: list[bool]) -> None:
    """Write facts as intake does, in commits that end where `shares` says so, never amid one entry of the log."""
    store = TraceStore(connection, organisation, lambda _id: None, lambda _ids: None)
    for position, told in groupby(sorted(facts, key=lambda fact: fact.position), key=lambda fact: fact.position):
        group = list(told)
        store.book.load_serials(fact.serial for fact in group if fact.serial is not None)
        for fact in group:
            store.book.add(fact)
        if shares[position % len(shares)]:
            store.flush()
            store = TraceStore(connection, organisation, lambda _id: None, lambda _ids: None)
    store.flush()


def clear(connection: Connection, organisation: str) -> None:
    for model in (DoubleSpan, PartSpan, TraceFact):
        table: Any = model.__table__
        connection.execute(delete(table).where(table.c.organisation == organisation))


def doubles(connection: Connection, organisation: str) -> set[str]:
    table: Any = DoubleSpan.__table__
    return {row.fact for row in connection.execute(table.select().where(table.c.organisation == organisation))}


def spell(row: SpanRow, facts: dict[str, Fact]) -> tuple[Any, ...]:
    """Return what a row and a span of the pure rules must agree about."""
    known = facts[row.fact]
    assert (row.serial, row.batch, row.maker, row.machine) == (known.serial, known.batch, known.maker, known.machine)
    return (row.fact, row.begins_at, row.ends_at, row.removal, row.withdrawn, row.again, row.elsewhere)


def spell_span(span: Span) -> tuple[Any, ...]:
    begins, ends = (comparable(at) if at else None for at in (span.begins_at, span.ends_at))
    removal = span.removed.id if span.removed else None
    withdrawn = span.withdrawn.id if span.withdrawn else None
    return (span.fact.id, begins, ends, removal, withdrawn, len(span.again), span.elsewhere)


@SHORT
@given(told=stories(in_order=True), shares=st.lists(st.booleans(), min_size=1, max_size=5))
def test_the_table_is_what_the_rules_say_however_facts_are_shared_out(
    engine: Engine, told: list[Fact], shares: list[bool]
) -> None:
    organisation = new_id()
    facts = {fact.id: fact for fact in told}
    with writing(engine) as connection:
        take_in(connection, organisation, told, shares)
        table: Any = PartSpan.__table__
        rows = list(connection.execute(table.select().where(table.c.organisation == organisation)))
        machines = {fact.machine for fact in told}
        known = {
            position: find_spans(connection, organisation, "machine", machines, position)
            for position in range(max(fact.position for fact in told) + 2)
        }
        today = find_spans(connection, organisation, "machine", machines)
        noted = doubles(connection, organisation)
        connection.execute(delete(DoubleSpan))
        note_all_doubles(connection)
        noted_again = doubles(connection, organisation)
        clear(connection, organisation)

    assert noted == noted_again
    assert noted == {span.fact.id for position in known for span in spans(told, position) if span.elsewhere}
    assert {(row.fact, row.known_from, row.known_until, row.removal_known) for row in rows} == {
        (version.span.fact.id, version.known_from, version.known_until, version.removal_known)
        for version in versions(told)
    }
    for position, found in known.items():
        assert [spell(row, facts) for row in found] == sorted(map(spell_span, spans(told, position)))
    assert [spell(row, facts) for row in today] == sorted(map(spell_span, spans(told)))


@SHORT
@given(told=stories(in_order=True), position=st.integers(0, 9))
def test_every_way_to_look_finds_the_same_spans(engine: Engine, told: list[Fact], position: int) -> None:
    organisation = new_id()
    facts = {fact.id: fact for fact in told}
    with writing(engine) as connection:
        take_in(connection, organisation, told, [True])
        found = {
            (by, value, known_at, only_in): find_spans(connection, organisation, by, [value], known_at, only_in=only_in)
            for known_at in (position, None)
            for only_in in (True, False)
            for fact in told
            for by, value in (("serial_folded", fact.serial), ("batch_folded", fact.batch), ("machine", fact.machine))
            if value is not None
            for value in [value if by == "machine" else fold(value)]
        }
        clear(connection, organisation)

    for (by, value, known_at, only_in), rows in found.items():
        name = by.removesuffix("_folded")
        wanted = [
            span
            for span in spans(told, known_at)
            if not (only_in and (span.removed or span.withdrawn))
            and (number := getattr(span.fact, name)) is not None
            and value == (number if by == "machine" else fold(number))
        ]
        assert [spell(row, facts) for row in rows] == sorted(map(spell_span, wanted))


@pytest.mark.parametrize("known_at", [None, 7])
def test_what_of_a_batch_is_in_machines_is_read_from_the_index_alone(engine: Engine, known_at: int | None) -> None:
    asked: list[tuple[str, Any]] = []

    def listen(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    with writing(engine) as connection:
        event.listen(connection, "before_cursor_execute", listen)
        find_spans(connection, new_id(), "batch_folded", ["l1"], known_at, only_in=True)
        event.remove(connection, "before_cursor_execute", listen)
        ((statement, given),) = asked
        explain = "EXPLAIN QUERY PLAN"
        if engine.dialect.name == "postgresql":
            # So little is known of an empty table that any other way would do.
            for way in ("seqscan", "bitmapscan", "indexscan"):
                connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
            explain = "EXPLAIN"
        plan = str(connection.exec_driver_sql(f"{explain} {statement}", given).all())

    assert "COVERING INDEX spans_by_batch" in plan or "Index Only Scan using spans_by_batch" in plan


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_pages_tell_every_span_once(engine: Engine, limit: int) -> None:
    organisation = new_id()
    told = [
        Fact(f"fact-{n}", "fitted", "maker", f"S-{n}", "L1", "M1", "order", "2026-03-01T00:00:00Z", n + 1)
        for n in range(5)
    ]
    with writing(engine) as connection:
        take_in(connection, organisation, told, [True])
        seen: list[str] = []
        while page := find_spans(
            connection, organisation, "batch_folded", ["l1"], page=Page(seen[-1] if seen else "", limit)
        ):
            seen += [row.fact for row in page]
        clear(connection, organisation)

    assert seen == [fact.id for fact in told]
