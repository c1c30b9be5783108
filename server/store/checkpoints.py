"""Signed checkpoints that are kept, so that a log which is another one later cannot be passed off as the same."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Connection, Row, String, Table, Text, insert, select, update
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db
from server.store.base import key as _key


class CheckpointRow(db.Model):  # type: ignore[name-defined]
    """A checkpoint as it was signed, under which feed epoch, and in Base64 the timestamp of others on it, if any."""

    __tablename__ = "checkpoints"
    organisation: Mapped[str] = _key()
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    epoch: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    kept_at: Mapped[str] = mapped_column(String(24))
    note: Mapped[str] = mapped_column(Text)
    timestamp: Mapped[str] = mapped_column(Text, default="")


_TABLE: Table = CheckpointRow.__table__  # type: ignore[assignment]
_COLUMNS = (_TABLE.c.size, _TABLE.c.epoch, _TABLE.c.kept_at, _TABLE.c.note, _TABLE.c.timestamp)


@dataclass(frozen=True, slots=True)
class KeptCheckpoint:
    """A kept checkpoint; `timestamp` is empty where nobody else has confirmed its time."""

    size: int
    epoch: str
    kept_at: str
    note: str
    timestamp: str


def list_kept(connection: Connection, organisation: str) -> list[KeptCheckpoint]:
    """Return the kept checkpoints of an organisation in the order in which they were kept."""
    rows = connection.execute(
        select(*_COLUMNS).where(_TABLE.c.organisation == organisation).order_by(_TABLE.c.kept_at, _TABLE.c.size)
    )
    return [_read(row) for row in rows]


def find_newest(connection: Connection, organisation: str, *, is_stamped: bool = False) -> KeptCheckpoint | None:
    """Return the checkpoint kept last, of all or of those with a timestamp; None when there is none."""
    statement = select(*_COLUMNS).where(_TABLE.c.organisation == organisation)
    if is_stamped:
        statement = statement.where(_TABLE.c.timestamp != "")
    row = connection.execute(statement.order_by(_TABLE.c.kept_at.desc(), _TABLE.c.size.desc()).limit(1)).first()
    return _read(row) if row else None


def keep(connection: Connection, organisation: str, kept: KeptCheckpoint) -> None:
    """Keep a checkpoint."""
    values = {"size": kept.size, "epoch": kept.epoch, "kept_at": kept.kept_at, "note": kept.note}
    connection.execute(insert(_TABLE).values(organisation=organisation, timestamp=kept.timestamp, **values))


def stamp(connection: Connection, organisation: str, kept: KeptCheckpoint, timestamp: str) -> None:
    """Put a timestamp beside a kept checkpoint."""
    where = (_TABLE.c.organisation == organisation, _TABLE.c.size == kept.size, _TABLE.c.epoch == kept.epoch)
    connection.execute(update(_TABLE).where(*where).values(timestamp=timestamp))


def _read(row: Row[tuple[int, str, str, str, str]]) -> KeptCheckpoint:
    return KeptCheckpoint(*row)
