"""What intake asks of the read models to find facts that cannot all be right."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, Table, select

from server.domain.findings import PartEvent
from server.domain.trace import fold
from server.store.bulk import select_among
from server.store.tables import ReviewRow, SignedOrder, TraceFact

_SIGNED: Table = SignedOrder.__table__  # type: ignore[assignment]
_TRACE: Table = TraceFact.__table__  # type: ignore[assignment]
_REVIEWS: Table = ReviewRow.__table__  # type: ignore[assignment]


@dataclass(slots=True)
class FindingsStore:
    """Answers from the database, joined with what the open transaction has added itself."""

    connection: Connection
    organisation: str
    _added: dict[str, list[PartEvent]] = field(default_factory=dict)
    _signed: dict[str, str] = field(default_factory=dict)
    _opened: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def events_of(self, maker: str, serial: str) -> list[PartEvent]:
        """Return what is known of one part, by time and then by log position."""
        columns = ("id", "act", "maker", "serial", "machine", "at", "position")
        folded = fold(serial)
        rows = select_among(self.connection, _TRACE, columns, "serial_folded", self.organisation, [folded])
        stored = [PartEvent(r.act, r.maker, r.serial, r.machine, r.at, r.position, r.id) for r in rows]
        events = [e for e in (*stored, *self._added.get(folded, ())) if (e.maker, e.serial) == (maker, serial)]
        return sorted(events, key=lambda event: (event.at, event.position, event.id))

    def add_event(self, event: PartEvent) -> None:
        """Remember an event that is not in the database yet."""
        self._added.setdefault(fold(event.serial), []).append(event)

    def signature_of(self, order: str) -> str | None:
        """Return the id of the newest signature under a job sheet of an order, or None."""
        if order in self._signed:
            return self._signed[order]
        found = select_among(self.connection, _SIGNED, ("signature",), "order", self.organisation, [order])
        return found[0].signature if found else None

    def add_signature(self, order: str, signature: str) -> None:
        """Remember a signature that is not in the database yet."""
        self._signed[order] = signature

    def open_conflicts(self, subject: str, name: str) -> list[str]:
        """Return the ids of the open conflicts on a field of a record."""
        statement = select(_REVIEWS.c.id).where(
            _REVIEWS.c.organisation == self.organisation,
            _REVIEWS.c.subject == subject,
            _REVIEWS.c.state == "open",
            _REVIEWS.c.kind == "conflict",
            _REVIEWS.c.field == name,
        )
        stored = list(self.connection.execute(statement).scalars())
        return [*stored, *self._opened.get((subject, name), ())]

    def add_conflict(self, subject: str, name: str, conflict: str) -> None:
        """Remember a conflict that is not in the database yet."""
        self._opened.setdefault((subject, name), []).append(conflict)
