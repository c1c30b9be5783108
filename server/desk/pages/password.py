"""Setting one's password by a link that an administrator has handed over."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from pages.language import gettext
from schemas.problems import Refused
from server.desk.visit import finish
from server.services import invitations
from server.services.accounts import PASSWORD_CHARACTERS_MAX, PASSWORD_CHARACTERS_MIN
from server.store.database import reading
from server.web.attempts import LINKS_PER_ADDRESS
from server.web.auth import caller_address, close_session, refuse_foreign_page
from server.web.wiring import wired

blueprint = Blueprint("password", __name__, url_prefix="/desk/password")


@blueprint.get("/<secret>")
def ask(secret: str) -> Any:
    """Ask for a password."""
    wired().attempts.count(LINKS_PER_ADDRESS, caller_address())
    with reading(wired().engine) as connection:
        link = invitations.find_invited(connection, secret)
    limits = (PASSWORD_CHARACTERS_MIN, PASSWORD_CHARACTERS_MAX)
    return render_template("desk/password.html", login=link.login, secret=secret, limits=limits)


@blueprint.post("/<secret>")
def accept(secret: str) -> Any:
    """Set the password, and lead to the sign-in."""
    refuse_foreign_page(is_form=True)
    wired().attempts.count(LINKS_PER_ADDRESS, caller_address())
    password = request.form.get("password", "")
    if password != request.form.get("again", ""):
        raise Refused("value_invalid", field=gettext("Password"), detail=gettext("the two are not the same"))
    invitations.accept(wired().engine, secret, password, caller_address())
    # Whoever is signed in here need not be he whose password it is.
    close_session()
    return finish("/desk/sign-in", gettext("The password is set. Sign in with it."))
