"""What pages that change rights and devices share: who does it, and that he has just shown who he is."""

from __future__ import annotations

from flask import request

from schemas.people import ROLE_LABELS
from schemas.problems import Refused
from server.clock import unix_now
from server.desk.visit import speech
from server.services.rights import Author
from server.web.auth import PROOF_LIFE_S, caller_address, require_person
from server.web.signing_in import prove


def find_author() -> Author:
    """Return who changes something."""
    who = require_person()
    return Author(who.organisation, who.person, caller_address())


def needs_proof() -> bool:
    """Tell whether the person has to show again who he is before he does what cannot be undone."""
    return unix_now() - require_person().proved_at > PROOF_LIFE_S


def take_proof() -> None:
    """See that the person has shown who he is, by what his form brings if need be.

    Raises Refused with `proof_needed`, `second_factor_wrong`, `sign_in_failed` or `too_many_attempts`.
    """
    if needs_proof():
        prove(request.form.get("proof", "").strip())


def expect_confirmed(name: str = "confirmed") -> None:
    """See that the person has ticked that he means it. Raises Refused with `field_missing`."""
    if request.form.get(name) != "yes":
        raise Refused("field_missing", field=speech()("确认", "Confirmation"))


def name_roles(roles: list[str]) -> list[str]:
    """Return roles as people call them."""
    return [speech()(*ROLE_LABELS[role]) if role in ROLE_LABELS else role for role in roles]
