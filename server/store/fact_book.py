"""The facts of the trace as they are read: those of some parts, with whatever corrects or withdraws one of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Row, Table, text

from server.domain.findings import PartEvent
from server.domain.trace import Fact, Group, comparable
from server.store.bulk import select_among
from server.store.trace_tables import TraceFact
from sync.changeset import Change

_FACTS: Table = TraceFact.__table__  # type: ignore[assignment]

FACT_COLUMNS: Final = (
    "id", "act", "maker", "serial", "batch", "machine", "order", "at", "position", "subject", "corrected_at",
)  # fmt: skip
"""The columns of a fact, in the order in which `Fact` takes them."""

_OF_BATCHES: Final = (
    "SELECT {columns} FROM {given} CROSS JOIN trace_facts t WHERE t.organisation = :organisation"
    " AND t.machine = w.machine AND t.batch = w.batch AND t.serial IS NULL"
)


class _Pair(NamedTuple):
    machine: str
    batch: str


@dataclass(slots=True)
class FactBook:
    """Answers from the database, joined with the facts that an open transaction has added itself."""

    connection: Connection
    organisation: str
    added: list[Fact] = field(default_factory=list)
    """Facts that are not in the database yet."""
    _facts: dict[str, Fact] = field(default_factory=dict)
    _of_serial: dict[str, set[str]] = field(default_factory=dict)
    _of_batch: dict[_Pair, set[str]] = field(default_factory=dict)
    _about: dict[str, set[str]] = field(default_factory=dict)
    """fact -> the facts that withdraw it or stand in for it"""
    _asked: set[str] = field(default_factory=set)
    """facts of which all these are known"""

    def load_for(self, changes: Iterable[Change]) -> None:
        """Read what is known of the parts that some changes speak of."""
        serials = (change.set.get("serial") for change in changes if change.kind in ("part_fitted", "part_removed"))
        self.load_serials(serial for serial in serials if isinstance(serial, str) and serial)

    def load_serials(self, serials: Iterable[str]) -> None:
        """Read the facts of all parts with some serial numbers, byte by byte."""
        unknown = set(serials) - self._of_serial.keys()
        if not unknown:
            return
        self._of_serial.update({serial: set() for serial in unknown})
        rows = select_among(self.connection, _FACTS, FACT_COLUMNS, "serial", self.organisation, unknown)
        self._load_what_is_about(self._keep(rows))
        for fact in self.added:
            if fact.serial in unknown:
                self._of_serial[fact.serial].add(fact.id)

    def load_groups(self, groups: Iterable[Group]) -> None:
        """Read the facts of some groups, and those that decide whether they count."""
        wanted = list(groups)
        self.load_serials(group.serial for group in wanted if group.serial is not None)
        self._load_batches(_Pair(group.machine, group.batch) for group in wanted if group.batch is not None)
        self.load_facts(group.alone for group in wanted if group.alone)

    def load_facts(self, ids: Iterable[str]) -> None:
        """Read some facts by their ids, with what corrects or withdraws them."""
        unknown = set(ids) - self._facts.keys()
        rows = select_among(self.connection, _FACTS, FACT_COLUMNS, "id", self.organisation, unknown)
        self._load_what_is_about(self._keep(rows))

    def add(self, fact: Fact) -> None:
        """Take note of a fact that is not in the database yet."""
        self.added.append(fact)
        self._keep_one(fact)

    def find(self, fact: str) -> Fact | None:
        """Return a fact by its id, None when there is none."""
        if fact not in self._facts:
            self.load_facts([fact])
        return self._facts.get(fact)

    def chain_of(self, fact: Fact) -> Iterator[Fact]:
        """Yield the fact that a fact corrects or withdraws, and the one which that corrects, if they are known."""
        subject = self.find(fact.corrects) if fact.corrects else None
        if subject is not None:
            yield subject
            before = self.find(subject.corrects) if subject.corrects else None
            if before is not None:
                yield before

    def facts_of(self, group: Group) -> list[Fact]:
        """Return the facts of a group that is loaded, and those that decide whether they count."""
        if group.serial is not None:
            own = {name for name in self._of_serial[group.serial] if self._facts[name].machine == group.machine}
        elif group.batch is not None:
            own = self._of_batch[_Pair(group.machine, group.batch)]
        else:
            own = {group.alone}
        return self._with_what_is_about(own)

    def facts_of_serial(self, serial: str) -> list[Fact]:
        """Return the facts of all parts with a serial number, and those that decide whether they count."""
        self.load_serials([serial])
        return self._with_what_is_about(self._of_serial[serial])

    def machines_of(self, serial: str) -> set[str]:
        """Return the machines that facts of a serial number speak of."""
        self.load_serials([serial])
        return {self._facts[found].machine for found in self._of_serial[serial]}

    def events_of(self, maker: str, serial: str) -> list[PartEvent]:
        """Return the facts that count of one part, by time and then by log position."""
        self.load_serials([serial])
        facts = (self._facts[found] for found in self._of_serial[serial])
        events = [
            PartEvent(fact.act, fact.maker, serial, fact.machine, comparable(fact.when), fact.position, fact.id)
            for fact in facts
            if fact.act != "struck" and fact.maker == maker and self._counts(fact.id)
        ]
        return sorted(events, key=lambda event: (event.at, event.position, event.id))

    def _with_what_is_about(self, own: set[str]) -> list[Fact]:
        first = own | {name for fact in own for name in self._about.get(fact, ())}
        both = first | {name for fact in first for name in self._about.get(fact, ())}
        return [self._facts[name] for name in both if name in self._facts]

    def _load_batches(self, pairs: Iterable[_Pair]) -> None:
        unknown = sorted(set(pairs) - self._of_batch.keys())
        if not unknown:
            return
        self._of_batch.update({pair: set() for pair in unknown})
        self._load_what_is_about(self._keep(_select_pairs(self.connection, self.organisation, unknown)))
        for fact in self.added:
            if fact.serial is None and fact.batch is not None and (fact.machine, fact.batch) in unknown:
                self._of_batch[_Pair(fact.machine, fact.batch)].add(fact.id)

    def _load_what_is_about(self, facts: Iterable[str]) -> None:
        """Read what withdraws some facts or stands in for them, which may be of another group."""
        unknown = set(facts) - self._asked
        while unknown:
            self._asked |= unknown
            rows = select_among(self.connection, _FACTS, FACT_COLUMNS, "subject", self.organisation, unknown)
            unknown = self._keep(rows) - self._asked

    def _keep(self, rows: Sequence[Row[Any]]) -> set[str]:
        for row in rows:
            self._keep_one(self._facts.get(row.id) or Fact(*row))
        return {row.id for row in rows}

    def _keep_one(self, fact: Fact) -> None:
        self._facts[fact.id] = fact
        if fact.corrects:
            self._about.setdefault(fact.corrects, set()).add(fact.id)
        # Where the others of the group are not known, they are read when they are asked for, this one with them.
        if fact.serial is not None and fact.serial in self._of_serial:
            self._of_serial[fact.serial].add(fact.id)
        elif fact.serial is None and fact.batch is not None and _Pair(fact.machine, fact.batch) in self._of_batch:
            self._of_batch[_Pair(fact.machine, fact.batch)].add(fact.id)

    def _counts(self, fact: str) -> bool:
        about = [self._facts[name] for name in self._about.get(fact, ())]
        return all(other.act != "struck" and self._is_struck(other.id) for other in about)

    def _is_struck(self, fact: str) -> bool:
        return any(self._facts[name].act == "struck" for name in self._about.get(fact, ()))


def _select_pairs(connection: Connection, organisation: str, pairs: Sequence[_Pair]) -> Sequence[Row[Any]]:
    """Return the facts without a serial number of some batches in some machines."""
    columns = ", ".join(f't."{name}"' for name in FACT_COLUMNS)
    values: dict[str, Any] = {"organisation": organisation}
    if connection.dialect.name == "sqlite":
        given = (
            "(SELECT json_extract(value, '$[0]') machine, json_extract(value, '$[1]') batch FROM json_each(:pairs)) w"
        )
        values["pairs"] = json.dumps(pairs)
    else:
        given = "unnest(CAST(:machines AS text[]), CAST(:batches AS text[])) AS w(machine, batch)"
        values |= {"machines": [pair.machine for pair in pairs], "batches": [pair.batch for pair in pairs]}
    return connection.execute(text(_OF_BATCHES.format(columns=columns, given=given)), values).all()
