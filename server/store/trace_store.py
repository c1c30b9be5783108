"""The trace inside one writing transaction: facts as they come in, and the spans as they become.

Spans change with the log position that changed them, not with the commit that wrote it: however sets are shared out
among transactions, the same rows come out. The rules are those of `server.domain.trace` alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Connection, Table

from server.domain.times import move
from server.domain.trace import Fact, Group, Span, comparable, fold, spans_of_group
from server.domain.trace_versions import Turn, Version, begin_version, touched_groups, turn
from server.store.bulk import upsert
from server.store.fact_book import FACT_COLUMNS, FactBook
from server.store.span_rows import note_doubles
from server.store.stored_record import Record
from server.store.trace_tables import PartSpan, TraceFact

_FACTS: Table = TraceFact.__table__  # type: ignore[assignment]
_SPANS: Table = PartSpan.__table__  # type: ignore[assignment]
_ATTRIBUTES: Final = tuple("corrects" if name == "subject" else name for name in FACT_COLUMNS)

_END: Final = (
    "UPDATE part_spans SET removal = {0}, removal_order = {0}, ends_at = {0}, removal_known = {0}"
    " WHERE organisation = {0} AND fact = {0} AND known_until IS NULL"
)
_SUPERSEDE: Final = (
    "UPDATE part_spans SET known_until = {0} WHERE organisation = {0} AND fact = {0} AND known_until IS NULL"
)

Find = Callable[[str], Record | None]
"""record id -> the record as it stands, None when there is none"""


@dataclass(slots=True)
class TraceStore:
    """Takes facts in, and at `flush` writes them with the spans that they change."""

    connection: Connection
    organisation: str
    find: Find
    load_records: Callable[[Iterable[str]], None]
    """Reads records into memory, so that `find` need not ask for them one by one."""
    book: FactBook = field(init=False)

    def __post_init__(self) -> None:
        """Open the book of what is known."""
        self.book = FactBook(self.connection, self.organisation)

    def flush(self) -> None:
        """Write the facts that were added, the spans that they change, and which of these are double."""
        begun = self.flush_spans()
        serials = {span.fact.serial for span in begun if span.fact.serial is not None}
        moved = (serial for serial in serials if len(self.book.machines_of(serial)) > 1)
        note_doubles(self.connection, self.organisation, map(fold, moved))

    def flush_spans(self) -> list[Span]:
        """Write the facts that were added and the spans that they change; return those that begin, or begin anew."""
        added = self.book.added
        if not added:
            return []
        rows = [(self.organisation, *(getattr(fact, name) for name in _ATTRIBUTES)) for fact in added]
        upsert(self.connection, _FACTS, rows, update=False)
        turns = self._find_turns()
        # Facts that come in now are in memory; others begin anew where one of their group changed what they say.
        self.load_records({span.fact.id for _, step in turns for span in step.begun})
        spans = _Spans()
        for position, step in turns:
            spans.take(position, step)
        self._write(spans)
        return [version.span for version in spans.begun.values()]

    def _find_turns(self) -> list[tuple[int, Turn]]:
        """Return what each position changes, group by group, the positions of a group in order."""
        positions: dict[Group, set[int]] = {}
        for fact in self.book.added:
            for group in touched_groups(fact, list(self.book.chain_of(fact))):
                positions.setdefault(group, set()).add(fact.position)
        self.book.load_groups(positions)
        return [step for group, changed in positions.items() for step in self._turns_of(group, changed)]

    def _turns_of(self, group: Group, positions: set[int]) -> Iterator[tuple[int, Turn]]:
        facts = self.book.facts_of(group)
        for position in sorted(positions):
            before = spans_of_group(group, facts, position - 1)
            yield position, turn(before, spans_of_group(group, facts, position))

    def _write(self, spans: _Spans) -> None:
        key = self.organisation
        ended = [(*_spell_removal(span), known, key, span.fact.id) for known, span in spans.ended]
        _execute(self.connection, _END, ended)
        _execute(self.connection, _SUPERSEDE, [(until, key, fact) for until, fact in spans.superseded])
        upsert(self.connection, _SPANS, [self._spell(version) for version in spans.begun.values()], update=False)

    def _spell(self, version: Version) -> tuple[Any, ...]:
        """Return the row of a version, in the order of the table's columns."""
        span, fact = version.span, version.span.fact
        body = self._body(fact.id)
        batch_id = body.get("batch_id")
        batch = self._body(batch_id) if batch_id else {}
        return (
            self.organisation,
            fact.id,
            version.known_from,
            version.known_until,
            fact.maker,
            fact.serial,
            fold(fact.serial) if fact.serial is not None else None,
            fact.batch,
            fold(fact.batch) if fact.batch is not None else None,
            body.get("part_id") or batch.get("part_id"),
            batch_id,
            body.get("supplier_id") or batch.get("supplier_id"),
            body.get("quantity") or 1,
            fact.machine,
            fact.order,
            comparable(span.begins_at) if span.begins_at is not None else None,
            *_spell_end(span),
            version.removal_known,
            span.withdrawn.id if span.withdrawn else None,
            len(span.again),
        )

    def _body(self, record_id: str) -> Mapping[str, Any]:
        record = self.find(record_id)
        return record.body if record is not None else {}


