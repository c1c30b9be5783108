"""The tables of access: accounts, sessions, codes, and who saw what. None is rebuilt from the log."""

from __future__ import annotations

from sqlalchemy import BigInteger, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db, key


class Account(db.Model):  # type: ignore[name-defined]
    """How a person signs in at the office; who he is and what he may do is in his record.

    An empty hash is no password: he signs in by a provider.
    """

    __tablename__ = "accounts"
    organisation: Mapped[str] = key()
    person: Mapped[str] = key()
    login: Mapped[str] = mapped_column(String(120), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))
    disabled_at: Mapped[str | None] = mapped_column(String(24))


class SignInSession(db.Model):  # type: ignore[name-defined]
    """That somebody is signed in until a time, in seconds since 1970; the cookie holds what the digest is of.

    `method` is how he showed who he is, `proved_at` when he last did.
    """

    __tablename__ = "sessions"
    organisation: Mapped[str] = key()
    digest: Mapped[str] = key(64)
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    ends_at: Mapped[int] = mapped_column(BigInteger)
    method: Mapped[str] = mapped_column(String(20), server_default="password")
    proved_at: Mapped[int] = mapped_column(BigInteger, server_default="0")
    __table_args__ = (Index("sessions_by_person", "organisation", "person"),)


class Attempt(db.Model):  # type: ignore[name-defined]
    """How often something was tried until a time, in seconds since 1970, by whom no organisation knows yet."""

    __tablename__ = "attempts"
    digest: Mapped[str] = key(64)
    ends_at: Mapped[int] = mapped_column(BigInteger)
    count: Mapped[int] = mapped_column(BigInteger)


class Enrolment(db.Model):  # type: ignore[name-defined]
    """A one-time code with which a device is enrolled for a person."""

    __tablename__ = "enrolments"
    organisation: Mapped[str] = key()
    code_hash: Mapped[str] = key(64)
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    expires_at: Mapped[str] = mapped_column(String(24))
    device: Mapped[str | None] = mapped_column(String(UUID_LENGTH))
    public_key: Mapped[str | None] = mapped_column(String(64))


class SecondFactor(db.Model):  # type: ignore[name-defined]
    """The secret of a person's code generator, enciphered; it counts from `confirmed_at` on.

    `last_step` is the newest time step a code of which was taken: no code is taken twice.
    """

    __tablename__ = "second_factors"
    organisation: Mapped[str] = key()
    person: Mapped[str] = key()
    sealed: Mapped[str] = mapped_column(String(200))
    last_step: Mapped[int] = mapped_column(BigInteger)
    confirmed_at: Mapped[str | None] = mapped_column(String(24))


class RecoveryCode(db.Model):  # type: ignore[name-defined]
    """A code for whoever has lost his code generator; it is deleted by its use."""

    __tablename__ = "recovery_codes"
    organisation: Mapped[str] = key()
    person: Mapped[str] = key()
    code_hash: Mapped[str] = key(64)


class PasswordLink(db.Model):  # type: ignore[name-defined]
    """A link by which a person sets his password, once."""

    __tablename__ = "password_links"
    organisation: Mapped[str] = key()
    token_hash: Mapped[str] = key(64)
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    login: Mapped[str] = mapped_column(String(120))
    expires_at: Mapped[str] = mapped_column(String(24))


class Identity(db.Model):  # type: ignore[name-defined]
    """Whose a subject of an OpenID provider is."""

    __tablename__ = "identities"
    organisation: Mapped[str] = key()
    issuer: Mapped[str] = key(200)
    subject: Mapped[str] = key(255)
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    linked_at: Mapped[str] = mapped_column(String(24))
    __table_args__ = (Index("identities_by_person", "organisation", "person"),)


class Policy(db.Model):  # type: ignore[name-defined]
    """One of an organisation's own rules of access, as text."""

    __tablename__ = "policies"
    organisation: Mapped[str] = key()
    name: Mapped[str] = key(40)
    value: Mapped[str] = mapped_column(String(200))


class JournalEntry(db.Model):  # type: ignore[name-defined]
    """That a person looked at something or was let in: written once, deleted when its time is over."""

    __tablename__ = "journal"
    organisation: Mapped[str] = key()
    id: Mapped[str] = key()
    at: Mapped[str] = mapped_column(String(24))
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    act: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(40))
    subject: Mapped[str] = mapped_column(String(80))
    detail: Mapped[str] = mapped_column(Text)
    address: Mapped[str] = mapped_column(String(45))
    __table_args__ = (
        Index("journal_by_person", "organisation", "person", "id"),
        Index("journal_by_subject", "organisation", "subject", "id"),
    )


class Wipe(db.Model):  # type: ignore[name-defined]
    """That a revoked device got the order to destroy its keys, and when it said that it had."""

    __tablename__ = "wipes"
    organisation: Mapped[str] = key()
    device: Mapped[str] = key()
    ordered_at: Mapped[str] = mapped_column(String(24))
    confirmed_at: Mapped[str | None] = mapped_column(String(24))
