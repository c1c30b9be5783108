"""Where each log went on from a backup: what devices had seen beyond that is explained by it."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import BigInteger, Connection, String, Table, select
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db, key
from server.store.bulk import upsert


class Restoration(db.Model):  # type: ignore[name-defined]
    """A restoration from a backup: the feed epoch that began with it, and the log position it went on from."""

    __tablename__ = "restorations"
    organisation: Mapped[str] = key()
    epoch: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    position: Mapped[int] = mapped_column(BigInteger)


_TABLE: Table = Restoration.__table__  # type: ignore[assignment]


def note(connection: Connection, restorations: Iterable[tuple[str, str, int]]) -> None:
    """Note restorations: organisation, the epoch that begins, the newest log position."""
    upsert(connection, _TABLE, sorted(restorations), update=False)


def list_restorations(connection: Connection, organisation: str) -> dict[str, int]:
    """Return the log position that each restoration went on from, by the epoch that began with it."""
    columns = (_TABLE.c.epoch, _TABLE.c.position)
    rows = connection.execute(select(*columns).where(_TABLE.c.organisation == organisation))
    return {row.epoch: row.position for row in rows}
