"""What the stock pages ask: balances page by page, what is at a place, what moved, what levels and counts there are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, TextClause, bindparam, text

from schemas.stock import StockKey

_NAMED: Final = "c.organisation = :organisation AND c.kind = 'part'"
_LINE: Final = (
    "s.place, s.part, s.batch, s.serial, s.quantity, b.id AS batch_id, b.expires_on, b.recalled_on, b.is_certified"
)
# Not the id itself: for its minimum SQLite would walk all batches in the order of ids.
_BATCH_OF: Final = (
    " LEFT JOIN stock_batches b ON b.organisation = s.organisation AND b.id = (SELECT min(f.id || '')"
    " FROM stock_batches f WHERE f.organisation = s.organisation AND f.part = s.part AND f.number = s.batch)"
)
# A page reads little more than it shows: parts come in the order of the catalogue's index, states by their batches.
# CROSS JOIN keeps SQLite to that order.
_BY_PART: Final = f"catalogue c CROSS JOIN stock s WHERE {_NAMED} AND s.organisation = :organisation AND s.part = c.id"
_BELOW: Final = (
    "stock s JOIN catalogue c ON c.organisation = s.organisation AND c.id = s.part"
    f" WHERE {_NAMED} AND s.organisation = :organisation AND s.quantity < 0"
)
_BY_BATCH: Final = (
    f"stock_batches l CROSS JOIN stock s CROSS JOIN catalogue c WHERE {_NAMED} AND l.organisation = :organisation"
    " AND s.organisation = l.organisation AND s.part = l.part AND s.batch = l.number AND s.quantity > 0"
    " AND c.id = s.part"
)
_BY_LINE: Final = (
    "stock s JOIN catalogue c ON c.organisation = s.organisation AND c.id = s.part"
    f" WHERE {_NAMED} AND s.organisation = :organisation AND s.part IN :recalled_parts AND s.quantity > 0"
    " AND s.place || :sign || s.part || :sign || s.batch || :sign || s.serial IN :recalled"
)
SIGN: Final = "\x1f"
"""Between what tells one line of the stock from another."""

RECALLED_MOST: Final = 25_000
"""SQLite takes 32,766 values in one statement."""

SOURCES: Final = {
    "": _BY_PART,
    "below": _BELOW,
    "recalled": _BY_LINE,
    "expired": f"{_BY_BATCH} AND l.expires_on < :today",
    "expiring": f"{_BY_BATCH} AND l.expires_on >= :today AND l.expires_on <= :soon",
    "uncertified": f"{_BY_BATCH} AND NOT l.is_certified",
}
"""What a list of balances is narrowed to, beside place and words."""

STATES: Final = tuple(state for state in SOURCES if state)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a list of balances is asked for; `parts` are those that its words name, None without words."""

    today: str
    soon: str
    state: str = ""
    place: str | None = None
    number: str = ""
    """The beginning of a batch or serial number, folded to lower case; looked for beside `parts`."""
    parts: tuple[str, ...] | None = None
    recalled: Collection[tuple[str, str, str, str]] = ()
    """The lines that are recalled, as place, part, batch and serial number, where only those are asked for."""


def list_balances(
    connection: Connection, organisation: str, wanted: Wanted, limit: int, offset: int = 0
) -> Sequence[Row[Any]]:
    """Return balances by part number, batch, serial number and place."""
    columns = "s.organisation, s.place, s.part, s.batch, s.serial, s.quantity, c.sorted_as"
    found, facts = _select(wanted, columns)
    ordered = "ORDER BY c.sorted_as, c.id, s.batch, s.serial, s.place LIMIT :limit OFFSET :offset"
    # What is known of the batches is looked up for the lines that are shown alone.
    shown = f"SELECT {_LINE} FROM ({found} {ordered}) s{_BATCH_OF}"  # noqa: S608
    again = " ORDER BY s.sorted_as, s.part, s.batch, s.serial, s.place"
    facts |= {"organisation": organisation, "limit": limit, "offset": offset}
    return connection.execute(_bind(shown + again, facts), facts).all()


def count_states(connection: Connection, organisation: str, today: str, soon: str) -> dict[str, int]:
    """Return how many balances there are of each state that needs somebody, but for those that are recalled."""
    counts = {}
    for state in STATES:
        if state == "recalled":
            continue
        statement, facts = _select(Wanted(today, soon, state), "count(*)")
        facts |= {"organisation": organisation}
        counts[state] = int(connection.execute(_bind(statement, facts), facts).scalar_one())
    return counts


def _select(wanted: Wanted, columns: str) -> tuple[str, dict[str, Any]]:
    source = SOURCES[wanted.state]
    facts: dict[str, Any] = {}
    if ":today" in source:
        facts["today"] = wanted.today
    if ":soon" in source:
        facts["soon"] = wanted.soon
    if wanted.state == "recalled":
        lines = sorted(wanted.recalled)[:RECALLED_MOST]
        facts |= {"sign": SIGN, "recalled": [SIGN.join(line) for line in lines] or [""]}
        facts["recalled_parts"] = sorted({line[1] for line in lines}) or [""]
    where = ""
    if wanted.place:
        where += " AND s.place = :place"
        facts["place"] = wanted.place
    if wanted.parts is not None:
        begins = " OR lower(s.batch) LIKE :number ESCAPE '!' OR lower(s.serial) LIKE :number ESCAPE '!'"
        where += f" AND (s.part IN :parts{begins if wanted.number else ''})"
        facts["parts"] = list(wanted.parts) or [""]
        if wanted.number:
            for sign in "!%_":
                facts["number"] = facts.get("number", wanted.number).replace(sign, f"!{sign}")
            facts["number"] += "%"
    return f"SELECT {columns} FROM {source}{where}", facts  # noqa: S608


