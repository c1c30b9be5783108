"""Reading the stock: balances that a search leaves, the moves of a part, what a scanned code means in a place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row

from scanning.scan import Identity, parse_typed
from schemas.problems import Refused
from schemas.recall import Cover
from schemas.stock import StockKey
from server.domain.catalogue import fold, spell_name, wanted_words
from server.domain.ids import is_id
from server.domain.stock import EXPIRES_SOON_DAYS, place_of
from server.services.provenance import read_origins
from server.services.stock_recalls import StockRecalls, list_recalled
from server.store import catalogue, records, stock_read
from server.store.stock_read import STATES, Wanted

PAGE_LINES: Final = 100
MOVES_SHOWN: Final = 200
LINES_OF_PART: Final = 500
CHOICES_MAX: Final = 24
"""More are not chosen from: another letter is typed."""

KINDS_OF_PLACE: Final = {"van": "van", "service_centre": "centre"}

Body = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """A van or a centre; `kind` is the word of a move's end."""

    id: str
    kind: str
    body: Body


@dataclass(frozen=True, slots=True)
class Balance:
    """A line of the stock with the part it is of."""

    place: str
    part: str
    part_body: Body
    batch: str
    batch_id: str | None
    serial: str
    quantity: int
    expires_on: str | None
    recall: Cover
    is_certified: bool


@dataclass(frozen=True, slots=True)
class Page:
    """A page of balances."""

    lines: list[Balance]
    number: int
    has_more: bool


@dataclass(frozen=True, slots=True)
class Step:
    """A move with who booked it, and the other things its record says."""

    id: str
    moved_at: str
    batch: str
    serial: str
    from_at: str
    to_at: str
    quantity: int
    body: Body
    actor: str
    received_at: str
    is_reversed: bool

    @property
    def may_be_reversed(self) -> bool:
        """Whether a stock keeper puts it right by a move; what was fitted comes back when the fitting is withdrawn."""
        return not (self.is_reversed or self.body.get("reverses_id") or self.body.get("fitted_id"))


@dataclass(frozen=True, slots=True)
class Choice:
    """What a code may mean; `held` is how many are in the place asked about, None where none was."""

    part: str
    batch: str = ""
    serial: str = ""
    expires_on: str | None = None
    produced_on: str | None = None
    recall: Cover = "miss"
    held: int | None = None
    part_body: Body = field(default_factory=dict)


def list_places(connection: Connection, organisation: str) -> list[Place]:
    """Return the centres and then the vans, by name."""
    found = [
        Place(record_id, word, body)
        for kind, word in KINDS_OF_PLACE.items()
        for record_id, body in records.bodies_of_kind(connection, organisation, kind)
    ]
    return sorted(found, key=lambda place: (place.kind != "centre", place.body.get("name", ""), place.id))


def find_place(connection: Connection, organisation: str, place: str) -> Place:
    """Return a van or centre. Raises Refused with `not_found`."""
    found = records.body_of(connection, organisation, place) if is_id(place) else None
    if found is None or found[0] not in KINDS_OF_PLACE:
        raise Refused("not_found", what=place)
    return Place(place, KINDS_OF_PLACE[found[0]], found[1])


def find_part(connection: Connection, organisation: str, part: str) -> Body:
    """Return the values of a part. Raises Refused with `not_found`."""
    found = records.body_of(connection, organisation, part) if is_id(part) else None
    if found is None or found[0] != "part":
        raise Refused("not_found", what=part[:60])
    return found[1]


def soon_after(today: str) -> str:
    """Return the last day of what expires soon."""
    return (date.fromisoformat(today) + timedelta(days=EXPIRES_SOON_DAYS)).isoformat()


def list_balances(
    connection: Connection, organisation: str, today: str, query: str = "", place: str | None = None,
    state: str = "", number: int = 1, limit: int = PAGE_LINES,
) -> Page:  # fmt: skip
    """Return a page (from 1) of the balances of a place and in a state whose part, batch or serial number is searched.

    Raises Refused with `not_found` for a state that there is not.
    """
    if state and state not in STATES:
        raise Refused("not_found", what=state)
    parts, begins = None, ""
    if query.strip():
        begins = query.strip().lower()
        words = wanted_words(query)
        parts = tuple(key for _, key in catalogue.search(connection, organisation, "part", words, [])) if words else ()
    recalled = list_recalled(connection, organisation) if state == "recalled" else ()
    wanted = Wanted(today, soon_after(today), state, place, begins, parts, recalled)
    rows = stock_read.list_balances(connection, organisation, wanted, limit + 1, (max(1, number) - 1) * limit)
    return Page(_describe(connection, organisation, rows[:limit]), max(1, number), len(rows) > limit)


def count_states(connection: Connection, organisation: str, today: str) -> dict[str, int]:
    """Return how many balances there are of each state that needs somebody."""
    counts = stock_read.count_states(connection, organisation, today, soon_after(today))
    return counts | {"recalled": len(list_recalled(connection, organisation))}


def read_history(connection: Connection, organisation: str, part: str, place: str | None) -> list[Step]:
    """Return the moves of a part, at a place where one is named, newest first."""
    return _tell_moves(
        connection, organisation, stock_read.list_moves(connection, organisation, part, place, MOVES_SHOWN)
    )


