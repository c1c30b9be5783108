"""Knowing again, at the door, what was erased before: values by keyed hashes, records by their ids.

Only sets whose author had not seen the erasure are looked through: what is told anew afterwards is told anew.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sqlalchemy import Connection, Table, select

from server.domain.arrival import Arrival
from server.domain.catalogue import fold
from server.domain.erasure import DIGITS_LEAST, Slot, digits_of, note_of, spell, values_at
from server.store import json_text
from server.store.bulk import upsert
from server.store.erasure_tables import ErasedMark
from sync import codec, openings
from sync.chain import Sealed
from sync.changeset import Change

What = Literal["text", "digits", "record"]

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


def marks_of(secret: bytes, position: int, seed: str, words: Iterable[str], ids: Iterable[str]) -> Iterator[Mark]:
    """Yield what an erasure's words and records are known by."""
    for word in words:
        folded, digits = fold(word), digits_of(word)
        yield Mark(position, "text", hash_text(secret, "text", folded), len(folded), seed)
        if len(digits) >= DIGITS_LEAST:
            yield Mark(position, "digits", hash_text(secret, "digits", digits), len(digits), seed)
    yield from (Mark(position, "record", record_id, 0, seed) for record_id in ids)


def keep(connection: Connection, organisation: str, marks: Iterable[Mark]) -> None:
    """Keep marks until they are forgotten."""
    rows = {(organisation, m.position, m.what, m.mark, m.length, m.seed) for m in marks}
    upsert(connection, _MARKS, sorted(rows), update=False)


def read(connection: Connection, organisation: str) -> list[Mark]:
    """Return the marks of an organisation, the earliest erasure first."""
    columns = (_MARKS.c.position, _MARKS.c.what, _MARKS.c.mark, _MARKS.c.length, _MARKS.c.seed)
    statement = select(*columns).where(_MARKS.c.organisation == organisation).order_by(_MARKS.c.position)
    return [Mark(*row) for row in connection.execute(statement)]


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
        marks = [mark for mark in self.marks if mark.position > arrival.changeset.basis]
        signed = codec.decode_again(arrival.sealed.payload, json_text.load)
        opened = openings.openings_of(arrival.sealed, json_text.load)
        changes = {id(change): said for change, said in zip(signed.changes, arrival.changeset.changes, strict=True)}
        stand_ins: dict[str, Any] = {}
        for change, side, name, _item, digest in openings.commitments(signed):
            if openings.is_erased(opened[digest]):
                continue
            value = opened[digest][1]
            said = changes[id(change)]
            found = next((mark for mark in marks if self._knows(mark, said, value)), None)
            if found is not None:
                slot = next((slot for slot, _ in values_at(said.kind, said.id, name, value, {})), Slot(said.id, name))
                stand_ins[digest] = {"erased": make_stand_in(self.secret, found.seed, slot, value)}
                if side == "set":
                    stand_ins[digest] |= note_of(said, name)
        return openings.replace_openings(arrival.sealed, stand_ins) if stand_ins else None

    def _knows(self, mark: Mark, change: Change, value: Any) -> bool:
        if mark.what == "record":
            return mark.mark == change.id or mark.mark in (change.set.get(name) for name in REFERRING)
        said = value if isinstance(value, str) else spell(value)
        if mark.what == "digits":
            text = digits_of(said)
            return any(
                hash_text(self.secret, "digits", text[at : at + mark.length]) == mark.mark
                for at in range(len(text) - mark.length + 1)
            )
        text = fold(said)
        return any(
            hash_text(self.secret, "text", text[at : at + mark.length]) == mark.mark
            for at in range(len(text) - mark.length + 1)
        )
