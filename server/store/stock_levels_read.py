"""Levels and counts as the stock pages read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, text

_LEVELS: Final = (
    "SELECT l.id, l.place, l.part, l.minimum, l.standard, s.batch, s.serial, s.quantity, b.expires_on, b.recalled_on"
    " FROM stock_levels l JOIN catalogue c ON c.organisation = l.organisation AND c.id = l.part"
    " LEFT JOIN stock s ON s.organisation = l.organisation AND s.place = l.place AND s.part = l.part"
    " LEFT JOIN stock_batches b ON b.organisation = s.organisation AND b.id = (SELECT min(f.id || '')"
    " FROM stock_batches f WHERE f.organisation = s.organisation AND f.part = s.part AND f.number = s.batch)"
    " WHERE l.organisation = :organisation"
)
_ORDERED: Final = " ORDER BY l.place, c.sorted_as, l.part, l.id, s.batch, s.serial"
_ALL_LEVELS: Final = text(_LEVELS + _ORDERED)
_LEVELS_THERE: Final = text(f"{_LEVELS} AND l.place = :place{_ORDERED}")

_USED: Final = text(
    "SELECT m.part, sum(CASE WHEN m.reverses IS NULL THEN m.quantity ELSE -m.quantity END) AS quantity"
    " FROM stock_moves m WHERE m.organisation = :organisation"
    " AND ((m.from_at = :van AND m.to_at IN ('machine', 'scrapped', 'customer'))"
    " OR (m.to_at = :van AND m.from_at IN ('machine', 'scrapped', 'customer')))"
    " AND m.moved_at > coalesce((SELECT max(l.moved_at) FROM stock_moves l WHERE l.organisation = m.organisation"
    " AND l.part = m.part AND l.to_at = :van AND l.reverses IS NULL AND l.from_at NOT IN"
    " ('machine', 'scrapped', 'customer', 'difference')), '')"
    " GROUP BY m.part"
)
_LATE: Final = text(
    "SELECT c.id, c.place, c.part, c.batch, c.serial, c.counted_at, c.counted, c.position,"
    " sum(CASE WHEN m.to_at = c.place THEN m.quantity ELSE 0 END)"
    " - sum(CASE WHEN m.from_at = c.place THEN m.quantity ELSE 0 END) AS late"
    " FROM stock_counts c JOIN stock_moves m ON m.organisation = c.organisation AND m.part = c.part"
    " AND m.batch = c.batch AND m.serial = c.serial AND (m.from_at = c.place OR m.to_at = c.place)"
    " AND m.position > c.position AND m.moved_at <= c.counted_at"
    " WHERE c.organisation = :organisation AND c.counted_at > :since AND NOT EXISTS (SELECT 1 FROM stock_counts n"
    " WHERE n.organisation = c.organisation AND n.place = c.place AND n.part = c.part AND n.batch = c.batch"
    " AND n.serial = c.serial AND (n.counted_at > c.counted_at"
    " OR (n.counted_at = c.counted_at AND n.position > c.position)))"
    " GROUP BY c.id, c.place, c.part, c.batch, c.serial, c.counted_at, c.counted, c.position"
    " HAVING sum(CASE WHEN m.to_at = c.place THEN m.quantity ELSE 0 END)"
    " <> sum(CASE WHEN m.from_at = c.place THEN m.quantity ELSE 0 END)"
    " ORDER BY c.counted_at, c.part, c.batch, c.serial"
)
_SETTLED: Final = text(
    "SELECT id, place, max(counted_at) AS counted_at, count(*) AS lines, max(position) AS position FROM stock_counts"
    " WHERE organisation = :organisation GROUP BY id, place ORDER BY max(position) DESC LIMIT :limit"
)


def list_levels(connection: Connection, organisation: str, place: str | None = None) -> Sequence[Row[Any]]:
    """Return levels, each once for every balance it speaks of, and once without one where there is none."""
    facts = {"organisation": organisation}
    if place is None:
        return connection.execute(_ALL_LEVELS, facts).all()
    return connection.execute(_LEVELS_THERE, facts | {"place": place}).all()


_LEVEL: Final = text(
    "SELECT id FROM stock_levels WHERE organisation = :organisation AND place = :place AND part = :part ORDER BY id"
)


def find_level(connection: Connection, organisation: str, place: str, part: str) -> str | None:
    """Return the id of the level of a part at a place, None when nobody has set one."""
    facts = {"organisation": organisation, "place": place, "part": part}
    return next((row.id for row in connection.execute(_LEVEL, facts)), None)


def count_used(connection: Connection, organisation: str, van: str) -> dict[str, int]:
    """Return how many of each part left a van for good since it was last loaded with that part."""
    rows = connection.execute(_USED, {"organisation": organisation, "van": van})
    return {row.part: int(row.quantity) for row in rows}


def list_late(connection: Connection, organisation: str, since: str) -> Sequence[Row[Any]]:
    """Return the lines of counts after a moment whose balance was moved since by what happened before them.

    `late` is by how much; of several counts of one line the last one speaks.
    """
    return connection.execute(_LATE, {"organisation": organisation, "since": since}).all()


def list_settled(connection: Connection, organisation: str, limit: int) -> Sequence[Row[Any]]:
    """Return the counts that were settled, the last one first."""
    return connection.execute(_SETTLED, {"organisation": organisation, "limit": limit}).all()


_LAST_FITTED: Final = (
    "SELECT f.machine, max(f.fitted_at) AS fitted_at FROM stock_fittings f WHERE f.organisation = :organisation"
    " AND f.part IN :parts AND NOT EXISTS (SELECT 1 FROM trace_facts t WHERE t.organisation = f.organisation"
    " AND t.subject = f.id AND (t.act = 'struck' OR NOT EXISTS (SELECT 1 FROM trace_facts w"
    " WHERE w.organisation = t.organisation AND w.subject = t.id AND w.act = 'struck'))) GROUP BY f.machine"
)
_DUE: Final = text(
    f"WITH last AS MATERIALIZED ({_LAST_FITTED}) SELECT m.id, l.fitted_at, l.fitted_at AS since"  # noqa: S608
    " FROM last l CROSS JOIN machine_serials m WHERE l.fitted_at < :before AND m.organisation = :organisation"
    " AND m.id = l.machine AND m.model IN :models AND NOT m.is_retired"
    " UNION ALL SELECT m.id, NULL, m.accepted_on FROM machine_serials m WHERE m.organisation = :organisation"
    " AND m.model IN :models AND m.accepted_on < :before AND NOT m.is_retired"
    " AND m.id NOT IN (SELECT machine FROM last) ORDER BY 3, 1 LIMIT :most"
).bindparams(bindparam("parts", expanding=True), bindparam("models", expanding=True))
_OPEN_ORDERS: Final = text(
    "SELECT id, number, machine FROM order_board WHERE organisation = :organisation AND machine IN :machines"
    " AND status NOT IN :ended ORDER BY number"
).bindparams(bindparam("machines", expanding=True), bindparam("ended", expanding=True))


def list_due(
    connection: Connection, organisation: str, parts: Sequence[str], models: Sequence[str], before: str, most: int
) -> Sequence[Row[Any]]:
    """Return machines of some models that wait the longest for one of some parts: id, fitted_at and since.

    That is since one was last fitted, or since the machine was accepted where none was; earlier than the day `before`.
    A fact that is withdrawn is left out, and so are machines that are out of use.
    """
    facts = {"organisation": organisation, "parts": list(parts), "models": list(models)}
    return connection.execute(_DUE, facts | {"before": before, "most": most}).all()


def list_open_orders(
    connection: Connection, organisation: str, machines: Iterable[str], ended: Iterable[str]
) -> Sequence[Row[Any]]:
    """Return id, number and machine of the orders of machines that are not ended."""
    wanted = list(machines)
    if not wanted:
        return []
    facts = {"organisation": organisation, "machines": wanted, "ended": list(ended)}
    return connection.execute(_OPEN_ORDERS, facts).all()
