"""Rules of the stock: what a count settles, what a van is made up with, what is below its level, what falls due.

Rule 1: a balance is the sum of its moves, in whatever order they came.
Rule 2: a line of a count speaks of its own moment. Moves after it stand beside it; so a move during the count is
        neither lost nor counted twice.
Rule 3: a move from before that moment which comes in after the count was settled was in what was counted: the
        difference is put right by as much, and by no more.
Rule 4: what is picked is what expires first; what is expired or recalled is not picked.
Source: handbook P4-P7.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from schemas.stock import KEEPING_PLACES, StockKey, balance_changes

EXPIRES_SOON_DAYS: Final = 60
"""Time enough to use a lot up, or to give it back to its supplier."""


@dataclass(frozen=True, slots=True)
class Held:
    """So many of one part, batch and serial number in a place, with what is known of the batch."""

    batch: str
    serial: str
    quantity: int
    expires_on: str | None = None
    is_recalled: bool = False

    def is_usable(self, today: str) -> bool:
        """Whether one may put it into a machine on a day."""
        return self.quantity > 0 and not self.is_recalled and not (self.expires_on and self.expires_on < today)


@dataclass(frozen=True, slots=True)
class Pick:
    """So many to take of one batch or serial number."""

    batch: str
    serial: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Level:
    """How many of a part a place should have: below `minimum` something is done, up to `standard`."""

    part: str
    minimum: int
    standard: int


def sum_moves(moves: Iterable[Mapping[str, Any]]) -> dict[StockKey, int]:
    """Return the balances that moves come to; a balance of zero is left out."""
    balances: dict[StockKey, int] = {}
    for move in moves:
        for key, by in balance_changes(move):
            balances[key] = balances.get(key, 0) + by
    return {key: quantity for key, quantity in balances.items() if quantity}


def place_of(move: Mapping[str, Any], side: str) -> str:
    """Return the id of the van or centre at one end (``from`` or ``to``) of a move, else what the end is."""
    where: str = move[f"{side}_place"]
    return (move.get(f"{side}_{where}_id") if where in KEEPING_PLACES else None) or where


def find_difference(balance: int, since: int, counted: int) -> int:
    """Return what a count brings to light: positive for what was found, negative for what is missing (rule 2).

    `balance` is what the moves come to, `since` what those after the moment of counting add to it.
    """
    return counted - (balance - since)


def settle_late(late: int) -> int:
    """Return the difference that undoes moves which a settled count had already seen (rule 3)."""
    return -late


def spell_difference(place: Mapping[str, Any], difference: int) -> dict[str, Any]:
    """Return the ends and the quantity of the move that settles a difference other than zero.

    `place` is ``{"place": "van", "van_id": ...}`` or ``{"place": "centre", "centre_id": ...}``.
    """
    here, there = ("to", "from") if difference > 0 else ("from", "to")
    ends = {f"{here}_{name}": value for name, value in place.items()}
    return ends | {f"{there}_place": "difference", "quantity": abs(difference)}


def pick(held: Iterable[Held], wanted: int, today: str) -> list[Pick]:
    """Return what to take for so many of a part, as far as it goes (rule 4)."""
    usable = [line for line in held if line.is_usable(today)]
    picked: list[Pick] = []
    for line in sorted(usable, key=lambda line: (line.expires_on or "9999", line.batch, line.serial)):
        quantity = min(wanted, line.quantity)
        if quantity > 0:
            picked.append(Pick(line.batch, line.serial, quantity))
            wanted -= quantity
    return picked


def count_usable(held: Iterable[Held], today: str) -> int:
    """Return how many of what is held one may put into a machine."""
    return sum(line.quantity for line in held if line.is_usable(today))


def find_gap(level: Level, usable: int) -> int:
    """Return how many a van lacks of its standard list."""
    return max(0, level.standard - usable)


def find_order(level: Level, usable: int) -> int:
    """Return how many to order: up to the standard, once there are fewer than the minimum."""
    return max(level.standard, level.minimum) - usable if usable < level.minimum else 0


def interval_of(part: Mapping[str, Any], model: str | None) -> int | None:
    """Return every how many days a part is to be replaced in machines of a model; None where nobody says.

    Source: handbook P6.
    """
    for own in part.get("intervals") or ():
        if own.get("model_id") == model and own.get("interval_days"):
            return int(own["interval_days"])
    general = part.get("interval_days")
    return int(general) if general else None


def due_on(last: str, interval_days: int) -> str:
    """Return the day (ISO 8601) on which what was fitted on a day is to be replaced."""
    return (date.fromisoformat(last[:10]) + timedelta(days=interval_days)).isoformat()


def read_serials(text: str) -> list[str]:
    """Return the serial numbers of a text, one a line or parted by commas, in their order, each once."""
    parts = [item.strip() for line in text.replace("，", ",").splitlines() for item in line.split(",")]
    return list(dict.fromkeys(item for item in parts if item))
