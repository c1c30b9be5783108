"""Knowing again, at the door, what was erased before: values by keyed hashes, records by their ids.

Only sets whose author had not seen the erasure are looked through: what is told anew afterwards is told anew. A device
that brought something late still has it, and may write it once more without telling it anew, until it has seen the act
that names it: until then its sets are looked through as the late one was. At the office a page that was opened before
the erasure still shows what was erased: what somebody says that he saw is looked through whenever it stands no more.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import InitVar, dataclass, field, replace
from typing import Any, Final, Literal, cast

from sqlalchemy import Connection, Table, delete, select

from schemas.problems import Refused
from server.domain.arrival import Arrival
from server.domain.catalogue import fold
from server.domain.erasure import DIGITS_LEAST, Erasing, Slot, digits_of, note_of, replace_in, spell, values_at
from server.store import json_text
from server.store.bulk import upsert
from server.store.erasure_tables import ErasedMark
from server.store.tables import HeldSet
from sync import codec, openings
from sync.chain import Sealed
from sync.changeset import Change

What = Literal["text", "digits", "record", "photos", "device"]

_MARKS: Table = ErasedMark.__table__  # type: ignore[assignment]
_HELD: Table = HeldSet.__table__  # type: ignore[assignment]

OPEN: Final = 2**53 - 1
"""Behind every position: what was taken out of a device's set is named by no act so far."""

REFERRING: Final = ("order_id", "request_id", "customer_id", "site_id", "machine_id", "inquiry_id", "subject_id")
"""Fields by which something new belongs to a record."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One thing that is known again.

    Of a ``device``, `length` is the position that the author of its late set had seen. `position` is that of the act
    which names what was taken out of it, or OPEN; then `seed` is where the log has the newest such set.
    """

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


def keep_late(connection: Connection, organisation: str, device: str, seen: int, position: int) -> Mark:
    """Note that a device brought something late whose author had seen a position; return the mark."""
    mark = Mark(OPEN, "device", device, seen, str(position))
    known = [it for it in read(connection, organisation) if (it.position, it.what, it.mark) == (OPEN, "device", device)]
    mark = replace(mark, length=min([seen, *(it.length for it in known)]))
    upsert(connection, _MARKS, [(organisation, OPEN, "device", device, mark.length, mark.seed)])
    return mark


def close_late(connection: Connection, organisation: str, end: int, position: int) -> None:
    """Note that an act at a position names what devices brought late up to an entry of the log.

    What is held of a device is named when it comes into the log.
    """
    waiting = set(connection.execute(select(_HELD.c.device).where(_HELD.c.organisation == organisation)).scalars())
    late = (it for it in read(connection, organisation) if it.position == OPEN and it.mark not in waiting)
    named = [it for it in late if int(it.seed) <= end]
    keep(connection, organisation, (replace(it, position=position, seed="") for it in named))
    for mark in named:
        where = (_MARKS.c.organisation == organisation, _MARKS.c.position == OPEN, _MARKS.c.mark == mark.mark)
        connection.execute(delete(_MARKS).where(*where))


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

    def find(self, ids: Iterable[Any], value: Any) -> Mark | None:
        """Return the earliest mark of a value, or of the records that it belongs to; None when it was not erased."""
        found = (self.find_record(ids), self.find_word(value if isinstance(value, str) else spell(value)))
        return min(filter(None, found), key=_position_of, default=None)


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

    def seen_by(self, device: str, basis: int) -> int:
        """Return the position up to which a set that names `basis` may be taken to tell things anew."""
        late = (it.length for it in self.marks if it.what == "device" and it.mark == device and it.position > basis)
        return min([basis, *late])

    def add(self, mark: Mark) -> None:
        """Know one more thing."""
        self.marks.append(mark)
        self._last = max(self._last, mark.position)

    def screen(self, arrival: Arrival) -> Sealed | None:
        """Return a set as it may be kept; None where it may be kept as it is."""
        if arrival.changeset.basis >= self._last or arrival.sealed.openings is None:
            return None
        seen = self.seen_by(arrival.changeset.device, arrival.changeset.basis)
        known = Known(self.secret, (mark for mark in self.marks if mark.position > seen))
        signed = codec.decode_again(arrival.sealed.payload, json_text.load)
        opened = openings.openings_of(arrival.sealed, json_text.load)
        changes = {id(change): said for change, said in zip(signed.changes, arrival.changeset.changes, strict=True)}
        stand_ins: dict[str, Any] = {}
        for change, side, name, _item, digest in openings.commitments(signed):
            if openings.is_erased(opened[digest]):
                continue
            value = opened[digest][1]
            said = changes[id(change)]
            found = known.find([said.id, *(said.set.get(name) for name in REFERRING)], value)
            if found is not None:
                slot = next((slot for slot, _ in values_at(said.kind, said.id, name, value, {})), Slot(said.id, name))
                stand_ins[digest] = {"erased": make_stand_in(self.secret, found.seed, slot, value)}
                if side == "set":
                    stand_ins[digest] |= note_of(said, name)
        return openings.replace_openings(arrival.sealed, stand_ins) if stand_ins else None

    def screen_seen(self, change: Change, standing: Mapping[str, Any]) -> Change:
        """Return a change by somebody at the office without what an old page still showed and was erased.

        `standing` is the record's body: what stands was not erased, or was told anew. Raises Refused with
        `erased_meanwhile` where the change would write such a field: what is typed goes on from what is erased.
        """
        was = dict(change.was)
        moved = [name for name, value in was.items() if value != standing.get(name)]
        if not moved:
            return change
        known = Known(self.secret, self.marks)
        own = [change.id, *(standing.get(name) for name in REFERRING)]
        for name in moved:
            erasing: Erasing = {}
            for slot, value in values_at(change.kind, change.id, name, was[name], standing):
                mark = known.find(own, value)
                if mark is not None:
                    erasing[slot, spell(value)] = make_stand_in(self.secret, mark.seed, slot, value)
            if erasing and name in change.set:
                raise Refused("erased_meanwhile")
            was[name], _ = replace_in(change.kind, change.id, name, was[name], standing, erasing)
        return replace(change, was=was)
