"""Links by which people set their passwords: when they begin, and when they have forgotten them.

Rule 1: only the SHA-256 of a link's secret is stored; the link is shown once, to who made it.
Rule 2: a link serves once; a newer one for the same person ends the older.
Rule 3: a new password ends all sessions of the old; a second factor stays.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import Connection, Engine

from schemas.people import OFFICE_ROLES
from schemas.problems import Refused
from server.clock import utc_after, utc_now
from server.keys import new_secret
from server.services import accounts
from server.services.journal import Deed, write_deed
from server.services.rights import Author, expect_somebody
from server.store import accounts as account_store
from server.store import password_links, records, sessions
from server.store.database import transact
from server.store.password_links import IssuedLink

LINK_HOURS: Final = 72
"""Long enough for who is not at his desk tomorrow."""


@dataclass(frozen=True, slots=True)
class PasswordInvitation:
    """A link's secret as handed out; the server cannot show it again."""

    secret: str
    login: str
    expires_at: str


def invite(engine: Engine, author: Author, person: str, login: str) -> PasswordInvitation:
    """Make a link by which a person sets his password for a login.

    Raises Refused with `record_missing` for nobody or somebody who has left, `role_not_allowed` for who has no role
    at the office, `account_disabled`, `record_exists` or `value_invalid` for the login.
    """
    return transact(engine, partial(_invite, author=author, person=person, login=login.strip()))


def _invite(connection: Connection, author: Author, person: str, login: str) -> PasswordInvitation:
    organisation = author.organisation
    expect_somebody(connection, organisation, person)
    accounts.expect_free(connection, organisation, person, login)
    found = records.body_of(connection, organisation, person)
    if found is None or found[1].get("active") is False:
        raise Refused("record_missing", kind="person", id=person)
    if not set(OFFICE_ROLES).intersection(found[1]["roles"]):
        raise Refused("role_not_allowed")
    known = account_store.find_by_person(connection, organisation, person)
    if known is not None and known.disabled_at:
        raise Refused("account_disabled")
    secret, expires_at = new_secret(), utc_after(LINK_HOURS)
    password_links.store_link(connection, IssuedLink(organisation, _hash_of(secret), person, login, expires_at))
    write_deed(connection, organisation, Deed(author.person, "invite", "person", person, login, author.address))
    return PasswordInvitation(secret, login, expires_at)


def find_invited(connection: Connection, secret: str) -> IssuedLink:
    """Return whose a link is. Raises Refused with `password_link_invalid`."""
    found = password_links.find_link(connection, _hash_of(secret), utc_now())
    if found is None:
        raise Refused("password_link_invalid")
    return found


def accept(engine: Engine, secret: str, password: str, address: str = "") -> str:
    """Set the password of whoever has a link, which ends the link and his sessions; return his login.

    Raises Refused with `password_link_invalid`, or as `accounts.open_account` does.
    """
    return transact(engine, partial(_accept, secret=secret, password=password, address=address))


def _accept(connection: Connection, secret: str, password: str, address: str) -> str:
    link = find_invited(connection, secret)
    accounts.open_account(connection, link.organisation, link.person, link.login, password)
    if not password_links.delete_links(connection, link.organisation, link.person):
        raise Refused("password_link_invalid")
    sessions.delete_of_person(connection, link.organisation, link.person)
    deed = Deed(link.person, "password", "person", link.person, link.login, address)
    write_deed(connection, link.organisation, deed)
    return link.login


def remove_expired_links(engine: Engine, now: str) -> int:
    """Delete the links of all organisations that nobody used in time; return how many."""
    return transact(engine, partial(password_links.delete_expired, now=now), is_repeatable=True)


def _hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()