def _bind(statement: str, facts: dict[str, Any]) -> TextClause:
    lists = [bindparam(name, expanding=True) for name in ("parts", "recalled", "recalled_parts") if name in facts]
    return text(statement).bindparams(*lists)


_MARKED: Final = text(
    "SELECT s.place, s.part, s.batch, s.serial FROM stock_batches l CROSS JOIN stock s"
    " WHERE l.organisation = :organisation AND l.recalled_on IS NOT NULL AND s.organisation = l.organisation"
    " AND s.part = l.part AND s.batch = l.number AND s.quantity > 0"
)


def list_marked(connection: Connection, organisation: str) -> Sequence[Row[Any]]:
    """Return place, part, batch and serial number of what there is of batches that are marked as recalled."""
    return connection.execute(_MARKED, {"organisation": organisation}).all()


_AT: Final = f"{_LINE} FROM stock s{_BATCH_OF} WHERE s.organisation = :organisation AND s.place = :place"


def list_at(
    connection: Connection, organisation: str, place: str, parts: Sequence[str] | None = None, limit: int = 100_000
) -> Sequence[Row[Any]]:
    """Return what is at a place, of some parts where they are named, by part, batch and serial number."""
    facts: dict[str, Any] = {"organisation": organisation, "place": place, "limit": limit}
    where = ""
    if parts is not None:
        where, facts["parts"] = " AND s.part IN :parts", list(parts) or [""]
    ordered = " ORDER BY s.part, s.batch, s.serial LIMIT :limit"
    return connection.execute(_bind(f"SELECT {_AT}{where}{ordered}", facts), facts).all()


_FOUND: Final = text(
    "SELECT DISTINCT part, batch, serial FROM stock WHERE organisation = :organisation"
    " AND (serial = :number OR batch = :number) ORDER BY part, batch, serial LIMIT 50"
)


def find_number(connection: Connection, organisation: str, number: str) -> Sequence[Row[Any]]:
    """Return part, batch and serial number of what bears a batch or serial number and is in some place."""
    return connection.execute(_FOUND, {"organisation": organisation, "number": number}).all()


_BATCHES: Final = text(
    "SELECT id, part, number FROM stock_batches WHERE organisation = :organisation AND part = :part"
    " AND number = :number ORDER BY id"
)


def find_batch(connection: Connection, organisation: str, part: str, number: str) -> str | None:
    """Return the id of the batch of a part with a number, None when none is on file."""
    facts = {"organisation": organisation, "part": part, "number": number}
    return next((row.id for row in connection.execute(_BATCHES, facts)), None)


_MOVES: Final = (
    "SELECT id, position, moved_at, part, batch, serial, from_at, to_at, quantity, reverses FROM stock_moves"
    " WHERE organisation = :organisation"
)
_NEWEST: Final = " ORDER BY moved_at DESC, position DESC, id LIMIT :limit"
_OF_PART: Final = text(f"{_MOVES} AND part = :part{_NEWEST}")
_OF_PART_THERE: Final = text(f"{_MOVES} AND part = :part AND (from_at = :place OR to_at = :place){_NEWEST}")
_BALANCED: Final = text(
    f"{_MOVES} AND part = :part AND batch = :batch AND serial = :serial AND (from_at = :place OR to_at = :place)"
    " AND position <= :until ORDER BY position DESC, id LIMIT :limit"
)
_AFTER: Final = text(
    f"{_MOVES} AND from_at = :place AND moved_at > :since UNION ALL {_MOVES} AND to_at = :place AND from_at <> :place"
    " AND moved_at > :since"
)
_REVERSING: Final = text("SELECT id FROM stock_moves WHERE organisation = :organisation AND reverses = :move LIMIT 1")


def list_moves(
    connection: Connection, organisation: str, part: str, place: str | None, limit: int
) -> Sequence[Row[Any]]:
    """Return the moves of a part, at a place where one is named, the newest first."""
    facts = {"organisation": organisation, "part": part, "limit": limit}
    if place is None:
        return connection.execute(_OF_PART, facts).all()
    return connection.execute(_OF_PART_THERE, facts | {"place": place}).all()


def list_balanced(
    connection: Connection, organisation: str, key: StockKey, until: int, limit: int
) -> Sequence[Row[Any]]:
    """Return the moves that make a balance up to a log position, those that came in last first."""
    facts = {"organisation": organisation, "place": key.place, "part": key.part, "batch": key.batch}
    return connection.execute(_BALANCED, facts | {"serial": key.serial, "until": until, "limit": limit}).all()


def list_moves_after(connection: Connection, organisation: str, place: str, since: str) -> Sequence[Row[Any]]:
    """Return the moves of a place after a moment."""
    return connection.execute(_AFTER, {"organisation": organisation, "place": place, "since": since}).all()


def is_reversed(connection: Connection, organisation: str, move: str) -> bool:
    """Tell whether some move puts another one right."""
    return connection.execute(_REVERSING, {"organisation": organisation, "move": move}).first() is not None