def read_draws(connection: Connection, organisation: str, move: str, most: int) -> list[Step]:
    """Return what made up a balance when a move took from it, itself first, then whatever had come in last.

    Where it came to be below zero, these are who else drew the same, and what was brought.
    """
    found = records.body_of(connection, organisation, move)
    if found is None or found[0] != "stock_move":
        return []
    body, position = found[1], records.position_of(connection, organisation, move)
    key = StockKey(place_of(body, "from"), body["part_id"], body.get("batch") or "", body.get("serial") or "")
    return _tell_moves(
        connection, organisation, stock_read.list_balanced(connection, organisation, key, position, most)
    )


def _tell_moves(connection: Connection, organisation: str, rows: Sequence[Row[Any]]) -> list[Step]:
    bodies = records.bodies_of(connection, organisation, [row.id for row in rows])
    origins = read_origins(connection, organisation, {row.position for row in rows})
    undone = {row.reverses for row in rows if row.reverses}
    return [
        Step(
            *(row.id, row.moved_at, row.batch, row.serial, row.from_at, row.to_at, row.quantity),
            bodies[row.id][1],
            origins[row.position].actor,
            origins[row.position].received_at,
            row.id in undone,
        )
        for row in rows
    ]


def name_records(connection: Connection, organisation: str, ids: Iterable[str | None]) -> dict[str, Body]:
    """Return the values of records by id, for their names."""
    found = records.bodies_of(connection, organisation, {key for key in ids if key})
    return {key: body for key, (_, body) in found.items()}


def read_code(connection: Connection, organisation: str, typed: str, place: str | None, today: str) -> list[Choice]:
    """Return what a scanned or typed text may mean: one choice where it is sure, several for a person.

    A text that is no code is looked for as part, batch and serial number, then by the words of parts. Raises Refused
    with `code_invalid`, `code_ambiguous`, `part_not_known`.
    """
    found: list[Choice] = []
    for reading in parse_typed(typed, int(today[:4])).candidates:
        found += _find_meant(connection, organisation, reading)
    if not found:
        rows = (
            catalogue.search(connection, organisation, "part", wanted_words(typed), []) if wanted_words(typed) else []
        )
        found = [Choice(key) for _, key in rows[:CHOICES_MAX]]
    if not found:
        raise Refused("part_not_known", what=typed[:60])
    if place:
        found = [narrowed for choice in found for narrowed in _find_held(connection, organisation, choice, place)]
    bodies = name_records(connection, organisation, [choice.part for choice in found])
    # What is there comes before what the books do not have there.
    found.sort(key=lambda choice: choice.held == 0)
    once = {(choice.part, choice.batch, choice.serial): choice for choice in reversed(found) if choice.part in bodies}
    return [replace(choice, part_body=bodies[choice.part]) for choice in reversed(once.values())][:CHOICES_MAX]


def _find_meant(connection: Connection, organisation: str, reading: Identity) -> Iterator[Choice]:
    """Yield what one reading of a code names: by its GTIN, or as part, batch or serial number."""
    if reading.gtin:
        named = catalogue.find_by_terms(connection, organisation, "part", {reading.gtin}).get(reading.gtin, [])
        bodies = name_records(connection, organisation, named)
        for part in named:
            if bodies[part].get("gtin") == reading.gtin:
                of = (reading.batch or "", reading.serial or "", reading.expiry, reading.production_date)
                yield Choice(part, *of)
        return
    typed = reading.serial or ""
    named = catalogue.find_by_terms(connection, organisation, "part", {spell_name(typed)}).get(spell_name(typed), [])
    bodies = name_records(connection, organisation, named)
    yield from (Choice(part) for part in named if fold(bodies[part]["part_number"]) == fold(typed))
    rows = stock_read.find_number(connection, organisation, typed)
    yield from (Choice(row.part, row.batch, row.serial) for row in rows if row.serial == typed)
    yield from (Choice(part, typed) for part in {row.part: None for row in rows if row.batch == typed})


def _find_held(connection: Connection, organisation: str, choice: Choice, place: str) -> Iterator[Choice]:
    """Yield the lines of a place that a choice may mean; the choice itself where the books have none of them there."""
    rows = [
        row
        for row in stock_read.list_at(connection, organisation, place, [choice.part])
        if row.quantity > 0 and choice.batch in ("", row.batch) and choice.serial in ("", row.serial)
    ]
    recalls = StockRecalls(connection, organisation, [choice.part])
    for row in rows:
        cover = recalls.judge(choice.part, row.batch, row.serial, row.recalled_on)
        yield Choice(choice.part, row.batch, row.serial, row.expires_on, None, cover, row.quantity)
    if not rows:
        yield Choice(choice.part, choice.batch, choice.serial, choice.expires_on, choice.produced_on, held=0)


def _describe(connection: Connection, organisation: str, rows: Sequence[Row[Any]]) -> list[Balance]:
    bodies = name_records(connection, organisation, [row.part for row in rows])
    recalls = StockRecalls(connection, organisation, bodies)
    return [
        Balance(
            *(row.place, row.part, bodies.get(row.part, {}), row.batch, row.batch_id, row.serial),
            *(row.quantity, row.expires_on),
            recalls.judge(row.part, row.batch, row.serial, row.recalled_on),
            bool(row.is_certified),
        )
        for row in rows
    ]


def list_of_part(connection: Connection, organisation: str, part: str) -> list[Balance]:
    """Return where a part is."""
    wanted = Wanted("", "", parts=(part,))
    return _describe(
        connection, organisation, stock_read.list_balances(connection, organisation, wanted, LINES_OF_PART)
    )
