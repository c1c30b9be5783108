"""Signing in with password, second factor or provider, for programs and pages alike.

Rule 1: whoever has a second factor is signed in with it, or not at all; until then his browser keeps only that the
        first factor was right, signed, for some minutes.
Rule 2: attempts are counted before they are judged, those of the second factor by person.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

from flask import session
from sqlalchemy import Connection

from schemas.people import OFFICE_ROLES
from schemas.problems import Refused
from server.clock import unix_now
from server.services import accounts, identities, second_factor
from server.services.accounts import SignedIn
from server.services.journal import Deed, write_deed
from server.services.oidc import Attempt
from server.store import sessions
from server.store.database import reading, transact, writing
from server.web.attempts import (
    CODES_PER_PERSON,
    PROOFS_PER_PERSON,
    SIGN_INS_PER_ADDRESS,
    SIGN_INS_PER_LOGIN,
)
from server.web.auth import (
    caller_address,
    keep_session,
    open_session,
    recognise_person,
    renew_proof,
    require_person,
    session_digest,
)
from server.web.wiring import wired

HALF: Final = "half"
"""What the cookie keeps between the first factor and the second."""

HALF_LIFE_S: Final = 300
"""Long enough to find the telephone."""

PROVIDER: Final = "provider"
"""By which provider the person of the cookie signed in, so that signing out leads there too."""

ATTEMPT: Final = "oidc"


def sign_in_by_password(login: str, password: str, code: str = "") -> SignedIn:
    """Open a session on the answer of this request and return whose it is.

    Raises Refused with `sign_in_failed`, for whichever reason it is, `role_not_allowed` when somebody has no work at
    the office, `second_factor_needed` when he has one and gave no code, `second_factor_wrong`, or `too_many_attempts`.
    """
    attempts, address = wired().attempts, caller_address()
    attempts.count(SIGN_INS_PER_ADDRESS, address)
    attempts.count(SIGN_INS_PER_LOGIN, login.casefold(), address)
    found = _check_password(login, password)
    if not found.roles.intersection(OFFICE_ROLES):
        raise Refused("role_not_allowed")
    attempts.forget(SIGN_INS_PER_LOGIN, login.casefold(), address)
    _open_or_ask(found, "password", code)
    return found


def has_half() -> bool:
    """Tell whether this browser has shown the first factor of somebody and not yet the second."""
    half = session.get(HALF)
    return half is not None and half["until"] > unix_now()


def sign_in_by_code(code: str) -> SignedIn:
    """Open a session for whoever has shown the first factor, and return whose it is.

    Raises Refused with `not_signed_in` when nobody has, `second_factor_wrong` or `too_many_attempts`.
    """
    if not has_half():
        raise Refused("not_signed_in")
    half = session[HALF]
    with reading(wired().engine) as connection:
        found = accounts.find_signed_in(connection, half["organisation"], half["person"])
    if found is None or not hmac.compare_digest(found.account_stamp, half["stamp"]):
        raise Refused("not_signed_in")
    _open_with_code(found, half["method"], code)
    return found


def begin_at_provider(name: str, is_again: bool, to: str) -> str:
    """Return the address of a provider to which the browser is sent; the cookie keeps the attempt.

    Raises Refused with `provider_unknown` or `provider_away`.
    """
    address, attempt = wired().providers.begin(name, is_again)
    session[ATTEMPT] = {**asdict(attempt), "to": to}
    return address


def come_back_from_provider(name: str, query: Mapping[str, str]) -> str:
    """Sign in whoever comes back from a provider; return where he wanted to go.

    Raises Refused with `provider_refused`, `provider_away`, `identity_unknown`, `role_not_allowed`,
    `second_factor_needed`, or `proof_needed` when somebody else came back than is signed in.
    """
    parts, kept = wired(), session.pop(ATTEMPT, None)
    parts.attempts.count(SIGN_INS_PER_ADDRESS, caller_address())
    if kept is None or kept["provider"] != name:
        raise Refused("provider_refused", detail="state")
    to = str(kept.pop("to"))
    attempt = Attempt(**kept)
    provider, claims = parts.providers.find(name), parts.providers.finish(attempt, query)
    method = "oidc+factor" if provider.second_factor else "oidc"
    if attempt.is_again:
        with reading(parts.engine) as connection:
            _prove_by_provider(identities.find_linked(connection, provider, claims), method)
        return to
    found = identities.find_or_link(parts.engine, parts.office, provider, claims, caller_address())
    _open_or_ask(found, method)
    session[PROVIDER] = name
    return to


def prove(typed: str) -> None:
    """Let whoever is signed in show again who he is: by a code if he has a second factor, else by his password.

    Raises Refused with `proof_needed` when nothing was typed, `second_factor_wrong`, `sign_in_failed` or
    `too_many_attempts`.
    """
    who, parts = require_person(), wired()
    if not typed:
        raise Refused("proof_needed")
    parts.attempts.count(PROOFS_PER_PERSON, who.organisation, who.person)
    first = who.method.partition("+")[0]
    try:
        with reading(parts.engine) as connection:
            is_set = second_factor.is_set(connection, who.organisation, who.person)
            account = accounts.find_account(connection, who.login)
        if is_set:
            with writing(parts.engine) as connection:
                kind = second_factor.take(connection, parts.key, who.organisation, who.person, typed)
            method = f"{first}+{kind}"
        elif accounts.password_fits(account, typed):
            method = who.method
        else:
            raise Refused("sign_in_failed")
    except Refused as refused:
        parts.journal.note_at_once(who.organisation, _deed(who.person, "prove_failed", refused.code))
        raise
    parts.attempts.forget(PROOFS_PER_PERSON, who.organisation, who.person)
    renew_proof(method)
    parts.journal.note_at_once(who.organisation, _deed(who.person, "prove", method))


def change_password(current: str, new: str) -> None:
    """Give whoever is signed in another password, given the one he has; he stays signed in here and nowhere else.

    Raises Refused with `sign_in_failed` for the wrong one, `value_invalid` for a new one of the wrong length, or
    `too_many_attempts`.
    """
    who, parts = require_person(), wired()
    parts.attempts.count(PROOFS_PER_PERSON, who.organisation, who.person)
    with reading(parts.engine) as connection:
        account = accounts.find_account(connection, who.login)
    if account is None or not accounts.password_fits(account, current):
        parts.journal.note_at_once(who.organisation, _deed(who.person, "prove_failed", "password"))
        raise Refused("sign_in_failed")
    digest = session_digest()

    def change(connection: Connection) -> SignedIn | None:
        accounts.open_account(connection, who.organisation, who.person, who.login, new)
        sessions.delete_of_person(connection, who.organisation, who.person, digest)
        write_deed(connection, who.organisation, _deed(who.person, "password", "changed"))
        return accounts.find_signed_in(connection, who.organisation, who.person)

    found = transact(parts.engine, change)
    parts.attempts.forget(PROOFS_PER_PERSON, who.organisation, who.person)
    if found is not None:
        keep_session(found)


def note_sign_out() -> None:
    """Note that whoever is signed in signs out; nobody is no trouble."""
    try:
        who = recognise_person()
    except Refused:
        return
    wired().journal.note_at_once(who.organisation, _deed(who.person, "sign_out", ""))


def _prove_by_provider(found: SignedIn | None, method: str) -> None:
    who = recognise_person()
    if found is None or (who.organisation, who.person) != (found.organisation, found.person):
        raise Refused("proof_needed")
    renew_proof(who.method if "+" in who.method else method)
    wired().journal.note_at_once(who.organisation, _deed(who.person, "prove", method))


def _open_or_ask(found: SignedIn, method: str, code: str = "") -> None:
    with reading(wired().engine) as connection:
        is_set = second_factor.is_set(connection, found.organisation, found.person)
    if not is_set or method == "oidc+factor":
        _open(found, method)
    elif code:
        _open_with_code(found, method, code)
    else:
        session.clear()
        half = {"organisation": found.organisation, "person": found.person, "stamp": found.account_stamp}
        session[HALF] = {**half, "method": method, "until": unix_now() + HALF_LIFE_S}
        raise Refused("second_factor_needed")


def _open_with_code(found: SignedIn, method: str, code: str) -> None:
    parts = wired()
    parts.attempts.count(CODES_PER_PERSON, found.organisation, found.person)
    try:
        with writing(parts.engine) as connection:
            kind = second_factor.take(connection, parts.key, found.organisation, found.person, code)
    except Refused as refused:
        parts.journal.note_at_once(found.organisation, _deed(found.person, "sign_in_failed", refused.code))
        raise
    parts.attempts.forget(CODES_PER_PERSON, found.organisation, found.person)
    _open(found, f"{method}+{kind}")


def _open(found: SignedIn, method: str) -> None:
    open_session(found, method)
    wired().journal.note_at_once(found.organisation, _deed(found.person, "sign_in", method))


def _check_password(login: str, password: str) -> SignedIn:
    parts = wired()
    with reading(parts.engine) as connection:
        account = accounts.find_account(connection, login)
    # Hashing takes its time; no transaction is held open meanwhile.
    fits = accounts.password_fits(account, password)
    if account is None:
        raise Refused("sign_in_failed")
    found = None
    if fits:
        with reading(parts.engine) as connection:
            found = accounts.find_signed_in(connection, account.organisation, account.person)
    if found is None:
        parts.journal.note_at_once(account.organisation, _deed(account.person, "sign_in_failed", "password"))
        raise Refused("sign_in_failed")
    return found


def _deed(person: str, act: str, detail: str) -> Deed:
    return Deed(person, act, "person", person, detail, caller_address())
