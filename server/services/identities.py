"""Whose account a subject of an OpenID provider is.

Rule 1: a subject that was linked is that person's, whatever his e-mail address has become since.
Rule 2: an address serves to link only when the provider has verified it, and is somebody's login.
Rule 3: who shows himself again is known by his subject alone; nothing is linked then.
Rule 4: a person has one subject of each issuer: an address that was given to somebody else opens nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from sqlalchemy import Connection, Engine

from schemas.people import OFFICE_ROLES
from schemas.problems import Refused
from server.clock import utc_now
from server.keys import new_id
from server.services import accounts
from server.services.accounts import SignedIn
from server.services.journal import Deed, write_deed
from server.services.names import find_organisation
from server.services.office import Office
from server.services.oidc import Claims
from server.services.verdicts import expect_taken_in
from server.settings import OidcProvider
from server.store import accounts as account_store
from server.store import identities
from server.store.database import transact
from server.store.devices import read_organisation
from server.store.workspace import open_workspace
from sync.changeset import Change


@dataclass(frozen=True, slots=True)
class _Desk:
    office: Office
    provider: OidcProvider
    claims: Claims
    address: str


def find_or_link(engine: Engine, office: Office, provider: OidcProvider, claims: Claims, address: str) -> SignedIn:
    """Return who signs in by a provider; link or make his account where the provider's settings say so.

    Raises Refused with `identity_unknown`, or `role_not_allowed` when he has no role at the office.
    """
    found = transact(engine, partial(_find_or_link, desk=_Desk(office, provider, claims, address)))
    if not found.roles.intersection(OFFICE_ROLES):
        raise Refused("role_not_allowed")
    return found


def find_linked(connection: Connection, provider: OidcProvider, claims: Claims) -> SignedIn | None:
    """Return whose subject it is that came back, None where it was linked to nobody: an address proves nothing here."""
    organisation = find_organisation(connection, provider.organisation or None)
    if len(claims.issuer) > 200 or not 0 < len(claims.subject) <= 255 or "\0" in claims.subject:
        return None
    person = identities.find_person(connection, organisation, claims.issuer, claims.subject)
    return accounts.find_signed_in(connection, organisation, person) if person else None


def _find_or_link(connection: Connection, desk: _Desk) -> SignedIn:
    organisation = find_organisation(connection, desk.provider.organisation or None)
    issuer, subject = desk.claims.issuer, desk.claims.subject
    if len(issuer) > 200 or not 0 < len(subject) <= 255 or "\0" in subject:
        raise Refused("identity_unknown")
    person = identities.find_person(connection, organisation, issuer, subject)
    if person is None:
        person = _match(connection, desk, organisation) or _create(connection, desk, organisation)
        identities.link_person(connection, organisation, issuer, subject, person, utc_now())
        deed = Deed(person, "identity", "person", person, f"{issuer} {desk.claims.email}", desk.address)
        write_deed(connection, organisation, deed)
    found = accounts.find_signed_in(connection, organisation, person)
    if found is None:
        raise Refused("identity_unknown")
    return found


def _match(connection: Connection, desk: _Desk, organisation: str) -> str | None:
    """Return whose login the verified address is, if he has no subject of this issuer yet."""
    if not desk.provider.match_email or not _is_of_ours(desk):
        return None
    known = account_store.list_by_folded_login(connection, organisation, desk.claims.email)
    if len(known) != 1 or known[0].disabled_at:
        return None
    linked = identities.list_identities(connection, organisation).get(known[0].person, [])
    return None if desk.claims.issuer in linked else known[0].person


def _create(connection: Connection, desk: _Desk, organisation: str) -> str:
    """Make a person and an account. Raises Refused with `identity_unknown` where the settings do not say so."""
    roles = [role for role in OFFICE_ROLES if role in desk.provider.create_roles]
    if not roles or not _is_of_ours(desk) or account_store.find_by_login(connection, desk.claims.email):
        raise Refused("identity_unknown")
    store, person = open_workspace(connection, organisation), new_id()
    body = {"name": desk.claims.name[:200], "roles": roles, "active": True}
    author = read_organisation(connection, organisation).office_person
    change = Change("person", person, "create", body, {})
    expect_taken_in(desk.office.write_in(store, author, "person.create", [change]))
    store.flush()
    accounts.open_account_without_password(connection, organisation, person, desk.claims.email)
    return person


def _is_of_ours(desk: _Desk) -> bool:
    email, domains = desk.claims.email, desk.provider.email_domains
    domain = email.rpartition("@")[2].casefold()
    return bool(email) and (not domains or domain in {one.casefold() for one in domains})
