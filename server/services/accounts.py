"""People signing in at the office: accounts, passwords, roles."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Connection

from schemas.problems import Refused
from schemas.shown_text import Title
from server.store import accounts, records
from server.store.accounts import KnownAccount

PASSWORD_CHARACTERS_MIN: Final = 10
"""Short of this, guessing at the rate the sign-in limit allows becomes worth while (NIST SP 800-63B asks for 8)."""

LOGIN_CHARACTERS_MAX: Final = 120

PASSWORD_CHARACTERS_MAX: Final = 200
"""Hashing a longer text only costs the server time."""

HASHES_AT_ONCE_MAX: Final = 2
"""One hash takes 64 MiB and 0.2 s of a core; a flood of sign-ins must not take the memory of all threads."""

_HASHER: Final = PasswordHasher()
_HASHING: Final = threading.BoundedSemaphore(HASHES_AT_ONCE_MAX)
_NOBODY: Final = _HASHER.hash("the password of nobody")


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Somebody who works at the office, as his records and account say at this moment."""

    organisation: str
    person: str
    name: str
    roles: frozenset[str]
    account_stamp: str
    """Changes with the password, so that a new password ends older sessions."""
    login: str = ""


def open_account(connection: Connection, organisation: str, person: str, login: str, password: str) -> None:
    """Give a person a login and password, in place of those he had.

    Raises Refused with `value_invalid` for a password of the wrong length, `record_missing` when there is
    no such person, `record_exists` when somebody else has the login.
    """
    if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
        detail = f"{PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters"
        raise Refused("value_invalid", field="password", detail=detail)
    expect_free(connection, organisation, person, login)
    with _HASHING:
        password_hash = _HASHER.hash(password)
    accounts.replace_account(connection, KnownAccount(organisation, person, login, password_hash))


def open_account_without_password(connection: Connection, organisation: str, person: str, login: str) -> None:
    """Give a person a login for which no password fits: he signs in by a provider. Raises as `open_account` does."""
    expect_free(connection, organisation, person, login)
    accounts.replace_account(connection, KnownAccount(organisation, person, login, ""))


def expect_free(connection: Connection, organisation: str, person: str, login: str) -> None:
    """See that a person may have a login.

    Raises Refused with `value_invalid` for one of the wrong length, `record_missing` when there is no such person,
    `record_exists` when somebody else has it.
    """
    if not login or len(login) > LOGIN_CHARACTERS_MAX or "\0" in login:
        raise Refused("value_invalid", field="login", detail=f"1 to {LOGIN_CHARACTERS_MAX} characters")
    found = records.body_of(connection, organisation, person)
    if found is None or found[0] != "person":
        raise Refused("record_missing", kind="person", id=person)
    other = accounts.find_by_login(connection, login)
    if other is not None and (other.organisation, other.person) != (organisation, person):
        raise Refused("record_exists", id=login)


def find_account(connection: Connection, login: str) -> KnownAccount | None:
    """Return the account of a login, or None."""
    return accounts.find_by_login(connection, login)


def password_fits(account: KnownAccount | None, password: str) -> bool:
    """Tell whether a password is an account's; an unknown account takes as long to say no to."""
    with _HASHING:
        try:
            _HASHER.verify(account.password_hash if account else _NOBODY, password[:PASSWORD_CHARACTERS_MAX])
        except (VerificationError, InvalidHashError):
            # An account without a password: its owner signs in by a provider.
            return False
    return account is not None


def find_signed_in(connection: Connection, organisation: str, person: str) -> SignedIn | None:
    """Return who a person is and what he may do, or None when he may not sign in any more."""
    account = accounts.find_by_person(connection, organisation, person)
    found = records.body_of(connection, organisation, person)
    if account is None or account.disabled_at or found is None or found[1].get("active") is False:
        return None
    stamp = hashlib.sha256(account.password_hash.encode()).hexdigest()[:16]
    name = Title(found[1]["name"], found[1].get("name_en") or "")
    return SignedIn(organisation, person, name, frozenset(found[1]["roles"]), stamp, account.login)
