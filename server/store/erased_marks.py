"""Knowing again, at the door, what was erased before: values by keyed hashes, records by their ids.

Only sets whose author had not seen the erasure are looked through: what is told anew afterwards is told anew.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import InitVar, dataclass, field
from typing import Any, Final, Literal, cast

from sqlalchemy import Connection, Table, select

from server.domain.arrival import Arrival
from server.domain.catalogue import fold
from server.domain.erasure import DIGITS_LEAST, Slot, digits_of, note_of, spell, values_at
from server.store import json_text
from server.store.bulk import upsert
from server.store.erasure_tables import ErasedMark
from sync import codec, openings
from sync.chain import Sealed

What = Literal["text", "digits", "record", "photos"]

_MARKS: Table = ErasedMark.__table__  # type: ignore[assignment]

REFERRING: Final = ("order_id", "request_id", "customer_id", "site_id", "machine_id", "inquiry_id", "subject_id")
"""Fields by which something new belongs to a record."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that is known again."""

    position: int
    what: str
    mark: str
    length: int
    seed: str


def make_stand_in(secret: bytes, seed: str, slot: Slot, value: Any) -> str:
    """Return what stands for a value of a slot under an erasure."""
    said = "\n".join([seed, slot.id, slot.field, spell(value)]).encode()
    return "erased-" + hmac.new(secret, said, hashlib.sha256).hexdigest()[:16]


def hash_text(secret: bytes, what: What, text: str) -> str:
    """Return the keyed hash of a text."""
    return hmac.new(secret, f"{what}\n{text}".encode(), hashlib.sha256).hexdigest()


def marks_of(
    secret: bytes, position: int, seed: str, words: Iterable[str], ids: Iterable[str], *, photos: bool = False
) -> Iterator[Mark]:
    """Yield what an erasure's words and records are known by, and the records whose photos went with them."""
    for word in words:
        folded, digits = fold(word), digits_of(word)
        yield Mark(position, "text", hash_text(secret, "text", folded), len(folded), seed)
        if len(digits) >= DIGITS_LEAST:
            yield Mark(position, "digits", hash_text(secret, "digits", digits), len(digits), seed)
    for record_id in sorted(ids):
        yield Mark(position, "record", record_id, 0, seed)
        if photos:
            yield Mark(position, "photos", record_id, 0, seed)


def keep(connection: Connection, organisation: str, marks: Iterable[Mark]) -> None:
    """Keep marks for good: nobody knows how long a tablet lies in a drawer."""
    rows = {(organisation, m.position, m.what, m.mark, m.length, m.seed) for m in marks}
    upsert(connection, _MARKS, sorted(rows), update=False)


def read(connection: Connection, organisation: str) -> list[Mark]:
    """Return the marks of an organisation, the earliest erasure first."""
    columns = (_MARKS.c.position, _MARKS.c.what, _MARKS.c.mark, _MARKS.c.length, _MARKS.c.seed)
    statement = select(*columns).where(_MARKS.c.organisation == organisation).order_by(_MARKS.c.position)
    return [Mark(*row) for row in connection.execute(statement)]


@dataclass(slots=True)
class Known:
    """What is known again by some marks, however many they are: each text is hashed once for each length of a word."""

    secret: bytes
    marks: InitVar[Iterable[Mark]]
    _words: dict[tuple[What, int], dict[str, Mark]] = field(init=False, default_factory=dict)
    _records: dict[str, Mark] = field(init=False, default_factory=dict)

    def __post_init__(self, marks: Iterable[Mark]) -> None:
        """Sort the marks; of several erasures of one thing the earliest counts."""
        for mark in marks:
            if mark.what == "record":
                self._records.setdefault(mark.mark, mark)
            elif mark.what in ("text", "digits"):
                self._words.setdefault((cast("What", mark.what), mark.length), {}).setdefault(mark.mark, mark)

    def find_word(self, said: str) -> Mark | None:
        """Return the earliest mark of a word that a text contains, None when it contains none."""
        texts: dict[What, str] = {"text": fold(said), "digits": digits_of(said)}
        found = (
            marks.get(hash_text(self.secret, what, texts[what][at : at + length]))
            for (what, length), marks in self._words.items()
            for at in range(len(texts[what]) - length + 1)
        )
        return min(filter(None, found), key=_position_of, default=None)

    def find_record(self, ids: Iterable[Any]) -> Mark | None:
        """Return the earliest mark of one of some records, None when none of them was erased."""
        found = (self._records[it] for it in ids if isinstance(it, str) and it in self._records)
        return min(found, key=_position_of, default=None)


def _position_of(mark: Mark) -> int:
    return mark.position


@dataclass(slots=True)
class Screen:
    """Takes out of what arrives what was erased, as far as its author had not seen that it was."""

    secret: bytes
    marks: list[Mark]
    _last: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Remember the newest erasure: most sets were written after it."""
        self._last = max((mark.position for mark in self.marks), default=0)

    def screen(self, arrival: Arrival) -> Sealed | None:
        """Return a set as it may be kept; None where it may be kept as it is."""
        if arrival.changeset.basis >= self._last or arrival.sealed.openings is None:
            return None
        known = Known(self.secret, (mark for mark in self.marks if mark.position > arrival.changeset.basis))
        signed = codec.decode_again(arrival.sealed.payload, json_text.load)
        opened = openings.openings_of(arrival.sealed, json_text.load)
        changes = {id(change): said for change, said in zip(signed.changes, arrival.changeset.changes, strict=True)}
        stand_ins: dict[str, Any] = {}
        for change, side, name, _item, digest in openings.commitments(signed):
            if openings.is_erased(opened[digest]):
                continue
            value = opened[digest][1]
            said = changes[id(change)]
            of_record = known.find_record([said.id, *(said.set.get(name) for name in REFERRING)])
            of_word = known.find_word(value if isinstance(value, str) else spell(value))
            found = min(filter(None, (of_record, of_word)), key=_position_of, default=None)
            if found is not None:
                slot = next((slot for slot, _ in values_at(said.kind, said.id, name, value, {})), Slot(said.id, name))
                stand_ins[digest] = {"erased": make_stand_in(self.secret, found.seed, slot, value)}
                if side == "set":
                    stand_ins[digest] |= note_of(said, name)
        return openings.replace_openings(arrival.sealed, stand_ins) if stand_ins else None
