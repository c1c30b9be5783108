"""An engineer's device that hands in its work once and is then put away, its key forgotten."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from schemas import SCHEMA_VERSION
from server.demo.records import refer
from server.demo.visits import Act
from server.domain.times import milliseconds
from server.keys import OfficeKey, draw_bytes, new_id, open_office_key
from server.settings import Settings
from sync import chain, clock, openings
from sync.changeset import ChangeSet


@dataclass(slots=True)
class Handset:
    """Seals the acts of one engineer, each behind the one before."""

    organisation: str
    engineer: str
    key: OfficeKey
    basis: int
    seq: int = 0
    prev: str = chain.FIRST_PREV
    stamp: str = clock.ORIGIN

    @property
    def id(self) -> str:
        """The device's id."""
        return refer("device", self.engineer)

    def seal(self, act: Act) -> bytes:
        """Return an act as a sealed line."""
        self.seq += 1
        self.stamp = clock.tick(self.stamp, milliseconds(act.captured_at))
        changeset = ChangeSet(
            id=new_id(),
            organisation=self.organisation,
            device=self.id,
            seq=self.seq,
            prev=self.prev,
            actor=refer("person", self.engineer),
            intent=act.intent,
            schema=SCHEMA_VERSION,
            captured_at=act.captured_at,
            offset_ms=0,
            clock=self.stamp,
            basis=self.basis,
            witness="",
            changes=act.changes,
        )
        sealed = openings.seal(changeset, self.key.sign, draw_bytes)
        self.prev = sealed.digest
        return sealed.line


def make_device_key(settings: Settings) -> OfficeKey:
    """Return a fresh key pair that is kept nowhere."""
    with tempfile.TemporaryDirectory(prefix="gongdan-demo-") as folder:
        return open_office_key(replace(settings, data=Path(folder)))
