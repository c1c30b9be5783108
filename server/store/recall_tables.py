"""The tables of recalls: what each names, found by part, and which device was seen to have it.

`recalled_parts` is rebuilt from the log; `recall_receipts` is the server's own.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db
from server.store.base import key as _key


class RecalledPartRow(db.Model):  # type: ignore[name-defined]
    """What a recall names of a part; the record of the same id has the rest. `gtin` is that of the part.

    `corrected` is the log position at which it was struck out because it was named by mistake.
    """

    __tablename__ = "recalled_parts"
    organisation: Mapped[str] = _key()
    id: Mapped[str] = _key()
    recall: Mapped[str] = mapped_column(String(UUID_LENGTH))
    part: Mapped[str] = mapped_column(String(UUID_LENGTH))
    gtin: Mapped[str | None] = mapped_column(String(14))
    position: Mapped[int] = mapped_column(BigInteger)
    corrected: Mapped[int | None] = mapped_column(BigInteger)
    __table_args__ = (
        Index("recalled_parts_by_recall", "organisation", "recall"),
        Index("recalled_parts_by_part", "organisation", "part"),
        Index("recalled_parts_by_gtin", "organisation", "gtin"),
        Index("recalled_parts_by_position", "organisation", "position"),
    )


class RecallReceipt(db.Model):  # type: ignore[name-defined]
    """That a device has pulled a recall, as far as log position `position`, and when it was first seen to have it."""

    __tablename__ = "recall_receipts"
    organisation: Mapped[str] = _key()
    recall: Mapped[str] = _key()
    device: Mapped[str] = _key()
    position: Mapped[int] = mapped_column(BigInteger)
    had_at: Mapped[str] = mapped_column(String(24))
