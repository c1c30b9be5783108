"""Signing in with login and password, for programs and pages alike."""

from __future__ import annotations

from schemas.people import OFFICE_ROLES
from schemas.problems import Refused
from server.services import accounts
from server.services.accounts import SignedIn
from server.store.database import reading
from server.web.attempts import SIGN_INS_PER_ADDRESS, SIGN_INS_PER_LOGIN
from server.web.auth import caller_address, open_session
from server.web.wiring import wired


def sign_in_by_password(login: str, password: str) -> SignedIn:
    """Open a session on the answer of this request and return whose it is.

    Raises Refused with `sign_in_failed`, for whichever reason it is, `role_not_allowed` when somebody has no work at
    the office, or `too_many_attempts`.
    """
    attempts, address = wired().attempts, caller_address()
    attempts.count(SIGN_INS_PER_ADDRESS, address)
    attempts.count(SIGN_INS_PER_LOGIN, login.casefold(), address)
    found = _check_password(login, password)
    if not found.roles.intersection(OFFICE_ROLES):
        raise Refused("role_not_allowed")
    attempts.forget(SIGN_INS_PER_LOGIN, login.casefold(), address)
    open_session(found)
    return found


def _check_password(login: str, password: str) -> SignedIn:
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
