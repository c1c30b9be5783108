"""Signing in at the office and out again."""

from __future__ import annotations

from typing import Any

from schemas.people import OFFICE_ROLES
from schemas.problems import Refused
from server.services import accounts
from server.services.accounts import SignedIn
from server.store.database import reading
from server.web import shapes
from server.web.attempts import SIGN_INS_PER_ADDRESS, SIGN_INS_PER_LOGIN
from server.web.auth import caller_address, close_session, open_session, refuse_foreign_page, require_person
from server.web.openapi import about, blueprint
from server.web.wiring import wired

sessions = blueprint("session")


@sessions.post("/session")
@sessions.arguments(shapes.SignIn)
@sessions.doc(**about("登录", "sign_in_failed", "role_not_allowed", "not_signed_in", "too_many_attempts"))
@sessions.alt_response(200, schema=shapes.Me)
def sign_in(body: dict[str, Any]) -> dict[str, Any]:
    """Sign in with login and password; the answer sets the session cookie."""
    refuse_foreign_page()
    attempts, address, login = wired().attempts, caller_address(), body["login"]
    attempts.count(SIGN_INS_PER_ADDRESS, address)
    attempts.count(SIGN_INS_PER_LOGIN, login.casefold(), address)
    found = _check_password(login, body["password"])
    if not found.roles.intersection(OFFICE_ROLES):
        raise Refused("role_not_allowed")
    attempts.forget(SIGN_INS_PER_LOGIN, login.casefold(), address)
    open_session(found)
    return {"person": found.person, "name": found.name, "roles": sorted(found.roles)}


@sessions.get("/session")
@sessions.doc(**about("当前登录"))
@sessions.alt_response(200, schema=shapes.Me)
def who_am_i() -> dict[str, Any]:
    """Tell who is signed in."""
    who = require_person()
    return {"person": who.person, "name": who.name, "roles": sorted(who.roles)}


@sessions.delete("/session")
@sessions.doc(**about("退出", "not_signed_in"))
@sessions.alt_response(204)
def sign_out() -> tuple[str, int]:
    """Sign out; this also answers when nobody was signed in."""
    refuse_foreign_page()
    close_session()
    return "", 204


def _check_password(login: str, password: str) -> SignedIn:
    """Return who signs in. Raises Refused with `sign_in_failed`, for whichever reason it is."""
    engine = wired().engine
    with reading(engine) as connection:
        account = accounts.find_account(connection, login)
    # Hashing takes its time; no transaction is held open meanwhile.
    fits = accounts.password_fits(account, password)
    if account is None or not fits:
        raise Refused("sign_in_failed")
    with reading(engine) as connection:
        found = accounts.find_signed_in(connection, account.organisation, account.person)
    if found is None:
        raise Refused("sign_in_failed")
    return found
