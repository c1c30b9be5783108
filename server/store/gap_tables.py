"""The table of gaps: what is missing of the evidence for parts that were fitted. It follows the log."""

from __future__ import annotations

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db, key


class GapRow(db.Model):  # type: ignore[name-defined]
    """Something that is missing of a fact: a part fitted, or a photo or signature whose file has not arrived.

    `subject` is what would close the gap: the lot by its id or number, the order, the file by its hash, else the fact
    itself. `month` is that of `at` in the office's zone.
    """

    __tablename__ = "trace_gaps"
    organisation: Mapped[str] = key()
    order: Mapped[str] = key()
    gap: Mapped[str] = key(16)
    fact: Mapped[str] = key()
    subject: Mapped[str] = mapped_column(String(64))
    machine: Mapped[str] = mapped_column(String(UUID_LENGTH))
    customer: Mapped[str] = mapped_column(String(UUID_LENGTH))
    engineer: Mapped[str] = mapped_column(String(UUID_LENGTH))
    month: Mapped[str] = mapped_column(String(7))
    at: Mapped[str] = mapped_column(String(24))
    __table_args__ = (
        # Each way to count them is read from its index alone.
        Index("gaps_by_customer", "organisation", "gap", "customer", "month"),
        Index("gaps_by_engineer", "organisation", "gap", "engineer", "month"),
        Index("gaps_by_month", "organisation", "gap", "month", "at", "fact"),
        Index("gaps_by_subject", "organisation", "gap", "subject"),
    )
