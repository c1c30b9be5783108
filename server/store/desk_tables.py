"""Tables of the office's pages. They are people's own settings, so none is rebuilt from the log."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import db, key


class SavedView(db.Model):  # type: ignore[name-defined]
    """A list of orders that somebody looks at often, as the query of its address."""

    __tablename__ = "saved_views"
    organisation: Mapped[str] = key()
    person: Mapped[str] = key()
    name: Mapped[str] = key(60)
    query: Mapped[str] = mapped_column(String(400))
