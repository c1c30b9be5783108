"""What is kept so that a set that comes late does not bring back what was erased; not rebuilt from the log."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import db, key


class ErasedMark(db.Model):  # type: ignore[name-defined]
    """By what a value of an erasure is known again: the keyed hash of a text or of its digits, or a record's id.

    `position` is where the log has the erasure, `seed` what its stand-ins are made with, `length` that of the text.
    """

    __tablename__ = "erased_marks"
    organisation: Mapped[str] = key()
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    what: Mapped[str] = key(10)
    mark: Mapped[str] = key(64)
    length: Mapped[int] = mapped_column(BigInteger)
    seed: Mapped[str] = mapped_column(String(32))
