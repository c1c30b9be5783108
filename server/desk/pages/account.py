"""One's own account: the second factor, recovery codes, and ending one's sessions elsewhere."""

from __future__ import annotations

import base64
from typing import Any, Final

from flask import Blueprint, render_template, request, session

from pages.language import gettext
from printing.labels import draw_code
from schemas.problems import Refused
from server.desk.rights import find_author, name_roles, needs_proof, take_proof
from server.desk.visit import finish, speech
from server.domain.access_rules import METHOD_LABELS
from server.services import accounts, rights, second_factor
from server.services.accounts import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN
from server.services.journal import Deed, write_deed
from server.store import second_factors
from server.store.database import reading, writing
from server.web.attempts import PROOFS_PER_PERSON
from server.web.auth import renew_proof, require_person, session_digest
from server.web.signing_in import change_password
from server.web.wiring import wired

blueprint = Blueprint("account", __name__, url_prefix="/desk/account")

HOME: Final = "/desk/account"
CODES: Final = "recovery_codes"
"""Recovery codes that are still to be shown, once, in the cookie of whoever made them."""


@blueprint.get("")
def show_account() -> Any:
    """Show how one signs in, and set up a second factor."""
    who, parts = require_person(), wired()
    with reading(parts.engine) as connection:
        is_set = second_factor.is_set(connection, who.organisation, who.person)
        left = second_factors.count_codes(connection, who.organisation, who.person)
        account = accounts.find_account(connection, who.login)
    generator = picture = None
    if not is_set:
        with writing(parts.engine) as connection:
            generator = second_factor.begin(connection, parts.key, who.organisation, who.person, who.login)
        picture = "data:image/png;base64," + base64.b64encode(draw_code(generator.address)).decode()
    return render_template(
        "desk/account.html",
        generator=generator,
        picture=picture,
        is_set=is_set,
        left=left,
        codes=session.pop(CODES, None),
        roles=name_roles(sorted(who.roles)),
        method=speech()(*METHOD_LABELS[who.method]) if who.method in METHOD_LABELS else who.method,
        needs_proof=needs_proof(),
        has_password=account is not None and bool(account.password_hash),
        limits=(PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX),
    )


@blueprint.post("/password")
def set_password() -> Any:
    """Change one's own password."""
    form = request.form
    if form.get("password", "") != form.get("again", ""):
        raise Refused("value_invalid", field=gettext("Password"), detail=gettext("the two are not the same"))
    change_password(form.get("current", ""), form.get("password", ""))
    return finish(HOME, gettext("The password is changed. You are signed out everywhere else."))


@blueprint.post("/second-factor")
def confirm() -> Any:
    """Let the code generator count from its first code on."""
    who, author, parts = require_person(), find_author(), wired()
    parts.attempts.count(PROOFS_PER_PERSON, who.organisation, who.person)
    with writing(parts.engine) as connection:
        typed = request.form.get("code", "")
        codes = second_factor.confirm(connection, parts.key, who.organisation, who.person, typed)
        deed = Deed(who.person, "factor_set", "person", who.person, "", author.address)
        write_deed(connection, who.organisation, deed)
    parts.attempts.forget(PROOFS_PER_PERSON, who.organisation, who.person)
    renew_proof(f"{who.method.partition('+')[0]}+totp")
    session[CODES] = codes
    return finish(HOME, gettext("The second factor is set up. Keep the recovery codes below in a safe place."))


@blueprint.post("/second-factor/removal")
def remove() -> Any:
    """Take one's own second factor away."""
    take_proof()
    author = find_author()
    rights.remove_second_factor(wired().engine, author, author.person)
    renew_proof(require_person().method.partition("+")[0])
    return finish(HOME, gettext("The second factor is removed."))


@blueprint.post("/recovery-codes")
def renew_codes() -> Any:
    """Make recovery codes in place of the old ones."""
    take_proof()
    author = find_author()
    with writing(wired().engine) as connection:
        if not second_factor.is_set(connection, author.organisation, author.person):
            raise Refused("second_factor_missing")
        codes = second_factor.renew_codes(connection, author.organisation, author.person)
        deed = Deed(author.person, "recovery_codes", "person", author.person, "", author.address)
        write_deed(connection, author.organisation, deed)
    session[CODES] = codes
    return finish(HOME, gettext("The old recovery codes are void."))


@blueprint.post("/sessions")
def end_others() -> Any:
    """Sign out everywhere but here."""
    author = find_author()
    ended = rights.end_sessions(wired().engine, author, author.person, session_digest())
    return finish(HOME, gettext("%(n)s other sessions ended.", n=ended))
