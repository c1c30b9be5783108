"""What of the stock is recalled, and which recalls name a lot: by the batch's own mark, or by what a recall names.

A recall that was withdrawn, and what was struck out of one, name nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection

from schemas.recall import Cover, Extent, judge_all
from server.store import records, stock_read
from server.store.recalls import find_naming, list_parts, list_stock

StockLine = tuple[str, str, str, str]
"""Place, part, batch and serial number of a balance."""


@dataclass(frozen=True, slots=True)
class LotRecall:
    """A recall that names a lot."""

    id: str
    number: str
    name: str
    state: str
    is_whole: bool
    """Whether it names all of the lot, and not only serial numbers of it."""


class StockRecalls:
    """Tells of lines of some parts whether they are recalled, by the rule of schemas/recall.py."""

    def __init__(self, connection: Connection, organisation: str, parts: Iterable[str]) -> None:
        """Read what recalls name of the parts; one that was withdrawn names nothing."""
        rows = find_naming(connection, organisation, set(parts))
        bodies = records.bodies_of(connection, organisation, {key for row in rows for key in (row.id, row.recall)})
        self._extents: dict[str, list[Extent]] = {}
        for row in rows:
            named, recall = bodies.get(row.id), bodies.get(row.recall)
            if named and recall and recall[1].get("state") != "withdrawn":
                self._extents.setdefault(named[1]["part_id"], []).append(Extent.read(named[1]))

    def judge(self, part: str, batch: str, serial: str, recalled_on: str | None) -> Cover:
        """Return ``hit`` for what is recalled, ``unclear`` for what cannot be excluded, else ``miss``."""
        if recalled_on:
            return "hit"
        return judge_all(self._extents.get(part, ()), batch or None, serial or None).cover


def list_recalled(connection: Connection, organisation: str) -> set[StockLine]:
    """Return the lines of the stock that are recalled for sure, by the batch's mark or by what a recall names."""
    found = {(row.place, row.part, row.batch, row.serial) for row in stock_read.list_marked(connection, organisation)}
    parts = list_parts(connection, organisation)
    recalls = StockRecalls(connection, organisation, parts)
    for row in list_stock(connection, organisation, parts):
        if row.quantity > 0 and recalls.judge(row.part, row.batch, row.serial, None) == "hit":
            found.add((row.place, row.part, row.batch, row.serial))
    return found


def find_recalls_of_lots(
    connection: Connection, organisation: str, lots: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], list[LotRecall]]:
    """Return the recalls that name each lot, given as part and number: its batch or all of its part; newest first."""
    wanted = set(lots)
    rows = find_naming(connection, organisation, {part for part, _ in wanted})
    bodies = records.bodies_of(connection, organisation, {key for row in rows for key in (row.id, row.recall)})
    found: dict[tuple[str, str], dict[str, LotRecall]] = {lot: {} for lot in wanted}
    for row in rows:
        if row.id not in bodies or bodies.get(row.recall, ("", {}))[1].get("state") in (None, "withdrawn"):
            continue
        extent, recall = Extent.read(bodies[row.id][1]), bodies[row.recall][1]
        is_whole = extent.first is None
        for part, number in wanted:
            if part == extent.part and (extent.batch == number or (extent.batch is None and is_whole)):
                known = found[part, number].get(row.recall)
                told = is_whole or (known is not None and known.is_whole)
                named = LotRecall(row.recall, recall["number"], recall["name"], recall["state"], told)
                found[part, number][row.recall] = named
    return {lot: sorted(named.values(), key=lambda one: one.number, reverse=True) for lot, named in found.items()}
