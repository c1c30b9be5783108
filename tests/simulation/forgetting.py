"""Persons who ask to be forgotten: what the office erases of them, and that it is nowhere afterwards.

Rule 1: once the office was told that somebody is erased, nothing the server keeps in its tables or beside them has his
        name, and no record that belongs to what was named holds anything personal.
Rule 2: at rest that holds on every device in service too, whoever wrote late and whatever was restored; and no file
        that an act names is left anywhere.
Rule 3: who knows of an act does not tell of that person anew, so that whatever has his name has it from before.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from schemas import KINDS
from schemas.problems import Refused
from server.domain.erasure import Wanted
from server.services import erasing
from server.services.erasing_again import erase_again
from server.services.erasing_late import name_late
from server.store import erasing as erasing_store
from tests.simulation.auditor import Auditor
from tests.simulation.firm import PEOPLE, Firm
from tests.simulation.headquarters import TABLES, Headquarters
from tests.simulation.sealed_lines import is_stand_in
from tests.simulation.tablet import Tablet
from tests.simulation.world import HOUR_MS, MINUTE_MS, Broken, World

DISPUTED: Final = ("base", "office", "incoming", "settled_value")


class Forgetting:
    """See the module's text."""

    def __init__(self, world: World, hq: Headquarters, auditor: Auditor, firm: Firm) -> None:
        """Be at the office of a firm."""
        self.world, self.hq, self.auditor, self.firm = world, hq, auditor, firm
        self.asked: dict[str, str] = {}
        """reference -> the name that was to be erased, empty where records were"""
        self.told: set[str] = set()
        """references of which somebody was told that it is done"""
        self._known: dict[str, set[str]] = {}
        """device -> names of whose erasing it ever knew"""
        self._rested_at = -1
        self._rounds = 0
        hq.after_start = self.plan_round

    @property
    def means(self) -> erasing.Means:
        """What acts are done with, at the server as it runs."""
        return erasing.Means(self.hq.engine, self.hq.parts.office, self.hq.parts.files, self.hq.acts)

    def erase(self, chance: random.Random) -> None:
        """Erase what is known of a person, or all that is personal in a record and what belongs to it."""
        name, wanted = self._draw(chance)
        reference = f"DSR-{len(self.asked)}"
        self.asked[reference] = name
        try:
            shown = self.hq.act(lambda: erasing.preview(self.hq.engine, self.firm.organisation, wanted))
            mark = shown.mark if shown is not None else ""
            asked = (self.means, self.firm.organisation, self.firm.dana, wanted, "asked", reference, mark)
            done = self.hq.act(lambda: erasing.erase(*asked))
        except Refused as refusal:
            self.world.tell("Dana erases", reference, "and is refused", refusal.code)
            self.world.counts[f"refused: erase {refusal.code}"] += 1
            self.auditor.look()
            return
        self.auditor.look()
        self.world.tell("Dana erases", reference, "unknown" if done is None else done.openings)
        if done is not None:
            self.told.add(reference)
            self.world.counts["acts of erasing"] += 1
            self.check_records(wanted)
            self.check_tables([name] if name else [])

    def _draw(self, chance: random.Random) -> tuple[str, Wanted]:
        live, photos = self.auditor.live, chance.random() < 0.5
        kind = chance.choice([*[""] * 5, "work_order", "work_order", "customer", "site", "photo", "signature"])
        ids = sorted(found for found, row in live.items() if row[0] == kind)
        if ids:
            record = chance.choice(ids)
            return "", Wanted((), (live[record][1].get("number") or record,), photos)
        left = [name for name in PEOPLE if name not in self.asked.values()]
        told = [name for name in left if any(name in row[2] for row in live.values())]
        if not left:
            return "", Wanted((), (chance.choice(self.firm.customers),), photos)
        name = chance.choice(told or left)
        # Case and width do not matter.
        return name, Wanted((name.translate({48 + n: 0xFF10 + n for n in range(10)}),), (), photos)

    def plan_round(self) -> None:
        """Make the server's first round soon, and one each hour from then on, as long as its process lasts."""
        self._rounds += 1
        number = self._rounds
        self.world.plan(self.world.draw("round", number).randint(0, 20) * MINUTE_MS, lambda: self._go_round(number))

    def _go_round(self, number: int) -> None:
        if number == self._rounds and not self.hq.is_down:
            self.make_round()
            self.world.plan(HOUR_MS, lambda: self._go_round(number))

    def make_round(self) -> None:
        """Do what the server does in the background: erase again what came back, and name what was taken out late."""
        if not self.asked:
            return
        with suppress(Refused):
            done = self.hq.act(lambda: erase_again(self.means))
            self.auditor.look()
            self.world.counts["acts of erasing done again"] += done or 0
            named = self.hq.act(lambda: name_late(self.hq.engine, self.hq.parts.office, self.firm.organisation))
            self.auditor.look()
            self.world.counts["late values taken out"] += named or 0
            if done is not None and named is not None:
                self._rested_at = self.auditor.truth.position if not named else -1

    def is_at_rest(self) -> bool:
        """Tell whether a round has found nothing to do since the newest entry of the log."""
        return not self.asked or self._rested_at == self.auditor.truth.position

    def people_known_to(self, tablet: Tablet) -> Sequence[str]:
        """Return the people of whom somebody tells who has a device."""
        acts = {record.values.get("reference") for record in tablet.store.of_kind("erasure")}
        known = self._known.setdefault(tablet.name, set())
        known.update(self.asked[act] for act in acts if act)
        return [name for name in PEOPLE if name not in known] or ["某人"]

    def people_known_to_office(self) -> Sequence[str]:
        """Return the people of whom the office tells."""
        return [name for name in PEOPLE if name not in self.asked.values()] or ["某人"]

    def check_records(self, wanted: Wanted) -> None:
        """Hold the records that were named, and what belongs to them, to having nothing personal left."""
        facts = self.auditor.truth.facts
        own = {key for key, fact in facts.items() if key in wanted.ids or fact.body.get("number") in wanted.ids}
        own |= {
            key
            for key, fact in facts.items()
            if fact.kind in ("site", "work_order") and fact.body.get("customer_id") in own & set(self.firm.customers)
        }
        own |= {key for key, fact in facts.items() if fact.body.get("order_id") in own and fact.kind != "work_order"}
        for key in own:
            fact = facts[key]
            if fact.kind != "conflict":
                left = {name for name in KINDS[fact.kind].personal if is_told(fact.body.get(name))}
            elif fact.body["subject_id"] in own:
                disputed = KINDS[fact.body["subject_kind"]].personal
                left = {name for name in DISPUTED if fact.body["field"] in disputed and is_told(fact.body.get(name))}
            else:
                left = set()
            if left:
                raise Broken(f"{fact.kind} {key} was erased, and still tells {sorted(left)}")

    def check_tables(self, names: list[str]) -> None:
        """Hold all tables of the server, and what is kept beside them, to having none of some names."""
        if names:
            tables = [name for (name,) in self.auditor.db.execute(self.hq.premises.tables).fetchall()]
            for table in tables:
                rows = self.auditor.db.execute(f'SELECT * FROM "{table}"').fetchall()
                _expect_none(f"table {table} of the server", repr_rows(rows), names)
            for path in sorted(self.hq.acts.rglob("*.json")):
                _expect_none(f"what is kept beside the database, {path.name},", [path.read_bytes()], names)

    def check_end(self, tablets: Sequence[Tablet]) -> None:
        """Hold everything at rest to what was asked for."""
        acts = {body.get("reference") for _, body in self.auditor.truth.bodies_of("erasure")}
        if lost := sorted(self.told - acts):
            raise Broken(f"acts of erasing {lost} were told and are lost")
        names = [name for reference, name in self.asked.items() if name and reference in acts]
        self.check_tables(names)
        if names and self.hq.premises.file.exists():
            erasing_store.sweep(self.hq.engine)
            _expect_none("the server's file", self._read_database(), names)
        for tablet in tablets:
            for (table,) in list(tablet.store.rows(TABLES)) if names else ():
                rows = list(tablet.store.rows(f'SELECT * FROM "{table}"'))
                _expect_none(f"table {table} of {tablet.name}", repr_rows(rows), names)
            if kept := tablet.files.names() & self.auditor.erased_files:
                raise Broken(f"{tablet.name} keeps files that were erased: {sorted(kept)}")
        if kept := [name for name in sorted(self.auditor.erased_files) if self.auditor.read_file(name) is not None]:
            raise Broken(f"the server keeps files that were erased: {kept}")

    def _read_database(self) -> Iterator[bytes]:
        file: Path = self.hq.premises.file
        yield from (path.read_bytes() for path in (file, file.with_name(file.name + "-wal")) if path.exists())


def is_told(value: Any) -> bool:
    """Tell whether a field still says something of a person."""
    if isinstance(value, list | dict):
        members = value.values() if isinstance(value, dict) else value
        return any(is_told(member) for member in members)
    return value is not None and not is_stand_in(value)


def repr_rows(rows: Sequence[Sequence[Any]]) -> Iterator[bytes]:
    """Yield the values of some rows as bytes."""
    for row in rows:
        for value in row:
            if isinstance(value, str | bytes | memoryview):
                yield value.encode("utf-8", "surrogatepass") if isinstance(value, str) else bytes(value)


def _expect_none(where: str, found: Iterator[bytes] | list[bytes], names: list[str]) -> None:
    spelled = [name.encode() for name in names]
    for piece in found:
        for name in spelled:
            if name in piece:
                raise Broken(f"{where} still has {name.decode()}, which was erased: {piece[:2000]!r}")
