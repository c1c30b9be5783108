"""Who may do what at the office: roles, accounts that are disabled, sessions that are ended, rules of access.

Rule 1: nobody changes his own roles or account, so nobody raises himself and no single slip locks everybody out.
Rule 2: so many admins who can sign in remain as the organisation's rules say, whoever changes what at the same time.
Rule 3: each change is in the journal with the transaction that makes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Engine

from schemas.people import OFFICE_ROLES, ROLES
from schemas.problems import Refused
from server.clock import utc_now
from server.domain.access_rules import AccessRules, read_rules, spell_rules
from server.services import second_factor
from server.services.admins import expect_admins
from server.services.journal import Deed, write_deed
from server.services.office import Office
from server.services.verdicts import expect_taken_in
from server.store import accounts, identities, password_links, policies, records, second_factors, sessions
from server.store.accounts import KnownAccount
from server.store.database import lock_organisation, transact
from server.store.devices import read_organisation
from server.store.workspace import open_workspace
from sync.changeset import Change


@dataclass(frozen=True, slots=True)
class Colleague:
    """A person with all that lets him in at the office."""

    person: str
    body: dict[str, Any]
    account: KnownAccount | None
    sessions: int
    second_factor_since: str | None
    invited_until: str | None
    issuers: tuple[str, ...]

    @property
    def is_let_in(self) -> bool:
        """Whether he has an account that lets him in."""
        return self.account is not None and self.account.disabled_at is None


@dataclass(frozen=True, slots=True)
class Author:
    """Who changes something, and from where."""

    organisation: str
    person: str
    address: str = ""


def list_colleagues(connection: Connection, organisation: str, now_s: int, now: str) -> list[Colleague]:
    """Return the people of an organisation who have an account, an invitation or a role of the office."""
    known, factors = (
        accounts.list_accounts(connection, organisation),
        second_factors.list_confirmed(connection, organisation),
    )
    links = password_links.list_links(connection, organisation, now)
    open_sessions = sessions.count_sessions(connection, organisation, now_s)
    issuers = identities.list_identities(connection, organisation)
    found = []
    office = read_organisation(connection, organisation).office_person
    for person, body in records.bodies_of_kind(connection, organisation, "person"):
        if person == office:
            continue
        if person not in known and person not in links and not set(OFFICE_ROLES).intersection(body["roles"]):
            continue
        until = links[person].expires_at if person in links else None
        by = tuple(issuers.get(person, ()))
        account = known.get(person)
        found.append(Colleague(person, body, account, open_sessions.get(person, 0), factors.get(person), until, by))
    return sorted(found, key=lambda colleague: (colleague.body.get("active") is False, str(colleague.body["name"])))


def read_access_rules(connection: Connection, organisation: str) -> AccessRules:
    """Return an organisation's rules of access."""
    return read_rules(policies.read_policies(connection, organisation))


def change_roles(
    engine: Engine, office: Office, author: Author, person: str, seen: list[str], roles: list[str]
) -> None:
    """Give a person other roles than those the author saw.

    Raises Refused with `own_roles`, `value_invalid`, `admins_too_few`, or as the door says.
    """
    if not roles or set(roles) - set(ROLES):
        raise Refused("value_invalid", field="roles", detail="one or more of the known roles")
    _expect_another(author, person)
    ordered = [role for role in ROLES if role in roles]
    transact(engine, partial(_change_roles, office=office, author=author, person=person, seen=seen, roles=ordered))


def _change_roles(
    connection: Connection, office: Office, author: Author, person: str, seen: list[str], roles: list[str]
) -> None:
    expect_somebody(connection, author.organisation, person)
    store = open_workspace(connection, author.organisation)
    change = Change("person", person, "update", {"roles": roles}, {"roles": seen})
    expect_taken_in(office.write_in(store, author.person, "person.roles", [change]))
    store.flush()
    _expect_admins(connection, author.organisation)
    detail = f"{', '.join(seen)} -> {', '.join(roles)}"
    write_deed(connection, author.organisation, Deed(author.person, "roles", "person", person, detail, author.address))


def set_disabled(engine: Engine, author: Author, person: str, is_disabled: bool) -> None:
    """Let a person's account sign him in no more, and end his sessions; or let it again.

    Raises Refused with `own_roles`, `record_missing` when he has no account, or `admins_too_few`.
    """
    _expect_another(author, person)
    transact(engine, partial(_set_disabled, author=author, person=person, is_disabled=is_disabled))


def _set_disabled(connection: Connection, author: Author, person: str, is_disabled: bool) -> None:
    organisation = author.organisation
    lock_organisation(connection, organisation)
    if not accounts.set_disabled(connection, organisation, person, utc_now() if is_disabled else None):
        raise Refused("record_missing", kind="account", id=person)
    if is_disabled:
        sessions.delete_of_person(connection, organisation, person)
        password_links.delete_links(connection, organisation, person)
        _expect_admins(connection, organisation)
    act = "disable" if is_disabled else "enable"
    write_deed(connection, organisation, Deed(author.person, act, "person", person, "", author.address))


def end_sessions(engine: Engine, author: Author, person: str, but_digest: str = "") -> int:
    """Sign a person out everywhere, but for one session if it is named; return how many sessions ended."""

    def end(connection: Connection) -> int:
        ended = sessions.delete_of_person(connection, author.organisation, person, but_digest)
        deed = Deed(author.person, "sign_out_everywhere", "person", person, str(ended), author.address)
        write_deed(connection, author.organisation, deed)
        return ended

    return transact(engine, end)


def remove_second_factor(engine: Engine, author: Author, person: str) -> None:
    """Take a person's second factor away, and end his sessions; who needs one sets another up when he signs in.

    Raises Refused with `second_factor_missing`.
    """

    def remove(connection: Connection) -> None:
        if not second_factor.remove(connection, author.organisation, person):
            raise Refused("second_factor_missing")
        if person != author.person:
            sessions.delete_of_person(connection, author.organisation, person)
        deed = Deed(author.person, "factor_removed", "person", person, "", author.address)
        write_deed(connection, author.organisation, deed)

    transact(engine, remove)


def change_rules(engine: Engine, author: Author, rules: AccessRules) -> None:
    """Set an organisation's rules of access. Raises Refused with `admins_too_few` when they do not hold already."""

    def change(connection: Connection) -> None:
        lock_organisation(connection, author.organisation)
        for name, value in spell_rules(rules).items():
            policies.replace_policy(connection, author.organisation, name, value)
        _expect_admins(connection, author.organisation)
        told = "; ".join(f"{name}: {value or '-'}" for name, value in spell_rules(rules).items())
        write_deed(connection, author.organisation, Deed(author.person, "policy", detail=told, address=author.address))

    transact(engine, change)


def expect_somebody(connection: Connection, organisation: str, person: str) -> None:
    """See that it is a person, not the office itself, which writes what nobody does. Raises `record_missing`."""
    if person == read_organisation(connection, organisation).office_person:
        raise Refused("record_missing", kind="person", id=person)


def _expect_another(author: Author, person: str) -> None:
    if author.person == person:
        raise Refused("own_roles")


def _expect_admins(connection: Connection, organisation: str) -> None:
    """See that enough admins who can sign in remain; the organisation's lock is held. Raises `admins_too_few`."""
    expect_admins(connection, organisation, dict(records.bodies_of_kind(connection, organisation, "person")))
