"""The tables of requests and of what is written to customers.

`request_board` is rebuilt from the log. `follow_links`, `mails_taken` and `outbox` are the server's own: a link lets in
whoever has it, so it has no place in a log that every checkpoint covers for ever.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from server.store.tables import UUID_LENGTH, db


class RequestRow(db.Model):  # type: ignore[name-defined]
    """What the list of requests shows, and what requests are compared by; folded texts are for comparing only."""

    __tablename__ = "request_board"
    organisation: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    id: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    number: Mapped[str] = mapped_column(String(40))
    state: Mapped[str] = mapped_column(String(12))
    grade: Mapped[str | None] = mapped_column(String(20))
    channel: Mapped[str] = mapped_column(String(20))
    customer: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    machine: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    order: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    serial_folded: Mapped[str | None] = mapped_column(String(60))
    phone_folded: Mapped[str | None] = mapped_column(String(40))
    email_folded: Mapped[str | None] = mapped_column(String(120))
    reported_at: Mapped[str] = mapped_column(String(24))
    received: Mapped[int] = mapped_column(BigInteger)
    __table_args__ = (
        Index("requests_by_state", "organisation", "state", "reported_at"),
        Index("requests_by_time", "organisation", "reported_at"),
        Index("requests_by_number", "organisation", "number"),
        Index("requests_by_order", "organisation", "order"),
    )


class FollowLink(db.Model):  # type: ignore[name-defined]
    """That a customer may follow a request; the link holds what the digest is of."""

    __tablename__ = "follow_links"
    organisation: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    request: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), unique=True)


class MailTaken(db.Model):  # type: ignore[name-defined]
    """That a mail was taken in, by the digest of its Message-ID, and what became of it; answers name the Message-ID."""

    __tablename__ = "mails_taken"
    organisation: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    request: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    outcome: Mapped[str] = mapped_column(String(20))
    message_id: Mapped[str | None] = mapped_column(String(300))
    taken_at: Mapped[str] = mapped_column(String(24))


class OutboxRow(db.Model):  # type: ignore[name-defined]
    """A mail or webhook that is to go out, or has; written with what it tells of, in one transaction.

    `turn` is the log position of what it tells of: what is told goes out in that order.
    `state` is ``waiting``, ``sending`` (handed over, the answer is not known), ``sent`` or ``failed``.
    """

    __tablename__ = "outbox"
    organisation: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    id: Mapped[str] = mapped_column(String(UUID_LENGTH), primary_key=True)
    lane: Mapped[str] = mapped_column(String(10))
    recipient: Mapped[str] = mapped_column(String(500))
    subject: Mapped[str] = mapped_column(String(300))
    content: Mapped[str] = mapped_column(Text)
    thread: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    turn: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(10))
    tries: Mapped[int] = mapped_column(BigInteger)
    due_at: Mapped[str] = mapped_column(String(24))
    created_at: Mapped[str] = mapped_column(String(24))
    settled_at: Mapped[str | None] = mapped_column(String(24))
    problem: Mapped[str | None] = mapped_column(String(300))
    __table_args__ = (
        Index(
            "outbox_due",
            "organisation",
            "due_at",
            sqlite_where=text("state IN ('waiting', 'sending')"),
            postgresql_where=text("state IN ('waiting', 'sending')"),
        ),
        Index("outbox_by_thread", "organisation", "thread"),
    )
