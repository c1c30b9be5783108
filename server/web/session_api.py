"""Signing in at the office and out again."""

from __future__ import annotations

from typing import Any, Final

from server.web import shapes
from server.web.auth import close_session, refuse_foreign_page, require_person
from server.web.openapi import about, blueprint
from server.web.signing_in import sign_in_by_password

_PROBLEMS: Final = (
    "sign_in_failed",
    "second_factor_needed",
    "second_factor_wrong",
    "role_not_allowed",
    "not_signed_in",
    "too_many_attempts",
)

sessions = blueprint("session")


@sessions.post("/session")
@sessions.arguments(shapes.SignIn)
@sessions.doc(**about("登录", *_PROBLEMS))
@sessions.alt_response(200, schema=shapes.Me)
def sign_in(body: dict[str, Any]) -> dict[str, Any]:
    """Sign in with login and password; the answer sets the session cookie."""
    refuse_foreign_page()
    found = sign_in_by_password(body["login"], body["password"], body.get("code") or "")
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
