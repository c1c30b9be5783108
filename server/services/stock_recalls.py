"""What of the stock is recalled: by the batch's own mark, or by what an open or closed recall names."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from schemas.recall import Cover, Extent, judge_all
from server.store import records
from server.store.recalls import find_naming


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
