"""The tables of the schedule: what takes people's time, and the secret addresses of their calendars."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db, key

IS_OPEN: Final = "slot = 'engineer' AND status NOT IN ('closed', 'cancelled')"


class PlanRow(db.Model):  # type: ignore[name-defined]
    """What takes somebody's time: an order's visit, in the slot of its engineer or of who goes along, or an absence.

    Every order has a row in the slot ``engineer``, also while nobody is to go or no time is set. `due_at` is the
    earliest limit that is still ahead, or ``9999`` where there is none, so that it sorts last on every database.
    """

    __tablename__ = "plans"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    slot: Mapped[str] = key(10)
    person: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    starts_at: Mapped[str | None] = mapped_column(String(24))
    ends_at: Mapped[str | None] = mapped_column(String(24))
    number: Mapped[str] = mapped_column(String(40))
    status: Mapped[str] = mapped_column(String(20))
    grade: Mapped[str] = mapped_column(String(20))
    service: Mapped[str] = mapped_column(String(20))
    customer: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    site: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    machine: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    on_site_due_at: Mapped[str | None] = mapped_column(String(24))
    solved_due_at: Mapped[str | None] = mapped_column(String(24))
    due_at: Mapped[str] = mapped_column(String(24))
    waits: Mapped[bool]
    __table_args__ = (
        Index("plans_by_person", "organisation", "person", "ends_at"),
        # What waits for somebody or for a time is little beside the orders of years.
        Index(
            "plans_waiting",
            "organisation",
            "due_at",
            "id",
            sqlite_where=text("waits"),
            postgresql_where=text("waits"),
        ),
        # What is open is little as well, and is listed by what is due first.
        Index(
            "plans_open",
            "organisation",
            "due_at",
            "id",
            sqlite_where=text(IS_OPEN),
            postgresql_where=text(IS_OPEN),
        ),
    )


class CalendarLink(db.Model):  # type: ignore[name-defined]
    """A secret address at which somebody's calendar is read; what is kept of the secret is its digest."""

    __tablename__ = "calendar_links"
    organisation: Mapped[str] = key()
    digest: Mapped[str] = key(64)
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    created_at: Mapped[str] = mapped_column(String(24))
    __table_args__ = (Index("calendar_links_by_person", "organisation", "person"),)
