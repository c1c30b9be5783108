"""Tables of the stock beside its balances, rebuilt from the log: each move, each batch, each level."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db, key


class MoveRow(db.Model):  # type: ignore[name-defined]
    """A stock move; an end is the id of a van or centre, or the word for what has no balance."""

    __tablename__ = "stock_moves"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    position: Mapped[int] = mapped_column(BigInteger)
    moved_at: Mapped[str] = mapped_column(String(24))
    part: Mapped[str] = mapped_column(String(UUID_LENGTH))
    batch: Mapped[str] = mapped_column(String(60))
    serial: Mapped[str] = mapped_column(String(60))
    from_at: Mapped[str] = mapped_column(String(UUID_LENGTH))
    to_at: Mapped[str] = mapped_column(String(UUID_LENGTH))
    quantity: Mapped[int] = mapped_column(BigInteger)
    reverses: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    __table_args__ = (
        Index("stock_moves_of_part", "organisation", "part", "moved_at"),
        Index("stock_moves_from", "organisation", "from_at", "moved_at"),
        Index("stock_moves_to", "organisation", "to_at", "moved_at"),
        Index("stock_moves_reversing", "organisation", "reverses"),
        # Most moves are of parts without serial numbers.
        Index(
            "stock_moves_of_serial",
            "organisation",
            "serial",
            sqlite_where=text("serial <> ''"),
            postgresql_where=text("serial <> ''"),
        ),
        Index(
            "stock_moves_of_batch",
            "organisation",
            "batch",
            sqlite_where=text("batch <> ''"),
            postgresql_where=text("batch <> ''"),
        ),
    )


class BatchRow(db.Model):  # type: ignore[name-defined]
    """A batch, by what the stock is searched and warned by."""

    __tablename__ = "stock_batches"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    part: Mapped[str] = mapped_column(String(UUID_LENGTH))
    number: Mapped[str] = mapped_column(String(60))
    expires_on: Mapped[str | None] = mapped_column(String(10))
    recalled_on: Mapped[str | None] = mapped_column(String(10))
    is_certified: Mapped[bool] = mapped_column(Boolean)
    __table_args__ = (
        Index("stock_batches_of_part", "organisation", "part", "number"),
        Index("stock_batches_expiring", "organisation", "expires_on"),
    )


class LevelRow(db.Model):  # type: ignore[name-defined]
    """How many of a part a van or centre should have."""

    __tablename__ = "stock_levels"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    place: Mapped[str] = mapped_column(String(UUID_LENGTH))
    part: Mapped[str] = mapped_column(String(UUID_LENGTH))
    minimum: Mapped[int] = mapped_column(BigInteger)
    standard: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("stock_levels_of_place", "organisation", "place", "part"),)


class CountRow(db.Model):  # type: ignore[name-defined]
    """A line of a count that was settled: how many were there at a moment, and where the log stood."""

    __tablename__ = "stock_counts"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    part: Mapped[str] = key()
    batch: Mapped[str] = key(60)
    serial: Mapped[str] = key(60)
    place: Mapped[str] = mapped_column(String(UUID_LENGTH))
    counted_at: Mapped[str] = mapped_column(String(24))
    position: Mapped[int] = mapped_column(BigInteger)
    counted: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (Index("stock_counts_of_place", "organisation", "place", "counted_at"),)


class FittingRow(db.Model):  # type: ignore[name-defined]
    """That a part of the catalogue was put into a machine; whether the fact still counts, the trace knows."""

    __tablename__ = "stock_fittings"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    part: Mapped[str] = mapped_column(String(UUID_LENGTH))
    machine: Mapped[str] = mapped_column(String(UUID_LENGTH))
    fitted_at: Mapped[str] = mapped_column(String(24))
    __table_args__ = (Index("stock_fittings_of_part", "organisation", "part", "machine", "fitted_at"),)
