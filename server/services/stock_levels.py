"""Levels: what vans and centres should have, what a van is made up with, what is to be ordered.

Source: handbook P4, P7.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row

from schemas.problems import Refused
from server.domain import stock as rules
from server.domain.stock import Held, Level, Pick
from server.services.decisions import Desk
from server.services.stock_acts import Line, move, spell_end
from server.services.stock_recalls import StockRecalls
from server.store import records, stock_levels_read, stock_read
from server.store.workspace import Workspace
from sync.changeset import CHANGES_MAX, Change
from sync.receipt import Receipt

LEVEL_NAMESPACE: Final = uuid.UUID("6f2d1f0e-53a5-5d0c-9f3b-5d8b6f0f7c11")
"""A place and a part have one level: its id is made of theirs."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A level with what is there: usable pieces, and all pieces by the books."""

    place: str
    level: Level
    usable: int
    held: int

    @property
    def order(self) -> int:
        """How many to order for a centre."""
        return rules.find_order(self.level, self.usable)

    @property
    def gap(self) -> int:
        """How many a van lacks."""
        return rules.find_gap(self.level, self.usable)


@dataclass(frozen=True, slots=True)
class Proposal:
    """One part of a van's standard list: what is in the van, what was used, and what the centre gives for it."""

    standing: Standing
    used: int
    """Fitted or scrapped out of the van since it was last loaded with this part."""
    picks: list[Pick]

    @property
    def lacks(self) -> int:
        """How many the centre does not have."""
        return self.standing.gap - sum(pick.quantity for pick in self.picks)


class _AsTheyAre(Refused):
    """Ends a plan that has nothing to write."""


class _AsTheyAreError(Refused):
    """Ends a plan that has nothing to write."""


def list_levels(connection: Connection, organisation: str, today: str, place: str | None = None) -> list[Standing]:
    """Return the levels with what is there, by place and part."""
    standings: dict[tuple[str, str], tuple[Level, list[Held]]] = {}
    rows = stock_levels_read.list_levels(connection, organisation, place)
    recalls = StockRecalls(connection, organisation, {row.part for row in rows})
    for row in rows:
        _, held = standings.setdefault((row.place, row.part), (Level(row.part, row.minimum, row.standard), []))
        if row.quantity is not None:
            held.append(_hold(recalls, row))
    return [
        Standing(at, level, rules.count_usable(held, today), sum(line.quantity for line in held))
        for (at, _), (level, held) in standings.items()
    ]


def propose(connection: Connection, organisation: str, van: str, today: str) -> list[Proposal]:
    """Return for each part of a van's standard list what makes it up from its centre."""
    found = records.body_of(connection, organisation, van)
    if found is None or found[0] != "van":
        raise Refused("not_found", what=van)
    centre = found[1].get("centre_id")
    standings = list_levels(connection, organisation, today, van)
    parts = [standing.level.part for standing in standings]
    shelf = _read_held(connection, organisation, centre, parts) if centre else {}
    used = stock_levels_read.count_used(connection, organisation, van)
    return [
        Proposal(
            standing,
            used.get(standing.level.part, 0),
            rules.pick(shelf.get(standing.level.part, ()), standing.gap, today),
        )
        for standing in standings
    ]


def load_van(desk: Desk, van: str, centre: str, lines: Sequence[Line], reason: str = "") -> Receipt:
    """Book what was picked from a centre into a van. Raises Refused as `stock_acts.move` does."""
    return move(desk, lines, spell_end("from", "centre", centre) | spell_end("to", "van", van), reason)


def set_levels(desk: Desk, place: Mapping[str, str], levels: Iterable[Level]) -> Receipt | None:
    """Write the levels of a place, which is ``{"van_id": ...}`` or ``{"centre_id": ...}``; None when all stand so.

    Raises Refused with `level_upside_down`, or what forbids a change.
    """
    wanted = list(levels)
    for level in wanted:
        if level.standard < level.minimum:
            raise Refused("level_upside_down", minimum=level.minimum, standard=level.standard)

    def plan(store: Workspace) -> list[Change]:
        changes = [change for level in wanted if (change := _change_level(store, place, level))]
        if len(changes) > CHANGES_MAX:
            raise Refused("too_many_lines", limit=CHANGES_MAX)
        if not changes:
            raise _AsTheyAre("nothing_to_undo")
        return changes

    try:
        return desk.write("stock.level", plan)
    except _AsTheyAre:
        return None


def level_id(organisation: str, place: str, part: str) -> str:
    """Return the id of the level of a part at a place."""
    return str(uuid.uuid5(LEVEL_NAMESPACE, f"{organisation} {place} {part}"))


def _change_level(store: Workspace, place: Mapping[str, str], level: Level) -> Change | None:
    (where,) = place.values()
    known = stock_levels_read.find_level(store.connection, store.organisation, where, level.part)
    record_id = known or level_id(store.organisation, where, level.part)
    standing = store.record(record_id)
    values: dict[str, Any] = {"minimum": level.minimum, "standard": level.standard}
    if standing is None:
        return Change("stock_level", record_id, "create", {**place, "part_id": level.part, **values}, {})
    was = {name: standing.body.get(name) for name in values}
    return None if was == values else Change("stock_level", record_id, "update", values, was)


def _read_held(connection: Connection, organisation: str, place: str, parts: Sequence[str]) -> dict[str, list[Held]]:
    held: dict[str, list[Held]] = {}
    recalls = StockRecalls(connection, organisation, parts)
    for row in stock_read.list_at(connection, organisation, place, parts):
        held.setdefault(row.part, []).append(_hold(recalls, row))
    return held


def _hold(recalls: StockRecalls, row: Row[Any]) -> Held:
    """Return a line; what cannot be excluded from a recall is not picked either."""
    cover = recalls.judge(row.part, row.batch, row.serial, row.recalled_on)
    return Held(row.batch, row.serial, row.quantity, row.expires_on, cover != "miss")