@dataclass(slots=True)
class _Spans:
    """What is to be written: rows that end or are superseded in the database, and rows that begin."""

    ended: list[tuple[int, Span]] = field(default_factory=list)
    superseded: list[tuple[int, str]] = field(default_factory=list)
    begun: dict[tuple[str, int], Version] = field(default_factory=dict)
    _open: dict[str, int] = field(default_factory=dict)
    """fact -> the position at which its standing version began, if that was in this transaction"""

    def take(self, position: int, step: Turn) -> None:
        for span in step.ended:
            began = self._open.get(span.fact.id)
            if began is None:
                self.ended.append((position, span))
            else:
                known = self.begun[span.fact.id, began]
                self.begun[span.fact.id, began] = replace(known, span=span, removal_known=position)
        for name in step.superseded:
            began = self._open.pop(name, None)
            if began is None:
                self.superseded.append((position, name))
            else:
                self.begun[name, began] = replace(self.begun[name, began], known_until=position)
        for span in step.begun:
            self._open[span.fact.id] = position
            self.begun[span.fact.id, position] = begin_version(span, position)


def read_fact(record: Record, find: Callable[[str], Record | None], subject: Fact | None, shift: timedelta) -> Fact:
    """Return the fact that a record of a part fitted or removed, or the withdrawal of one, tells.

    `subject` is the fact that it corrects or withdraws; `shift` puts its times right.
    """
    body = record.body
    if record.kind == "withdrawal":
        assert subject is not None, "only a fact that is there is withdrawn"
        bears = (subject.maker, subject.serial, subject.batch, subject.machine, subject.order)
        at = body["withdrawn_at"]
        return Fact(record.id, "struck", *bears, at, record.position, subject.id, move(at, shift))
    fitted = record.kind == "part_fitted"
    at = body["fitted_at" if fitted else "removed_at"]
    corrected_at = put_right(at, shift, subject)
    maker, serial = identify(body, find)
    where = (body["machine_id"], body["order_id"], at, record.position, body.get("replaces_id"), corrected_at)
    return Fact(record.id, "fitted" if fitted else "removed", maker, serial, batch_of(body, find), *where)


def put_right(at: str, shift: timedelta, subject: Fact | None) -> str | None:
    """Return when something was done by the server's clock, None where that is `at`.

    A correction that repeats the time of what it corrects, `subject`, means the same moment, whatever clock says so.
    """
    return subject.corrected_at if subject is not None and subject.at == at else move(at, shift)


def identify(body: Mapping[str, Any], find: Callable[[str], Record | None]) -> tuple[str, str | None]:
    """Return what identifies a part: its GTIN or its maker's name, and its serial number, byte by byte."""
    part = find(body["part_id"]) if body.get("part_id") else None
    return maker_of(body, part.body if part else {}), body.get("serial") or None


def maker_of(body: Mapping[str, Any], part: Mapping[str, Any]) -> str:
    """Return by what a part is told from others of its serial number: the GTIN of a fact, or that of its part."""
    return body.get("gtin") or part.get("gtin") or part.get("manufacturer") or ""


def batch_of(body: Mapping[str, Any], find: Callable[[str], Record | None]) -> str | None:
    """Return the batch number that a fact gives, or the number of the batch record that it names."""
    if body.get("batch") or not body.get("batch_id"):
        return body.get("batch") or None
    known = find(body["batch_id"])
    return known.body.get("number") if known else None


def _spell_end(span: Span) -> tuple[str | None, str | None, str | None]:
    """Return when a span ended, by which fact and on which order."""
    if span.removed is None:
        return None, None, None
    return comparable(span.removed.when), span.removed.id, span.removed.order


def _spell_removal(span: Span) -> tuple[str | None, str | None, str | None]:
    ends_at, removal, order = _spell_end(span)
    return removal, order, ends_at


def _execute(connection: Connection, statement: str, rows: list[tuple[Any, ...]]) -> None:
    if rows:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        connection.exec_driver_sql(statement.format(mark), rows)
