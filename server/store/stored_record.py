"""A record in memory, with who last wrote each of its fields."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Row

from schemas import Kind, kind_of
from server.store import json_text
from sync.checksum import record_digest

ALL_FIELDS: Final = ""
"""The stamp of every field that has none of its own: those a record was created with."""


@dataclass(slots=True)
class Record:
    """A record as it stands. `stamps` maps a field to [log position, device] of its last writer."""

    id: str
    kind: str
    body: dict[str, Any]
    stamps: dict[str, list[Any]]
    position: int
    deleted: bool
    text: str
    """The body as the database has it, empty for a record not written yet."""
    digest: int
    """The digest of `text`, as `sync.checksum` has it; 0 while it is not known."""
    schema_kind: Kind | None
    """What the schemas say of the kind."""
    is_created: bool = False
    """Whether it was created here: then nothing is stored of it but what is known of it here."""
    shown: dict[str, dict[str, tuple[Any, ...]]] = field(default_factory=dict)
    """By table and slot the rows that lists read, as they are stored; of a table that is missing nothing is known."""

    @staticmethod
    def read(row: Row[Any]) -> Record:
        """Make a record from its row."""
        stamps = json_text.load(row.stamps)
        body, kind = json_text.load(row.body), kind_of(row.kind)
        return Record(row.id, row.kind, body, stamps, row.position, row.deleted, row.body, 0, kind)

    @staticmethod
    def create(record_id: str, kind: str, position: int, device: str) -> Record:
        """Make a record that is being created."""
        return Record(
            record_id, kind, {}, {ALL_FIELDS: [position, device]}, position, False, "", 0, kind_of(kind), True
        )

    def write(self, values: dict[str, Any], position: int, device: str) -> None:
        """Set fields and stamp them."""
        self.body.update(values)
        self.position = position
        stamp = [position, device]
        if self.stamps[ALL_FIELDS] != stamp:
            self.stamps.update(dict.fromkeys(values, stamp))

    @property
    def is_stored(self) -> bool:
        """Whether the database has it, as it was before this transaction."""
        return bool(self.text)

    def stamp_of(self, name: str) -> tuple[int, str]:
        """Return log position and device of a field's last writer."""
        position, device = self.stamps.get(name) or self.stamps[ALL_FIELDS]
        return position, device

    def moved_by_others(self, basis: int, device: str) -> bool:
        """Tell whether another device wrote some field after the position `basis`."""
        return any(position > basis and writer != device for position, writer in self.stamps.values())

    def carried_ids(self) -> Iterator[str]:
        """Yield the ids of the records this one carries."""
        kind = self.schema_kind
        for name in kind.carried if kind else ():
            target = self.body.get(name)
            if target:
                yield target

    def current_digest(self) -> int:
        """Return the digest of `text`."""
        if not self.digest:
            self.digest = record_digest(self.kind, self.id, self.text)
        return self.digest

    def spell(self) -> int:
        """Bring `text` up to date with the body; return the digest it had, 0 when it is written for the first time."""
        before = self.current_digest() if self.is_stored else 0
        text = json_text.dump(self.body)
        if text != self.text:
            self.text, self.digest = text, 0
        return before

    def row(self, organisation: str) -> tuple[Any, ...]:
        """Return the record's row, in the order of the table's columns."""
        stamps = json_text.dump(self.stamps)
        return (organisation, self.id, self.kind, self.text, stamps, self.position, self.deleted)
