"""The tables of access: accounts, sessions, attempts, codes. They are secrets, so none is rebuilt from the log."""

from __future__ import annotations

from sqlalchemy import BigInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from server.store.base import UUID_LENGTH, db, key


class Account(db.Model):  # type: ignore[name-defined]
    """How a person signs in at the office; who he is and what he may do is in his record."""

    __tablename__ = "accounts"
    organisation: Mapped[str] = key()
    person: Mapped[str] = key()
    login: Mapped[str] = mapped_column(String(120), unique=True)
    password_hash: Mapped[str] = mapped_column(String(200))


class SignInSession(db.Model):  # type: ignore[name-defined]
    """That somebody is signed in until a time, in seconds since 1970; the cookie holds what the digest is of."""

    __tablename__ = "sessions"
    organisation: Mapped[str] = key()
    digest: Mapped[str] = key(64)
    person: Mapped[str] = mapped_column(String(UUID_LENGTH))
    ends_at: Mapped[int] = mapped_column(BigInteger)


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
