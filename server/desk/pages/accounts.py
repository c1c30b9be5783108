"""People's accounts: who may sign in, with which roles and factors; inviting, disabling, and the rules of access."""

from __future__ import annotations

from typing import Any, Final

from flask import Blueprint, render_template, request, session

from pages.language import gettext
from schemas.people import OFFICE_ROLES, ROLE_LABELS, ROLES
from schemas.problems import Refused
from server.clock import unix_now, utc_now
from server.desk.rights import expect_confirmed, find_author, name_roles, needs_proof, take_proof
from server.desk.visit import finish, speech
from server.domain.access_rules import ADMINS_LEAST, ADMINS_MOST, AccessRules
from server.services import invitations, rights
from server.store import records
from server.store.database import reading
from server.web.auth import require_person
from server.web.wiring import wired

blueprint = Blueprint("accounts", __name__, url_prefix="/desk/accounts")

HOME: Final = "/desk/accounts"
LINK: Final = "password_link"
"""A link that is still to be shown, once, in the cookie of whoever made it."""


@blueprint.get("")
def list_accounts() -> Any:
    """List who may sign in."""
    who = require_person()
    with reading(wired().engine) as connection:
        colleagues = rights.list_colleagues(connection, who.organisation, unix_now(), utc_now())
        rules = rights.read_access_rules(connection, who.organisation)
    roles = [(role, speech()(*ROLE_LABELS[role])) for role in OFFICE_ROLES]
    return render_template(
        "desk/accounts.html",
        colleagues=colleagues,
        rules=rules,
        roles=roles,
        admins=range(ADMINS_LEAST, ADMINS_MOST + 1),
        name_roles=name_roles,
        needs_proof=needs_proof(),
    )


@blueprint.get("/<uuid:person>")
def show_account(person: Any) -> Any:
    """Show one person's account and what may be done with it."""
    who = require_person()
    with reading(wired().engine) as connection:
        people = rights.list_colleagues(connection, who.organisation, unix_now(), utc_now())
        found = records.body_of(connection, who.organisation, str(person))
        rules = rights.read_access_rules(connection, who.organisation)
    if found is None or found[0] != "person":
        raise Refused("not_found", what=gettext("The person"))
    colleague = next((one for one in people if one.person == str(person)), None)
    kept = session.pop(LINK, None)
    link = kept["address"] if kept and kept["person"] == str(person) else None
    return render_template(
        "desk/account_of.html",
        person=str(person),
        body=found[1],
        colleague=colleague,
        rules=rules,
        roles=[(role, speech()(*ROLE_LABELS[role])) for role in ROLES],
        link=link,
        is_self=str(person) == who.person,
        needs_proof=needs_proof(),
    )


@blueprint.post("/<uuid:person>/invitation")
def invite(person: Any) -> Any:
    """Make a link by which a person sets his password; it is shown on the next page, once."""
    take_proof()
    made = invitations.invite(wired().engine, find_author(), str(person), request.form.get("login", ""))
    address = f"{wired().settings.base_url}/desk/password/{made.secret}"
    session[LINK] = {"person": str(person), "address": address}
    return finish(f"{HOME}/{person}", gettext("Hand the link below to the person; it is shown only here."))


@blueprint.post("/<uuid:person>/roles")
def change_roles(person: Any) -> Any:
    """Give a person other roles."""
    take_proof()
    seen = request.form.get("seen", "").split(",") if request.form.get("seen") else []
    rights.change_roles(wired().engine, wired().office, find_author(), str(person), seen, request.form.getlist("roles"))
    return finish(f"{HOME}/{person}", gettext("The roles are changed."))


@blueprint.post("/<uuid:person>/disabled")
def disable(person: Any) -> Any:
    """Disable an account, or enable it again."""
    expect_confirmed()
    take_proof()
    is_disabled = request.form.get("disabled") == "yes"
    rights.set_disabled(wired().engine, find_author(), str(person), is_disabled)
    told = gettext("The account is disabled.") if is_disabled else gettext("The account is enabled.")
    return finish(f"{HOME}/{person}", told)


@blueprint.post("/<uuid:person>/sessions")
def end_sessions(person: Any) -> Any:
    """Sign a person out everywhere."""
    ended = rights.end_sessions(wired().engine, find_author(), str(person))
    return finish(f"{HOME}/{person}", gettext("%(n)s sessions ended.", n=ended))


@blueprint.post("/<uuid:person>/second-factor")
def remove_factor(person: Any) -> Any:
    """Take a person's second factor away, when he has lost it."""
    expect_confirmed()
    take_proof()
    rights.remove_second_factor(wired().engine, find_author(), str(person))
    return finish(f"{HOME}/{person}", gettext("The second factor is removed."))


@blueprint.post("/rules")
def change_rules() -> Any:
    """Set the organisation's rules of access."""
    take_proof()
    least = request.form.get("admins_least", "")
    if not (least.isascii() and least.isdigit() and ADMINS_LEAST <= int(least) <= ADMINS_MOST):
        raise Refused("value_invalid", field="admins_least", detail=f"{ADMINS_LEAST} - {ADMINS_MOST}")
    roles = frozenset(request.form.getlist("second_factor_roles")) & set(OFFICE_ROLES)
    rights.change_rules(wired().engine, find_author(), AccessRules(roles, int(least)))
    return finish(HOME, gettext("The rules are set."))
